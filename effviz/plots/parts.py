"""Where B0 spends its MACs: every stage, part by part."""

import plotly.graph_objects as go

from effviz.plots.style import GREY, OLIVE, figure
from effviz.scaling import Operator, Plan
from effviz.words import _, later

HEIGHT_PX = 360

PARTS = {
    Operator.CONV: later("convolution"),
    Operator.EXPAND: later("expand"),
    Operator.DEPTHWISE: later("depthwise"),
    Operator.SQUEEZE: later("squeeze"),
    Operator.EXCITE: later("excite"),
    Operator.PROJECT: later("project"),
    Operator.CLASSIFIER: later("classifier"),
}
# No scaling method is meant here, so none of their colours: patterns tell the parts apart.
_PATTERNS = {
    Operator.CONV: (GREY, ""),
    Operator.EXPAND: (OLIVE, ""),
    Operator.DEPTHWISE: (OLIVE, "/"),
    Operator.SQUEEZE: (OLIVE, "x"),
    Operator.EXCITE: (OLIVE, "+"),
    Operator.PROJECT: (OLIVE, "."),
    Operator.CLASSIFIER: (GREY, "/"),
}


def macs_of(network: Plan, stage: int, operator: Operator) -> int:
    """MACs of one part of a stage, over all its blocks."""
    return sum(layer.macs for layer in network.layers if (layer.stage, layer.operator) == (stage, operator))


def parts(network: Plan) -> go.Figure:
    """Draw a bar a stage, made of its parts."""
    drawn = figure(HEIGHT_PX)
    for operator, (colour, pattern) in _PATTERNS.items():
        amounts = [macs_of(network, stage.stage, operator) for stage in network.stages]
        drawn.add_trace(
            go.Bar(
                name=_(PARTS[operator]),
                x=[str(stage.stage) for stage in network.stages],
                y=[amount / 1e6 for amount in amounts],
                marker={"color": colour, "pattern": {"shape": pattern, "size": 6}},
                hovertemplate=_("stage %{x}: %{y:.4g} million MACs") + f"<extra>{_(PARTS[operator])}</extra>",
            )
        )
    drawn.update_xaxes(title_text=_("Stage (Table 1)"), type="category")
    drawn.update_yaxes(title_text=_("MACs, recomputed (millions)"))
    return drawn.update_layout(barmode="stack", legend_traceorder="normal")
