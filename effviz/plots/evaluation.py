"""A metric against MACs: whether larger networks have better maps."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import plotly.graph_objects as go

from effviz.evaluate import wording
from effviz.evaluate.controls import IN_CROP, WHOLE, Control
from effviz.evaluate.summary import Cell
from effviz.plots.labels import Label, placed
from effviz.plots.style import BLUE, GREY, SERIES, VERMILLION, Look, figure, log_axis
from effviz.words import _

HEIGHT_PX: Final = 420
REACH: Final = 1.15  # how far a control's line goes beyond the models, as a factor of MACs
CONTROLS: Final = {
    Control.CROP_GAUSSIAN.value: Look(GREY, "x", "dot"),
    Control.CROP_RANDOM.value: Look(GREY, "cross", "dash"),
    Control.CROP_UNIFORM.value: Look(GREY, "line-ew-open", "dashdot"),
    Control.GAUSSIAN.value: Look(GREY, "x", "dot"),
    Control.RANDOM.value: Look(GREY, "cross", "dash"),
    Control.UNIFORM.value: Look(GREY, "line-ew-open", "dashdot"),
}
DIGITS: Final = (1, 1.5, 2, 3, 4, 5, 7)  # of ticks where models are so alike that 1, 2, 5 are too few


def against_macs(cells: Sequence[Cell], macs: Mapping[str, int]) -> go.Figure:
    """Draw one metric's means over all photos with their intervals; `macs` are those of each model.

    The first method and the controls that are hardest to beat are shown, the others wait in the legend: they often lie
    on each other. Controls are lines without intervals, which are in the tables.
    """
    drawn = figure(HEIGHT_PX)
    looks = iter((Look(VERMILLION, "circle", "solid"), Look(BLUE, "square", "dash"), *SERIES * 2))
    methods = dict.fromkeys(cell.method for cell in cells)
    first = next((method for method in methods if method not in CONTROLS), None)
    shown = [cell for cell in cells if cell.method == first or cell.method in CONTROLS]
    for method in methods:
        some = sorted((cell for cell in cells if cell.method == method), key=lambda cell: macs[cell.model])
        if method in CONTROLS:
            waits = method in WHOLE and bool(methods.keys() & set(IN_CROP))
            drawn.add_trace(_line(some, macs, CONTROLS[method]).update(visible="legendonly" if waits else True))
            continue
        trace = _trace(some, macs, next(looks))
        if method == first:
            trace.update(_names(some, shown, macs))
        drawn.add_trace(trace.update(visible=True if method == first else "legendonly"))
    drawn.update_xaxes(_axis([macs[cell.model] / 1e9 for cell in cells]))
    drawn.update_yaxes(title_text=wording.compared(cells[0].metric) if cells else "")
    drawn.update_layout(showlegend=True, margin={"r": 24})
    return drawn


def _trace(cells: Sequence[Cell], macs: Mapping[str, int], look: Look) -> go.Scatter:
    found = [cell.every for cell in cells]
    return go.Scatter(
        name=wording.method(cells[0].method),
        x=[macs[cell.model] / 1e9 for cell in cells],
        y=[of.mean for of in found],
        error_y={
            "array": [of.high - of.mean for of in found],
            "arrayminus": [of.mean - of.low for of in found],
            "thickness": 1,
            "width": 3,
        },
        hovertext=[f"{cell.model}, {wording.method(cell.method)}" for cell in cells],
        hovertemplate="%{hovertext}<br>%{y:.3f}<extra></extra>",
        mode="markers",
        marker={"color": look.colour, "symbol": look.symbol, "size": 9, "line": {"color": look.colour, "width": 1}},
        textfont={"size": 11},
        cliponaxis=False,
    )


def _line(cells: Sequence[Cell], macs: Mapping[str, int], look: Look) -> go.Scatter:
    """A control: one level across where all models have the same, else from model to model."""
    title = wording.method(cells[0].method)
    known = [(macs[cell.model] / 1e9, cell.every.mean, f"{cell.model}, {title}") for cell in cells]
    level = len({mean for _macs, mean, _text in known}) == 1
    if level:
        (low, mean, _first), (high, _mean, _last) = known[0], known[-1]
        known = [(low / REACH, mean, title), (high * REACH, mean, title)]
    x, y, text = zip(*known, strict=True)
    return go.Scatter(
        name=title,
        x=x,
        y=y,
        hovertext=text,
        hovertemplate="%{hovertext}<br>%{y:.3f}<extra></extra>",
        mode="lines" if level else "lines+markers",
        line={"color": look.colour, "dash": look.dash, "width": 2},
        marker={"color": look.colour, "symbol": look.symbol, "size": 9},
    )


def _names(cells: Sequence[Cell], shown: Sequence[Cell], macs: Mapping[str, int]) -> dict[str, object]:
    """The models' names beside their points; one without room is said by the hover and the table only."""
    ends = [end for cell in cells for end in (cell.every.low, cell.every.high) if math.isfinite(end)]
    levels = [cell.every.mean for cell in shown]
    left = math.log10(min(macs.values()))
    points = [(math.log10(macs[cell.model]), cell.every.mean) for cell in cells]
    labels = [Label(cell.model, x, y, "top center") for cell, (x, y) in zip(cells, points, strict=True)]
    sides = placed(labels, [*points, *((left, height) for height in (*ends, *levels))])
    return {
        "mode": "markers+text",
        "text": [cell.model if side else "" for cell, side in zip(cells, sides, strict=True)],
        "textposition": [side or "top center" for side in sides],
    }


def _axis(billions: Sequence[float]) -> dict[str, object]:
    axis = log_axis(_("MACs (the paper's FLOPs), billion"), billions)
    if billions and max(billions) < 10 * min(billions):
        ticks = [digit * 10.0**power for power in range(-3, 4) for digit in DIGITS]
        axis |= {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    return axis
