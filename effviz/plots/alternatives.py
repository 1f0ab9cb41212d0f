"""What the same budget buys when only one dimension grows."""

from collections.abc import Callable, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from effviz.plots.style import LOOKS, TEMPLATE
from effviz.scaling import Plan, Solution
from effviz.words import _, later
from effviz.zoo.presets import Role

HEIGHT_PX = 380
_NAMES = {
    Role.BASELINE: later("baseline"),
    Role.DEPTH: later("depth"),
    Role.WIDTH: later("width"),
    Role.RESOLUTION: later("resolution"),
    Role.COMPOUND: later("compound"),
}
_PANELS: tuple[tuple[str, Callable[[Plan], float]], ...] = (
    (later("depth (times B0)"), lambda network: network.depth),
    (later("width (times B0)"), lambda network: network.width),
    (later("resolution (px)"), lambda network: network.resolution),
    (later("parameters (millions)"), lambda network: network.params / 1e6),
)


def alternatives(baseline: Plan, solutions: Sequence[Solution]) -> go.Figure:
    """Draw the baseline and the networks that each scaling method reaches within one budget, four panels of bars."""
    networks = [(Role.BASELINE, baseline), *((Role(of.method.value), of.plan) for of in solutions)]
    drawn = make_subplots(
        rows=2,
        cols=2,
        shared_yaxes=True,
        subplot_titles=[_(title) for title, _amount in _PANELS],
        vertical_spacing=0.18,
    )
    for position, (_title, amount) in enumerate(_PANELS):
        row, col = position // 2 + 1, position % 2 + 1
        bars = _bars(networks, [amount(network) for _role, network in networks])
        drawn.add_trace(bars, row=row, col=col)
        drawn.update_xaxes(range=[0, 1.5 * max(bars.x)], visible=False, row=row, col=col)  # room for the text
    drawn.update_yaxes(autorange="reversed")
    drawn.update_annotations(font_size=13)  # the panels' titles
    return drawn.update_layout(template=TEMPLATE, height=HEIGHT_PX, margin={"l": 88, "t": 32, "b": 16})


def _bars(networks: Sequence[tuple[Role, Plan]], amounts: Sequence[float]) -> go.Bar:
    return go.Bar(
        x=amounts,
        y=[_(_NAMES[role]) for role, _network in networks],
        orientation="h",
        marker_color=[LOOKS[role].colour for role, _ in networks],
        texttemplate="%{x:.3~g}",
        textposition="outside",
        hovertext=[_hover(role, network) for role, network in networks],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )


def _hover(role: Role, network: Plan) -> str:
    text = _(
        "<b>{role}</b><br>depth {depth:.3g}, width {width:.3g}, {px} px<br>"
        "{macs:.4g} billion MACs<br>{params:.4g} million parameters"
    )
    return text.format(
        role=_(_NAMES[role]),
        depth=network.depth,
        width=network.width,
        px=network.resolution,
        macs=network.macs / 1e9,
        params=network.params / 1e6,
    )
