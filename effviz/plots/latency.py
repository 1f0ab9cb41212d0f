"""Latency against accuracy: Table 4 as printed, and what was measured on this machine."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

from effviz.facts import paper_latencies
from effviz.facts.accuracy import KnownAccuracy
from effviz.plots.curves import Axis, Curve, Dot, Origin, curves
from effviz.plots.saturation import accuracy_axis
from effviz.plots.style import LOOKS, SERIES, Look
from effviz.words import _, later
from effviz.zoo.presets import Role

HEIGHT_PX: Final = 440
PRINTED_LOOK: Final = Look("#787878", "x", "solid")
OTHERS, LITE = later("Other networks, measured here"), later("EfficientNet-Lite, measured here")
EFFICIENTNETS = later("EfficientNet, measured here")
# Vermillion is the paper's EfficientNets everywhere; the rest have looks of their own.
_LOOKS = {EFFICIENTNETS: LOOKS[Role.COMPOUND], LITE: SERIES[2], OTHERS: SERIES[3]}


@dataclass(frozen=True, slots=True)
class Timed:
    """A network as the figure shows it."""

    label: str  # "b1@240"
    mean_ms: float
    spread_ms: float
    runs: int
    accuracy: KnownAccuracy
    source: str  # of the time: where and when it was measured

    @property
    def kind(self) -> str:
        """The series that it belongs to."""
        name = self.label.partition("@")[0]
        if name.startswith("lite"):
            return LITE
        return EFFICIENTNETS if name[0] == "b" and name[1:].isdigit() else OTHERS


def latency_axis() -> Axis:
    """The horizontal axis."""
    return Axis(_("One picture on one core (ms)"), "ms", log=True)


def drawn(measured: Sequence[Timed]) -> tuple[Curve, ...]:
    """Table 4 and the measured networks, each kind a series."""
    printed = tuple(
        Dot(
            row.model,
            1000 * row.latency_s,
            row.top1_pct,
            f"{row.source}; {row.conditions}",
            row.model.removeprefix("EfficientNet-"),
            LOOKS[Role.COMPOUND] if row.name else PRINTED_LOOK,
        )
        for row in paper_latencies()
    )
    here = (_measured(kind, [of for of in measured if of.kind == kind]) for kind in _LOOKS)
    return (
        Curve(_("Table 4, printed"), PRINTED_LOOK, Origin.PRINTED, printed, joined=False, text_position="top center"),
        *(curve for curve in here if curve.dots),
    )


def _measured(kind: str, of: Sequence[Timed]) -> Curve:
    dots = tuple(
        Dot(each.label, each.mean_ms, each.accuracy.top1_pct, f"{each.source}; {each.accuracy.source}", _short(each))
        for each in of
    )
    return Curve(_(kind), _LOOKS[kind], Origin.COMPUTED, dots, joined=False, text_position="bottom center")


def _short(of: Timed) -> str:
    name = of.label.partition("@")[0]
    return name.title() if of.kind == LITE else name.upper() if of.kind == EFFICIENTNETS else name


def figure(measured: Sequence[Timed]) -> go.Figure:
    """Draw both; a bar through an open marker is one standard deviation to each side."""
    made = curves(drawn(measured), latency_axis(), accuracy_axis(), HEIGHT_PX)
    by_label = {of.label: of for of in measured}
    for trace in made.data[1:]:
        shown = [by_label[data[0]] for data in trace.customdata]
        trace.error_x = {"type": "data", "array": [of.spread_ms for of in shown], "thickness": 1.5, "width": 4}
        trace.hovertext = [_hover(of) for of in shown]
    return made


def _hover(of: Timed) -> str:
    lines = [
        f"<b>{of.label}</b>",
        _("{mean:.4g} ms, standard deviation {spread:.2g} ms, {runs} runs").format(
            mean=of.mean_ms, spread=of.spread_ms, runs=of.runs
        ),
        _("{top1:g} % top-1 ({weights})").format(top1=of.accuracy.top1_pct, weights=of.accuracy.weights),
    ]
    return "<br>".join([*lines, *textwrap.wrap(_("Time: {source}").format(source=of.source), 60)])
