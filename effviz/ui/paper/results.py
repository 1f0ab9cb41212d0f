"""Table 2 and Figures 1 and 5: the accuracy of EfficientNets on ImageNet, and its cost."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
import streamlit as st

from effviz.facts import paper_tables
from effviz.facts.paper_tables import PaperPoint, PaperRatios, PaperVersion, paper_points, paper_ratios
from effviz.facts.tables import rows
from effviz.i18n import _
from effviz.plots.accuracy_cost import Cost
from effviz.plots.paper_curves import CurvePoint, FigureAxis, FigureCurve, Origin, accuracy_axis, draw_curves
from effviz.plots.style import GREY, LOOKS, SeriesStyle
from effviz.scaling import published_plan
from effviz.ui import glossary, outputs
from effviz.ui.paper import exhibit
from effviz.ui.paper.exhibit import Column, numbers, show_exhibit, sources, table
from effviz.zoo.presets import ScalingAxis

OTHERS = SeriesStyle(GREY, "x", "solid")
_APART = {"ResNet-50", "ResNet-152", "ResNeXt-101", "SENet", "GPipe", "Inception-v4"}  # room for their labels

# Figure number, table file and cost column.
_DRAWN = {
    Cost.PARAMS: (1, "fig1_params_vs_accuracy", "params_millions"),
    Cost.MACS: (5, "fig5_flops_vs_accuracy", "flops_billions"),
}

# The figures exist in v2, v3 and v5; v2 stands in for v1.
FIGURE_VERSIONS = {PaperVersion.V5: "v5", PaperVersion.V3: "v3", PaperVersion.V1: "v2"}


def cost_axis(cost: Cost) -> FigureAxis:
    """Return the horizontal axis."""
    unit = _("million parameters") if cost is Cost.PARAMS else _("billion MACs")
    return FigureAxis(cost.axis, unit, log=True)


def table2(version: PaperVersion, cost: Cost, groups: Sequence[int]) -> tuple[FigureCurve, FigureCurve, FigureCurve]:
    """Return Table 2: the EfficientNets as printed and recomputed, and the networks compared with them."""
    points = [point for point in paper_points(version) if point.group in groups]
    ours = [point for point in points if point.is_efficientnet]
    others = [point for point in points if not point.is_efficientnet]
    look = LOOKS[ScalingAxis.COMPOUND]
    title = _("EfficientNet, Table 2 of {version}").format(version=version)
    computed = tuple(_computed(point, cost) for point in ours)
    return (
        FigureCurve(title, look, Origin.PRINTED, _printed(ours, cost), text_position="top left"),
        FigureCurve(_("EfficientNet, recomputed"), look, Origin.COMPUTED, computed),
        FigureCurve(_("Other ConvNets, Table 2"), OTHERS, Origin.PRINTED, _printed(others, cost), False, "bottom left"),
    )


def cost_figure(version: PaperVersion, cost: Cost) -> tuple[FigureCurve, FigureCurve]:
    """Return Figure 1 or 5 as drawn, from the coordinates of its dots."""
    number, name, column = _DRAWN[cost]
    dots = [
        CurvePoint(row["model"], float(row[column]), float(row["imagenet_top1_pct"]), row["source"])
        for row in rows(name)
        if row["arxiv_version"] == FIGURE_VERSIONS[version]
    ]
    ours = tuple(dot for dot in dots if dot.name.startswith("EfficientNet"))
    others = tuple(dot for dot in dots if not dot.name.startswith("EfficientNet"))
    title = _("EfficientNet, drawn in Figure {number}").format(number=number)
    others_title = _("Other ConvNets, drawn in Figure {number}").format(number=number)
    look = SeriesStyle(LOOKS[ScalingAxis.COMPOUND].colour, "circle", "dash")
    return (
        FigureCurve(title, look, Origin.PRINTED, ours),
        FigureCurve(others_title, SeriesStyle(GREY, "circle", "solid"), Origin.PRINTED, others, joined=False),
    )


def _printed(points: Sequence[PaperPoint], cost: Cost) -> tuple[CurvePoint, ...]:
    dots = []
    for point in points:
        amount = point.params_millions if cost is Cost.PARAMS else point.macs_billions
        label = point.name.upper() or (point.model if point.model in _APART else "")
        if amount is not None:
            dots.append(CurvePoint(point.model, amount, point.top1_pct, point.source, label))
    return tuple(dots)


def _computed(point: PaperPoint, cost: Cost) -> CurvePoint:
    network = published_plan(point.name)
    amount = network.params / 1e6 if cost is Cost.PARAMS else network.macs / 1e9
    source = _("counted by EffViz (official code's rounding); accuracy: {source}").format(source=point.source)
    return CurvePoint(point.model, amount, point.top1_pct, source)


GROUPS, DRAWN = "groups", "drawn"
NAME_PX = 160  # fits Inception-resnet-v2


def show() -> None:
    """Draw the section."""
    text = _(
        "The paper's claim: at the same accuracy, an EfficientNet needs several times fewer parameters and MACs than "
        "earlier networks. Is there a grey cross to the left of the orange line at the same height?"
    )
    st.markdown(text)
    with st.container(horizontal=True):
        version = exhibit.choose_version()
        groups = _groups()
    help = _("Read from the figures' drawing commands. The figures in v5 still show the accuracies of v3.")
    drawn = st.toggle(_("Also show the dots drawn in Figures 1 and 5"), key=DRAWN, bind="query-params", help=help)
    st.markdown(f"**{version.label}**: {version.why}", help=glossary.tip("minival", "autoaugment"))
    st.subheader(_("Figure 1: accuracy versus size"))
    _plot(version, Cost.PARAMS, groups, drawn)
    st.subheader(_("Figure 5: accuracy versus cost"))
    _plot(version, Cost.MACS, groups, drawn)
    sources((_("paper {version}, Table 2").format(version=version), version.url))
    st.subheader(_("Table 2, group by group"))
    _table(version, groups)
    if version is PaperVersion.V5:
        _held_out()


def _groups() -> Sequence[int]:
    names = [point.name.upper() for point in paper_points() if point.is_efficientnet]
    title = _("Groups of similar accuracy")
    help = _("Table 2 groups each EfficientNet with networks that are about as accurate.")
    chosen = st.pills(title, names, selection_mode="multi", default=names, key=GROUPS, bind="query-params", help=help)
    return [names.index(name) + 1 for name in chosen]


def _plot(version: PaperVersion, cost: Cost, groups: Sequence[int], drawn: bool) -> None:
    shown = (*table2(version, cost, groups), *(cost_figure(version, cost) if drawn else ()))
    series = "; ".join(f"{curve.title} ({len(curve.dots)})" for curve in shown)
    text = _("Chart of ImageNet top-1 versus {cost} on a log scale: {series}.")
    alt = text.format(cost=cost_axis(cost).title, series=series)
    chart = draw_curves(shown, cost_axis(cost), accuracy_axis(), 500)
    show_exhibit(f"figure{_DRAWN[cost][0]}", chart, table(shown, cost.column, "top1_pct"), alt)


def _table(version: PaperVersion, groups: Sequence[int]) -> None:
    pairs = zip(paper_points(version), paper_ratios(), strict=True)
    rows = [pair for pair in pairs if pair[0].group in groups]
    _misprint()
    if not rows:
        st.caption(_("Choose a group above to see its rows."))
        return
    name = st.column_config.TextColumn(_("Network"), width=NAME_PX, pinned=True)
    columns: dict[str, Column[tuple[PaperPoint, PaperRatios]]] = {
        "group": Column(lambda row: row[0].group),
        "network": Column(lambda row: row[0].model, name),
        "top1_pct": Column(lambda row: row[0].top1_pct, _("Top-1 (%)"), "%.1f"),
        "top5_pct": Column(lambda row: row[0].top5_pct, _("Top-5 (%)"), "%.1f"),
        "params_millions": Column(lambda row: row[0].params_millions, _("Parameters (million)"), outputs.printed),
        "params_ratio_printed": Column(lambda row: row[1].params.printed, _("Ratio, printed"), outputs.times),
        "params_ratio_recomputed": Column(lambda row: row[1].params.computed, _("Ratio, recomputed"), "%.2f×"),
        "flops_billions": Column(lambda row: row[0].macs_billions, _("FLOPs (billion)"), outputs.printed),
        "flops_ratio_printed": Column(lambda row: row[1].macs.printed, _("FLOPs ratio, printed"), outputs.times),
        "flops_ratio_recomputed": Column(lambda row: row[1].macs.computed, _("FLOPs ratio, recomputed"), "%.2f×"),
        "params_millions_recomputed": Column(
            lambda row: published_plan(row[0].name).params / 1e6 if row[0].name else None,
            _("Parameters, recomputed (million)"),
            "%.2f",
        ),
        "macs_billions_recomputed": Column(
            lambda row: published_plan(row[0].name).macs / 1e9 if row[0].name else None,
            _("MACs, recomputed (billion)"),
            "%.3f",
        ),
        "misprint": Column(lambda row: not (row[1].params.possible and row[1].macs.possible)),
        "source": Column(lambda row: row[0].source),
    }
    numbers("table2", rows, columns, _marked)
    text = _("A dash marks a missing number: EffViz recomputes only EfficientNets; the paper has no FLOPs for GPipe.")
    st.caption(text)


def _marked(row: "pd.Series[Any]") -> list[str]:
    """Return CSS: bold for EfficientNets, which open their groups, and a background for misprints."""
    bold = "font-weight: 700" if str(row["network"]).startswith("EfficientNet") else ""
    return [
        "background-color: rgba(213, 94, 0, 0.25)" if row["misprint"] and column.startswith("flops_ratio") else bold
        for column in row.index
    ]


def _misprint() -> None:
    text = _(
        "Misprint: for {model}, the paper prints {printed:.1f} times the FLOPs of {own}. The paper's own numbers give "
        "{computed:.2f}, and rounding allows {least:.2f} to {most:.2f}."
    )
    for row in paper_ratios():
        for ratio in (row.params, row.macs):
            if not ratio.possible:
                sentence = text.format(model=row.model, own=row.efficientnet, **asdict(ratio))
                st.info(sentence, icon=":material/edit_off:")


def _held_out() -> None:
    st.subheader(_("Table 8: validation versus test accuracy"), help=glossary.tip("minival"))
    text = _(
        "v5 also reports accuracy on ImageNet's test set, which is not used for tuning. The two agree within 0.2 "
        "points, a sign that the networks were not fitted to the validation images."
    )
    st.markdown(text)
    columns: dict[str, Column[paper_tables.HeldOut]] = {
        "network": Column(lambda row: row.name.upper(), _("Network")),
        "val_top1_pct": Column(lambda row: row.val_top1_pct, _("Validation top-1 (%)"), "%.2f"),
        "test_top1_pct": Column(lambda row: row.test_top1_pct, _("Test top-1 (%)"), "%.2f"),
        "val_top5_pct": Column(lambda row: row.val_top5_pct, _("Validation top-5 (%)"), "%.2f"),
        "test_top5_pct": Column(lambda row: row.test_top5_pct, _("Test top-5 (%)"), "%.2f"),
        "source": Column(lambda row: row.source),
    }
    numbers("table8", paper_tables.held_out(), columns)
