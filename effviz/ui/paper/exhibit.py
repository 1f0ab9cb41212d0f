"""One figure of the paper, as every section shows it: the version, the chart, its files, and its numbers' sources."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from effviz.facts import PaperVersion
from effviz.facts.source_links import link
from effviz.i18n import _
from effviz.plots.paper_curves import FigureCurve
from effviz.plots.style import config
from effviz.ui import outputs
from effviz.ui.components.picture import picture

TALL = 24  # more rows than these scroll inside of their table

# The title of a column, or with the way in which its numbers are written: "%.1f", or a function where no such words
# keep a last 0. The table sorts by the numbers in either case.
Column = str | tuple[str, str | Callable[[float], str]] | ColumnConfig

Style = Callable[["pd.Series[Any]"], list[str]]  # CSS for the cells of a row


def table(drawn: Sequence[FigureCurve], x: str, y: str) -> pd.DataFrame:
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


def show_exhibit(name: str, made: go.Figure, rows: pd.DataFrame, alt: str) -> None:
    """Show a figure with its files; `rows` are the numbers that it draws, `name` its key and the files' name."""
    st.plotly_chart(made, key=name, config=config(f"effviz-{name}"), alt=alt)
    with st.container(horizontal=True, vertical_alignment="center"):
        picture(name)
        save(name, rows)
        listed = "source" in rows and st.toggle(_("Points and sources"), key=f"{name}-points")
    if listed:
        _points(rows)


def _points(rows: pd.DataFrame) -> None:
    """What the figure draws, with the way to who says so; the columns are those of the CSV."""
    st.dataframe(
        rows.assign(link=rows["source"].map(link)),
        hide_index=True,
        placeholder=outputs.MISSING,
        column_config={"link": st.column_config.LinkColumn(_("Source"), display_text=_("open"), pinned=True)},
    )


def numbers(name: str, rows: pd.DataFrame, columns: Mapping[str, Column], style: Style | None = None) -> None:
    """Show rows as a table with its file; the first column stays in sight, those not named are in the file alone."""
    first = next(iter(columns))
    shown = {column: _column(of, column == first) for column, of in columns.items()}
    written: dict[str, Any] = {
        column: of[1] for column, of in columns.items() if isinstance(of, tuple) and callable(of[1])
    }
    styled = rows.style.format(written, na_rep=outputs.MISSING)
    st.dataframe(
        styled.apply(style, axis=1) if style else styled if written else rows,
        hide_index=True,
        height="content" if len(rows) <= TALL else "auto",
        placeholder=outputs.MISSING,
        column_config={str(column): shown.get(str(column)) for column in rows},
    )
    save(name, rows)


def _column(of: Column, first: bool) -> ColumnConfig:
    if isinstance(of, dict):
        return of
    title, form = (of, None) if isinstance(of, str) else of
    if form is None:
        return st.column_config.Column(title, pinned=first)
    return st.column_config.NumberColumn(title, format=None if callable(form) else form, pinned=first)


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
            "its hover and in the CSV, and its link under **Points and sources**."
        )
    )


# Which version of the paper is shown, in the sections whose numbers changed between versions.

VERSION = "paper"  # key and name in the address, as on the Trade-off page


def choose_version() -> PaperVersion:
    """The version, and in one line what is different about it."""
    chosen = st.segmented_control(
        _("Version of the paper"),
        [str(version) for version in PaperVersion],
        default=str(PaperVersion.V5),
        key=VERSION,
        required=True,
        bind="query-params",
        help=_("Numbers that the authors changed are shown as this version prints them."),
    )
    return PaperVersion(chosen)
