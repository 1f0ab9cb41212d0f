"""Browser-side parts: html, css and js, one folder each; here is what several of them share.

What a component shows goes to the browser as a list of one mapping. In a mapping alone Streamlit would look through
every value for data frames at every run, and import pandas to know one, half a second of a first visit.
"""

import base64
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

import streamlit as st

from effviz.i18n import _

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

Json = dict[str, object]  # what a component is sent
DrawingSlide = Mapping[str, str]  # the title and the source that a slide gives beside a drawing


def file_text(package: str, *names: str) -> str:
    """Read files beside a component, one after the other."""
    return "".join(files(package).joinpath(name).read_text("utf-8") for name in names)


def component(package: str, *scripts: str, css: str = "", js: str = "") -> "ComponentRenderer":
    """Declare the component of a folder, with the css and js that it shares with others; its HTML may have a menu.

    All its scripts are one module: Streamlit takes them as one text.
    """
    name = package.rpartition(".")[2]
    return st.components.v2.component(
        f"effviz_{name}",
        html=file_text(package, f"{name}.html").replace("<!-- menu -->", MENU_HTML),
        css=css + file_text(package, f"{name}.css"),
        js=js + file_text(package, *scripts),
    )


SLIDER_CSS = file_text(__name__, "slider.css")
SENDER = file_text(__name__, "sender.js")
NEWEST = file_text(__name__, "newest.js")
NEWS = file_text(__name__, "news.js")
MOST_MOVES = 2**53  # a browser's whole numbers end there


class Told(NamedTuple):
    """What a hand chose in the browser, and the number of that move: it goes back with the answer (see sender.js)."""

    value: object
    move: int


def told(state: object) -> Told:
    """Read what sender.js sends: it may be anything, and then nothing was chosen."""
    if not isinstance(state, Mapping):
        return Told(None, 0)
    move = state.get("move")
    return Told(state.get("value"), move if type(move) is int and 0 <= move < MOST_MOVES else 0)


def base64_text(data: bytes) -> str:
    """Bytes as JSON can hold them."""
    return base64.b64encode(data).decode("ascii")


def jpeg_address(jpeg: bytes) -> str:
    """A picture as an address that holds all of it."""
    return f"data:image/jpeg;base64,{base64_text(jpeg)}"


# The buttons of drawings that a component makes itself: save as a slide, SVG or PNG, and copy a link to it.

MENU_HTML: Final = file_text(__name__, "picture/drawing_menu.html")
MENU_CSS: Final = file_text(__name__, "picture/picture.css")
MENU_JS: Final = file_text(__name__, "picture/figure_link.js", "picture/svg.js", "picture/drawing_menu.js")

_COUNTED: Final = "Tan and Le 2019, arXiv:1905.11946; tensorflow/tpu"  # the rule, and the rounding


def counted_here(title: str) -> DrawingSlide:
    """A slide's words for a drawing of what EffViz has counted by the paper's rule and the official rounding."""
    return {"title": title, "source": _("Source: {names}. Drawn by EffViz (Apache-2.0).").format(names=_COUNTED)}


def menu_data(key: str, name: str, slide: DrawingSlide | None, csv: str = "") -> Json:
    """What the buttons need to know; `name` is that of the files, and without a slide there are none."""
    return {"key": key, "name": name, "slide": slide, "csv": csv}


def menu_words() -> dict[str, str]:
    """What the buttons are called, also for those who do not see them."""
    return {
        "svg": _("Save as SVG"),
        "png": _("Save as PNG"),
        "link": _("Copy link to this figure"),
        "linkShort": _("Link"),
        "csv": _("Save as CSV"),
        "copied": _("Copied"),
    }
