"""How MACs grow with phi: planned networks, the paper's 2^phi, the rule's own 1.92^phi, and the published networks."""

from collections.abc import Sequence

import plotly.graph_objects as go

from effviz.plots.style import GREY, LOOKS, VERMILLION, figure, log_axis, vertical
from effviz.scaling.growth import Growth, PublishedStep
from effviz.words import _, later
from effviz.zoo.presets import Role

HEIGHT_PX = 460
_BILLION = 1e9
_BY = {
    Role.DEPTH: later("depth"),
    Role.WIDTH: later("width"),
    Role.RESOLUTION: later("resolution"),
}


def growth(of: Growth, phi: float | None = None) -> go.Figure:
    """Draw billions of MACs (log scale) over phi; `phi` is marked by a dashed line.

    A published network lies at three places, one for the phi that each of its dimensions implies: were it made by the
    rule, they would be one. Networks beyond the last step (L2) are left out.
    """
    drawn = figure(HEIGHT_PX)
    least, most = of.steps[0].promised / _BILLION, of.steps[-1].doubling / _BILLION
    drawn.add_traces([*_curves(of), *_places([step for step in of.published if step.macs / _BILLION <= most])])
    if phi is not None:
        drawn.add_trace(vertical(f"φ = {phi:g}", phi, least, most).update(hoverinfo="skip"))
    drawn.update_xaxes(title_text="φ")
    drawn.update_yaxes(log_axis(_("MACs, the paper's FLOPs (billions)"), (least, most)))
    return drawn


def _curves(of: Growth) -> list[go.Scatter]:
    phis = [step.phi for step in of.steps]
    curves = (
        (_("planned network"), [step.macs for step in of.steps], VERMILLION, "solid"),
        (_("2^φ, the paper's aim"), [step.doubling for step in of.steps], GREY, "dash"),
        (
            _("{base:.3g}^φ, the rule").format(base=of.rule.constraint),
            [step.promised for step in of.steps],
            GREY,
            "dot",
        ),
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
    """One marker for each dimension; a line ties those of a network together."""
    return [_ties(published)] + [
        go.Scatter(
            name=_("published, φ by {dimension}").format(dimension=_(_BY[role])),
            x=[getattr(step.implied, role) for step in published],
            y=[step.macs / _BILLION for step in published],
            text=[step.name.upper() for step in published] if role is Role.DEPTH else None,
            textposition="top left",
            mode="markers+text",
            marker={"color": LOOKS[role].colour, "symbol": LOOKS[role].symbol, "size": 9},
            hovertemplate=_("{dimension} implies φ =").format(dimension=_(_BY[role]))
            + " %{x:.2f}<br>"
            + _("%{y:.3g} billion MACs")
            + "<extra></extra>",
        )
        for role in (Role.DEPTH, Role.WIDTH, Role.RESOLUTION)
    ]


def _ties(published: Sequence[PublishedStep]) -> go.Scatter:
    x: list[float | None] = []
    y: list[float | None] = []
    for step in published:
        x += [step.implied.depth, step.implied.width, step.implied.resolution, None]
        y += [step.macs / _BILLION] * 3 + [None]  # None parts the lines
    return go.Scatter(x=x, y=y, mode="lines", line={"color": GREY, "width": 1}, hoverinfo="skip", showlegend=False)
