"""The block diagram of Table 1: MBConv with squeeze-and-excitation."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from effviz.scaling import Layer
from effviz.ui.components import picture
from effviz.ui.components.mbconv.diagram import WIDE, diagram

HERE = Path(__file__).parent

_mbconv = st.components.v2.component(
    "effviz_mbconv",
    html=(HERE / "mbconv.html").read_text(),
    css=(HERE / "mbconv.css").read_text() + Path(picture.__file__).with_name("picture.css").read_text(),
    js=picture.SAVING + (HERE / "mbconv.js").read_text(),
)


def mbconv(layers: Sequence[Layer], name: str, slide: picture.DrawingSlide) -> None:
    """Draw the layers of one block; `name` is that of the file in which a visitor saves it as a slide."""
    drawn = {"svg": diagram(layers), "wide": diagram(layers, WIDE)}
    _mbconv(key="mbconv", data={**drawn, "name": name, "slide": slide._asdict(), "words": picture.words()})
