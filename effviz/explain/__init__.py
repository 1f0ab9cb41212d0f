"""From untrusted bytes to a class activation map that lies in the right place on the photo."""
