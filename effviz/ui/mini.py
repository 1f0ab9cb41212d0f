"""The mini family on a page: what its networks reach for their MACs, and how they got there."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from effviz.facts import searched
from effviz.plots import mini as plots
from effviz.plots.saturation import METHODS
from effviz.ui.paper.exhibit import exhibit
from effviz.words import _
from effviz.zoo import mini
from effviz.zoo.mini import MiniNetwork


def show() -> None:
    """Draw the networks that are in `models/`, or say that none is."""
    networks = mini.family()
    if not networks:
        st.caption(
            _(
                "No trained network of the mini family lies in `models/` yet. Once one does, its accuracy and MACs "
                "stand here: on its own data set, so never in one figure with ImageNet's."
            )
        )
        return
    explain(networks)
    found = "; ".join(
        _("{name} {top1:.1f} % for {macs:.1f} million MACs").format(
            name=of.entry.name, top1=of.top1_pct, macs=of.macs / 1e6
        )
        for of in networks
    )
    alt = _("Scatter chart of Imagenette top-1 over MACs: {found}.").format(found=found)
    exhibit("mini", plots.accuracy(networks), _accuracies(networks), alt)
    st.caption(
        _("Bars: 95 % intervals of these photos alone. Point at one for its numbers; its source stands in the CSV.")
    )
    if any(of.epochs for of in networks):
        alt = _("Line chart of Imagenette top-1 after each epoch of the training, a line for each network.")
        exhibit("mini-learning", plots.learning(networks), _epochs(networks), alt)


def explain(networks: Sequence[MiniNetwork]) -> None:
    """Say what the family is, what came out, and why that says nothing about ImageNet; details folded."""
    tops = {of.role: of.top1_pct for of in networks}
    st.markdown(
        _(
            "This project trained one small baseline and its scalings to about four times its MACs on Imagenette's ten "
            "classes: {found}. **This does not test the paper's claim about ImageNet**: 96 px, 15 epochs, one seed "
            "and ten classes are too few for that."
        ).format(found=", ".join(f"{_(METHODS[role]).lower()} {top:.1f} %" for role, top in tops.items()))
    )
    with st.expander(_("Why it cannot test the claim")):
        st.markdown(
            _(
                "- **96 px starve the baseline.** Photos hold about 196 usable pixels a side; the paper's 224 px of "
                "about 375 would be 118 px here. More pixels alone bring back what the small input took away.\n"
                "- **The deep network had not learnt its training photos** after 15 epochs: its accuracy speaks of the "
                "short training, not of depth.\n"
                "- **One seed each.** In step 1's search two trainings that differ in their seed alone lie up to "
                "{spread:.1f} points apart.\n"
                "- **The paper's α, β and γ** were found for B0 at 224 px. They need not suit 96 px.\n"
                "- **Ten classes, not a thousand**, on photos of at most 224 px."
            ).format(spread=searched.widest_spread_pct(searched.summaries(searched.shipped())) or 0.0)
        )
        st.caption(_("A fair experiment is planned in `models/mini/PLAN.md`; one command runs it."))


def _accuracies(networks: Sequence[MiniNetwork]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "network": of.entry.name,
                "scaling": of.role.value,
                "macs": of.macs,
                "top1_pct": of.top1_pct,
                "low_pct": of.interval_pct[0],
                "high_pct": of.interval_pct[1],
                "source": f"{of.entry.origin}; {of.entry.top1_source}",
            }
            for of in networks
        ]
    )


def _epochs(networks: Sequence[MiniNetwork]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "network": of.entry.name,
                "epoch": at.epoch,
                "top1_pct": at.top1_pct,
                "training_loss": at.loss,
                "source": of.entry.origin,
            }
            for of in networks
            for at in of.epochs
        ]
    )
