"""The live phi slider: it redraws while it is dragged, and tells Python when it is let go."""

from collections.abc import Callable
from enum import StrEnum
from importlib.resources import files

import streamlit as st

from effviz.plots import LOOKS, Role
from effviz.ui.components import SLIDER_CSS
from effviz.ui.components.phi.table import Network, PhiTable, phi_table
from effviz.ui.components.phi.wording import slider_words
from effviz.ui.state import PHI_LEAST, PHI_MOST

__all__ = ["Network", "PhiTable", "Variant", "phi_slider", "phi_table"]


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
    js=_text("format.js") + _text("drawing.js") + _text("element.js"),
)


def phi_slider(
    table: PhiTable, value: float, variant: Variant, key: str, on_add: Callable[[str], None] | None = None
) -> float:
    """Show the slider and return its phi.

    `value` counts when the slider first appears on a page; later the slider keeps its own. `on_add` is called before
    the page runs again, with the name of the published network ("B2", "Lite1") that the visitor wants to compare.
    """
    phi = checked(st.session_state.get(key, {}).get("phi"), value)

    def added() -> None:
        name = st.session_state[key].get("add")
        if on_add is not None and name in {network.name for network in table.published}:
            on_add(name)

    result = _mount(
        key=key,
        data={
            **table.payload(),
            "value": phi,
            "variant": variant.value,
            "colour": LOOKS[Role.COMPOUND].colour,
            "words": slider_words(),
        },
        default={"phi": phi},
        on_phi_change=lambda: None,
        on_add_change=added,
    )
    return checked(result.get("phi"), phi)


def checked(phi: object, otherwise: float) -> float:
    """`phi` if it is a position of the slider: what comes from a browser may be anything."""
    if isinstance(phi, int | float) and not isinstance(phi, bool) and PHI_LEAST <= phi <= PHI_MOST:
        return float(phi)
    return otherwise
