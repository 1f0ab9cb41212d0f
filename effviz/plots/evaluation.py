"""A metric against MACs: whether larger networks have better maps."""

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from effviz.evaluate.controls import Control
from effviz.evaluate.summary import Cell
from effviz.plots.labels import Label, placed
from effviz.plots.style import BLUE, GREY, SERIES, VERMILLION, Look, figure, log_axis
from effviz.words import _

HEIGHT_PX = 420
CONTROLS = {
    Control.GAUSSIAN.value: Look(GREY, "x", "dot"),
    Control.RANDOM.value: Look(GREY, "cross", "dash"),
    Control.UNIFORM.value: Look(GREY, "line-ew-open", "dashdot"),
}


def against_macs(cells: Sequence[Cell], macs: Mapping[str, int]) -> go.Figure:
    """Draw one metric's means over all photos with their intervals; `macs` are those of each model.

    The first method and the controls are shown, the others wait in the legend: they often lie on each other.
    """
    drawn = figure(HEIGHT_PX)
    looks = iter((Look(VERMILLION, "circle", "solid"), Look(BLUE, "square", "dash"), *SERIES * 2))
    methods = dict.fromkeys(cell.method for cell in cells)
    first = next((method for method in methods if method not in CONTROLS), None)
    for method in methods:
        look = CONTROLS.get(method) or next(looks)
        some = sorted((cell for cell in cells if cell.method == method), key=lambda cell: macs[cell.model])
        trace = _trace(some, macs, look)
        if method == first:
            trace.update(text=[cell.model for cell in some], mode="markers+text", textposition=_sides(some, macs))
        drawn.add_trace(trace.update(visible=True if method == first or method in CONTROLS else "legendonly"))
    drawn.update_xaxes(log_axis(_("MACs (the paper's FLOPs), billion"), [of / 1e9 for of in macs.values()]))
    drawn.update_yaxes(title_text=cells[0].metric.value if cells else "")
    drawn.update_layout(showlegend=True, margin={"r": 24})
    return drawn


def _trace(cells: Sequence[Cell], macs: Mapping[str, int], look: Look) -> go.Scatter:
    found = [cell.every for cell in cells]
    return go.Scatter(
        name=cells[0].method,
        x=[macs[cell.model] / 1e9 for cell in cells],
        y=[of.mean for of in found],
        error_y={
            "array": [of.high - of.mean for of in found],
            "arrayminus": [of.mean - of.low for of in found],
            "thickness": 1,
            "width": 3,
        },
        hovertext=[f"{cell.model}, {cell.method}" for cell in cells],
        hovertemplate="%{hovertext}<br>%{y:.3f}<extra></extra>",
        mode="markers",
        marker={"color": look.colour, "symbol": look.symbol, "size": 9, "line": {"color": look.colour, "width": 1}},
        textfont={"size": 11},
        cliponaxis=False,
    )


def _sides(cells: Sequence[Cell], macs: Mapping[str, int]) -> list[str]:
    """Where each name stands; one without room stands where it would have, since hiding it says less."""
    points = [(math.log10(macs[cell.model]), cell.every.mean) for cell in cells]
    labels = [Label(cell.model, x, y, "top center") for cell, (x, y) in zip(cells, points, strict=True)]
    return [side or "bottom center" for side in placed(labels, points)]
