"""Two buttons that save a Plotly chart as SVG or as PNG; Plotly's own tool bar has room for one format."""

from pathlib import Path

import streamlit as st

from effviz.words import _

HERE = Path(__file__).parent

_picture = st.components.v2.component(
    "effviz_picture",
    html=(HERE / "picture.html").read_text(),
    css=(HERE / "picture.css").read_text(),
    js=(HERE / "picture.js").read_text(),
)


def picture(chart: str) -> None:
    """Show the buttons of the chart with this key (`st.plotly_chart(key=)`), which has to be on the page."""
    words = {"svg": _("Save as SVG"), "png": _("Save as PNG")}
    _picture(key=f"{chart}-picture", data={"chart": chart, "words": words}, width="content")
