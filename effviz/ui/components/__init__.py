"""Browser-side components (HTML, CSS and JS, one folder each), and the code that several of them share.

A component's data is sent as a list with one mapping. In a bare mapping, Streamlit would search every value for data
frames on every run, and import pandas to recognise them, which adds half a second to a first visit.
"""

import base64
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

import streamlit as st

from effviz.i18n import _

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

Json = dict[str, object]  # data for a component
DrawingSlide = Mapping[str, str]  # title and source beside the drawing on a slide


def file_text(package: str, *names: str) -> str:
    """Return the contents of a component's files, concatenated."""
    return "".join(files(package).joinpath(name).read_text("utf-8") for name in names)


def component(package: str, *scripts: str, css: str = "", js: str = "") -> "ComponentRenderer":
    """Declare a folder's component, with the CSS and JS that it shares with others; its HTML may contain a menu.

    All scripts form one module, because Streamlit accepts them only as one text.
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
MOST_MOVES = 2**53  # a browser's integers are exact only below it


class Told(NamedTuple):
    """What the visitor chose in the browser, and the number of that move, which the answer repeats (see sender.js)."""

    value: object
    move: int


def told(state: object) -> Told:
    """Parse what sender.js sends; invalid data, which any browser can send, counts as no choice."""
    if not isinstance(state, Mapping):
        return Told(None, 0)
    move = state.get("move")
    return Told(state.get("value"), move if type(move) is int and 0 <= move < MOST_MOVES else 0)


def base64_text(data: bytes) -> str:
    """Return bytes as base64 text for JSON."""
    return base64.b64encode(data).decode("ascii")


def jpeg_address(jpeg: bytes) -> str:
    """Return a picture as a data URL."""
    return f"data:image/jpeg;base64,{base64_text(jpeg)}"


# The buttons below a drawing: save it as a slide (SVG or PNG), and copy a link to it.

MENU_HTML: Final = file_text(__name__, "picture/drawing_menu.html")
MENU_CSS: Final = file_text(__name__, "picture/picture.css")
MENU_JS: Final = file_text(__name__, "picture/figure_link.js", "picture/svg.js", "picture/drawing_menu.js")

_COUNTED: Final = "Tan and Le 2019, arXiv:1905.11946; tensorflow/tpu"  # the rule and the rounding


def counted_here(title: str) -> DrawingSlide:
    """Return a slide's texts for numbers that EffViz computes by the paper's rule and the official rounding."""
    return {"title": title, "source": _("Source: {names}. Drawn by EffViz (Apache-2.0).").format(names=_COUNTED)}


def menu_data(key: str, name: str, slide: DrawingSlide | None, csv: str = "") -> Json:
    """Return the data of the buttons; `name` is the file name. Without a slide, all buttons are hidden."""
    return {"key": key, "name": name, "slide": slide, "csv": csv}


def menu_words() -> dict[str, str]:
    """Return the buttons' labels and their accessible names."""
    return {
        "svg": _("Save as SVG"),
        "png": _("Save as PNG"),
        "link": _("Copy link to this figure"),
        "linkShort": _("Link"),
        "csv": _("Save as CSV"),
        "copied": _("Copied"),
    }
