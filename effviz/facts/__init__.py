"""Numbers published by others, as CSV with a source on every row."""
