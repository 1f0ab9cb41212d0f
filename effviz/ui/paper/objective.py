"""Section 4's search objective, ACC(m) * [FLOPS(m) / T]^w, with every known network ranked by it."""

import textwrap
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from effviz.facts import search_objective
from effviz.facts.paper_tables import PaperVersion
from effviz.facts.search_objective import Candidate, Counted, Listing, Objective, Ranked, candidates, ranking
from effviz.facts.tables import TIMM_URL
from effviz.facts.timm_results import NetworkFamily
from effviz.i18n import _, lazy_gettext
from effviz.plots.paper_curves import accuracy_axis, macs_axis
from effviz.plots.style import GREY, LOOKS, SERIES, TEAL, SeriesStyle, figure, log_axis, vertical
from effviz.scaling import published_plan
from effviz.ui import inputs, outputs
from effviz.ui.paper import exhibit
from effviz.ui.paper.exhibit import Column, frame, numbers, show_exhibit
from effviz.zoo.presets import ScalingAxis

HEIGHT_PX = 560
BILLION = 1e9
STEP_PCT = 4  # between two lines of equal reward

COUNTED = {
    Counted.PRINTED: lazy_gettext("printed in the paper"),
    Counted.EFFVIZ: lazy_gettext("counted by EffViz"),
    Counted.TIMM: lazy_gettext("counted by timm, with batch norm"),
}

LISTINGS = {
    Listing.PAPER: lazy_gettext("EfficientNet, Table 2"),
    Listing.RECOMPUTED: lazy_gettext("EfficientNet, Table 2, MACs recomputed"),
    Listing.PAPER_OTHERS: lazy_gettext("Other ConvNets, Table 2"),
}

_OURS = LOOKS[ScalingAxis.COMPOUND].colour

_LOOKS = {
    Listing.PAPER: LOOKS[ScalingAxis.COMPOUND],
    Listing.RECOMPUTED: SeriesStyle(_OURS, "star-open", "dot"),
    Listing.PAPER_OTHERS: SeriesStyle(GREY, "x", "solid"),
}


def reward_series(candidate: Candidate) -> str:
    """Return the title of a network's series."""
    if candidate.family:
        return _("timm, {family}").format(family=candidate.family.label)
    return _(LISTINGS[candidate.listing])


def reward_figure(goal: Objective, ranked: Sequence[Ranked]) -> go.Figure:
    """Draw the networks, the line through the best one, and lines of equal reward every 4 %."""
    chart = figure(HEIGHT_PX)
    if ranked:
        _draw(chart, goal, ranked)
    macs = [row.candidate.macs / BILLION for row in ranked]
    chart.update_xaxes(log_axis(macs_axis().title, macs))
    chart.update_yaxes(title_text=accuracy_axis().title)
    return chart


def _draw(chart: go.Figure, goal: Objective, ranked: Sequence[Ranked]) -> None:
    macs = [row.candidate.macs for row in ranked]
    least, most = min(macs) / 1.3, max(macs) * 1.3
    accuracies = [row.candidate.top1_pct for row in ranked]
    low, high = min(accuracies) - 2, max(accuracies) + 3
    rewards = [row.reward_pct for row in ranked]
    first, last = int(min(rewards) // STEP_PCT), int(max(rewards) // STEP_PCT)
    chart.add_traces([_line(goal, step * STEP_PCT, least, most) for step in range(first, last + 1)])
    chart.add_trace(_line(goal, max(rewards), least, most).update(line={"width": 2.5, "dash": "solid"}))
    series = dict.fromkeys(reward_series(row.candidate) for row in sorted(ranked, key=_order))
    for title in series:
        chart.add_trace(_trace(title, [row for row in ranked if reward_series(row.candidate) == title]))
    chart.add_trace(_winner(ranked[0]))
    label = _("T = {target:g} million").format(target=goal.target_macs / 1e6)
    chart.add_trace(vertical(label, goal.target_macs / BILLION, low, high).update(hoverinfo="skip"))
    chart.update_yaxes(range=[low, high])


def _line(goal: Objective, reward_pct: float, least: float, most: float) -> go.Scatter:
    places = search_objective.iso_reward(goal, reward_pct, least, most)
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


def _order(ranked: Ranked) -> tuple[int, str]:
    """Return a sort key that draws the paper's own networks last, above the others."""
    return -list(Listing).index(ranked.candidate.listing), ranked.candidate.family or ""


def _trace(title: str, ranked: Sequence[Ranked]) -> go.Scatter:
    shown = sorted(ranked, key=lambda row: row.candidate.macs)
    listing, family = shown[0].candidate.listing, shown[0].candidate.family
    look = SERIES[list(NetworkFamily).index(family)] if family else _LOOKS[listing]
    joined = listing in (Listing.PAPER, Listing.RECOMPUTED)
    labels = listing is Listing.PAPER  # only B0's: other labels would be too crowded
    return go.Scatter(
        name=title,
        x=[row.candidate.macs / BILLION for row in shown],
        y=[row.candidate.top1_pct for row in shown],
        customdata=[[row.candidate.name, row.place, row.reward_pct] for row in shown],
        text=["B0" if row.candidate.name == search_objective.BASELINE else "" for row in shown] if labels else None,
        textposition="bottom right",
        textfont={"size": 11, "color": look.colour},
        cliponaxis=False,
        hovertext=[reward_hover(row) for row in shown],
        hovertemplate="%{hovertext}<extra></extra>",
        mode=("lines+" if joined else "") + "markers" + ("+text" if labels else ""),
        line={"color": look.colour, "dash": look.dash, "width": 1.5},
        marker={"color": look.colour, "symbol": look.symbol, "size": 8},
    )


def reward_hover(ranked: Ranked) -> str:
    """Return a network's reward, accuracy, MACs and source as HTML."""
    network = ranked.candidate
    text = _("{top1:.4g} % top-1, {macs:.4g} billion MACs ({counted})")
    lines = [
        f"<b>{network.name}</b>, {reward_series(network)}",
        _("ranked {place}, reward {reward:.2f} %").format(place=ranked.place, reward=ranked.reward_pct),
        text.format(top1=network.top1_pct, macs=network.macs / BILLION, counted=_(COUNTED[network.counted])),
    ]
    if network.extra_data:
        lines.append(_("trained on more images than ImageNet-1k"))
    return "<br>".join([*lines, *textwrap.wrap(_("Source: {source}").format(source=network.source), 60)])


def _winner(ranked: Ranked) -> go.Scatter:
    return go.Scatter(
        name=_("Highest reward"),
        x=[ranked.candidate.macs / BILLION],
        y=[ranked.candidate.top1_pct],
        mode="markers",
        marker={"color": "rgba(0, 0, 0, 0)", "size": 18, "line": {"color": TEAL, "width": 3}},
        hoverinfo="skip",
    )


TARGET, WEIGHT, FORM, ONLY, SERIES_KEY = "target", "weight", "above", "imagenet", "series"
MILLION = 1e6
NAME_PX = 395  # fits convnext_base.clip_laion2b_augreg_ft_in12k_in1k_384@384


def show() -> None:
    """Draw the section."""
    text = _(
        "B0 was found by a search that scored each network by its accuracy, lowered as its MACs exceed a target T. The "
        "exponent w sets how much MACs count."
    )
    st.markdown(text)
    reward_formula()
    goal = _goal()
    version = exhibit.choose_version()
    ranked = ranking(goal, _chosen(candidates(version)))
    st.subheader(_("Lines of equal reward"))
    _plot(goal, ranked)
    outputs.sources(
        (_("paper {version}, section 4 and Table 2").format(version=version), version.url),
        (_("MnasNet, source of the objective"), search_objective.MNASNET_URL),
        (_("timm's results"), TIMM_URL),
    )
    st.subheader(_("The ranking"))
    if ranked:
        _places(ranked)
    st.subheader(_("What T and w do"))
    _lessons(goal, version)


def reward_formula() -> None:
    """Show section 4's objective as a formula."""
    st.latex(r"\text{reward}(m) = \mathrm{ACC}(m) \times \left[\frac{\mathrm{FLOPS}(m)}{T}\right]^{w}")


def _goal() -> Objective:
    left, right = st.columns(2)
    first, title = round(search_objective.TARGET_MACS / MILLION), _("Target T (million MACs)")
    target = left.slider(title, 50, 2000, first, 10, key=TARGET, bind="query-params")
    exponent = right.slider(
        _("Exponent w"), -0.30, 0.0, search_objective.EXPONENT, 0.01, key=WEIGHT, bind="query-params"
    )
    help = _(
        "MnasNet's objective has one exponent below T and another above it. This switch sets the first to 0: below the "
        "target, fewer MACs gain nothing."
    )
    above = st.toggle(_("Count only MACs above T"), key=FORM, bind="query-params", help=help)
    return Objective(target * MILLION, exponent, above)


def _chosen(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the networks to rank; the default leaves out the recomputed duplicates of the paper's networks."""
    of_series: dict[str, list[Candidate]] = {}
    for row in sorted(candidates, key=lambda row: (list(Listing).index(row.listing), row.family or "")):
        of_series.setdefault(_key(row), []).append(row)
    chosen = inputs.choose_several(
        _("Networks"),
        {key: reward_series(among[0]) for key, among in of_series.items()},
        SERIES_KEY,
        [key for key in of_series if key != Listing.RECOMPUTED],
    )
    help = _("Extra training images raise accuracy without more MACs; the paper's networks used none.")
    only = st.toggle(_("Only networks trained on ImageNet-1k alone"), key=ONLY, bind="query-params", help=help)
    return [row for key in chosen for row in of_series[key] if not (only and row.extra_data)]


def _key(candidate: Candidate) -> str:
    """Return the name of a series in the address, such as `paper` or `timm-resnet`."""
    return f"{candidate.listing}-{candidate.family.strip('_')}" if candidate.family else str(candidate.listing)


def _plot(goal: Objective, ranked: Sequence[Ranked]) -> None:
    if not ranked:
        st.caption(_("Choose networks above to see their ranking."))
        return
    text = _(
        "All networks on a grey line have the same reward: the accuracy where the line crosses T. The search looks for "
        "the highest line. The solid line passes through the network with the highest reward (ringed)."
    )
    st.markdown(text)
    first = ranked[0]
    alt = _(
        "Scatter chart of ImageNet top-1 versus MACs on a log scale with lines of equal reward, {count} networks. "
        "{name} has the highest reward, {reward:.1f} %."
    ).format(count=len(ranked), reward=first.reward_pct, name=first.candidate.name)
    show_exhibit("objective", reward_figure(goal, ranked), frame(ranked, table_columns()), alt)


def table_columns() -> dict[str, Column[Ranked]]:
    """Return the columns of the ranking."""
    return {
        "place": Column(lambda row: row.place, _("Place")),
        "network": Column(lambda row: row.candidate.name, st.column_config.TextColumn(_("Network"), width=NAME_PX)),
        "series": Column(lambda row: reward_series(row.candidate), _("Series")),
        "reward_pct": Column(lambda row: row.reward_pct, _("Reward (%)"), "%.2f"),
        "top1_pct": Column(lambda row: row.candidate.top1_pct, _("Top-1 (%)"), "%.2f"),
        "macs_millions": Column(lambda row: row.candidate.macs / MILLION, _("MACs (million)"), "%.0f"),
        "macs_counted": Column(lambda row: _(COUNTED[row.candidate.counted]), _("MACs from")),
        "extra_data": Column(lambda row: row.candidate.extra_data, _("Extra data")),
        "source": Column(lambda row: row.candidate.source),
    }


def _places(ranked: Sequence[Ranked]) -> None:
    baseline = next((row for row in ranked if row.candidate.name == search_objective.BASELINE), None)
    if baseline is not None:
        text = _("The paper's **B0** ranks **{place}** out of {count}, with a reward of {reward:.2f} %.")
        st.markdown(text.format(place=baseline.place, count=len(ranked), reward=baseline.reward_pct))
    numbers("ranking", ranked, table_columns())
    text = _(
        "The search scored networks after short training runs, whose accuracies were never published. This ranking "
        "uses final accuracies instead. Later recipes and smaller networks rank above B0, which competed only with the "
        "networks in its search. GPipe is missing because the paper prints no FLOPs for it."
    )
    st.caption(text)


def _lessons(goal: Objective, version: PaperVersion) -> None:
    printed = next(candidate for candidate in candidates(version) if candidate.listing is Listing.PAPER)
    network = published_plan("b0")
    text = _(
        "- **w sets the weight of the MACs.** Doubling the MACs pays off if accuracy becomes {factor:.3f} times as "
        "high: from B0's {top1:g} % to {needed:.1f} %. MnasNet chose −0.07 so that a relative accuracy gain of 5 % "
        "pays for twice the latency; it measures milliseconds on a phone where the paper counts MACs.\n- **T alone "
        "does not change the ranking.** It multiplies every reward by the same factor and only sets the cost at which "
        "the reward equals the accuracy. T matters once only the MACs above it count (the switch above).\n- **The "
        "target for B0 was 400 million MACs**, with w = −0.07. The paper prints {printed:g} million for B0; EffViz "
        "recomputes {computed:.1f} million, {below:.1f} % below the target."
    )
    st.markdown(
        text.format(
            factor=goal.doubling,
            top1=printed.top1_pct,
            needed=printed.top1_pct * goal.doubling,
            printed=printed.macs / MILLION,
            computed=network.macs / MILLION,
            below=100 * (1 - network.macs / search_objective.TARGET_MACS),
        )
    )
