"""The comparison grid in the browser: photos and raw maps are sent once; changing the view needs no call to Python."""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import streamlit as st

from effviz.explain.data_types import Floats
from effviz.explain.overlay import Palette, palette_colours
from effviz.i18n import _, lazy_gettext
from effviz.ui.components import NEWEST, NEWS, SENDER, Json, base64_text, component, file_text, told

CHANNEL = "channel.js"
ARITHMETIC = ("numbers.js", "scales.js", "placement.js", "picture.js", "summary.js", "heat.js", "difference.js")
MAPS = ("painter.js", "dom.js", "surface.js", "tile.js", "inspector.js", "pair.js", "swipe.js", "difference_view.js")
ROWS = ("box.js", "classes.js", "row.js", "png.js", "sheet.js", "link.js", "toolbar.js")
SCRIPTS = (*ARITHMETIC, *MAPS, *ROWS, CHANNEL, "element.js", "mount.js")
# For other components:
DRAWING = file_text(__name__, "numbers.js", "scales.js", "placement.js", "picture.js", "painter.js", "dom.js")

_mount = component(__name__, *SCRIPTS, js=NEWEST + SENDER)
_news = st.components.v2.component("effviz_grid_news", js=file_text(__name__, CHANNEL) + NEWS)

KEY: Final = "comparison"  # in the session
UNDRAWN: Final = lazy_gettext(
    "Your browser draws the maps and has not drawn them yet. If none appear, switch on Still pictures "
    "under Method above, and the server draws them instead."
)


def grid(
    data: Mapping[str, object],
    news: Mapping[str, object],
    on_look: Callable[[object], None],
    on_ask: Callable[[object], None],
    on_no_canvas: Callable[[], None],
) -> None:
    """Show the grid of `data` and `news` (see `GridData` and `News` in element.js).

    The news are a separate element: while `data` stays the same, Streamlit sends only its hash.
    The callbacks receive data from the browser, which may be anything: the current look, and the cell that the visitor
    asks about. `on_no_canvas` is called if the browser cannot draw or the script failed.
    """
    with st.container(gap=None):
        css = file_text(__name__, "undrawn.css")
        st.html(f'<style>{css}</style><p class="effviz-undrawn">{html.escape(_(UNDRAWN))}</p>')
        palettes = {str(palette): base64_text(palette_colours(palette).tobytes()) for palette in Palette}
        result = _mount(
            key=KEY,
            data=[{**data, "palettes": palettes}],
            on_look_change=lambda: on_look(told(st.session_state[KEY].get("look")).value),
            on_ask_change=lambda: on_ask(st.session_state[KEY].get("ask")),
            on_canvas_change=on_no_canvas,
        )
        _news(key=f"{KEY}-news", data=[{**news, "move": told(result.get("look")).move}])


def pack(maps: Sequence[Floats]) -> Json:
    """Pack maps (H, W) as half floats, each divided by its largest absolute value so that small maps keep precision."""
    factors = [float(np.abs(values).max()) or 1.0 for values in maps]
    halves = np.stack([values / factor for values, factor in zip(maps, factors, strict=True)]).astype("<f2")
    _count, rows, columns = halves.shape
    return {"data": base64_text(halves.tobytes()), "factors": factors, "rows": rows, "columns": columns}
