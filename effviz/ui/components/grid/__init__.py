"""The comparison grid in the browser: photos and raw maps are sent once, and looked at without asking Python again."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import streamlit as st

from effviz.explain.data_types import Floats
from effviz.explain.overlay import Palette, palette_colours
from effviz.i18n import _, lazy_gettext
from effviz.ui.components import NEWEST, NEWS, SENDER, Json, base64_text, file_text, told

# One module of many parts: Streamlit takes a component's script as one text. The arithmetic is the same as Python's.
CHANNEL = "channel.js"
ARITHMETIC = ("numbers.js", "scales.js", "placement.js", "picture.js", "summary.js", "heat.js", "difference.js")
MAPS = ("painter.js", "dom.js", "surface.js", "tile.js", "inspector.js", "pair.js", "swipe.js", "difference_view.js")
ROWS = ("box.js", "classes.js", "row.js", "png.js", "sheet.js", "link.js", "toolbar.js")
SCRIPTS = (*ARITHMETIC, *MAPS, *ROWS, CHANNEL, "element.js", "mount.js")
DRAWING = ("numbers.js", "scales.js", "placement.js", "picture.js", "painter.js", "dom.js")  # for other components

text = partial(file_text, __name__)
_mount = st.components.v2.component(
    "effviz_grid", html=text("grid.html"), css=text("grid.css"), js=NEWEST + SENDER + "".join(map(text, SCRIPTS))
)
_news = st.components.v2.component("effviz_grid_news", js=text(CHANNEL) + NEWS)

UNDRAWN: Final = lazy_gettext(
    "The maps are drawn by your browser, and it has not drawn them yet. If none appear, switch on Still pictures "
    "under Method above: then the server draws them."
)


@dataclass(frozen=True, slots=True)
class Calls:
    """What is called before the page runs again, with what the browser says: it may be anything."""

    look: Callable[[object], None]  # how the maps look now
    ask: Callable[[object], None]  # the cell that the visitor asks about
    no_canvas: Callable[[], None]  # the browser cannot draw, or its script failed


def grid(data: Mapping[str, object], news: Mapping[str, object], key: str, calls: Calls) -> None:
    """Show the grid of `data` and `news` (see `GridData` and `News` in element.js).

    The news are an element of their own: as long as `data` stays the same, Streamlit sends its hash in its place.
    """
    with st.container(gap=None):
        st.html(f'<style>{text("undrawn.css")}</style><p class="effviz-undrawn">{html.escape(_(UNDRAWN))}</p>')
        palettes = {str(palette): base64_text(palette_colours(palette).tobytes()) for palette in Palette}
        result = _mount(
            key=key,
            data=[{**data, "palettes": palettes}],
            on_look_change=lambda: calls.look(told(st.session_state[key].get("look")).value),
            on_ask_change=lambda: calls.ask(st.session_state[key].get("ask")),
            on_canvas_change=calls.no_canvas,
        )
        _news(key=f"{key}-news", data=[{**news, "move": told(result.get("look")).move}])


def pack(maps: Sequence[Floats]) -> Json:
    """Maps of one size (H, W) as half floats; each is divided by its largest size first, so that none is too small."""
    factors = [float(np.abs(values).max()) or 1.0 for values in maps]
    halves = np.stack([values / factor for values, factor in zip(maps, factors, strict=True)]).astype("<f2")
    _count, rows, columns = halves.shape
    return {"data": base64_text(halves.tobytes()), "factors": factors, "rows": rows, "columns": columns}
