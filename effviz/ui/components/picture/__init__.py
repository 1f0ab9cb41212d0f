"""Two buttons that save a picture of the page as SVG or as PNG; Plotly's own tool bar has room for one format."""

from pathlib import Path

import streamlit as st

from effviz.words import _

HERE = Path(__file__).parent
SAVING = (HERE / "svg.js").read_text()  # for components that draw, too: nobody reaches into their shadow from outside

_picture = st.components.v2.component(
    "effviz_picture",
    html=(HERE / "picture.html").read_text(),
    css=(HERE / "picture.css").read_text(),
    js=SAVING + (HERE / "picture.js").read_text(),
)


def words() -> dict[str, str]:
    """What the buttons are called for those who do not see them."""
    return {"svg": _("Save as SVG"), "png": _("Save as PNG")}


def picture(key: str, name: str) -> None:
    """Show the buttons of the chart, or of the `svg.drawing`, in the element of the page with this key."""
    _picture(key=f"{key}-picture", data={"picture": key, "name": name, "words": words()}, width="content")
