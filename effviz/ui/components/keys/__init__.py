"""Keys of the keyboard that press buttons of the page; Streamlit's own shortcuts would take arrows from sliders."""

from collections.abc import Mapping
from typing import Final

import streamlit as st

from effviz.ui.components import file_text

BACK: Final = "the page before"  # what a key leads to in place of a button; keys.js has it, too

_keys = st.components.v2.component("effviz_keys", html="<span hidden></span>", js=file_text(__name__, "keys.js"))


def keys(presses: Mapping[str, str], full_screen: bool = False, prints: str = "", top_of: str = "") -> None:
    """Let keys (`"ArrowRight"`) press buttons by their `key=`; F fills the screen, the button `prints` prints.

    The page goes back to its top when `top_of` names something else than before.
    """
    data = {"presses": dict(presses), "fullScreen": full_screen, "prints": prints, "topOf": top_of}
    _keys(key="keys", data=[data], height=1)
