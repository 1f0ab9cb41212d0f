"""Numbers that others published, as CSV with a source on every row."""
