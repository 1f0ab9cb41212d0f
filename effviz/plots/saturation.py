"""Figures 3, 4 and 8 and Table 7 of the paper as curves: growing one dimension alone stops paying."""

from collections.abc import Sequence

from effviz.facts import (
    CurveDot,
    PaperVersion,
    WidthDot,
    scaled_b0,
    scaling_methods,
    single_dimension,
    width_by_baseline,
)
from effviz.plots.curves import Axis, Curve, Dot, Origin
from effviz.plots.style import LOOKS
from effviz.words import _, later
from effviz.zoo.presets import Role

METHODS = {
    Role.BASELINE: later("Baseline"),
    Role.DEPTH: later("Depth"),
    Role.WIDTH: later("Width"),
    Role.RESOLUTION: later("Resolution"),
    Role.COMPOUND: later("Compound"),
}

# Fig. 4 grows width from four baselines; a line's colour says what its baseline has grown before.
_BASELINES = {
    (1.0, 1.0): Role.WIDTH,
    (1.0, 1.3): Role.RESOLUTION,
    (2.0, 1.0): Role.DEPTH,
    (2.0, 1.3): Role.COMPOUND,
}
# Where the labels of a curve are least in the way of the others.
_BESIDE = {
    Role.DEPTH: "top left",
    Role.WIDTH: "bottom right",
    Role.RESOLUTION: "middle right",
    Role.COMPOUND: "top left",
}
_TABLE_7 = {
    Role.BASELINE: "bottom right",
    Role.DEPTH: "bottom left",
    Role.WIDTH: "bottom right",
    Role.RESOLUTION: "top left",
    Role.COMPOUND: "bottom center",
}
_COUNTED = later("MACs counted by EffViz (official code's rounding); accuracy: {source}")


def macs_axis(log: bool = False) -> Axis:
    """The horizontal axis of all figures here."""
    return Axis(_("MACs, the paper's FLOPs (billions)"), _("billion MACs"), log)


def accuracy_axis() -> Axis:
    """The vertical axis of all figures here."""
    return Axis(_("ImageNet top-1 (%)"), _("% top-1"))


def figure3() -> tuple[Curve, ...]:
    """B0 grown by width, depth or resolution alone: two curves each, printed and recomputed."""
    return _by_method(single_dimension())


def figure8() -> tuple[Curve, ...]:
    """The three single dimensions and compound scaling: two curves each."""
    return _by_method(scaling_methods())


def figure4() -> tuple[Curve, ...]:
    """Width grown from four baselines; recomputed are only the six dots whose width is known."""
    dots = width_by_baseline()
    lines = [_printed_line([dot for dot in dots if (dot.depth, dot.resolution) == baseline]) for baseline in _BASELINES]
    known = [
        Dot(f"w = {dot.width:g}", dot.macs_billions_computed, dot.top1_pct, _counted(dot.source))
        for dot in dots
        if dot.macs_billions_computed is not None
    ]
    title = _("d = 1, r = 1, recomputed where w is known")
    return (*lines, Curve(title, LOOKS[Role.WIDTH], Origin.COMPUTED, tuple(known)))


def table7(version: PaperVersion) -> tuple[Curve, Curve]:
    """Table 7: five networks at their printed FLOPs, and at what they cost by the official code."""
    rows = [(row, Role(row.method)) for row in scaled_b0(version)]
    printed = tuple(
        Dot(
            _(METHODS[role]), row.macs_billions, row.top1_pct, row.source, _(METHODS[role]), LOOKS[role], _TABLE_7[role]
        )
        for row, role in rows
    )
    computed = tuple(
        Dot(_(METHODS[role]), row.macs_billions_computed, row.top1_pct, _counted(row.source), "", LOOKS[role])
        for row, role in rows
    )
    grey = LOOKS[Role.BASELINE]
    return (
        Curve(_("Table 7, printed"), grey, Origin.PRINTED, printed, joined=False),
        Curve(_("The same networks, recomputed"), grey, Origin.COMPUTED, computed, joined=False),
    )


def _counted(source: str) -> str:
    return _(_COUNTED).format(source=source)


def _printed_line(dots: Sequence[WidthDot]) -> Curve:
    first = dots[0]
    title = _("d = {depth:g}, r = {resolution:g}, printed").format(depth=first.depth, resolution=first.resolution)
    look = LOOKS[_BASELINES[first.depth, first.resolution]]
    return Curve(title, look, Origin.PRINTED, tuple(_width_dot(dot) for dot in dots))


def _width_dot(dot: WidthDot) -> Dot:
    name = _("dot {index}, w not printed").format(index=dot.index) if dot.width is None else f"w = {dot.width:g}"
    return Dot(name, dot.macs_billions, dot.top1_pct, dot.source)


def _by_method(dots: Sequence[CurveDot]) -> tuple[Curve, ...]:
    methods = dict.fromkeys(dot.method for dot in dots)
    return tuple(
        curve for method in methods for curve in _pair(Role(method), [dot for dot in dots if dot.method == method])
    )


def _pair(role: Role, dots: Sequence[CurveDot]) -> tuple[Curve, Curve]:
    """The same networks at the cost that the paper draws, and at the cost that we count."""
    printed = tuple(Dot(dot.label, dot.macs_billions, dot.top1_pct, dot.source, _label(dot)) for dot in dots)
    computed = tuple(Dot(dot.label, dot.macs_billions_computed, dot.top1_pct, _counted(dot.source)) for dot in dots)
    method, look = _(METHODS[role]), LOOKS[role]
    return (
        Curve(_("{method}, printed").format(method=method), look, Origin.PRINTED, printed, text_position=_BESIDE[role]),
        Curve(_("{method}, recomputed").format(method=method), look, Origin.COMPUTED, computed),
    )


def _label(dot: CurveDot) -> str:
    """Nothing at the baseline, where the curves meet."""
    return "" if dot.coefficient == 1 else dot.label
