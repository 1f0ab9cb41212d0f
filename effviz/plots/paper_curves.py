"""The paper's figures as points and lines with an origin: printed values are filled, recomputed ones open.

Every point figure of the Paper page is a list of `FigureCurve`s, which is also the source of its data file.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

import plotly.graph_objects as go

from effviz.facts import scaling_experiments
from effviz.facts.paper_tables import PaperVersion
from effviz.facts.scaling_experiments import CurveDot, WidthDot
from effviz.i18n import _, lazy_gettext
from effviz.plots import style
from effviz.plots.style import LOOKS, VISITOR, SeriesStyle
from effviz.zoo.presets import ScalingAxis

HEIGHT_PX = 460


class Origin(StrEnum):
    """Whether a value is printed or recomputed."""

    PRINTED = "printed"  # in the paper's text, or drawn in its figure
    COMPUTED = "recomputed"  # by EffViz

    @property
    def words(self) -> str:
        """Display text of the origin."""
        return _("printed in the paper") if self is Origin.PRINTED else _("recomputed by EffViz")


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A network on a curve."""

    name: str  # "w = 1.4"
    x: float
    y: float
    source: str  # where the point was printed, or how it was computed
    label: str = ""  # written beside it; "" for none
    look: SeriesStyle | None = None  # of this point alone, if a curve mixes scaling methods
    beside: str = ""  # position of the label, Plotly's `textposition`; "" for the curve's position


@dataclass(frozen=True, slots=True)
class FigureCurve:
    """A series of points with one origin."""

    title: str
    look: SeriesStyle
    origin: Origin
    dots: tuple[CurvePoint, ...]
    joined: bool = True
    text_position: str = "bottom right"
    marked: bool = True  # False: only the line, if there are too many points to distinguish


@dataclass(frozen=True, slots=True)
class FigureAxis:
    """An axis of a figure."""

    title: str
    unit: str  # for hover texts: "billion MACs"
    log: bool = False


def draw_curves(
    curves: Sequence[FigureCurve],
    x: FigureAxis,
    y: FigureAxis,
    height_px: int = HEIGHT_PX,
    corners: Sequence[tuple[float, float]] = (),
) -> go.Figure:
    """Draw the curves; the first `customdata` of each point is its name.

    If the axes extend beyond the points, to `corners`, labels have less room.
    """
    chart = style.figure(height_px)
    for curve, sides in zip(curves, _sides(curves, x, y, corners), strict=True):
        chart.add_trace(_trace(curve, sides, x, y))
    chart.update_xaxes(axis_options(x, [dot.x for curve in curves for dot in curve.dots]))
    chart.update_yaxes(axis_options(y, [dot.y for curve in curves for dot in curve.dots]))
    return chart


def axis_options(axis: FigureAxis, values: Sequence[float]) -> dict[str, object]:
    """Return Plotly's options of an axis."""
    return style.log_axis(axis.title, values) if axis.log else {"title_text": axis.title}


def curve_hover(dot: CurvePoint, curve: FigureCurve, x: FigureAxis, y: FigureAxis) -> str:
    """Return the hover text of a point with its source (HTML)."""
    lines = [
        f"<b>{dot.name}</b>, {curve.title}",
        f"{dot.x:.4g} {x.unit}" + (f" ({curve.origin.words})" if x.unit else ""),
        f"{dot.y:.4g} {y.unit}",
    ]
    return "<br>".join([*lines, style.source_lines(dot.source)])


def _sides(
    curves: Sequence[FigureCurve], x: FigureAxis, y: FigureAxis, corners: Sequence[tuple[float, float]]
) -> list[list[str]]:
    """Return the positions of each curve's labels, in the order of its points; "" for none."""
    by_name: dict[str, list[tuple[float, float]]] = {}
    for dot in (dot for curve in curves for dot in curve.dots):
        by_name.setdefault(dot.name, []).append((_along(x, dot.x), _along(y, dot.y)))
    points = [point for places in by_name.values() for point in places]
    points += [(_along(x, right), _along(y, up)) for right, up in corners]
    labels = [
        style.Label(
            dot.label,
            _along(x, dot.x),
            _along(y, dot.y),
            dot.beside or curve.text_position,
            tuple(points if dot.beside else by_name[dot.name]),  # labels placed by hand may be near other points
        )
        for curve in curves
        for dot in curve.dots
        if dot.label
    ]
    sides = iter(style.place_labels(labels, points, pad=0 if corners else style.PAD))
    return [[next(sides) if dot.label else "" for dot in curve.dots] for curve in curves]


def _along(axis: FigureAxis, value: float) -> float:
    return math.log10(value) if axis.log else value


def _trace(curve: FigureCurve, sides: Sequence[str], x: FigureAxis, y: FigureAxis) -> go.Scatter:
    computed = curve.origin is Origin.COMPUTED
    labels = any(sides)
    looks = [dot.look or curve.look for dot in curve.dots]
    # Recomputed lines are always thin and dotted, to distinguish them from the paper's.
    dash, width = ("dot", 1.5) if computed else (curve.look.dash, 2)
    parts = (("lines", curve.joined), ("markers", curve.marked), ("text", labels))
    return style.scatter(
        curve.title,
        [(dot.x, dot.y, curve_hover(dot, curve, x, y)) for dot in curve.dots],
        customdata=[[dot.name] for dot in curve.dots],
        text=[dot.label if side else "" for dot, side in zip(curve.dots, sides, strict=True)] if labels else None,
        textposition=[side or curve.text_position for side in sides],
        textfont={"size": 11},
        cliponaxis=False,
        mode="+".join(part for part, wanted in parts if wanted),
        line={"color": curve.look.colour, "dash": dash, "width": width},
        marker={
            "color": [look.colour for look in looks],
            "symbol": [f"{look.symbol}-open" if computed else look.symbol for look in looks],
            "size": 9,
        },
    )


def guess_mark(x: float, y: float) -> go.Scatter:
    """Return the mark of a visitor's guess in the lesson, with a symbol that no network has."""
    return go.Scatter(
        name=_("Your guess"),
        x=[x],
        y=[y],
        mode="markers",
        marker={"symbol": "circle-cross-open", "size": 18, "color": VISITOR.colour, "line": {"width": 3}},
        hovertemplate=_("Your guess: %{y:.1f} %") + "<extra></extra>",
    )


# Figures 3, 4 and 8 and Table 7 of the paper as curves: returns diminish when only one dimension grows.

AXIS_TITLES = {
    ScalingAxis.BASELINE: lazy_gettext("Baseline"),
    ScalingAxis.DEPTH: lazy_gettext("Depth"),
    ScalingAxis.WIDTH: lazy_gettext("Width"),
    ScalingAxis.RESOLUTION: lazy_gettext("Resolution"),
    ScalingAxis.COMPOUND: lazy_gettext("Compound"),
}

# Fig. 4 scales width from four baselines; the colour of a line shows what its baseline scales.
_BASELINES = {
    (1.0, 1.0): ScalingAxis.WIDTH,
    (1.0, 1.3): ScalingAxis.RESOLUTION,
    (2.0, 1.0): ScalingAxis.DEPTH,
    (2.0, 1.3): ScalingAxis.COMPOUND,
}

# Label positions with the least overlap between curves.
_BESIDE = {
    ScalingAxis.DEPTH: "top left",
    ScalingAxis.WIDTH: "bottom right",
    ScalingAxis.RESOLUTION: "bottom right",
    ScalingAxis.COMPOUND: "top left",
}

_TABLE_7 = {
    ScalingAxis.BASELINE: "bottom right",
    ScalingAxis.DEPTH: "bottom left",
    ScalingAxis.WIDTH: "bottom right",
    ScalingAxis.RESOLUTION: "top left",
    ScalingAxis.COMPOUND: "bottom center",
}

_COUNTED = lazy_gettext("MACs counted by EffViz (official code's rounding); accuracy: {source}")


def macs_axis(log: bool = False) -> FigureAxis:
    """Return the horizontal axis of all figures in this module."""
    return FigureAxis(_("MACs, the paper's FLOPs (billions)"), _("billion MACs"), log)


def accuracy_axis() -> FigureAxis:
    """Return the vertical axis of all figures in this module."""
    return FigureAxis(_("ImageNet top-1 (%)"), _("% top-1"))


def figure3() -> tuple[FigureCurve, ...]:
    """Return the curves of B0 scaled by width, depth or resolution alone: two each, printed and recomputed."""
    return _by_method(scaling_experiments.single_dimension())


def figure8() -> tuple[FigureCurve, ...]:
    """Return the curves of the three single dimensions and compound scaling, two each."""
    return _by_method(scaling_experiments.scaling_methods())


def figure4() -> tuple[FigureCurve, ...]:
    """Return the curves of width from four baselines; only the six dots with known width are recomputed."""
    dots = scaling_experiments.width_by_baseline()
    lines = [_printed_line([dot for dot in dots if (dot.depth, dot.resolution) == baseline]) for baseline in _BASELINES]
    recomputed = [
        CurvePoint(f"w = {dot.width:g}", dot.macs_billions_computed, dot.top1_pct, _counted(dot.source))
        for dot in dots
        if dot.macs_billions_computed is not None
    ]
    title = _("d = 1, r = 1, recomputed where w is known")
    return (*lines, FigureCurve(title, LOOKS[ScalingAxis.WIDTH], Origin.COMPUTED, tuple(recomputed)))


def table7(version: PaperVersion) -> tuple[FigureCurve, FigureCurve]:
    """Return Table 7: five networks at their printed FLOPs, and at their cost by the official code."""
    printed, computed = [], []
    for row in scaling_experiments.scaled_b0(version):
        role, top1_pct = ScalingAxis(row.method), row.top1_pct
        name, look = _(AXIS_TITLES[role]), LOOKS[role]
        printed.append(CurvePoint(name, row.macs_billions, top1_pct, row.source, name, look, _TABLE_7[role]))
        computed.append(CurvePoint(name, row.macs_billions_computed, top1_pct, _counted(row.source), look=look))
    grey = LOOKS[ScalingAxis.BASELINE]
    return (
        FigureCurve(_("Table 7, printed"), grey, Origin.PRINTED, tuple(printed), joined=False),
        FigureCurve(_("The same networks, recomputed"), grey, Origin.COMPUTED, tuple(computed), joined=False),
    )


def _counted(source: str) -> str:
    return _(_COUNTED).format(source=source)


def _printed_line(dots: Sequence[WidthDot]) -> FigureCurve:
    points = []
    for dot in dots:
        name = _("dot {index}, w not printed").format(index=dot.index) if dot.width is None else f"w = {dot.width:g}"
        points.append(CurvePoint(name, dot.macs_billions, dot.top1_pct, dot.source))
    first = dots[0]
    title = _("d = {depth:g}, r = {resolution:g}, printed").format(depth=first.depth, resolution=first.resolution)
    look = LOOKS[_BASELINES[first.depth, first.resolution]]
    return FigureCurve(title, look, Origin.PRINTED, tuple(points))


def _by_method(dots: Sequence[CurveDot]) -> tuple[FigureCurve, ...]:
    methods = dict.fromkeys(dot.method for dot in dots)
    pairs = (_pair(ScalingAxis(method), [dot for dot in dots if dot.method == method]) for method in methods)
    return tuple(chain.from_iterable(pairs))


def _pair(role: ScalingAxis, dots: Sequence[CurveDot]) -> tuple[FigureCurve, FigureCurve]:
    """Return the same networks at the cost drawn in the paper, and at the cost that we count."""
    # No label at the baseline, where the curves meet.
    printed = tuple(
        CurvePoint(dot.label, dot.macs_billions, dot.top1_pct, dot.source, "" if dot.coefficient == 1 else dot.label)
        for dot in dots
    )
    computed = tuple(
        CurvePoint(dot.label, dot.macs_billions_computed, dot.top1_pct, _counted(dot.source)) for dot in dots
    )
    method, look = _(AXIS_TITLES[role]), LOOKS[role]
    text = _("{method}, printed")
    return (
        FigureCurve(text.format(method=method), look, Origin.PRINTED, printed, text_position=_BESIDE[role]),
        FigureCurve(_("{method}, recomputed").format(method=method), look, Origin.COMPUTED, computed),
    )
