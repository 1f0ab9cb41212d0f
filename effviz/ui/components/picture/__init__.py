"""Buttons of a chart: save it as a slide, SVG or PNG, and copy a link to it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go
import streamlit as st

from effviz.i18n import _
from effviz.plots.style import slide
from effviz.ui.components import component, menu_words

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, object]  # of a CSV, by column

_picture = component(__name__, "figure_link.js", "picture.js")


def chart_menu(chart: str, figure: go.Figure, title: str, source: str, rows: "Sequence[Row] | pd.DataFrame") -> None:
    """Show the menu of the chart with this key: the buttons, and a CSV file of its numbers, `rows`."""
    import pandas as pd  # takes half a second, and the first maps should not wait for it

    with st.container(horizontal=True, vertical_alignment="center"):
        picture(chart, slide(figure, title, source))
        save_csv(chart, pd.DataFrame(rows), "CSV", _("The numbers behind this figure"))


def save_csv(name: str, rows: "pd.DataFrame", label: str, help: str | None = None) -> None:
    """Show a button that saves rows as a CSV file with this name."""
    csv, file = rows.to_csv(index=False), f"effviz-{name}.csv"
    icon = ":material/download:"
    st.download_button(label, csv, file, "text/csv", key=f"{name}-csv", icon=icon, help=help, on_click="ignore")


def picture(chart: str, slide: Mapping[str, object], alone: bool = False) -> None:
    """Show the buttons of the chart with this key (`st.plotly_chart(key=)`); `alone` shows the button Present."""
    words = {**menu_words(), "room": _("Fill the screen with this figure"), "roomShort": _("Present")}
    data = {"chart": chart, "alone": alone, "slide": slide, "words": words}
    _picture(key=f"{chart}-picture", data=[data], width="content")
