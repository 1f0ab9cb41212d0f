"""The buttons of drawings that a component makes itself: save as a slide, SVG or PNG, and copy a link to it."""

from pathlib import Path
from typing import Final, NamedTuple

from effviz.i18n import _

_PICTURE: Final = Path(__file__).with_name("picture")
MENU_CSS: Final = (_PICTURE / "picture.css").read_text("utf-8")
MENU_JS: Final = "".join(
    (_PICTURE / part).read_text("utf-8") for part in ("figure_link.js", "svg.js", "drawing_menu.js")
)

_COUNTED: Final = "Tan and Le 2019, arXiv:1905.11946; tensorflow/tpu"  # the rule, and the rounding


class DrawingSlide(NamedTuple):
    """What a slide says beside a drawing."""

    title: str
    source: str


def counted_here(title: str) -> DrawingSlide:
    """Return a slide's words for a drawing of what EffViz has counted by the paper's rule and the official rounding."""
    return DrawingSlide(title, _("Source: {names}. Drawn by EffViz (Apache-2.0).").format(names=_COUNTED))


def with_menu(html: str) -> str:
    """Put the buttons into a component's HTML, where it says `{menu}`."""
    return html.replace("{menu}", (_PICTURE / "drawing_menu.html").read_text("utf-8"))


def menu_data(key: str, name: str, slide: DrawingSlide | None) -> dict[str, object]:
    """What the buttons need to know; `name` is that of the file, and without a slide there are none."""
    return {"key": key, "name": name, "slide": slide and slide._asdict()}


def menu_words() -> dict[str, str]:
    """What the buttons are called, also for those who do not see them."""
    return {
        "svg": _("Save as SVG"),
        "png": _("Save as PNG"),
        "link": _("Copy link to this figure"),
        "linkShort": _("Link"),
        "copied": _("Copied"),
    }
