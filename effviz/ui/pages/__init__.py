"""One script a page, read from top to bottom."""
