"""Latency against accuracy: Table 4 as printed, and what was measured on this machine."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

from effviz.facts import PaperLatency, paper_latencies
from effviz.facts.accuracy import KnownAccuracy
from effviz.plots.curves import Axis, Curve, Dot, Origin, curves
from effviz.plots.saturation import accuracy_axis
from effviz.plots.style import GREY, LOOKS, SERIES, Look
from effviz.words import _, later
from effviz.zoo.presets import Role

HEIGHT_PX: Final = 440
_PRINTED: Final = 2  # curves
_TICKS_MS: Final = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)
_PRINTED_LOOK: Final = Look(GREY, "x", "solid")
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
    return Axis(_("Time for one picture on one core"), "ms", log=True)


def drawn(measured: Sequence[Timed]) -> tuple[Curve, ...]:
    """Table 4 and the measured networks, each kind a series."""
    rows = paper_latencies()
    here = (_measured(kind, [of for of in measured if of.kind == kind]) for kind in _LOOKS)
    return (
        _printed(_("EfficientNet, printed in Table 4"), [row for row in rows if row.name], LOOKS[Role.COMPOUND]),
        _printed(_("Other networks, printed in Table 4"), [row for row in rows if not row.name], _PRINTED_LOOK),
        *(curve for curve in here if curve.dots),
    )


def _printed(title: str, rows: Sequence[PaperLatency], look: Look) -> Curve:
    dots = tuple(
        Dot(
            row.model,
            1000 * row.latency_s,
            row.top1_pct,
            f"{row.source}; {row.conditions}",
            row.model.removeprefix("EfficientNet-"),
        )
        for row in rows
    )
    return Curve(title, look, Origin.PRINTED, dots, joined=False, text_position="top center")


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
    made.update_xaxes(
        tickvals=_TICKS_MS, ticktext=[f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:g} s" for ms in _TICKS_MS]
    )
    for trace in made.data[_PRINTED:]:
        shown = [by_label[data[0]] for data in trace.customdata]
        trace.error_x = {
            "type": "data",
            "array": [of.spread_ms for of in shown],
            "thickness": 1.5,
            "width": 4,
            "color": GREY,
        }
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
