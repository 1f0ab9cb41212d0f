"""Sections of the Paper page, one module each; `show()` draws the section."""
