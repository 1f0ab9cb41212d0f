"""The mini family on a page: what its networks reach for their MACs, and how they got there."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from effviz.plots import mini as plots
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
    st.markdown(
        _(
            "One small baseline and its scalings, trained alike by this project and measured on Imagenette's "
            "validation photos: ten classes, so **not comparable with ImageNet's accuracies**."
        )
    )
    found = "; ".join(
        _("{name} {top1:.1f} % for {macs:.1f} million MACs").format(
            name=of.entry.name, top1=of.top1_pct, macs=of.macs / 1e6
        )
        for of in networks
    )
    alt = _("Scatter chart of Imagenette top-1 over MACs: {found}.").format(found=found)
    exhibit("mini", plots.accuracy(networks), _accuracies(networks), alt)
    st.caption(
        _(
            "Bars: 95 % intervals of these photos alone. Another seed would move each point too. Point at one for its "
            "numbers; its source stands in the CSV."
        )
    )
    if any(of.epochs for of in networks):
        alt = _("Line chart of Imagenette top-1 after each epoch of the training, a line for each network.")
        exhibit("mini-learning", plots.learning(networks), _epochs(networks), alt)


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
