"""How alike the maps of a network stay while it is broken from the top."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from effviz.plots.style import SERIES, figure
from effviz.words import _

HEIGHT_PX = 300
LOOKS = (SERIES[0], SERIES[5])  # another colour, mark and dash


@dataclass(frozen=True, slots=True)
class Step:
    """One map beside that of the whole network."""

    name: str  # of the part that was broken last
    spearman: float  # -1..1; nan leaves a gap
    ssim: float  # at most 1


def melting(steps: Sequence[Step]) -> go.Figure:
    """Draw both measures over the steps, which are at x = 0, 1, 2 ..."""
    drawn, places = figure(HEIGHT_PX), list(range(len(steps)))
    measures = (
        (_("Rank correlation (Spearman)"), [step.spearman for step in steps]),
        (_("Structural similarity (SSIM)"), [step.ssim for step in steps]),
    )
    for (name, values), look in zip(measures, LOOKS, strict=True):
        drawn.add_trace(
            go.Scatter(
                name=name,
                x=places,
                y=values,
                hovertext=[
                    f"<b>{step.name}</b><br>{name} {value:.2f}" for step, value in zip(steps, values, strict=True)
                ],
                hovertemplate="%{hovertext}<extra></extra>",
                mode="lines+markers",
                line={"color": look.colour, "dash": look.dash, "width": 2},
                marker={"color": look.colour, "symbol": look.symbol, "size": 9},
            )
        )
    drawn.update_xaxes(tickvals=places, ticktext=[step.name for step in steps], tickangle=-45)
    known = [value for step in steps for value in (step.spearman, step.ssim) if not math.isnan(value)]
    drawn.update_yaxes(title_text=_("Likeness to the intact map"), range=[min([0.0, *known]) - 0.05, 1.05])
    return drawn
