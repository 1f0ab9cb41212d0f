"""Accuracy against cost: the paper's Figures 1 and 5, with what timm measured beside them."""

import textwrap
from collections.abc import Collection, Sequence

import plotly.graph_objects as go

from effviz.plots.points import Cost, Kind, Mark, Point, Series
from effviz.plots.style import BLUE, GREY, LOOKS, SERIES, Look, figure, log_axis, vertical
from effviz.words import _
from effviz.zoo.presets import Role

HEIGHT_PX, COMPACT_HEIGHT_PX = 520, 260

# Printed beside their dots in the wide figure: those of the paper's other networks that lie apart on both axes.
_APART = {"ResNet-50", "ResNet-152", "ResNeXt-101", "SENet", "GPipe", "Inception-v4"}
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
    shown = [point for of in series for point in of.points if point.cost(cost) is not None]
    low, high = _range(shown)
    for position, mark in enumerate(sorted(marks, key=lambda mark: mark.cost(cost))):
        # Each line ends below the label of the one to its left.
        top = high - (0.09 if compact else 0.05) * position * (high - low)
        text = f"{mark.label}: {mark.cost(cost):.3g}<br>{cost.axis}"
        drawn.add_trace(vertical(mark.label, mark.cost(cost), low, top).update(hovertemplate=f"{text}<extra></extra>"))
    costs = [point.cost(cost) for point in shown] + [mark.cost(cost) for mark in marks]
    drawn.update_xaxes(log_axis(cost.axis, [amount for amount in costs if amount is not None]))
    drawn.update_yaxes(title_text=_("ImageNet top-1 (%)"), range=[low, high])
    drawn.update_layout(showlegend=not compact)
    return drawn


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


def _trace(of: Series, cost: Cost, look: Look, named: Collection[str] | None) -> go.Scatter:
    points = [point for point in of.points if point.cost(cost) is not None]
    joined = of.kind in (Kind.PAPER_EFFICIENTNETS, Kind.RECIPE)
    return go.Scatter(
        name=of.title,
        x=[point.cost(cost) for point in points],
        y=[point.top1_pct for point in points],
        customdata=[[point.id] for point in points],
        text=[point.label if named is None or point.label in named else "" for point in points],
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


def _named(kind: Kind, crowded: bool, compact: bool) -> Collection[str] | None:
    """Whose labels stand in the figure; None: all. The others say their names on hover."""
    if kind is Kind.COMPARED or (kind is Kind.PAPER_EFFICIENTNETS and not compact):
        return None
    return _APART if kind is Kind.PAPER_OTHERS and not (crowded or compact) else ()


def _range(points: Sequence[Point]) -> tuple[float, float]:
    """Top-1 to show, with room for labels; any range will do when nothing is shown."""
    accuracies = [point.top1_pct for point in points] or [70.0, 90.0]
    return min(accuracies) - 1.5, max(accuracies) + 1.5
