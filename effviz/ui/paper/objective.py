"""Section 4's goal of the search, ACC(m) * [FLOPS(m) / T]^w: every known network ranked by it."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from effviz.facts import PaperVersion
from effviz.facts.measured import TIMM_URL
from effviz.facts.objective import (
    BASELINE,
    EXPONENT,
    MNASNET_URL,
    TARGET_MACS,
    Candidate,
    Listing,
    Objective,
    Ranked,
    candidates,
    ranking,
)
from effviz.plots.objective import COUNTED, objective, series
from effviz.plots.results import planned
from effviz.ui import choices, outputs
from effviz.ui.paper import versions
from effviz.ui.paper.exhibit import Column, exhibit, numbers
from effviz.words import _

TARGET, WEIGHT, FORM, ONLY, SERIES = "target", "weight", "above", "imagenet", "series"
MILLION = 1e6
NAME_PX = 395  # has room for convnext_base.clip_laion2b_augreg_ft_in12k_in1k_384@384


def show() -> None:
    """Draw the section."""
    st.markdown(
        _(
            "B0 was found by a search that scored each network by one number: its accuracy, marked down as its MACs "
            "grow past a target T. The exponent w says how dear MACs are."
        )
    )
    st.latex(r"\text{reward}(m) = \mathrm{ACC}(m) \times \left[\frac{\mathrm{FLOPS}(m)}{T}\right]^{w}")
    goal = _goal()
    version = versions.choose()
    ranked = ranking(goal, _chosen(candidates(version)))
    st.subheader(_("Lines of equal reward"))
    _plot(goal, ranked)
    outputs.sources(
        (_("paper {version}, section 4 and Table 2").format(version=version), version.url),
        (_("MnasNet, where the goal comes from"), MNASNET_URL),
        (_("timm's results"), TIMM_URL),
    )
    st.subheader(_("The ranking"))
    _places(ranked)
    st.subheader(_("What T and w do"))
    _lessons(goal, version)


def _goal() -> Objective:
    left, right = st.columns(2)
    target = left.slider(
        _("Target T (million MACs)"), 50, 2000, round(TARGET_MACS / MILLION), 10, key=TARGET, bind="query-params"
    )
    exponent = right.slider(_("Exponent w"), -0.30, 0.0, EXPONENT, 0.01, key=WEIGHT, bind="query-params")
    above = st.toggle(
        _("Only MACs above T cost"),
        key=FORM,
        bind="query-params",
        help=_(
            "MnasNet's goal has one exponent up to T and another above it. Here the first becomes 0: below the target "
            "a network gains nothing by being cheap."
        ),
    )
    return Objective(target * MILLION, exponent, above)


def _chosen(known: Sequence[Candidate]) -> list[Candidate]:
    """What the visitor wants ranked; at first all but the second count of the same networks."""
    of_series: dict[str, list[Candidate]] = {}
    for of in sorted(known, key=lambda of: (list(Listing).index(of.listing), of.family or "")):
        of_series.setdefault(_key(of), []).append(of)
    chosen = choices.several(
        _("Networks"),
        {key: series(among[0]) for key, among in of_series.items()},
        SERIES,
        [key for key in of_series if key != Listing.RECOMPUTED],
    )
    only = st.toggle(
        _("Only networks trained on ImageNet-1k alone"),
        key=ONLY,
        bind="query-params",
        help=_("More training pictures raise accuracy at no MACs; the paper's networks had none."),
    )
    return [of for key in chosen for of in of_series[key] if not (only and of.extra_data)]


def _key(of: Candidate) -> str:
    """A series in the address: `paper`, `timm-resnet`."""
    return f"{of.listing}-{of.family.strip('_')}" if of.family else str(of.listing)


def _plot(goal: Objective, ranked: Sequence[Ranked]) -> None:
    if not ranked:
        st.caption(_("Choose networks above to see their ranking."))
        return
    st.markdown(
        _(
            "All networks on one grey line are worth the same: the accuracy where it crosses T. The search climbs to "
            "the highest line; the solid one runs through the winner (blue ring)."
        )
    )
    first = ranked[0]
    alt = _(
        "Scatter chart of ImageNet top-1 over MACs on a log scale with lines of equal reward, {count} networks. "
        "The highest reward is {reward:.1f} %, of {name}."
    ).format(count=len(ranked), reward=first.reward_pct, name=first.candidate.name)
    exhibit("objective", objective(goal, ranked), _rows(ranked), alt)


def _rows(ranked: Sequence[Ranked]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "place": of.place,
                "network": of.candidate.name,
                "series": series(of.candidate),
                "reward_pct": of.reward_pct,
                "top1_pct": of.candidate.top1_pct,
                "macs_millions": of.candidate.macs / MILLION,
                "macs_counted": _(COUNTED[of.candidate.counted]),
                "extra_data": of.candidate.extra_data,
                "source": of.candidate.source,
            }
            for of in ranked
        ]
    )


def _places(ranked: Sequence[Ranked]) -> None:
    if not ranked:
        return
    baseline = next((of for of in ranked if of.candidate.name == BASELINE), None)
    if baseline is not None:
        st.markdown(
            _("The paper's **B0** has place **{place}** of {count}, with a reward of {reward:.2f} %.").format(
                place=baseline.place, count=len(ranked), reward=baseline.reward_pct
            )
        )
    columns: dict[str, Column] = {
        "place": _("Place"),
        "network": st.column_config.TextColumn(_("Network"), width=NAME_PX),
        "reward_pct": (_("Reward (%)"), "%.2f"),
        "top1_pct": (_("Top-1 (%)"), "%.2f"),
        "macs_millions": (_("MACs (million)"), "%.0f"),
        "series": _("Series"),
        "macs_counted": _("Who counted"),
        "extra_data": _("More data"),
    }
    numbers("ranking", _rows(ranked), columns)
    st.caption(
        _(
            "The search scored short trainings, whose accuracies were never published; here final accuracies stand in "
            "for them. Later recipes and smaller networks pass B0, which only had the networks of its search to beat. "
            "GPipe is missing: the paper prints no FLOPs for it."
        )
    )


def _lessons(goal: Objective, version: PaperVersion) -> None:
    printed = next(of for of in candidates(version) if of.listing is Listing.PAPER)
    network = planned("b0")
    st.markdown(
        _(
            "- **w is the price.** A doubling of the MACs is worth it if accuracy becomes {factor:.3f} times as high: "
            "from B0's {top1:g} % to {needed:.1f} %. MnasNet chose −0.07 so that 5 % more accuracy, relatively, pays "
            "for twice the time; it counts milliseconds on a phone where the paper counts MACs.\n"
            "- **T alone moves nobody.** It multiplies every reward by the same factor, so the order stays; it only "
            "says at which cost a reward reads as an accuracy. T matters once only the MACs above it cost (the switch)."
            "\n"
            "- **B0 aimed at 400 million** with w = −0.07. It is printed with {printed:g} million and recomputed at "
            "{computed:.1f} million, {below:.1f} % below the target."
        ).format(
            factor=goal.doubling,
            top1=printed.top1_pct,
            needed=printed.top1_pct * goal.doubling,
            printed=printed.macs / MILLION,
            computed=network.macs / MILLION,
            below=100 * (1 - network.macs / TARGET_MACS),
        )
    )
