"""The sections of the Paper page: one module each, with one function `show()` that draws it."""
