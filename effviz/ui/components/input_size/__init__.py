"""A slider of a network's input size with the map below it: each size is a pass that Python makes when it is asked."""

from collections.abc import Mapping
from functools import partial

import streamlit as st

from effviz.ui.components import NEWEST, NEWS, SENDER, SLIDER_CSS, Told, file_text, grid, told

_text = partial(file_text, __name__)
# One module of many parts: Streamlit takes a component's script as one text.
_mount = st.components.v2.component(
    "effviz_input_size",
    html=_text("input_size.html"),
    css=SLIDER_CSS + _text("input_size.css"),
    js=NEWEST + SENDER + "".join(map(grid.text, grid.DRAWING)) + _text("channel.js") + _text("element.js"),
)
_news = st.components.v2.component("effviz_input_size_news", js=_text("channel.js") + NEWS)


def asked_sizes(key: str) -> Told:
    """Which sizes the visitor wants, the first of them now, as the browser says it: it may be anything."""
    return told(st.session_state.get(key, {}).get("size"))


def input_size(data: Mapping[str, object], news: Mapping[str, object], key: str) -> None:
    """Show the slider of `data` and the answer in `news` (see `SizeData` and `SizeNews` in element.js).

    The news are an element of their own: as long as `data` stays the same, Streamlit sends its hash in its place.
    """
    with st.container(gap=None):
        _mount(key=key, data=[dict(data)], on_size_change=lambda: None)
        _news(key=f"{key}-news", data=[dict(news)])
