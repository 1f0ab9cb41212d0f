"""Browser-side parts: html, css and js, one folder each."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

SLIDER_CSS = files(__name__).joinpath("slider.css").read_text("utf-8")
SENDER = files(__name__).joinpath("sender.js").read_text("utf-8")
NEWS = files(__name__).joinpath("news.js").read_text("utf-8")
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
