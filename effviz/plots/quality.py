"""A measure of maps against MACs, each model in the colour of what it scales: does scaling make maps better?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

from effviz.evaluate import wording
from effviz.evaluate.controls import IN_CROP, WHOLE, Control
from effviz.evaluate.intervals import Interval
from effviz.plots import barnames
from effviz.plots.barnames import Bar, Frame, Place
from effviz.plots.evaluation import DIGITS
from effviz.plots.saturation import METHODS
from effviz.plots.style import GREY, LOOKS, OLIVE, Look, figure, log_axis
from effviz.words import _, later
from effviz.zoo.presets import Role

HEIGHT_PX: Final = 460
REACH: Final = 1.15  # how far lines of controls go beyond the models, as a factor of MACs
ROOM: Final = 1.05  # the same for the names of the outer models, where there are no such lines

ROLES: Final[Mapping[Role | None, str]] = {**dict[Role | None, str](METHODS.items()), None: later("Other")}
_OTHER: Final = Look(OLIVE, "triangle-down", "longdash")
_LINES: Final = {
    Control.CROP_GAUSSIAN: Look(GREY, "x-thin-open", "dot"),
    Control.CROP_RANDOM: Look(GREY, "cross-thin-open", "dash"),
    Control.CROP_UNIFORM: Look(GREY, "line-ew-open", "dashdot"),
    Control.GAUSSIAN: Look(GREY, "x-thin-open", "dot"),
    Control.RANDOM: Look(GREY, "cross-thin-open", "dash"),
    Control.UNIFORM: Look(GREY, "line-ew-open", "dashdot"),
}


@dataclass(frozen=True, slots=True)
class Rated:
    """One model and what was measured of its maps."""

    model: str
    macs: int
    role: Role | None  # against the baseline of the run
    found: Interval


def quality(models: Sequence[Rated], controls: Mapping[Control, Sequence[Rated]], axis: str) -> go.Figure:
    """Draw means with their intervals over MACs; controls are lines across.

    A control that looks at no model has one value for all of them and a level line; one that models see differently
    (those in their crops, deletion) has a mark for each. Those over the whole photo wait in the legend where there are
    some in the crop. Every model's point carries its name as the first of its `customdata`, so that a
    click can tell which it was.
    """
    drawn = figure(HEIGHT_PX)
    inside = bool(controls.keys() & set(IN_CROP))
    shown = {control: of for control, of in controls.items() if not (inside and control in WHOLE)}
    for control, of in controls.items():
        drawn.add_trace(_level(control, of).update(visible=True if control in shown else "legendonly"))
    for role, title in ROLES.items():
        some = [of for of in models if of.role == role]
        if some:
            drawn.add_trace(_trace(_(title), some, LOOKS[role] if role else _OTHER))
    bars, within = [_bar(of) for of in models], _frame(models, controls)
    drawn.add_trace(_names(bars, barnames.places(bars, within, _marks(shown), _levels(shown)), within))
    drawn.update_xaxes(_axis([of.macs / 1e9 for of in models]), range=[within.left - 9, within.right - 9])  # billions
    drawn.update_yaxes(title_text=axis, range=[within.low, within.high])
    drawn.update_layout(showlegend=True, margin={"r": 24})
    return drawn


def words(found: Interval) -> str:
    """Return a mean and its interval: `0.783 (0.759–0.808)`."""
    if not found.n:
        return "–"
    if math.isnan(found.low):
        return f"{found.mean:.3f}"
    return f"{found.mean:.3f} ({found.low:.3f}–{found.high:.3f})"


def _trace(title: str, models: Sequence[Rated], look: Look) -> go.Scatter:
    return go.Scatter(
        name=title,
        x=[of.macs / 1e9 for of in models],
        y=[of.found.mean for of in models],
        error_y={
            "array": [of.found.high - of.found.mean for of in models],
            "arrayminus": [of.found.mean - of.found.low for of in models],
            "color": look.colour,
            "thickness": 1.5,
            "width": 4,
        },
        customdata=[[of.model] for of in models],
        hovertext=[f"<b>{of.model}</b><br>{words(of.found)}" for of in models],
        hovertemplate="%{hovertext}<extra></extra>",
        mode="markers",
        marker={"color": look.colour, "symbol": look.symbol, "size": 11},
        cliponaxis=False,
        # A click makes one point larger; Plotly alone would fade all the others.
        selected={"marker": {"size": 17}},
        unselected={"marker": {"opacity": 1}},
    )


def _level(control: Control, rated: Sequence[Rated]) -> go.Scatter:
    known = sorted((of for of in rated if of.found.n), key=lambda of: of.macs)
    level = _is_level(rated)
    if level:  # one line that reaches beyond the first and the last model
        ends = (known[0].macs / REACH, known[-1].macs * REACH)
        known = [Rated(of.model, round(end), None, of.found) for of, end in zip((known[0],) * 2, ends, strict=True)]
    title, look = wording.method(control), _LINES[control]
    return go.Scatter(
        name=title,
        x=[of.macs / 1e9 for of in known],
        y=[of.found.mean for of in known],
        hovertext=[f"{title}<br>{words(of.found)}" + ("" if level else f"<br>{of.model}") for of in known],
        hovertemplate="%{hovertext}<extra></extra>",
        mode="lines" if level else "markers",
        line={"color": look.colour, "dash": look.dash, "width": 2},
        marker={"color": look.colour, "symbol": look.symbol, "size": 11, "line": {"color": look.colour, "width": 2}},
        unselected={"marker": {"opacity": 1}},
    )


def _is_level(rated: Sequence[Rated]) -> bool:
    return len({of.found for of in rated if of.found.n}) == 1


def _marks(controls: Mapping[Control, Sequence[Rated]]) -> list[tuple[float, float]]:
    return [(math.log10(of.macs), of.found.mean) for some in controls.values() if not _is_level(some) for of in some]


def _levels(controls: Mapping[Control, Sequence[Rated]]) -> list[float]:
    return [some[0].found.mean for some in controls.values() if _is_level(some)]


def _bar(of: Rated) -> Bar:
    """A bar; the mean alone where there are too few photos for an interval."""
    low, high = (of.found.mean if math.isnan(end) else end for end in (of.found.low, of.found.high))
    return Bar(of.model, math.log10(of.macs), low, high)


def _frame(models: Sequence[Rated], controls: Mapping[Control, Sequence[Rated]]) -> Frame:
    bars = [_bar(of) for of in models]
    reach = math.log10(REACH if _levels(controls) else ROOM)
    xs = [bar.x + side for bar in bars for side in (-reach, reach)]
    means = [of.found.mean for some in controls.values() for of in some if of.found.n]
    return barnames.frame(xs, [*(bar.low for bar in bars), *(bar.high for bar in bars), *means])


def _names(bars: Sequence[Bar], found: Sequence[Place | None], within: Frame) -> go.Scatter:
    """The models' names at the ends of their bars; lines without words hold one away from it."""
    known = [(bar, place) for bar, place in zip(bars, found, strict=True) if place]
    return go.Scatter(
        x=[10**bar.x / 1e9 for bar, _place in known],
        y=[bar.high + within.gap if place.above else bar.low - within.gap for bar, place in known],
        text=[
            bar.name + "<br> " * place.lines if place.above else " <br>" * place.lines + bar.name
            for bar, place in known
        ],
        textposition=["top center" if place.above else "bottom center" for _bar, place in known],
        textfont={"size": 11},
        mode="text",
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
        unselected={"textfont": {"color": GREY}},
    )


def _axis(billions: Sequence[float]) -> dict[str, object]:
    axis = log_axis(_("MACs, the paper's FLOPs (billions)"), billions)
    if max(billions) < 10 * min(billions):  # more ticks, or there might be one only
        ticks = [digit * 10.0**power for power in range(-3, 4) for digit in DIGITS]
        axis |= {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    return axis
