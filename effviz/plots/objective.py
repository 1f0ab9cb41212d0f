"""Accuracy over MACs with lines of equal reward, as the search for B0 weighed the two."""

import textwrap
from collections.abc import Sequence

import plotly.graph_objects as go

from effviz.facts import NetworkFamily
from effviz.facts.objective import BASELINE, Candidate, Counted, Listing, Objective, Ranked, iso_reward
from effviz.plots.saturation import accuracy_axis, macs_axis
from effviz.plots.style import BLUE, GREY, LOOKS, SERIES, Look, figure, log_axis, vertical
from effviz.words import _, later
from effviz.zoo.presets import Role

HEIGHT_PX = 560
BILLION = 1e9
STEP_PCT = 4  # between two lines of equal reward
COUNTED = {
    Counted.PRINTED: later("printed in the paper"),
    Counted.EFFVIZ: later("counted by EffViz"),
    Counted.TIMM: later("counted by timm, with batch norm"),
}
LISTINGS = {
    Listing.PAPER: later("EfficientNet, Table 2"),
    Listing.RECOMPUTED: later("EfficientNet, Table 2, MACs recomputed"),
    Listing.PAPER_OTHERS: later("Other ConvNets, Table 2"),
}
_OURS = LOOKS[Role.COMPOUND].colour
_LOOKS = {
    Listing.PAPER: Look(_OURS, "circle", "solid"),
    Listing.RECOMPUTED: Look(_OURS, "circle-open", "dot"),
    Listing.PAPER_OTHERS: Look(GREY, "x", "solid"),
}


def series(of: Candidate) -> str:
    """The title of the series that a network belongs to."""
    return _("timm, {family}").format(family=of.family.label) if of.family else _(LISTINGS[of.listing])


def objective(goal: Objective, ranked: Sequence[Ranked]) -> go.Figure:
    """Draw the networks, the line through the winner, and lines of equal reward every 4 %."""
    drawn = figure(HEIGHT_PX)
    if ranked:
        _draw(drawn, goal, ranked)
    macs = [of.candidate.macs / BILLION for of in ranked]
    drawn.update_xaxes(log_axis(macs_axis().title, macs))
    drawn.update_yaxes(title_text=accuracy_axis().title)
    return drawn


def _draw(drawn: go.Figure, goal: Objective, ranked: Sequence[Ranked]) -> None:
    macs = [of.candidate.macs for of in ranked]
    least, most = min(macs) / 1.3, max(macs) * 1.3
    accuracies = [of.candidate.top1_pct for of in ranked]
    low, high = min(accuracies) - 2, max(accuracies) + 3
    rewards = [of.reward_pct for of in ranked]
    first, last = int(min(rewards) // STEP_PCT), int(max(rewards) // STEP_PCT)
    drawn.add_traces([_line(goal, step * STEP_PCT, least, most) for step in range(first, last + 1)])
    drawn.add_trace(_line(goal, max(rewards), least, most).update(line={"width": 2.5, "dash": "solid"}))
    drawn.add_traces(_points(ranked))
    drawn.add_trace(_winner(ranked[0]))
    label = _("T = {target:g} million").format(target=goal.target_macs / 1e6)
    drawn.add_trace(vertical(label, goal.target_macs / BILLION, low, high).update(hoverinfo="skip"))
    drawn.update_yaxes(range=[low, high])


def _line(goal: Objective, reward_pct: float, least: float, most: float) -> go.Scatter:
    places = iso_reward(goal, reward_pct, least, most)
    return go.Scatter(
        name=_("reward {reward:.3g} %").format(reward=reward_pct),
        x=[macs / BILLION for macs, _top1 in places],
        y=[top1 for _macs, top1 in places],
        mode="lines",
        line={"color": GREY, "width": 1, "dash": "dot"},
        opacity=0.8,
        hovertemplate="%{x:.3g}: %{y:.1f} %<extra>%{fullData.name}</extra>",
        showlegend=False,
    )


def _points(ranked: Sequence[Ranked]) -> list[go.Scatter]:
    looks = {_("timm, {family}").format(family=of.label): look for of, look in zip(NetworkFamily, SERIES, strict=False)}
    titles = dict.fromkeys(series(of.candidate) for of in sorted(ranked, key=_order))
    return [_trace(title, looks.get(title), [of for of in ranked if series(of.candidate) == title]) for title in titles]


def _order(of: Ranked) -> tuple[int, str]:
    """The paper's own networks are drawn last, above the others."""
    return -list(Listing).index(of.candidate.listing), of.candidate.family or ""


def _trace(title: str, look: Look | None, ranked: Sequence[Ranked]) -> go.Scatter:
    shown = sorted(ranked, key=lambda of: of.candidate.macs)
    look = look or _LOOKS[shown[0].candidate.listing]
    joined = shown[0].candidate.listing in (Listing.PAPER, Listing.RECOMPUTED)
    labels = shown[0].candidate.listing is Listing.PAPER  # B0's alone: the others would stand in the crowd
    return go.Scatter(
        name=title,
        x=[of.candidate.macs / BILLION for of in shown],
        y=[of.candidate.top1_pct for of in shown],
        customdata=[[of.candidate.name, of.place, of.reward_pct] for of in shown],
        text=["B0" if of.candidate.name == BASELINE else "" for of in shown] if labels else None,
        textposition="bottom right",
        textfont={"size": 11, "color": look.colour},
        cliponaxis=False,
        hovertext=[hover(of) for of in shown],
        hovertemplate="%{hovertext}<extra></extra>",
        mode=("lines+" if joined else "") + "markers" + ("+text" if labels else ""),
        line={"color": look.colour, "dash": look.dash, "width": 1.5},
        marker={"color": look.colour, "symbol": look.symbol, "size": 8},
    )


def hover(of: Ranked) -> str:
    """What a reader wants to know about a network, and where it comes from (HTML)."""
    network = of.candidate
    lines = [
        f"<b>{network.name}</b>, {series(network)}",
        _("place {place}, reward {reward:.2f} %").format(place=of.place, reward=of.reward_pct),
        _("{top1:.4g} % top-1, {macs:.4g} billion MACs ({counted})").format(
            top1=network.top1_pct, macs=network.macs / BILLION, counted=_(COUNTED[network.counted])
        ),
    ]
    if network.extra_data:
        lines.append(_("trained on more pictures than ImageNet-1k"))
    return "<br>".join([*lines, *textwrap.wrap(_("Source: {source}").format(source=network.source), 60)])


def _winner(of: Ranked) -> go.Scatter:
    return go.Scatter(
        name=_("Highest reward"),
        x=[of.candidate.macs / BILLION],
        y=[of.candidate.top1_pct],
        mode="markers",
        marker={"color": "rgba(0, 0, 0, 0)", "size": 18, "line": {"color": BLUE, "width": 3}},
        hoverinfo="skip",
    )
