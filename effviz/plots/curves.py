"""Points and lines with an origin: what the paper prints is filled, what we computed anew is open.

Every figure of the Paper page that is made of points is a list of `Curve`s; the same list is its file of numbers.
"""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import plotly.graph_objects as go

from effviz.plots.labels import Label, placed
from effviz.plots.style import Look, figure, log_axis
from effviz.words import _

HEIGHT_PX = 460


class Origin(StrEnum):
    """Who says so."""

    PRINTED = "printed"  # in the paper's text, or drawn in its figure
    COMPUTED = "recomputed"  # by EffViz

    @property
    def words(self) -> str:
        """For people."""
        return _("printed in the paper") if self is Origin.PRINTED else _("recomputed by EffViz")


@dataclass(frozen=True, slots=True)
class Dot:
    """One network."""

    name: str  # "w = 1.4"
    x: float
    y: float
    source: str  # of the point: who printed it, and how it was computed if it was
    label: str = ""  # written beside it; "" leaves it to the hover
    look: Look | None = None  # of this point alone, where a curve mixes scaling methods
    beside: str = ""  # where the label stands, Plotly's `textposition`; "" for where the curve puts it


@dataclass(frozen=True, slots=True)
class Curve:
    """Points that belong together and have one origin."""

    title: str
    look: Look
    origin: Origin
    dots: tuple[Dot, ...]
    joined: bool = True
    text_position: str = "bottom right"
    marked: bool = True  # False: only the line, where points are too many to be told apart


@dataclass(frozen=True, slots=True)
class Axis:
    """What is measured along one side of a figure."""

    title: str
    unit: str  # stands in the hover: "billion MACs"
    log: bool = False


def curves(drawn: Sequence[Curve], x: Axis, y: Axis, height_px: int = HEIGHT_PX) -> go.Figure:
    """Draw the curves; the name of each point is the first of its `customdata`."""
    made = figure(height_px)
    for curve, sides in zip(drawn, _sides(drawn, x, y), strict=True):
        made.add_trace(_trace(curve, sides, x, y))
    made.update_xaxes(axis_options(x, [dot.x for curve in drawn for dot in curve.dots]))
    made.update_yaxes(axis_options(y, [dot.y for curve in drawn for dot in curve.dots]))
    return made


def axis_options(axis: Axis, values: Sequence[float]) -> dict[str, object]:
    """Plotly's description of an axis."""
    return log_axis(axis.title, values) if axis.log else {"title_text": axis.title}


def hover(dot: Dot, curve: Curve, x: Axis, y: Axis) -> str:
    """What a reader wants to know about a point, and where it comes from (HTML)."""
    lines = [
        f"<b>{dot.name}</b>, {curve.title}",
        f"{dot.x:.4g} {x.unit}" + (f" ({curve.origin.words})" if x.unit else ""),
        f"{dot.y:.4g} {y.unit}",
    ]
    return "<br>".join([*lines, *textwrap.wrap(_("Source: {source}").format(source=dot.source), 60)])


def _sides(drawn: Sequence[Curve], x: Axis, y: Axis) -> list[list[str]]:
    """Where each curve's labels stand, in the order of its points; "" for a point without one."""
    points = [(_along(x, dot.x), _along(y, dot.y)) for curve in drawn for dot in curve.dots]
    labels = [
        Label(dot.label, _along(x, dot.x), _along(y, dot.y), dot.beside or curve.text_position)
        for curve in drawn
        for dot in curve.dots
        if dot.label
    ]
    found = iter(placed(labels, points))
    return [[next(found) if dot.label else "" for dot in curve.dots] for curve in drawn]


def _along(axis: Axis, value: float) -> float:
    return math.log10(value) if axis.log else value


def _trace(curve: Curve, sides: Sequence[str], x: Axis, y: Axis) -> go.Scatter:
    computed = curve.origin is Origin.COMPUTED
    labels = any(sides)
    looks = [dot.look or curve.look for dot in curve.dots]
    parts = (("lines", curve.joined), ("markers", curve.marked), ("text", labels))
    return go.Scatter(
        name=curve.title,
        x=[dot.x for dot in curve.dots],
        y=[dot.y for dot in curve.dots],
        customdata=[[dot.name] for dot in curve.dots],
        text=[dot.label if side else "" for dot, side in zip(curve.dots, sides, strict=True)] if labels else None,
        textposition=[side or curve.text_position for side in sides],
        textfont={"size": 11},
        cliponaxis=False,
        hovertext=[hover(dot, curve, x, y) for dot in curve.dots],
        hovertemplate="%{hovertext}<extra></extra>",
        mode="+".join(part for part, wanted in parts if wanted),
        # Recomputed lines are always thin dots, so that nobody takes them for the paper's.
        line={
            "color": curve.look.colour,
            "dash": "dot" if computed else curve.look.dash,
            "width": 1.5 if computed else 2,
        },
        marker={
            "color": [look.colour for look in looks],
            "symbol": [f"{look.symbol}-open" if computed else look.symbol for look in looks],
            "size": 9,
        },
    )
