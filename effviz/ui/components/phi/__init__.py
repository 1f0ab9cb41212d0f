"""The live phi slider: it redraws while it is dragged, and tells Python when it is let go."""

from collections.abc import Callable
from enum import StrEnum
from importlib.resources import files
from typing import Final

import streamlit as st

from effviz.plots import LOOKS, ScalingAxis
from effviz.ui.components import SENDER, SLIDER_CSS, told
from effviz.ui.components.phi.table import DrawnNetwork, PhiTable, phi_table, slider_words, steps
from effviz.ui.session import PHI, PHI_LEAST, PHI_MOST, PHI_STEP

__all__ = ["DrawnNetwork", "PhiTable", "Variant", "phi_slider", "phi_table"]

TINY: Final = 1e-9  # of rounding


class Variant(StrEnum):
    """How much of the network is shown."""

    FULL = "full"  # numbers and the drawing, for the Scale page
    COMPACT = "compact"  # one strip of numbers and a button to compare the nearest published network


def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text("utf-8")


# One module of three parts: Streamlit takes a component's script as one text.
_mount = st.components.v2.component(
    "effviz_phi",
    html=_text("phi.html"),
    css=SLIDER_CSS + _text("phi.css"),
    js=SENDER + _text("format.js") + _text("drawing.js") + _text("element.js"),
)


def phi_slider(
    table: PhiTable, value: float, variant: Variant, key: str, on_add: Callable[[str], None] | None = None
) -> float:
    """Show the slider and return its phi.

    `value` counts when the slider first appears on a page, and after `move_slider` until the hand's next move; else the
    slider keeps its own. `on_add` is called before the page runs again, with the name of the published network ("B2",
    "Lite1") that the visitor wants to compare.
    """
    move = told(st.session_state.get(key, {}).get("phi"))
    held = st.session_state.get(_moved(key)) == (move.move, value)
    if not held:
        st.session_state.pop(_moved(key), None)
    phi = value if held else checked(move.value, value)

    def added() -> None:
        name = st.session_state[key].get("add")
        names = {network.name for network in table.published}
        if on_add is not None and isinstance(name, str) and name in names:
            on_add(name)

    result = _mount(
        key=key,
        data={
            **table.payload(),
            "value": phi,
            "move": move.move,
            "variant": variant.value,
            "colour": LOOKS[ScalingAxis.COMPOUND].colour,
            "words": slider_words(),
        },
        on_phi_change=lambda: None,
        on_add_change=added,
    )
    return phi if held else checked(told(result.get("phi")).value, phi)


def step_below(phi: float) -> float | None:
    """The highest position of the slider that is not above `phi`; None beyond its ends."""
    return max((step for step in steps() if step <= phi + TINY), default=None) if phi < PHI_MOST + PHI_STEP else None


def move_slider(key: str, phi: float) -> None:
    """Move the slider to one of its positions; called before the page runs again."""
    PHI.put(phi)
    st.session_state[_moved(key)] = told(st.session_state.get(key, {}).get("phi")).move, phi


def _moved(key: str) -> str:
    """In the session: the hand's last move before the page moved the slider, and where to."""
    return f"{key} moved by the page"


def checked(phi: object, otherwise: float) -> float:
    """The slider's position nearest to `phi`, if that is on it: what comes from a browser may be anything."""
    if isinstance(phi, int | float) and not isinstance(phi, bool) and PHI_LEAST <= phi <= PHI_MOST:
        return steps()[round((phi - PHI_LEAST) / PHI_STEP)]
    return otherwise
