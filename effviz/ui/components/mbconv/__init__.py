"""The block diagram of Table 1: MBConv with squeeze-and-excitation."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from effviz.scaling import Layer
from effviz.ui.components import MENU_CSS, MENU_JS, DrawingSlide, menu_data, menu_words, with_menu
from effviz.ui.components.mbconv.diagram import WIDE, diagram

HERE = Path(__file__).parent

_mbconv = st.components.v2.component(
    "effviz_mbconv",
    html=with_menu((HERE / "mbconv.html").read_text()),
    css=(HERE / "mbconv.css").read_text() + MENU_CSS,
    js=MENU_JS + (HERE / "mbconv.js").read_text(),
)


def mbconv(layers: Sequence[Layer], name: str, slide: DrawingSlide) -> None:
    """Draw the layers of one block; `name` is that of the file in which a visitor saves it as a slide."""
    drawn = {"svg": diagram(layers), "wide": diagram(layers, WIDE)}
    _mbconv(key="mbconv", data={**drawn, **menu_data("mbconv", name, slide), "words": menu_words()})
