"""The grid search over alpha, beta and gamma: the grid in space, its actual costs, and the trained points."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import plotly.graph_objects as go

from effviz.facts.two_step_search import SearchSummary, best_point, level_with, noise_pct
from effviz.i18n import _, lazy_gettext
from effviz.plots.paper_curves import AXIS_TITLES
from effviz.plots.style import BROWN, GREY, LOOKS, OLIVE, SERIES, TEAL, figure, scatter, source_lines
from effviz.scaling import PAPER_RULE, ScalingRule
from effviz.scaling.coefficient_grid import DOUBLE, NEAR, GridPoint
from effviz.zoo.presets import ScalingAxis

if TYPE_CHECKING:
    from effviz.train.family_training import FamilyOutcome

# A family trained by `effviz train family`: top-1 versus MACs, one point per seed.

HEIGHT_PX = 460


def family_accuracy(outcomes: "Sequence[FamilyOutcome]") -> go.Figure:
    """Draw top-1 on `val/` versus MACs in millions, for final networks and candidates of step 1."""
    chart = figure(HEIGHT_PX)
    looks = dict(zip({row.network for row in outcomes} - set(ScalingAxis), SERIES, strict=False))
    for part, network in dict.fromkeys((row.part, row.network) for row in outcomes):
        rows = [row for row in outcomes if (row.part, row.network) == (part, network)]
        look = LOOKS[ScalingAxis(network)] if network in set(ScalingAxis) else looks[network]
        name = _(AXIS_TITLES[ScalingAxis(network)]) if network in set(ScalingAxis) else network
        chart.add_trace(
            go.Scatter(
                name=name if part == "final" else _("{network}, step 1").format(network=name),
                x=[row.macs / 1e6 for row in rows],
                y=[row.top1_pct for row in rows],
                mode="markers",
                marker={"color": look.colour, "symbol": look.symbol + ("" if part == "final" else "-open"), "size": 10},
                hovertemplate=_("seed %{customdata}: %{y:.2f} %"),
                customdata=[row.seed for row in rows],
            )
        )
    chart.update_xaxes(title_text=_("MACs (millions)"), rangemode="tozero")
    chart.update_yaxes(title_text=_("Top-1 on the validation photos (%)"))
    return chart


SPACE_PX: Final = 540
COST_PX: Final = 420

BOTH = lazy_gettext("Doubled by formula and count")
PAPER_ONLY = lazy_gettext("By the formula only")
TRUTH_ONLY = lazy_gettext("By the count only")

_SYMBOLS = {BOTH: "circle", PAPER_ONLY: "diamond-open", TRUTH_ONLY: "square"}

# Teal for too few MACs, brown for too many, grey for twice the baseline's; no scaling axis uses these colours.
_SCALE: Final = [[0.0, TEAL], [0.5, "#A0A0A0"], [1.0, BROWN]]
_LINES: Final = "#A0A0A0"  # of the grid; WebGL draws translucent lines in white
_STEPS: Final = 24  # of the surface, along each side


def kind(point: GridPoint) -> str:
    """Return how a point doubles the MACs: by formula, by count or both; grids contain no other points."""
    if point.on_paper:
        return BOTH if point.really else PAPER_ONLY
    return TRUTH_ONLY


def label(rule: ScalingRule) -> str:
    """Return the display text of the three bases."""
    return f"α {rule.alpha:g}, β {rule.beta:g}, γ {rule.gamma:g}"


def space(points: Sequence[GridPoint]) -> go.Figure:
    """Draw the grid in three dimensions, coloured by cost, around the surface where the formula gives 2."""
    chart = _space(points)
    for name in _SYMBOLS:
        same_kind = [point for point in points if kind(point) == name]
        chart.add_traces(_cloud(_(name), same_kind, [point.macs_ratio for point in same_kind], _SYMBOLS[name]))
    paper = {"symbol": "circle-open", "size": 12, "line": {"width": 2}, "color": LOOKS[ScalingAxis.COMPOUND].colour}
    bases = {"x": [PAPER_RULE.alpha], "y": [PAPER_RULE.beta], "z": [PAPER_RULE.gamma]}
    chart.add_scatter3d(name=_("The paper's choice"), **bases, mode="markers", marker=paper, hoverinfo="skip")
    off = max(abs(point.macs_ratio - DOUBLE) for point in points)
    bar = {"title": {"text": _("Counted MACs relative to the baseline"), "side": "top"}, **_BAR}
    return chart.update_layout(
        coloraxis={"colorscale": _SCALE, "cmin": DOUBLE - off, "cmid": DOUBLE, "cmax": DOUBLE + off, "colorbar": bar}
    )


def accuracy_space(points: Sequence[GridPoint], top1_pct: Sequence[float | None]) -> go.Figure:
    """Draw the grid of the searched baseline, with trained points coloured by accuracy and others grey."""
    chart = _space(points)
    trained = [(point, top1) for point, top1 in zip(points, top1_pct, strict=True) if top1 is not None]
    left = [point for point, top1 in zip(points, top1_pct, strict=True) if top1 is None]
    accuracies = [top1 for _point, top1 in trained]
    words = [_("{top1:.2f} % top-1").format(top1=top1) for top1 in accuracies]
    chart.add_traces(_cloud(_("Trained"), [point for point, _top1 in trained], accuracies, "circle", words))
    chart.add_traces(_cloud(_("Not trained, so without an accuracy"), left, None, "diamond-open"))
    bar = {"title": {"text": _("Top-1 (%)"), "side": "top"}, **_BAR}
    return chart.update_layout(coloraxis={"colorscale": _SCALE, "colorbar": bar})


_BAR: Final = {"orientation": "h", "thickness": 10, "len": 0.8, "y": -0.12, "yanchor": "top", "tickfont": {"size": 11}}


def _space(points: Sequence[GridPoint]) -> go.Figure:
    chart = figure(SPACE_PX)
    chart.add_trace(_surface([point.rule for point in points]))
    lines = {"gridcolor": _LINES, "linecolor": GREY, "showline": True, "zeroline": False}
    axis = lines | {"showbackground": False, "tickfont": {"size": 11}}
    return chart.update_layout(
        margin={"l": 0, "r": 0, "t": 8, "b": 64},
        scene={
            "xaxis": axis | {"title": {"text": "α"}},
            "yaxis": axis | {"title": {"text": "β"}},
            "zaxis": axis | {"title": {"text": "γ"}},
            "camera": {"eye": {"x": 1.4, "y": 1.25, "z": 0.7}, "center": {"x": 0, "y": 0, "z": -0.16}},
            "aspectmode": "cube",
        },
    )


def _surface(rules: Sequence[ScalingRule]) -> go.Surface:
    """Return the surface where the formula gives 2: gamma = sqrt(2 / (alpha * beta^2)), up to the edge at gamma = 1."""
    steps = [step / _STEPS for step in range(_STEPS + 1)]
    most_alpha, most_beta = (max(getattr(rule, base) for rule in rules) for base in ("alpha", "beta"))
    alphas = [1 + (min(most_alpha, DOUBLE) - 1) * step for step in steps]
    ends = [min(most_beta, math.sqrt(DOUBLE / alpha)) for alpha in alphas]
    betas = [[1 + (end - 1) * step for end in ends] for step in steps]
    heights = [[math.sqrt(DOUBLE / alpha) / beta for alpha, beta in zip(alphas, row, strict=True)] for row in betas]
    return go.Surface(
        name="α·β²·γ² = 2",
        x=[alphas] * len(steps),
        y=betas,
        z=heights,
        colorscale=[[0, GREY], [1, GREY]],
        showscale=False,
        opacity=0.3,
        hoverinfo="skip",
    )


def _cloud(
    name: str,
    points: Sequence[GridPoint],
    values: Sequence[float] | None,
    symbol: str,
    words: Sequence[str] | None = None,
) -> tuple[go.Scatter3d, go.Scatter3d]:
    """Return points coloured by value, or grey, and a legend entry, which cannot show a colour scale."""
    marker = {"symbol": symbol, "size": 6}
    colour = {"color": GREY} if values is None else {"color": list(values), "coloraxis": "coloraxis"}
    shown = go.Scatter3d(
        name=name,
        x=[point.rule.alpha for point in points],
        y=[point.rule.beta for point in points],
        z=[point.rule.gamma for point in points],
        mode="markers",
        marker=marker | colour,
        legendgroup=name,
        showlegend=False,
        hovertext=[hover(point, more) for point, more in zip(points, words or [""] * len(points), strict=True)],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    sample = go.Scatter3d(
        name=name, x=[None], y=[None], z=[None], mode="markers", marker=marker | {"color": GREY}, legendgroup=name
    )
    return shown, sample


def hover(point: GridPoint, more: str = "") -> str:
    """Return the hover text of a point (HTML)."""
    ratios = _("{paper:.3f} times the MACs by the formula, {truth:.3f} times by the count")
    size = _("{blocks} blocks, {px} px, {macs:.4g} million MACs")
    lines = [
        f"<b>{label(point.rule)}</b>",
        more,
        ratios.format(paper=point.paper_ratio, truth=point.macs_ratio),
        size.format(blocks=blocks(point), px=point.plan.resolution, macs=point.plan.macs / 1e6),
    ]
    return "<br>".join(line for line in lines if line)


def blocks(point: GridPoint) -> int:
    """Return the number of MBConv blocks between stem and head."""
    return sum(stage.layers for stage in point.plan.stages[1:-1])


def cost(points: Sequence[GridPoint]) -> go.Figure:
    """Draw the counted cost of the planned networks over that by the formula; shaded bands are the tolerances."""
    chart = figure(COST_PX)
    colours = {BOTH: OLIVE, PAPER_ONLY: GREY, TRUTH_ONLY: GREY}  # not used by any scaling method
    for name, colour in colours.items():
        drawn = [(point.paper_ratio, point.macs_ratio, hover(point)) for point in points if kind(point) == name]
        marker = {"color": colour, "symbol": _SYMBOLS[name], "size": 8}
        chart.add_trace(scatter(_(name), drawn, mode="markers", marker=marker))
    ends = [min(point.paper_ratio for point in points), max(point.paper_ratio for point in points)]
    line = {"color": GREY, "dash": "dash", "width": 1.5}
    chart.add_scatter(name=_("Where both agree"), x=ends, y=ends, mode="lines", line=line, hoverinfo="skip")
    tolerated = (DOUBLE * (1 - NEAR), DOUBLE * (1 + NEAR))
    chart.add_vrect(*tolerated, line_width=0, fillcolor=GREY, opacity=0.1)
    chart.add_hrect(*tolerated, line_width=0, fillcolor=GREY, opacity=0.2)
    chart.update_xaxes(title_text=_("Formula: α·β²·γ²"))
    return chart.update_yaxes(title_text=_("Counted: MACs relative to the baseline"))


# The training runs of a grid search, one dot each: differences between points, compared with those between seeds.

ROW_PX: Final = 24
FRAME_PX: Final = 120


def row_name(summary: SearchSummary) -> str:
    """Return the label of a row of the figure."""
    return _("Baseline, unscaled") if summary.is_baseline else label(summary.rule)


def trials(points: Sequence[SearchSummary]) -> go.Figure:
    """Draw every training; `points` are ordered from the most accurate, which is at the top."""
    chart = figure(FRAME_PX + ROW_PX * len(points))
    leader, noise = best_point(points), noise_pct(points)
    level: list[SearchSummary] = []
    if leader and noise is not None:
        level = [point for point in points if not point.is_baseline and level_with(point, leader, noise)]
    rest = [point for point in points if len(point.results) > 1 and point is not leader and point not in level]
    chart.add_trace(_means(_("Mean of its seeds"), rest, GREY, "line-ns-open", 14))
    if leader and noise is not None:
        of_level = [point for point in level if point is not leader]
        chart.add_trace(_means(_("Level with the best, within the noise"), of_level, OLIVE, "diamond-open", 9))
        best = _means(_("Best with two seeds or more"), [leader], OLIVE, "diamond", 13)
        best.error_x = {"type": "data", "array": [noise], "thickness": 2, "width": 5}
        chart.add_trace(best)
    chart.add_trace(_dots(points))  # last, so that they are drawn above the means
    chart.update_xaxes(title_text=_("Top-1 on the validation images (%)"))
    rows = [row_name(point) for point in points]
    return chart.update_yaxes(categoryorder="array", categoryarray=rows[::-1], tickfont={"size": 11}, automargin=True)


def _dots(points: Sequence[SearchSummary]) -> go.Scatter:
    text = _("<b>{point}</b>, seed {seed}<br>{top1:.2f} % top-1<br>{ratio:.3f} times the baseline's MACs")
    dots = []
    for name, result in ((row_name(point), result) for point in points for result in point.results):
        words = text.format(point=name, seed=result.seed, top1=result.top1_pct, ratio=result.macs_ratio)
        dots.append((result.top1_pct, name, f"{words}<br>{source_lines(result.source)}"))
    marker = {"color": GREY, "symbol": "circle-open", "size": 7}
    return scatter(_("One training run"), dots, mode="markers", marker=marker)


def _means(title: str, summaries: Sequence[SearchSummary], colour: str, symbol: str, size: int) -> go.Scatter:
    text = _("<b>{point}</b><br>mean of {count} training runs: {top1:.2f} %")
    means = []
    for point in summaries:
        name, top1_pct = row_name(point), point.top1_pct
        means.append((top1_pct, name, text.format(point=name, count=len(point.results), top1=top1_pct)))
    marker = {"color": colour, "symbol": symbol, "size": size, "line": {"color": colour, "width": 2}}
    return scatter(title, means, mode="markers", marker=marker)
