"""Where a network spends its MACs: Table 1 of the paper, before and after scaling."""

import plotly.graph_objects as go

from effviz.plots.style import LOOKS, figure
from effviz.scaling import Plan
from effviz.zoo.presets import Role

HEIGHT_PX = 320


def stages(baseline: Plan, scaled: Plan) -> go.Figure:
    """Draw the MACs of every stage, the baseline beside the scaled network."""
    drawn = figure(HEIGHT_PX)
    for name, network, role in (("baseline", baseline, Role.BASELINE), ("scaled", scaled, Role.COMPOUND)):
        drawn.add_trace(
            go.Bar(
                name=name,
                x=[f"{stage.stage}" for stage in network.stages],
                y=[stage.macs / 1e6 for stage in network.stages],
                marker_color=LOOKS[role].colour,
                hovertext=[
                    f"stage {stage.stage}: {stage.operator}<br>{stage.layers} layers, {stage.channels} channels, "
                    f"{stage.in_resolution} px in<br>{stage.macs / 1e6:.4g} million MACs"
                    for stage in network.stages
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    drawn.update_xaxes(title_text="Stage (Table 1)", type="category")
    drawn.update_yaxes(title_text="MACs (millions)")
    return drawn.update_layout(barmode="group")
