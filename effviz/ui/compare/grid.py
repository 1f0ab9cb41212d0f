"""The grid photo x model: drawn by the browser, or as still pictures by the server."""

from collections.abc import Sequence

import streamlit as st

from effviz.ui.compare import inspection, look, stills, tiles
from effviz.ui.compare.cells import Cell, Gap
from effviz.ui.compare.controls import STILL, Choice, Look
from effviz.ui.components.grid import Calls, grid


def show(found: Sequence[Cell | Gap], choice: Choice, looked: Look) -> None:
    """Lay the photos down and the models across; what could not be made leaves its sentence in its place."""
    if st.session_state.get(STILL):
        stills.show(found, looked)
    else:
        calls = Calls(look.take, inspection.ask, _no_canvas)
        with st.container():  # for the bar of a question: the grid has the same place without it
            news = tiles.news(found)
        grid(tiles.payload(found, choice), news, "comparison", calls)


def _no_canvas() -> None:
    st.session_state[STILL] = True
