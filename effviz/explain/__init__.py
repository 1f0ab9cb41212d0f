"""From untrusted bytes to a class activation map in the right place on the photo."""
