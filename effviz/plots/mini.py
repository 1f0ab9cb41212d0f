"""The mini family, trained by this project: accuracy over MACs with its intervals, and how each network learnt."""

from collections.abc import Sequence

import plotly.graph_objects as go

from effviz.plots.saturation import METHODS
from effviz.plots.style import LOOKS, figure
from effviz.words import _
from effviz.zoo.mini import MiniNetwork

ACCURACY_HEIGHT_PX, LEARNING_HEIGHT_PX = 400, 340


def accuracy(networks: Sequence[MiniNetwork]) -> go.Figure:
    """Top-1 over MACs in millions, each with its 95 % interval."""
    drawn = figure(ACCURACY_HEIGHT_PX)
    for network in networks:
        look, (low, high) = LOOKS[network.role], network.interval_pct
        drawn.add_trace(
            go.Scatter(
                name=_(METHODS[network.role]),
                x=[network.macs / 1e6],
                y=[network.top1_pct],
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [high - network.top1_pct],
                    "arrayminus": [network.top1_pct - low],
                },
                mode="markers",
                marker={"color": look.colour, "symbol": f"{look.symbol}-open", "size": 11},
                hovertext=[_hover(network)],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    drawn.update_xaxes(title_text=_("MACs (millions)"), rangemode="tozero")
    drawn.update_yaxes(title_text=_("Top-1 on Imagenette (%)"))
    return drawn


def learning(networks: Sequence[MiniNetwork]) -> go.Figure:
    """Top-1 after each epoch."""
    drawn = figure(LEARNING_HEIGHT_PX)
    for network in networks:
        look = LOOKS[network.role]
        drawn.add_trace(
            go.Scatter(
                name=_(METHODS[network.role]),
                x=[point.epoch for point in network.epochs],
                y=[point.top1_pct for point in network.epochs],
                mode="lines",
                line={"color": look.colour, "dash": look.dash, "width": 2},
                hovertemplate=_("epoch %{x}: %{y:.1f} %"),
            )
        )
    drawn.update_xaxes(title_text=_("Epoch"), rangemode="tozero")
    drawn.update_yaxes(title_text=_("Top-1 on Imagenette (%)"))
    return drawn


def _hover(network: MiniNetwork) -> str:
    entry, (low, high) = network.entry, network.interval_pct
    lines = (
        f"<b>{entry.name}</b>",
        _("depth {depth:g}, width {width:g}, {px} px").format(
            depth=entry.depth, width=entry.width, px=entry.resolution_px
        ),
        _("{macs:.1f} million MACs").format(macs=network.macs / 1e6),
        _("top-1 {top1:.1f} %, 95 % interval {low:.1f} to {high:.1f}").format(
            top1=network.top1_pct, low=low, high=high
        ),
    )
    return "<br>".join(lines)
