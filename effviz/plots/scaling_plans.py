"""Costs and gains of scaling: MACs over phi, single dimensions within a budget, and MACs per stage."""

from collections.abc import Callable, Sequence
from dataclasses import astuple

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from effviz.i18n import _, lazy_gettext
from effviz.plots import style
from effviz.plots.style import GREY, LOOKS, TEMPLATE, figure, log_axis, vertical
from effviz.scaling import BudgetKind, Plan, ScalingMethod, Solution
from effviz.scaling.plans import StagePlan
from effviz.scaling.published import Growth, PublishedStep
from effviz.scaling.solver import GROWING, LimitCurve
from effviz.zoo.presets import ScalingAxis

GROWTH_HEIGHT_PX = 460
_BILLION = 1e9

_NAMES = {ScalingAxis.BASELINE: lazy_gettext("baseline")}
_NAMES |= {ScalingAxis(method): words for method, words in GROWING.items()}


@style.remembered
def growth(growth: Growth, phi: float | None = None) -> go.Figure:
    """Draw billions of MACs (log scale) over phi; `phi` is marked by a dashed line.

    A published network has three points, one for the phi that each of its dimensions implies; they would coincide if it
    followed the rule. Networks beyond the last step (L2) are left out.
    """
    chart = figure(GROWTH_HEIGHT_PX)
    least, most = growth.steps[0].promised / _BILLION, growth.steps[-1].doubling / _BILLION
    chart.add_traces([*_curves(growth), *_places([step for step in growth.published if step.macs / _BILLION <= most])])
    if phi is not None:
        chart.add_trace(vertical(f"φ = {phi:g}", phi, least, most).update(hoverinfo="skip"))
    chart.update_xaxes(title_text="φ")
    chart.update_yaxes(log_axis(_("MACs, the paper's FLOPs (billions)"), (least, most)))
    return chart


def _curves(growth: Growth) -> list[go.Scatter]:
    phis = [step.phi for step in growth.steps]
    text = _("{base:.3g}^φ, the rule")
    curves = (
        (_("planned network"), [step.macs for step in growth.steps], style.VERMILLION, "solid"),
        (_("2^φ, the paper's aim"), [step.doubling for step in growth.steps], GREY, "dash"),
        (text.format(base=growth.rule.constraint), [step.promised for step in growth.steps], GREY, "dot"),
    )
    return [
        go.Scatter(
            name=name,
            x=phis,
            y=[macs / _BILLION for macs in amounts],
            mode="lines",
            line={"color": colour, "dash": dash, "width": 3 if dash == "solid" else 2},
            hovertemplate=f"{name}<br>" + _("φ = %{x:.2f}: %{y:.3g} billion MACs") + "<extra></extra>",
        )
        for name, amounts, colour, dash in curves
    ]


def _places(published: Sequence[PublishedStep]) -> list[go.Scatter]:
    """Return one trace of markers per dimension, and a line that connects the markers of each network."""
    return [_ties(published)] + [
        go.Scatter(
            name=_("published, φ by {dimension}").format(dimension=_(_NAMES[role])),
            x=[getattr(step.implied, role) for step in published],
            y=[step.macs / _BILLION for step in published],
            text=[step.name.upper() for step in published] if role is ScalingAxis.DEPTH else None,
            textposition="top left",
            mode="markers+text",
            marker={"color": LOOKS[role].colour, "symbol": LOOKS[role].symbol, "size": 9},
            hovertemplate=_("{dimension} implies φ =").format(dimension=_(_NAMES[role]))
            + " %{x:.2f}<br>"
            + _("%{y:.3g} billion MACs")
            + "<extra></extra>",
        )
        for role in (ScalingAxis.DEPTH, ScalingAxis.WIDTH, ScalingAxis.RESOLUTION)
    ]


def _ties(published: Sequence[PublishedStep]) -> go.Scatter:
    # None separates the lines.
    x = [phi for step in published for phi in (*astuple(step.implied), None)]
    y = [macs for step in published for macs in (*[step.macs / _BILLION] * 3, None)]
    return go.Scatter(x=x, y=y, mode="lines", line={"color": GREY, "width": 1}, hoverinfo="skip", showlegend=False)


# What the same budget reaches when only one dimension grows.

ALTERNATIVES_HEIGHT_PX = 380

_PANELS: tuple[tuple[str, Callable[[Plan], float]], ...] = (
    (lazy_gettext("depth (times B0)"), lambda network: network.depth),
    (lazy_gettext("width (times B0)"), lambda network: network.width),
    (lazy_gettext("resolution (px)"), lambda network: network.resolution),
    (lazy_gettext("parameters (millions)"), lambda network: network.params / 1e6),
)


@style.remembered
def alternatives(baseline: Plan, solutions: Sequence[Solution]) -> go.Figure:
    """Draw the baseline and the network that each scaling method reaches within one budget, in four bar charts."""
    scaled = ((ScalingAxis(solution.method.value), solution.plan) for solution in solutions)
    networks = [(ScalingAxis.BASELINE, baseline), *scaled]
    titles = [_(title) for title, _amount in _PANELS]
    chart = make_subplots(rows=2, cols=2, shared_yaxes=True, subplot_titles=titles, vertical_spacing=0.18)
    for position, (_title, amount) in enumerate(_PANELS):
        row, col = position // 2 + 1, position % 2 + 1
        bars = _bars(networks, [amount(network) for _role, network in networks])
        chart.add_trace(bars, row=row, col=col)
        chart.update_xaxes(range=[0, 1.5 * max(bars.x)], visible=False, row=row, col=col)  # room for the text
    chart.update_yaxes(autorange="reversed")
    chart.update_annotations(font_size=13)  # the panels' titles
    return chart.update_layout(template=TEMPLATE, height=ALTERNATIVES_HEIGHT_PX, margin={"l": 88, "t": 32, "b": 16})


def alternative_rows(solutions: Sequence[Solution]) -> list[dict[str, object]]:
    """Return one row per network in the figure."""
    return [
        {
            "what_grows": str(solution.method),
            "depth_times_b0": solution.plan.depth,
            "width_times_b0": solution.plan.width,
            "resolution_px": solution.plan.resolution,
            "params": solution.plan.params,
            "macs": solution.plan.macs,
        }
        for solution in solutions
    ]


def _bars(networks: Sequence[tuple[ScalingAxis, Plan]], amounts: Sequence[float]) -> go.Bar:
    return go.Bar(
        x=amounts,
        y=[_(_NAMES[role]) for role, _network in networks],
        orientation="h",
        marker_color=[LOOKS[role].colour for role, _ in networks],
        texttemplate="%{x:.3~g}",
        textposition="outside",
        hovertext=[_bar_hover(role, network) for role, network in networks],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )


def _bar_hover(role: ScalingAxis, network: Plan) -> str:
    text = _(
        "<b>{role}</b><br>depth {depth:.3g}, width {width:.3g}, {px} px<br>{macs:.4g} billion MACs<br>{params:.4g} "
        "million parameters"
    )
    return text.format(
        role=_(_NAMES[role]),
        depth=network.depth,
        width=network.width,
        px=network.resolution,
        macs=network.macs / 1e9,
        params=network.params / 1e6,
    )


# The used share of several limits as the network grows: the first to reach 100 % binds.

LIMITS_HEIGHT_PX = 340

_LIMIT_LOOKS = {
    BudgetKind.MACS: (lazy_gettext("MACs"), style.OLIVE, "solid"),
    BudgetKind.PARAMS: (lazy_gettext("parameters"), style.BROWN, "dash"),
    BudgetKind.ACTIVATION_MEMORY: (lazy_gettext("activation memory"), style.TEAL, "dot"),
}


def limit_shares(curves: Sequence[LimitCurve], answer: Solution) -> go.Figure:
    """Draw the used percentage of each limit (log scale) over the coefficient, with the answer as a dashed line."""
    chart = figure(LIMITS_HEIGHT_PX)
    chart.add_traces([_limit_curve(curve, curve.budget is answer.budget) for curve in curves])
    percents = [100 * share for curve in curves for share in curve.shares]
    least, most = min(percents), max(*percents, 100.0)
    name = "φ" if answer.method is ScalingMethod.COMPOUND else _(GROWING[answer.method])
    mark = vertical(f"{name} = {answer.coefficient:.2f}", answer.coefficient, least, most)
    chart.add_trace(mark.update(hoverinfo="skip"))
    chart.add_hline(100, line={"color": GREY, "width": 1})
    chart.update_xaxes(title_text=name)
    chart.update_yaxes(log_axis(_("Share of the limit used (%)"), (least, most)))
    return chart


def _limit_curve(curve: LimitCurve, binds: bool) -> go.Scatter:
    title, colour, dash = _LIMIT_LOOKS[curve.budget.kind]
    name = _("{limit} (reached first)").format(limit=_(title)) if binds else _(title)
    return go.Scatter(
        name=name,
        x=curve.coefficients,
        y=[100 * share for share in curve.shares],
        mode="lines",
        line={"color": colour, "dash": dash, "width": 4 if binds else 2},
        hovertemplate=f"{name}<br>%{{x:.2f}}: %{{y:.3~g}} %<extra></extra>",
    )


# MACs per stage, as in Table 1, before and after scaling.

STAGES_HEIGHT_PX = 320


@style.remembered
def stages(baseline: Plan, scaled: Plan) -> go.Figure:
    """Draw the MACs of every stage of the baseline and the scaled network."""
    chart = figure(STAGES_HEIGHT_PX)
    networks = ((_("baseline"), baseline, ScalingAxis.BASELINE), (_("scaled"), scaled, ScalingAxis.COMPOUND))
    for name, network, role in networks:
        chart.add_trace(
            go.Bar(
                name=name,
                x=[f"{stage.stage}" for stage in network.stages],
                y=[stage.macs / 1e6 for stage in network.stages],
                marker_color=LOOKS[role].colour,
                hovertext=[_stage_hover(stage) for stage in network.stages],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    chart.update_xaxes(title_text=_("Stage (Table 1)"), type="category")
    chart.update_yaxes(title_text=_("MACs (millions)"))
    return chart.update_layout(barmode="group")


def _stage_hover(stage: StagePlan) -> str:
    text = _(
        "stage {number}: {operator}<br>{layers} layers, {channels} channels, {px} px input<br>{macs:.4g} million MACs"
    )
    return text.format(
        number=stage.stage,
        operator=stage.operator,
        layers=stage.layers,
        channels=stage.channels,
        px=stage.in_resolution,
        macs=stage.macs / 1e6,
    )
