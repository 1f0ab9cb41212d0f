"""What has to be said about the figure: for those who cannot see it, and for those who would misread it."""

from collections.abc import Sequence

import streamlit as st

from effviz.plots.points import Cost, Mark, Series


def alt(series: Sequence[Series], cost: Cost, marked: Mark) -> str:
    """The figure in two sentences; its numbers stand in the table."""
    shown = [of for of in series if of.points]
    names = "; ".join(f"{of.title} ({len(of.points)} networks)" for of in shown)
    return (
        f"Scatter chart of ImageNet top-1 accuracy over {cost.axis} on a log scale: {names}. "
        f"A dashed line marks {marked.label} at {marked.cost(cost):.3g}."
    )


def below(series: Sequence[Series], cost: Cost, unmeasured: Sequence[Mark]) -> None:
    """How to read the figure, and what is not in it."""
    sentences = [
        "Dashed line: B0 scaled by the paper's rule at this φ. Nobody trained it, so it has a cost and no accuracy.",
        "Stars: the models of your comparison, each with its own training.",
        "Open markers: trained on more pictures than ImageNet-1k.",
    ]
    if cost is Cost.MACS:
        sentences.append(
            "MACs are multiply-adds, which the paper calls FLOPs. The paper's are as printed. timm's EfficientNets and "
            "the stars are at EffViz's count of convolutions and linear layers; other families are at timm's count, "
            "which includes batch norm."
        )
    missing = [point.id for of in series for point in of.points if point.cost(cost) is None]
    if missing:
        sentences.append(f"Not in the figure, since the paper prints no FLOPs: {', '.join(missing)}.")
    if unmeasured:
        labels = ", ".join(mark.label for mark in unmeasured)
        sentences.append(f"In your comparison but without a measured accuracy: {labels}.")
    st.caption(" ".join(sentences))
