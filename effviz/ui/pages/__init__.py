"""One script per page, read from top to bottom."""
