"""Where a network spends its MACs: Table 1 of the paper, before and after scaling."""

import plotly.graph_objects as go

from effviz.plots.style import LOOKS, figure
from effviz.scaling import Plan, StagePlan
from effviz.words import _
from effviz.zoo.presets import Role

HEIGHT_PX = 320


def stages(baseline: Plan, scaled: Plan) -> go.Figure:
    """Draw the MACs of every stage, the baseline beside the scaled network."""
    drawn = figure(HEIGHT_PX)
    for name, network, role in ((_("baseline"), baseline, Role.BASELINE), (_("scaled"), scaled, Role.COMPOUND)):
        drawn.add_trace(
            go.Bar(
                name=name,
                x=[f"{stage.stage}" for stage in network.stages],
                y=[stage.macs / 1e6 for stage in network.stages],
                marker_color=LOOKS[role].colour,
                hovertext=[_hover(stage) for stage in network.stages],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    drawn.update_xaxes(title_text=_("Stage (Table 1)"), type="category")
    drawn.update_yaxes(title_text=_("MACs (millions)"))
    return drawn.update_layout(barmode="group")


def _hover(stage: StagePlan) -> str:
    text = _(
        "stage {number}: {operator}<br>{layers} layers, {channels} channels, {px} px in<br>{macs:.4g} million MACs"
    )
    return text.format(
        number=stage.stage,
        operator=stage.operator,
        layers=stage.layers,
        channels=stage.channels,
        px=stage.in_resolution,
        macs=stage.macs / 1e6,
    )
