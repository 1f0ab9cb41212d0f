"""Figures 1 and 5 of the paper: accuracy over parameters and over MACs, from Table 2 or as the figures draw it."""

import math
from collections.abc import Sequence

from effviz.facts import PaperPoint, PaperVersion, paper_points, rows
from effviz.plots.curves import Axis, Curve, Dot, Origin
from effviz.plots.points import Cost
from effviz.plots.style import GREY, LOOKS, Look
from effviz.scaling import PUBLISHED, Plan, plan
from effviz.words import _
from effviz.zoo.presets import Role

OTHERS = Look(GREY, "x", "solid")
_APART = {"ResNet-50", "ResNet-152", "ResNeXt-101", "SENet", "GPipe", "Inception-v4"}  # their names have room
FIGURES = {Cost.PARAMS: "fig1_params_vs_accuracy", Cost.MACS: "fig5_flops_vs_accuracy"}
_DRAWN = {Cost.PARAMS: "params_millions", Cost.MACS: "flops_billions"}
# The figures exist in v2, v3 and v5; v2 stands for the first versions.
FIGURE_VERSIONS = {PaperVersion.V5: "v5", PaperVersion.V3: "v3", PaperVersion.V1: "v2"}


def axis(cost: Cost) -> Axis:
    """The horizontal axis."""
    unit = _("million parameters") if cost is Cost.PARAMS else _("billion MACs")
    return Axis(cost.axis, unit, log=True)


def table2(version: PaperVersion, cost: Cost, groups: Sequence[int]) -> tuple[Curve, Curve, Curve]:
    """Table 2: the EfficientNets printed and recomputed, and the networks that they are compared with."""
    points = [point for point in paper_points(version) if point.group in groups]
    ours = [point for point in points if point.is_efficientnet]
    others = [point for point in points if not point.is_efficientnet]
    look = LOOKS[Role.COMPOUND]
    return (
        Curve(
            _("EfficientNet, Table 2 of {version}").format(version=version),
            look,
            Origin.PRINTED,
            _printed(ours, cost),
            text_position="top left",
        ),
        Curve(_("EfficientNet, recomputed"), look, Origin.COMPUTED, tuple(_computed(point, cost) for point in ours)),
        Curve(_("Other ConvNets, Table 2"), OTHERS, Origin.PRINTED, _printed(others, cost), False, "bottom left"),
    )


def figure(version: PaperVersion, cost: Cost) -> tuple[Curve, Curve]:
    """Figure 1 or 5 as it is drawn, by the coordinates of its dots."""
    dots = [
        (
            row["model"].startswith("EfficientNet"),
            Dot(row["model"], float(row[_DRAWN[cost]]), float(row["imagenet_top1_pct"]), row["source"]),
        )
        for row in rows(FIGURES[cost])
        if row["arxiv_version"] == FIGURE_VERSIONS[version]
    ]
    number = 1 if cost is Cost.PARAMS else 5
    ours, others = (tuple(dot for own, dot in dots if own is wanted) for wanted in (True, False))
    return (
        Curve(
            _("EfficientNet, drawn in Figure {number}").format(number=number),
            Look(LOOKS[Role.COMPOUND].colour, "circle", "dash"),
            Origin.PRINTED,
            ours,
        ),
        Curve(
            _("Other ConvNets, drawn in Figure {number}").format(number=number),
            Look(GREY, "circle", "solid"),
            Origin.PRINTED,
            others,
            joined=False,
        ),
    )


def _printed(points: Sequence[PaperPoint], cost: Cost) -> tuple[Dot, ...]:
    amounts = [(point, point.params_millions if cost is Cost.PARAMS else point.macs_billions) for point in points]
    return tuple(
        Dot(point.model, amount, point.top1_pct, point.source, _label(point))
        for point, amount in amounts
        if amount is not None and not math.isnan(amount)
    )


def _label(point: PaperPoint) -> str:
    return point.name.upper() or (point.model if point.model in _APART else "")


def _computed(point: PaperPoint, cost: Cost) -> Dot:
    network = planned(point.name)
    amount = network.params / 1e6 if cost is Cost.PARAMS else network.macs / 1e9
    source = _("counted by EffViz (official code's rounding); accuracy: {source}").format(source=point.source)
    return Dot(point.model, amount, point.top1_pct, source)


def planned(name: str) -> Plan:
    """A published network by its own coefficients."""
    of = PUBLISHED[name]
    return plan(of.depth, of.width, of.resolution, of.family)
