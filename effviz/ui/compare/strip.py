"""Beside the maps: phi in one strip, and where the compared models lie between cost and accuracy."""

from collections.abc import Sequence

import streamlit as st

from effviz import facts
from effviz.plots import points, style
from effviz.plots.tradeoff import tradeoff
from effviz.scaling import PAPER_RULE, Family, plan
from effviz.ui import cache, outputs
from effviz.ui.components.phi import Variant, phi_slider
from effviz.ui.inputs import FAMILY_NAMES
from effviz.ui.state import MODELS, MOST_MODELS, PHI
from effviz.zoo import catalogue
from effviz.zoo.model import ModelRef


def phi() -> None:
    """The live slider; its button adds the nearest published network to the comparison."""
    st.subheader("One number scales all three")
    family = Family(
        st.segmented_control(
            "Family",
            [str(Family.LITE), str(Family.EFFICIENTNET)],
            default=str(Family.LITE),
            required=True,
            format_func=lambda name: FAMILY_NAMES[Family(name)],
            key="family_of_strip",
            label_visibility="collapsed",
        )
    )
    table = cache.phi_table(PAPER_RULE.alpha, PAPER_RULE.beta, PAPER_RULE.gamma, family)
    PHI.put(phi_slider(table, PHI.get(), Variant.COMPACT, key="compare-phi", on_add=_add))
    st.caption(
        f"d = {PAPER_RULE.alpha:g}^φ, w = {PAPER_RULE.beta:g}^φ, r = {PAPER_RULE.gamma:g}^φ (paper, Eq. 3). "
        "More on the Scale page."
    )


def _add(name: str) -> None:
    label = catalogue.parse(name.lower()).label
    # The oldest leaves when there are too many.
    MODELS.put(tuple(dict.fromkeys([*MODELS.get(), label]))[-MOST_MODELS:])


def accuracy(refs: Sequence[ModelRef]) -> None:
    """The compared models among the paper's networks."""
    st.subheader("Cost and accuracy")
    cost = points.Cost(
        st.segmented_control(
            "Cost",
            [str(cost) for cost in points.Cost],
            default=str(points.Cost.MACS),
            required=True,
            key="cost",
            bind="query-params",
            label_visibility="collapsed",
        )
    )
    ours, marks = points.compared(refs)
    at = PAPER_RULE.at(PHI.get())
    here = points.mark(f"φ = {PHI.get():g}", plan(at.depth, at.width, at.resolution_px, Family.EFFICIENTNET))
    st.plotly_chart(
        tradeoff([*points.paper_series(facts.PaperVersion.V5), ours], cost, [here, *marks], compact=True),
        config=style.config("accuracy"),
        alt=f"Scatter plot of ImageNet top-1 over {cost.axis}: the paper's networks, and the compared models as stars.",
    )
    outputs.sources(
        ("paper, Table 2, v5", outputs.PAPER),
        ("timm's measurements", "https://github.com/huggingface/pytorch-image-models/tree/main/results"),
    )
