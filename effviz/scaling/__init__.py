"""The arithmetic of compound scaling; needs the standard library alone."""
