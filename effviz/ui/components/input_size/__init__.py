"""A slider of a network's input size with the map below it; Python runs a pass for each size on request."""

from collections.abc import Mapping

import streamlit as st

from effviz.ui.components import NEWEST, NEWS, SENDER, SLIDER_CSS, Told, component, file_text, grid, told

CHANNEL = "channel.js"
_mount = component(__name__, CHANNEL, "element.js", css=SLIDER_CSS, js=NEWEST + SENDER + grid.DRAWING)
_news = st.components.v2.component("effviz_input_size_news", js=file_text(__name__, CHANNEL) + NEWS)


def asked_sizes(key: str) -> Told:
    """Return the sizes that the browser asks for, the most urgent first; the value may be anything."""
    return told(st.session_state.get(key, {}).get("size"))


def input_size(data: Mapping[str, object], news: Mapping[str, object], key: str) -> None:
    """Show the slider of `data` and the answer in `news` (see `SizeData` and `SizeNews` in element.js).

    The news are a separate element: while `data` stays the same, Streamlit sends only its hash.
    """
    with st.container(gap=None):
        _mount(key=key, data=[dict(data)], on_size_change=lambda: None)
        _news(key=f"{key}-news", data=[dict(news)])
