"""The grid search over alpha, beta and gamma: the grid in space, what its points really cost, and what was trained."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go

from effviz.plots.style import BLUE, GREY, GRID, LOOKS, OLIVE, PURPLE, VERMILLION, figure
from effviz.scaling import PAPER_RULE, ScalingRule
from effviz.scaling.grid import DOUBLE, NEAR_IN_TRUTH, NEAR_ON_PAPER, GridPoint
from effviz.words import _, later
from effviz.zoo.presets import Role

SPACE_PX: Final = 540
COST_PX: Final = 420
BOTH, PAPER_ONLY, TRUTH_ONLY = later("Doubled on paper and in truth"), later("On paper only"), later("In truth only")
_SYMBOLS = {BOTH: "circle", PAPER_ONLY: "diamond-open", TRUTH_ONLY: "square"}
# Too cheap is blue, too dear is vermillion, and twice the baseline is neither.
_SCALE: Final = [[0.0, BLUE], [0.5, "#A0A0A0"], [1.0, VERMILLION]]
_STEPS: Final = 24  # of the surface, along each side


@dataclass(frozen=True, slots=True)
class Tried:
    """A point of the grid with what its trainings reached; no trainings, no number."""

    point: GridPoint
    top1_pct: float | None


def kind(of: GridPoint) -> str:
    """Where a point doubles the MACs; grids hold no points that do nowhere."""
    if of.on_paper:
        return BOTH if of.really else PAPER_ONLY
    return TRUTH_ONLY


def label(rule: ScalingRule) -> str:
    """The three bases, for people."""
    return f"α {rule.alpha:g}, β {rule.beta:g}, γ {rule.gamma:g}"


def space(points: Sequence[GridPoint]) -> go.Figure:
    """The grid in three dimensions around the surface where the formula gives 2, coloured by what points cost."""
    made = _space(points)
    for name in _SYMBOLS:
        of = [point for point in points if kind(point) == name]
        made.add_trace(_cloud(_(name), of, [point.macs_ratio for point in of], _SYMBOLS[name]))
    made.add_trace(_papers())
    off = max(abs(point.macs_ratio - DOUBLE) for point in points)
    bar = {"title": {"text": _("True MACs, times the baseline")}, **_BAR}
    return made.update_layout(
        coloraxis={"colorscale": _SCALE, "cmin": DOUBLE - off, "cmid": DOUBLE, "cmax": DOUBLE + off, "colorbar": bar}
    )


def accuracy_space(tried: Sequence[Tried]) -> go.Figure:
    """The same for the baseline that was searched: trained points have the colour of their accuracy, others none."""
    made = _space([of.point for of in tried])
    trained = [of for of in tried if of.top1_pct is not None]
    left = [of.point for of in tried if of.top1_pct is None]
    accuracies = [of.top1_pct for of in trained if of.top1_pct is not None]
    made.add_trace(_cloud(_("Trained"), [of.point for of in trained], accuracies, "circle", _("{value:.2f} % top-1")))
    cloud = _cloud(_("Not trained, so without an accuracy"), left, [], "diamond-open")
    made.add_trace(cloud.update(marker={"color": GREY, "size": 4, "coloraxis": None}))
    bar = {"title": {"text": _("Top-1 (%)")}, **_BAR}
    return made.update_layout(coloraxis={"colorscale": _SCALE, "colorbar": bar})


_BAR: Final = {"orientation": "h", "thickness": 10, "len": 0.8, "y": -0.12, "yanchor": "top", "tickfont": {"size": 11}}


def _space(points: Sequence[GridPoint]) -> go.Figure:
    made = figure(SPACE_PX)
    made.add_trace(_surface([of.rule for of in points]))
    axis = {"gridcolor": GRID, "backgroundcolor": "rgba(0, 0, 0, 0)", "zeroline": False, "tickfont": {"size": 10}}
    return made.update_layout(
        margin={"l": 0, "r": 0, "t": 8, "b": 64},
        scene={
            "xaxis": axis | {"title": {"text": "α"}},
            "yaxis": axis | {"title": {"text": "β"}},
            "zaxis": axis | {"title": {"text": "γ"}},
            "camera": {"eye": {"x": 1.5, "y": 1.35, "z": 0.75}},
            "aspectmode": "cube",
        },
    )


def _surface(rules: Sequence[ScalingRule]) -> go.Surface:
    """Where the formula gives 2: gamma = sqrt(2 / (alpha * beta^2)), where it is at least 1."""
    alphas = _between(1.0, max(rule.alpha for rule in rules))
    betas = _between(1.0, max(rule.beta for rule in rules))
    heights = [[(DOUBLE / (alpha * beta**2)) ** 0.5 for alpha in alphas] for beta in betas]
    return go.Surface(
        name="α·β²·γ² = 2",
        x=alphas,
        y=betas,
        z=[[height if height >= 1 else None for height in row] for row in heights],
        colorscale=[[0, GREY], [1, GREY]],
        showscale=False,
        opacity=0.3,
        hoverinfo="skip",
    )


def _between(low: float, high: float) -> list[float]:
    return [low + (high - low) * step / _STEPS for step in range(_STEPS + 1)]


def _cloud(
    name: str, points: Sequence[GridPoint], values: Sequence[float], symbol: str, words: str = ""
) -> go.Scatter3d:
    said = [words.format(value=value) for value in values] if words else [""] * len(points)
    return go.Scatter3d(
        name=name,
        x=[of.rule.alpha for of in points],
        y=[of.rule.beta for of in points],
        z=[of.rule.gamma for of in points],
        mode="markers",
        marker={"color": list(values), "coloraxis": "coloraxis", "symbol": symbol, "size": 5},
        hovertext=[hover(of, more) for of, more in zip(points, said, strict=True)],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _papers() -> go.Scatter3d:
    rule = PAPER_RULE
    return go.Scatter3d(
        name=_("The paper's choice"),
        x=[rule.alpha],
        y=[rule.beta],
        z=[rule.gamma],
        mode="markers",
        marker={"color": LOOKS[Role.COMPOUND].colour, "symbol": "circle-open", "size": 12, "line": {"width": 2}},
        hoverinfo="skip",
    )


def hover(of: GridPoint, more: str = "") -> str:
    """What a reader wants to know about a point (HTML)."""
    lines = [
        f"<b>{label(of.rule)}</b>",
        more,
        _("on paper {paper:.3f}, in truth {truth:.3f} times the MACs").format(
            paper=of.paper_ratio, truth=of.macs_ratio
        ),
        _("{blocks} blocks, {px} px, {macs:.4g} million MACs").format(
            blocks=blocks(of), px=of.plan.resolution, macs=of.plan.macs / 1e6
        ),
    ]
    return "<br>".join(line for line in lines if line)


def blocks(of: GridPoint) -> int:
    """How many MBConv blocks the network has, between the stem and the head."""
    return sum(stage.layers for stage in of.plan.stages[1:-1])


def cost(points: Sequence[GridPoint]) -> go.Figure:
    """What the formula promises against what the planned network costs; the shaded bands are the tolerances."""
    made = figure(COST_PX)
    colours = {BOTH: OLIVE, PAPER_ONLY: GREY, TRUTH_ONLY: PURPLE}
    for name, colour in colours.items():
        of = [point for point in points if kind(point) == name]
        made.add_trace(
            go.Scatter(
                name=_(name),
                x=[point.paper_ratio for point in of],
                y=[point.macs_ratio for point in of],
                mode="markers",
                marker={"color": colour, "symbol": _SYMBOLS[name], "size": 8},
                hovertext=[hover(point) for point in of],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    ends = [min(of.paper_ratio for of in points), max(of.paper_ratio for of in points)]
    made.add_trace(_exact(ends))
    made.add_vrect(*_around(NEAR_ON_PAPER), line_width=0, fillcolor=GREY, opacity=0.1)
    made.add_hrect(*_around(NEAR_IN_TRUTH), line_width=0, fillcolor=GREY, opacity=0.2)
    made.update_xaxes(title_text=_("On paper: α·β²·γ²"))
    return made.update_yaxes(title_text=_("In truth: MACs over the baseline's"))


def _exact(ends: Sequence[float]) -> go.Scatter:
    return go.Scatter(
        name=_("Where both agree"),
        x=ends,
        y=ends,
        mode="lines",
        line={"color": GREY, "dash": "dash", "width": 1.5},
        hoverinfo="skip",
    )


def _around(tolerance: float) -> tuple[float, float]:
    return DOUBLE * (1 - tolerance), DOUBLE * (1 + tolerance)


def source(text: str) -> str:
    """A source broken into lines for a hover."""
    return "<br>".join(textwrap.wrap(_("Source: {source}").format(source=text), 60))
