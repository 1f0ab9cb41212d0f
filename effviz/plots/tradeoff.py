"""Accuracy against cost: the paper's Figures 1 and 5, with what timm measured beside them."""

import math
import textwrap
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from effviz.plots.labels import PAD, Label, placed, stepped
from effviz.plots.points import Cost, Kind, Mark, Point, Series
from effviz.plots.style import BLUE, GREY, LOOKS, SERIES, Look, figure, log_axis, vertical
from effviz.words import _
from effviz.zoo.presets import Role

HEIGHT_PX, COMPACT_HEIGHT_PX = 520, 300
STEP, COMPACT_STEP = 0.05, 0.08  # of the height: a line of text
MOST_ABOVE = 0.6  # of the height: names of lines stand above all points
LEFT = 0.3  # of the points' width: room for the name of the leftmost star, where lines stand at its right

# Printed beside their dots in the wide figure: those of the paper's other networks that lie apart on both axes.
_APART = ("ResNet-50", "ResNet-152", "ResNeXt-101", "SENet", "GPipe", "Inception-v4")
# The small figure has no legend: the ends of the line are named, and the crosses once, where they lie apart.
_ENDS, _CROSSES = ("B0", "B7"), "ResNet-50"
_LOOKS = {
    Kind.PAPER_EFFICIENTNETS: Look(LOOKS[Role.COMPOUND].colour, "circle", "solid"),
    Kind.PAPER_OTHERS: Look(GREY, "x", "solid"),
    Kind.COMPARED: Look(BLUE, "star", "solid"),
}
_TEXT_POSITIONS = {Kind.PAPER_OTHERS: "bottom left", Kind.COMPARED: "bottom right"}


def tradeoff(
    series: Sequence[Series],
    cost: Cost,
    marks: Sequence[Mark] = (),
    compact: bool = False,
) -> go.Figure:
    """Draw accuracy over cost on a log axis; networks without an accuracy (`marks`) are dashed lines.

    Every point carries its id as the first of its `customdata`, so that a click can tell which it was.
    """
    drawn = figure(COMPACT_HEIGHT_PX if compact else HEIGHT_PX)
    looks = iter(SERIES * 2)
    crowded = any(of.kind is Kind.FAMILY for of in series)
    for of in series:
        named = _named(of.kind, crowded, compact)
        drawn.add_trace(_trace(of, cost, _LOOKS.get(of.kind) or next(looks), named))
    costs = [x for trace in drawn.data for x in trace.x] + [mark.cost(cost) for mark in marks]
    low, high = _range([point for of in series for point in of.points if point.cost(cost) is not None])
    lines = _lines(marks, cost, costs)
    steps = max((level + 1 for _mark, level in lines), default=0)
    above = min(MOST_ABOVE, steps * (COMPACT_STEP if compact else STEP))
    top = low + (high - low) / (1 - above)
    step = above * (top - low) / max(1, steps)
    for mark, level in lines:
        text = f"{mark.label}: {mark.cost(cost):.3g}<br>{cost.axis}"
        line = vertical(mark.label, mark.cost(cost), low, top - level * step)
        drawn.add_trace(line.update(hovertemplate=f"{text}<extra></extra>"))
    drawn.update_xaxes(log_axis(cost.axis, costs))
    drawn.update_yaxes(title_text=_("ImageNet top-1 (%)"), range=[low, top])
    drawn.update_layout(showlegend=not compact)
    if compact:
        pairs = sorted(zip(series, drawn.data, strict=False), key=lambda pair: pair[0].kind is not Kind.COMPARED)
        _name(drawn, [trace for _of, trace in pairs])
    return drawn


def _lines(marks: Sequence[Mark], cost: Cost, costs: Sequence[float]) -> list[tuple[Mark, int]]:
    """The marks from left to right, and how many lines of text below the top the name of each stands."""
    ordered = sorted(marks, key=lambda mark: mark.cost(cost))
    names = [(mark.label, math.log10(mark.cost(cost))) for mark in ordered]
    return list(zip(ordered, stepped(names, [math.log10(each) for each in costs]), strict=True))


def _name(drawn: go.Figure, traces: Sequence[go.Scatter]) -> None:
    """Put names where no line runs through them, the first trace's first; left of all points there is room for one."""
    points = [(math.log10(x), y) for trace in drawn.data for x, y in zip(trace.x, trace.y, strict=True)]
    if not points:
        return
    along = [x for x, _y in points]
    span = (max(along) - min(along)) or 1.0
    corner = (min(along) - LEFT * span, points[0][1])
    drawn.update_xaxes(range=[corner[0] - PAD * span, max(along) + PAD * span])
    dashed = [math.log10(trace.x[0]) for trace in drawn.data if trace.line.dash == "dash"]
    labels = [
        Label(text, math.log10(x), y, "bottom right")
        for trace in traces
        for text, x, y in zip(trace.text, trace.x, trace.y, strict=True)
        if text
    ]
    sides = iter(placed(labels, [corner, *points], dashed))
    for trace in traces:
        beside = [next(sides) if text else "" for text in trace.text]
        texts = [text if side else "" for text, side in zip(trace.text, beside, strict=True)]
        trace.update(text=texts, textposition=[side or "bottom right" for side in beside])


def hover(point: Point) -> str:
    """What a reader wants to know about a point, and where it comes from (HTML)."""
    lines = [
        f"<b>{point.id}</b>",
        _("top-1 {percent:g} %").format(percent=point.top1_pct)
        if point.top5_pct is None
        else _("top-1 {top1:g} %, top-5 {top5:g} %").format(top1=point.top1_pct, top5=point.top5_pct),
        _("parameters {millions:g} million").format(millions=point.params_millions),
        _macs(point),
    ]
    if point.macs_billions_with_bn is not None:
        counted = _("MACs {billions:g} billion (timm's count, with batch norm)")
        lines.append(counted.format(billions=point.macs_billions_with_bn))
    more = _("{training}; more pictures than ImageNet-1k") if point.extra_data else "{training}"
    lines.append(more.format(training=_(point.training)))
    return "<br>".join([*lines, *textwrap.wrap(_("Source: {source}").format(source=point.source), 60)])


def _macs(point: Point) -> str:
    if point.macs_billions is None:
        return _("MACs not published ({count})").format(count=_(point.macs_count))
    text = _("MACs {billions:.3g} billion ({count})")
    return text.format(billions=point.macs_billions, count=_(point.macs_count))


def _trace(of: Series, cost: Cost, look: Look, named: Mapping[str, str] | None) -> go.Scatter:
    points = [point for point in of.points if point.cost(cost) is not None]
    joined = of.kind in (Kind.PAPER_EFFICIENTNETS, Kind.RECIPE)
    return go.Scatter(
        name=of.title,
        x=[point.cost(cost) for point in points],
        y=[point.top1_pct for point in points],
        customdata=[[point.id] for point in points],
        text=[point.label if named is None else named.get(point.label, "") for point in points],
        textposition=_TEXT_POSITIONS.get(of.kind, "top left"),
        cliponaxis=False,
        textfont={"size": 11} if of.kind is Kind.COMPARED else {"size": 11, "color": look.colour},
        hovertext=[hover(point) for point in points],
        hovertemplate="%{hovertext}<extra></extra>",
        mode="lines+markers+text" if joined else "markers+text",
        line={"color": look.colour, "dash": look.dash, "width": 2},
        marker={
            "color": look.colour,
            "symbol": [f"{look.symbol}-open" if point.extra_data else look.symbol for point in points],
            "size": 14 if of.kind is Kind.COMPARED else 8,
        },
        # A click makes one point larger; Plotly alone would fade all the others.
        selected={"marker": {"size": 16}, "textfont": {"color": look.colour}},
        unselected={"marker": {"opacity": 1}},
    )


def _named(kind: Kind, crowded: bool, compact: bool) -> Mapping[str, str] | None:
    """Beside whose points words stand, and which; None: all their names. The others say their names on hover."""
    match kind:
        case Kind.COMPARED:
            return None
        case Kind.PAPER_EFFICIENTNETS:
            return {name: name for name in _ENDS} if compact else None
        case Kind.PAPER_OTHERS if compact:
            return {_CROSSES: _("other ConvNets")}
        case Kind.PAPER_OTHERS if not crowded:
            return {name: name for name in _APART}
    return {}


def _range(points: Sequence[Point]) -> tuple[float, float]:
    """Top-1 to show, with room for labels; any range will do when nothing is shown."""
    accuracies = [point.top1_pct for point in points] or [70.0, 90.0]
    return min(accuracies) - 1.5, max(accuracies) + 1.5
