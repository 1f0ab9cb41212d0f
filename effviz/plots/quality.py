"""A measure of maps against MACs, each model in the colour of what it scales: does scaling make maps better?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

from effviz.evaluate.controls import Control
from effviz.evaluate.intervals import Interval
from effviz.plots.labels import Label, placed
from effviz.plots.style import GREY, LOOKS, OLIVE, Look, figure, log_axis
from effviz.words import _, later
from effviz.zoo.presets import Role

HEIGHT_PX: Final = 460
REACH: Final = 1.15  # how far lines of controls go beyond the models, as a factor of MACs

ROLES: Final[Mapping[Role | None, str]] = {
    Role.BASELINE: later("Baseline"),
    Role.DEPTH: later("Deeper"),
    Role.WIDTH: later("Wider"),
    Role.RESOLUTION: later("More pixels"),
    Role.COMPOUND: later("All three"),
    None: later("Other"),
}
CONTROLS: Final[Mapping[Control, str]] = {
    Control.GAUSSIAN: later("Control: Gaussian"),
    Control.RANDOM: later("Control: random"),
    Control.UNIFORM: later("Control: uniform"),
}
_OTHER: Final = Look(OLIVE, "triangle-down", "longdash")
_LINES: Final = {
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
    (deletion) has a mark for each. Every model's point carries its name as the first of its `customdata`, so that a
    click can tell which it was.
    """
    drawn = figure(HEIGHT_PX)
    sides = dict(zip([of.model for of in models], _sides(models, controls), strict=True))
    for control, of in controls.items():
        drawn.add_trace(_level(control, of))
    for role, title in ROLES.items():
        some = [of for of in models if of.role == role]
        if some:
            drawn.add_trace(_trace(_(title), some, LOOKS[role] if role else _OTHER, sides))
    drawn.update_xaxes(log_axis(_("MACs, the paper's FLOPs (billions)"), [of.macs / 1e9 for of in models]))
    drawn.update_yaxes(title_text=axis)
    drawn.update_layout(showlegend=True, margin={"r": 24})
    return drawn


def words(found: Interval) -> str:
    """Return a mean and its interval: `0.783 (0.759–0.808)`."""
    if not found.n:
        return "–"
    if math.isnan(found.low):
        return f"{found.mean:.3f}"
    return f"{found.mean:.3f} ({found.low:.3f}–{found.high:.3f})"


def _trace(title: str, models: Sequence[Rated], look: Look, sides: Mapping[str, str]) -> go.Scatter:
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
        text=[of.model if sides[of.model] else "" for of in models],
        textposition=[sides[of.model] or "middle right" for of in models],
        textfont={"size": 11},
        hovertext=[f"<b>{of.model}</b><br>{words(of.found)}" for of in models],
        hovertemplate="%{hovertext}<extra></extra>",
        mode="markers+text",
        marker={"color": look.colour, "symbol": look.symbol, "size": 11},
        cliponaxis=False,
        # A click makes one point larger; Plotly alone would fade all the others.
        selected={"marker": {"size": 17}},
        unselected={"marker": {"opacity": 1}, "textfont": {"color": GREY}},
    )


def _level(control: Control, rated: Sequence[Rated]) -> go.Scatter:
    known = sorted((of for of in rated if of.found.n), key=lambda of: of.macs)
    level = len({of.found for of in known}) == 1
    if level:  # one line that reaches beyond the first and the last model
        ends = (known[0].macs / REACH, known[-1].macs * REACH)
        known = [Rated(of.model, round(end), None, of.found) for of, end in zip((known[0],) * 2, ends, strict=True)]
    title, look = _(CONTROLS[control]), _LINES[control]
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


def _sides(models: Sequence[Rated], controls: Mapping[Control, Sequence[Rated]]) -> list[str]:
    """Where each model's name stands; "" where it has no room and only a hover says it."""
    points = [(math.log10(of.macs), of.found.mean) for of in models]
    ends = [(math.log10(rated[0].macs), of.found.mean) for rated in controls.values() if rated for of in rated[:1]]
    return placed(
        [Label(of.model, x, y, "middle right") for of, (x, y) in zip(models, points, strict=True)], points + ends
    )
