"""Browser-side parts: html, css and js, one folder each; here is what several of them share.

What a component shows goes to the browser as a list of one mapping. In a mapping alone Streamlit would look through
every value for data frames at every run, and import pandas to know one, half a second of a first visit.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, NamedTuple

from effviz.i18n import _

Json = dict[str, object]  # what a component is sent


def file_text(package: str, name: str) -> str:
    """Read one of the files beside a component."""
    return files(package).joinpath(name).read_text("utf-8")


SLIDER_CSS = file_text(__name__, "slider.css")
SENDER = file_text(__name__, "sender.js")
NEWEST = file_text(__name__, "newest.js")
NEWS = file_text(__name__, "news.js")
MOST_MOVES = 2**53  # a browser's whole numbers end there


@dataclass(frozen=True, slots=True)
class Told:
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

MENU_CSS: Final = file_text(__name__, "picture/picture.css")
MENU_JS: Final = "".join(file_text(__name__, f"picture/{part}.js") for part in ("figure_link", "svg", "drawing_menu"))

_COUNTED: Final = "Tan and Le 2019, arXiv:1905.11946; tensorflow/tpu"  # the rule, and the rounding


class DrawingSlide(NamedTuple):
    """What a slide says beside a drawing."""

    title: str
    source: str


def counted_here(title: str) -> DrawingSlide:
    """Return a slide's words for a drawing of what EffViz has counted by the paper's rule and the official rounding."""
    return DrawingSlide(title, _("Source: {names}. Drawn by EffViz (Apache-2.0).").format(names=_COUNTED))


def with_menu(html: str) -> str:
    """Put the buttons into a component's HTML, where it says `<!-- menu -->`."""
    return html.replace("<!-- menu -->", file_text(__name__, "picture/drawing_menu.html"))


def menu_data(key: str, name: str, slide: DrawingSlide | None, csv: str = "") -> Json:
    """What the buttons need to know; `name` is that of the files, and without a slide there are none."""
    return {"key": key, "name": name, "slide": slide and slide._asdict(), "csv": csv}


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
