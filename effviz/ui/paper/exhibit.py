"""One figure of the paper, as every section shows it: the chart, its files, and where its numbers come from."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from effviz.plots.curves import Curve
from effviz.plots.style import config
from effviz.ui import outputs
from effviz.ui.components.picture import picture
from effviz.words import _


def table(drawn: Sequence[Curve], x: str, y: str) -> pd.DataFrame:
    """One row a point, in the figure's order; `x` and `y` name the two columns of numbers."""
    return pd.DataFrame(
        [
            {
                "series": curve.title,
                "origin": str(curve.origin),
                "network": dot.name,
                x: dot.x,
                y: dot.y,
                "source": dot.source,
            }
            for curve in drawn
            for dot in curve.dots
        ]
    )


def exhibit(name: str, made: go.Figure, rows: pd.DataFrame, alt: str) -> None:
    """Show a figure with its files; `rows` are the numbers that it draws, `name` its key and the files' name."""
    st.plotly_chart(made, key=name, config=config(f"effviz-{name}"), alt=alt)
    with st.container(horizontal=True, vertical_alignment="center"):
        picture(name)
        save(name, rows)


def save(name: str, rows: pd.DataFrame) -> None:
    """A button that saves rows as CSV."""
    st.download_button(
        "CSV",
        rows.to_csv(index=False),
        f"effviz-{name}.csv",
        "text/csv",
        key=f"{name}-csv",
        icon=":material/download:",
        help=_("The numbers of this figure, each with its source"),
        on_click="ignore",
    )


def sources(*parts: tuple[str, str]) -> None:
    """The line below a figure: what it is taken from, and where each point's own source stands."""
    outputs.sources(*parts)
    st.caption(
        _(
            "Filled markers: printed in the paper. Open markers: recomputed by EffViz. Each point's source stands in "
            "its hover and in the CSV."
        )
    )
