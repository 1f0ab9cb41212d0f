"""A family that `effviz train family` trained: top-1 over MACs, every seed a point."""

from collections.abc import Sequence

import plotly.graph_objects as go

from effviz.plots.saturation import METHODS
from effviz.plots.style import LOOKS, SERIES, figure
from effviz.train.family import Outcome
from effviz.words import _
from effviz.zoo.presets import Role

HEIGHT_PX = 460


def accuracy(outcomes: Sequence[Outcome]) -> go.Figure:
    """Top-1 of `val/` over MACs in millions: finals and step 1's candidates."""
    drawn = figure(HEIGHT_PX)
    looks = dict(zip({row.network for row in outcomes} - set(Role), SERIES, strict=False))
    for part, network in dict.fromkeys((row.part, row.network) for row in outcomes):
        rows = [row for row in outcomes if (row.part, row.network) == (part, network)]
        look = LOOKS[Role(network)] if network in set(Role) else looks[network]
        name = _(METHODS[Role(network)]) if network in set(Role) else network
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
