"""The lesson: eight steps through the paper, each a question, a guess, and then the answer."""
