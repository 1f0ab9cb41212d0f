"""Two buttons that save a chart of the page as SVG or as PNG; Plotly's own tool bar has room for one format."""

from pathlib import Path

import streamlit as st

from effviz.i18n import _

HERE = Path(__file__).parent
SAVING = (HERE / "svg.js").read_text()  # for components that draw by themselves

_picture = st.components.v2.component(
    "effviz_picture",
    html=(HERE / "picture.html").read_text(),
    css=(HERE / "picture.css").read_text(),
    js=(HERE / "picture.js").read_text(),
)


def words() -> dict[str, str]:
    """What the buttons are called for those who do not see them."""
    return {"svg": _("Save as SVG"), "png": _("Save as PNG")}


def picture(chart: str) -> None:
    """Show the buttons of the chart with this key (`st.plotly_chart(key=)`)."""
    _picture(key=f"{chart}-picture", data={"chart": chart, "words": words()}, width="content")
