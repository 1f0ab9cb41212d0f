"""Browser-side parts: html, css and js, one folder each."""

from importlib.resources import files

SLIDER_CSS = files(__name__).joinpath("slider.css").read_text("utf-8")
