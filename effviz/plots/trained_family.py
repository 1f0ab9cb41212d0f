"""A family that `effviz train family` trained: top-1 over MACs, every seed a point."""

from collections.abc import Sequence

import plotly.graph_objects as go

from effviz.i18n import _
from effviz.plots.paper_curves import AXIS_TITLES
from effviz.plots.style import LOOKS, SERIES, figure
from effviz.train.family_training import FamilyOutcome
from effviz.zoo.presets import ScalingAxis

HEIGHT_PX = 460


def family_accuracy(outcomes: Sequence[FamilyOutcome]) -> go.Figure:
    """Top-1 of `val/` over MACs in millions: finals and step 1's candidates."""
    drawn = figure(HEIGHT_PX)
    looks = dict(zip({row.network for row in outcomes} - set(ScalingAxis), SERIES, strict=False))
    for part, network in dict.fromkeys((row.part, row.network) for row in outcomes):
        rows = [row for row in outcomes if (row.part, row.network) == (part, network)]
        look = LOOKS[ScalingAxis(network)] if network in set(ScalingAxis) else looks[network]
        name = _(AXIS_TITLES[ScalingAxis(network)]) if network in set(ScalingAxis) else network
        drawn.add_trace(
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
    drawn.update_xaxes(title_text=_("MACs (millions)"), rangemode="tozero")
    drawn.update_yaxes(title_text=_("Top-1 on the validation photos (%)"))
    return drawn
