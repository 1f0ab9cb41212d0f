"""Browser-side parts: html, css and js, one folder each."""
