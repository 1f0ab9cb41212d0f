"""Sections 3.1 and 3.2: the best network within an adjustable budget of memory and FLOPs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import plotly.graph_objects as go
import streamlit as st

from effviz.facts.paper_tables import PaperVersion
from effviz.facts.scaling_experiments import CurveDot, best_within_budget, scaled_network
from effviz.i18n import _, lazy_gettext
from effviz.plots.paper_curves import AXIS_TITLES
from effviz.plots.style import GREY, LOOKS, OLIVE, figure, remembered
from effviz.scaling import Plan, ScalingMethod, feasible_region
from effviz.scaling.architecture import BASE_RESOLUTION_PX
from effviz.scaling.feasible_region import MEGABYTE, BindingLimit, EdgePoint, Pick, ResourceLimits, memory_bytes
from effviz.ui import inputs, outputs
from effviz.ui.components import counted_here
from effviz.ui.components.networks import networks
from effviz.ui.paper.exhibit import Column, numbers, show_exhibit
from effviz.zoo.presets import ScalingAxis

ROOF_HEIGHT_PX, EDGE_HEIGHT_PX = 500, 420  # a taller roof is cut off at the sides of a phone's screen
SCARCE = {BindingLimit.MACS: lazy_gettext("Limited by MACs"), BindingLimit.MEMORY: lazy_gettext("Limited by memory")}
_COLOURS = {BindingLimit.MACS: GREY, BindingLimit.MEMORY: OLIVE}  # not the colours of scaling methods
_DASHES = {BindingLimit.MACS: "solid", BindingLimit.MEMORY: "dash"}

# Plotly has fewer marker symbols in 3D than in 2D.
_SYMBOLS = {
    ScalingAxis.BASELINE: "circle",
    ScalingAxis.DEPTH: "cross",
    ScalingAxis.WIDTH: "square",
    ScalingAxis.RESOLUTION: "diamond",
    ScalingAxis.COMPOUND: "circle",
}

# Labels at the roof's left and right ends are anchored so that they stay inside the figure.
_INWARD = {ScalingAxis.WIDTH: "left", ScalingAxis.RESOLUTION: "right"}
_WIDTH, _RESOLUTION, _DEPTH = lazy_gettext("Width, w"), lazy_gettext("Resolution, r"), lazy_gettext("Depth, d")
_WASH = "rgba(120, 120, 120, 0.18)"  # of the feasible area, on any background


@remembered
def roof(mesh: Sequence[Sequence[feasible_region.RegionPoint]], networks: Mapping[ScalingAxis, Plan]) -> go.Figure:
    """Draw the greatest depth at each width and resolution, coloured by the binding limit."""
    chart = figure(ROOF_HEIGHT_PX)
    chart.add_trace(_surface(mesh))
    chart.add_traces(
        [_key(scarce) for scarce in BindingLimit if any(point.stopped_by is scarce for row in mesh for point in row)]
    )
    chart.add_traces([_spot(role, network) for role, network in networks.items()])
    axis = {"gridcolor": GREY, "backgroundcolor": "rgba(0, 0, 0, 0)"}
    chart.update_layout(
        margin={"l": 0, "r": 0, "t": 12, "b": 0},
        scene={
            "xaxis": axis | {"title": _(_WIDTH)},
            "yaxis": axis | {"title": _(_RESOLUTION)},
            "zaxis": axis | {"title": _(_DEPTH)},
            # The baseline needs no label: below the roof, it is at the corner of the axes.
            "annotations": [
                _label(role, network) for role, network in networks.items() if role is not ScalingAxis.BASELINE
            ],
            "aspectmode": "cube",
            "camera": {"eye": {"x": 1.6, "y": 1.4, "z": 0.8}, "center": {"x": 0, "y": 0, "z": -0.15}},
        },
    )
    return chart


@remembered
def edge(points: Sequence[EdgePoint], networks: Mapping[ScalingAxis, Plan], finest: float) -> go.Figure:
    """Draw the highest resolution that each limit allows at each width; `networks` have the slice's depth."""
    chart = figure(EDGE_HEIGHT_PX)
    chart.add_traces(_wash(points))
    chart.add_traces([_limit(points, scarce) for scarce in BindingLimit])
    chart.add_traces([_marker(role, network) for role, network in networks.items()])
    chart.update_xaxes(title_text=_(_WIDTH))
    chart.update_yaxes(title_text=_(_RESOLUTION), range=[0.97, 1 + 1.12 * (finest - 1)])
    return chart


def _surface(mesh: Sequence[Sequence[feasible_region.RegionPoint]]) -> go.Surface:
    macs, memory = _COLOURS[BindingLimit.MACS], _COLOURS[BindingLimit.MEMORY]
    return go.Surface(
        name=_("The deepest that fits"),
        x=[[point.width for point in row] for row in mesh],
        y=[[point.resolution for point in row] for row in mesh],
        z=[[point.depth for point in row] for row in mesh],
        surfacecolor=[[list(BindingLimit).index(point.stopped_by) for point in row] for row in mesh],
        customdata=[[_words(point) for point in row] for row in mesh],
        hovertemplate="%{customdata}<extra></extra>",
        colorscale=[[0, macs], [0.5, macs], [0.5, memory], [1, memory]],
        cmin=0,
        cmax=1,
        opacity=0.6,
        showscale=False,
        showlegend=False,
    )


def _words(point: feasible_region.RegionPoint) -> str:
    text = _("w = {width:.2f}, r = {resolution:.2f} ({px} px)<br>at most d = {depth:.2f}: {stop}")
    width, px, depth, stopped_by = point
    return text.format(width=width, resolution=point.resolution, px=px, depth=depth, stop=_(SCARCE[stopped_by]))


def _key(scarce: BindingLimit) -> go.Scatter3d:
    """Return a legend entry, because a two-coloured surface has none."""
    return go.Scatter3d(
        name=_(SCARCE[scarce]),
        x=[None],
        y=[None],
        z=[None],
        mode="markers",
        marker={"color": _COLOURS[scarce], "symbol": "square", "size": 8, "opacity": 0.6},
        showlegend=True,
    )


def _spot(role: ScalingAxis, plan: Plan) -> go.Scatter3d:
    return go.Scatter3d(
        name=_(AXIS_TITLES[role]),
        x=[plan.width],
        y=[_resolution(plan)],
        z=[plan.depth],
        mode="markers",
        marker={"color": LOOKS[role].colour, "symbol": _SYMBOLS[role], "size": 6},
        hovertemplate=f"{_place(role, plan)}<extra></extra>",
        showlegend=False,
    )


def _label(role: ScalingAxis, plan: Plan) -> dict[str, object]:
    """Label a network in the page's text colour, in front of the roof; a trace's text would show through it in grey."""
    return {
        "text": f"<b>{_(AXIS_TITLES[role])}</b>",
        "x": plan.width,
        "y": _resolution(plan),
        "z": plan.depth,
        "showarrow": False,
        "xanchor": _INWARD.get(role, "center"),
        "yanchor": "bottom",
        "yshift": 6,
        "font": {"size": 13},
    }


def _resolution(plan: Plan) -> float:
    return plan.resolution / BASE_RESOLUTION_PX


def _place(role: ScalingAxis, plan: Plan) -> str:
    text = _("<b>{method}</b><br>d = {depth:.2f}, w = {width:.2f}, r = {resolution:.2f} ({px} px)")
    method = _(AXIS_TITLES[role])
    return text.format(
        method=method, depth=plan.depth, width=plan.width, resolution=_resolution(plan), px=plan.resolution
    )


def _wash(points: Sequence[EdgePoint]) -> list[go.Scatter]:
    """Return the feasible area, between r = 1 and the lower of the two limits."""
    fitting = [(point.width, point.px / BASE_RESOLUTION_PX) for point in points if point.px is not None]
    border = {"x": [width for width, _r in fitting], "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    resolutions = [resolution for _w, resolution in fitting]
    return [
        go.Scatter(border, y=[1.0] * len(fitting), showlegend=False),
        go.Scatter(border, y=resolutions, name=_("Fits"), fill="tonexty", fillcolor=_WASH),
    ]


def _limit(points: Sequence[EdgePoint], scarce: BindingLimit) -> go.Scatter:
    pixels = [point.macs_px if scarce is BindingLimit.MACS else point.memory_px for point in points]
    return go.Scatter(
        name=_("MACs limit") if scarce is BindingLimit.MACS else _("Memory limit"),
        x=[point.width for point in points],
        y=[None if px is None else px / BASE_RESOLUTION_PX for px in pixels],
        customdata=pixels,
        mode="lines",
        line={"color": _COLOURS[scarce], "dash": _DASHES[scarce], "width": 2},
        hovertemplate="w = %{x:.2f}: r ≤ %{y:.2f} (%{customdata} px)<extra>%{fullData.name}</extra>",
    )


def _marker(role: ScalingAxis, plan: Plan) -> go.Scatter:
    look = LOOKS[role]
    return go.Scatter(
        name=_(AXIS_TITLES[role]),
        x=[plan.width],
        y=[_resolution(plan)],
        text=[_(AXIS_TITLES[role])],
        textposition="top left" if role is ScalingAxis.WIDTH else "top right",  # width is at the right end
        cliponaxis=False,
        mode="markers+text",
        textfont={"size": 12, "color": look.colour},
        marker={"color": look.colour, "symbol": look.symbol, "size": 12},
        hovertemplate=f"{_place(role, plan)}<extra></extra>",
        showlegend=False,
    )


MACS, MEMORY, CUT, STAGES = "macs", "memory", "cut", "stages"
BILLIONS = (0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 1.8, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0, 30.0, 40.0)
MEGABYTES = (32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512, 640, 800, 1000)
FIRST = (2.0, 80)  # default; each limit then stops two of the four scaling methods
COMPUTED = "computed by EffViz with the official code's rounding"


def show() -> None:
    """Draw the section."""
    text = _(
        "A ConvNet $\\mathcal N$ is a chain of stages. Stage $i$ is one layer, $\\mathcal F_i$, repeated $L_i$ "
        "times on a map of $H_i × W_i$ cells and $C_i$ channels. Scaling keeps every $\\mathcal F_i$ and "
        "changes only the number of repeats (d), the number of channels (w) and the resolution (r)."
    )
    st.markdown(text)
    st.latex(r"\mathcal N = \bigodot_{i=1 \ldots s} \mathcal F_i^{L_i}\big(X_{\langle H_i, W_i, C_i \rangle}\big)")
    limits = _limits()
    _equation(limits)
    picks = {ScalingAxis(method.value): feasible_region.pick(limits, method) for method in ScalingMethod}
    plans = {ScalingAxis.BASELINE: scaled_network()} | {role: picks[role].plan for role in AXIS_TITLES if role in picks}
    st.subheader(_("The feasible region"))
    _region(limits, plans)
    st.subheader(_("What each scaling method picks"))
    _picks(limits, picks, plans)
    st.subheader(_("A slice through the feasible region"))
    _cut(limits, plans)
    st.subheader(_("The chain, stage by stage"))
    _stages(plans)


def _limits() -> ResourceLimits:
    left, right = st.columns(2)
    title = _("MACs limit (billion)")
    help = _("The paper's FLOPs: multiply-adds for one image, not per second. B0 needs 0.386 billion.")
    billions = left.select_slider(title, BILLIONS, FIRST[0], key=MACS, bind="query-params", help=help)
    title = _("Memory limit (MB)")
    help = _(
        "Weights plus peak activations for one image in float32; B0 needs 27.2 MB. The paper does not define "
        "Memory(N), so this definition is ours."
    )
    megabytes = right.select_slider(title, MEGABYTES, FIRST[1], key=MEMORY, bind="query-params", help=help)
    return ResourceLimits(billions * 1e9, megabytes * MEGABYTE)


def _equation(limits: ResourceLimits) -> None:
    st.latex(
        r"\begin{aligned} \max_{d, w, r} \quad & \mathrm{Accuracy}\big(\mathcal N(d, w, r)\big) \\"
        rf" \text{{with}} \quad & \mathrm{{Memory}}(\mathcal N) \le {limits.memory_bytes / MEGABYTE:g}\,\text{{MB}} \\"
        rf" & \mathrm{{FLOPs}}(\mathcal N) \le {limits.macs / 1e9:g} \cdot 10^9 \end{{aligned}}"
    )
    outputs.sources((_("paper, sections 3.1 and 3.2, Eq. 1 and 2"), PaperVersion.V5.url))


def _region(limits: ResourceLimits, plans: Mapping[ScalingAxis, Plan]) -> None:
    text = _(
        "Every network below the surface fits. Depth alone leads straight up, width or resolution alone along the "
        "floor to its edge, and compound scaling meets the surface in between. Drag to rotate the plot."
    )
    st.markdown(text)
    mesh = feasible_region.region(limits)
    rows = [
        {
            "width": point.width,
            "resolution": point.resolution,
            "resolution_px": point.resolution_px,
            "deepest": point.depth,
            "stopped_by": str(point.stopped_by),
            "source": COMPUTED,
        }
        for row in mesh
        for point in row
    ]
    text = _(
        "Surface chart of the largest depth at each width and resolution: up to d = {depth:.2f} at w = r = 1, w = "
        "{width:.2f} and r = {resolution:.2f} at d = 1."
    )
    resolution = _resolution(plans[ScalingAxis.RESOLUTION])
    alt = text.format(depth=plans[ScalingAxis.DEPTH].depth, width=plans[ScalingAxis.WIDTH].width, resolution=resolution)
    show_exhibit("region", roof(mesh, plans), rows, alt)
    text = _(
        "Computed by EffViz with whole blocks and channels in multiples of 8, so the real surface has small steps."
    )
    st.caption(text)


def _picks(limits: ResourceLimits, picks: Mapping[ScalingAxis, Pick], plans: Mapping[ScalingAxis, Plan]) -> None:
    text = _(
        "Accuracy cannot be computed, only measured after training. Each row is the largest network that fits; the "
        "last columns show the best network on its Figure 8 curve that the authors trained and that also fits."
    )
    st.markdown(text)
    columns: dict[str, Column[_PickedNetwork]] = {
        "network": Column(lambda row: _(AXIS_TITLES[row.role]), _("What grows")),
        "depth": Column(lambda row: row.plan.depth, "d", "%.2f"),
        "width": Column(lambda row: row.plan.width, "w", "%.2f"),
        "resolution": Column(lambda row: _resolution(row.plan), "r", "%.2f"),
        "resolution_px": Column(lambda row: row.plan.resolution),
        "macs_billions": Column(lambda row: row.plan.macs / 1e9, _("MACs, recomputed (billion)"), "%.3f"),
        "weights_mb": Column(
            lambda row: (memory_bytes(row.plan) - row.plan.peak_activation_bytes) / MEGABYTE, _("Weights (MB)"), "%.1f"
        ),
        "activations_mb": Column(lambda row: row.plan.peak_activation_bytes / MEGABYTE, _("Activations (MB)"), "%.1f"),
        "memory_mb": Column(lambda row: memory_bytes(row.plan) / MEGABYTE, _("Memory (MB)"), "%.1f"),
        "stopped_by": Column(lambda row: row.limited_by, _("Limited by")),
        "trained": Column(lambda row: row.trained.label, _("Paper's network that fits")),
        "trained_top1_pct": Column(lambda row: row.trained.top1_pct, _("Its top-1, printed (%)"), "%.1f"),
        "source": Column(lambda row: f"{COMPUTED}; top-1: {row.trained.source}"),
    }
    numbers("problem", [_picked(limits, role, network, picks.get(role)) for role, network in plans.items()], columns)
    text = _("Top-1: dots of Figure 8, which kept the accuracies of v1. EffViz's own counts decide which networks fit.")
    st.caption(text)
    caption = _(
        "The same networks, drawn to the same scale: each bar is a block, its length the number of channels; the "
        "square is the input. Solid: in B0. Tinted: added by scaling."
    )
    networks(plans, caption, "problem-networks", counted_here(_("What each scaling method picks")))


class _PickedNetwork(NamedTuple):
    role: ScalingAxis
    plan: Plan
    limited_by: str  # "": the baseline
    trained: CurveDot  # the best on its curve that the authors trained and that fits


def _picked(limits: ResourceLimits, role: ScalingAxis, network: Plan, pick: Pick | None) -> _PickedNetwork:
    if pick is None:  # only the baseline itself is on the compound curve within its own costs
        own = ResourceLimits(network.macs, memory_bytes(network))
        return _PickedNetwork(role, network, "", best_within_budget(own, ScalingMethod.COMPOUND))
    limited_by = _(SCARCE[pick.stopped_by]) if pick.stopped_by else _("EffViz plans no larger one")
    return _PickedNetwork(role, network, limited_by, best_within_budget(limits, pick.method))


def _cut(limits: ResourceLimits, plans: Mapping[ScalingAxis, Plan]) -> None:
    text = _(
        "At a fixed depth, each limit is a line: memory grows mostly with width (weights), MACs with width and "
        "resolution alike. The deeper the network, the less room is left for width and resolution."
    )
    st.markdown(text)
    roles = (ScalingAxis.BASELINE, ScalingAxis.COMPOUND, ScalingAxis.DEPTH)
    role = _network(_("Slice at the depth of"), CUT, roles, ScalingAxis.BASELINE)
    depth = plans[role].depth
    st.markdown(_("All networks in this slice have d = {depth:.2f}.").format(depth=depth))
    points = feasible_region.edge(limits, depth)
    level = {axis: plan for axis, plan in plans.items() if plan.depth == depth}
    rows = [{"depth": depth, **point._asdict(), "source": COMPUTED} for point in points]
    text = _("Resolution versus width at d = {depth:.2f}, with a line for each limit; marked: {networks}.")
    alt = text.format(depth=depth, networks=", ".join(_(AXIS_TITLES[axis]) for axis in level))
    show_exhibit("cut-of-region", edge(points, level, _resolution(plans[ScalingAxis.RESOLUTION])), rows, alt)


def _stages(plans: Mapping[ScalingAxis, Plan]) -> None:
    text = _("Each row is a stage: its layer $\\mathcal F_i$, its input, its channels $C_i$ and its repeats $L_i$.")
    st.markdown(text)
    role = _network(_("Network"), STAGES, tuple(plans), ScalingAxis.COMPOUND)
    outputs.stage_table(plans[ScalingAxis.BASELINE], plans[role])
    outputs.sources((_("paper, Table 1"), PaperVersion.V5.url), (_("rounding: official code"), outputs.OFFICIAL_CODE))


def _network(label: str, key: str, roles: Sequence[ScalingAxis], first: ScalingAxis) -> ScalingAxis:
    """Show a picker and return which network, by scaling axis, is chosen."""
    return ScalingAxis(inputs.choose_one(label, {str(role): _(AXIS_TITLES[role]) for role in roles}, key, str(first)))
