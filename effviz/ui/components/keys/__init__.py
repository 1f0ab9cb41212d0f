"""Keyboard shortcuts that press buttons of the page; Streamlit's own shortcuts would take arrow keys from sliders."""

from collections.abc import Mapping
from typing import Final

import streamlit as st

from effviz.ui.components import file_text

BACK: Final = "the page before"  # the target of a key that goes back; the same text as in keys.js

_keys = st.components.v2.component("effviz_keys", html="<span hidden></span>", js=file_text(__name__, "keys.js"))


def keys(presses: Mapping[str, str], full_screen: bool = False, prints: str = "", top_of: str = "") -> None:
    """Let keys (`"ArrowRight"`) press buttons, given by `key=`; F toggles full screen, the button `prints` prints.

    The page scrolls to its top when `top_of` differs from the previous run.
    """
    data = {"presses": dict(presses), "fullScreen": full_screen, "prints": prints, "topOf": top_of}
    _keys(key="keys", data=[data], height=1)
