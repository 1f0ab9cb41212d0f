"""Beside the maps: phi in one strip, and where the compared models lie between cost and accuracy."""

from collections.abc import Iterator, Sequence

import streamlit as st

from effviz import facts
from effviz.plots import points, style
from effviz.plots.tradeoff import tradeoff
from effviz.scaling import PAPER_RULE, PUBLISHED, Family, plan
from effviz.ui import cache, outputs
from effviz.ui.components.phi import Variant, phi_slider
from effviz.ui.inputs import FAMILY_NAMES
from effviz.ui.state import FAMILY, MODELS, MOST_MODELS, PHI
from effviz.words import _
from effviz.zoo import catalogue
from effviz.zoo.model import IMAGENET, ModelRef


def phi() -> Family:
    """The live slider; its button adds the nearest published network. Returns the family that is scaled."""
    st.subheader(_("One number scales all three"))
    family = Family(
        st.segmented_control(
            _("Family"),
            [str(Family.LITE), str(Family.EFFICIENTNET)],
            default=str(Family.LITE),
            required=True,
            format_func=lambda name: FAMILY_NAMES[Family(name)],
            key=FAMILY,
            label_visibility="collapsed",
            bind="query-params",
        )
    )
    table = cache.phi_table(PAPER_RULE.alpha, PAPER_RULE.beta, PAPER_RULE.gamma, family)
    PHI.put(phi_slider(table, PHI.get(), Variant.COMPACT, key="compare-phi", on_add=_add))
    rule = _("d = {alpha:g}^φ, w = {beta:g}^φ, r = {gamma:g}^φ (paper, Eq. 3). More on the Scale page.")
    st.caption(rule.format(alpha=PAPER_RULE.alpha, beta=PAPER_RULE.beta, gamma=PAPER_RULE.gamma))
    return family


def _add(name: str) -> None:
    """Add a published network at its published size, and say what happened."""
    label = f"{name.lower()}@{PUBLISHED[name.lower()].resolution}"
    if name.lower() not in catalogue.NAMES:
        cannot = _("{name} cannot be compared: no weights of it belong to the recipe that the others share.")
        st.toast(cannot.format(name=name))
    elif label in MODELS.get():
        st.toast(_("{label} is in the comparison already.").format(label=label))
    elif len(MODELS.get()) >= MOST_MODELS:
        st.toast(_("A comparison holds {most} models: remove one first.").format(most=MOST_MODELS))
    else:
        MODELS.put((*MODELS.get(), label))
        st.toast(_("{label} joined the comparison.").format(label=label))


def accuracy(refs: Sequence[ModelRef], family: Family) -> None:
    """The compared models among the paper's networks."""
    st.subheader(_("Cost and accuracy"))
    cost = points.Cost(
        st.segmented_control(
            _("Cost"),
            [str(cost) for cost in points.Cost],
            default=str(points.Cost.MACS),
            required=True,
            key="cost",
            bind="query-params",
            label_visibility="collapsed",
        )
    )
    ours, without = points.compared(refs)
    at = PAPER_RULE.at(PHI.get())
    here = points.mark(f"φ = {PHI.get():g}", plan(at.depth, at.width, at.resolution_px, family))
    st.plotly_chart(
        tradeoff([*points.paper_series(facts.PaperVersion.V5), ours], cost, [here], compact=True),
        config=style.config("accuracy"),
        alt=_(
            "Scatter plot of ImageNet top-1 over {cost}: the paper's networks, and the compared models as stars."
        ).format(cost=cost.axis),
    )
    if without:
        st.caption(" ".join(_left_out(refs, [mark.label for mark in without])))
    outputs.sources(
        (_("paper, Table 2, v5"), outputs.PAPER),
        (_("timm's measurements"), "https://github.com/huggingface/pytorch-image-models/tree/main/results"),
    )


def _left_out(refs: Sequence[ModelRef], without: Sequence[str]) -> Iterator[str]:
    """Which models have no star, and why."""
    others = [ref.label for ref in refs if ref.label in without and ref.spec.dataset != IMAGENET]
    if others:
        words = _("Not in this plot, since they were trained and measured on other classes than ImageNet's: {names}.")
        yield words.format(names=", ".join(others))
    if unmeasured := [label for label in without if label not in others]:
        words = _("Without a star, since nobody measured them on ImageNet at this size: {names}.")
        yield words.format(names=", ".join(unmeasured))
