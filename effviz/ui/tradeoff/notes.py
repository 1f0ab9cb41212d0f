"""What has to be said about the figure: for those who cannot see it, and for those who would misread it."""

from collections.abc import Sequence

import streamlit as st

from effviz.plots.points import Cost, Mark, Series
from effviz.words import _, many


def alt(series: Sequence[Series], cost: Cost, marked: Mark) -> str:
    """The figure in two sentences; its numbers stand in the table."""
    shown = [of for of in series if of.points]
    return _(
        "Scatter chart of ImageNet top-1 accuracy over {axis} on a log scale: {names}. "
        "A dashed line marks {label} at {cost:.3g}."
    ).format(axis=cost.axis, names="; ".join(map(_named, shown)), label=marked.label, cost=marked.cost(cost))


def _named(of: Series) -> str:
    count = len(of.points)
    return many("{title} ({count} network)", "{title} ({count} networks)", count).format(title=of.title, count=count)


def below(series: Sequence[Series], cost: Cost, unmeasured: Sequence[Mark]) -> None:
    """How to read the figure, and what is not in it."""
    sentences = [
        _("Dashed line: B0 scaled by the paper's rule at this φ. Nobody trained it, so it has a cost and no accuracy."),
        _("Stars: the models of your comparison, each with its own training."),
        _("Open markers: trained on more pictures than ImageNet-1k."),
    ]
    if cost is Cost.MACS:
        sentences.append(
            _(
                "MACs are multiply-adds, which the paper calls FLOPs. The paper's are as printed. timm's EfficientNets "
                "and the stars are at EffViz's count of convolutions and linear layers; other families are at timm's "
                "count, which includes batch norm."
            )
        )
    missing = [point.id for of in series for point in of.points if point.cost(cost) is None]
    if missing:
        absent = _("Not in the figure, since the paper prints no FLOPs: {names}.")
        sentences.append(absent.format(names=", ".join(missing)))
    if unmeasured:
        labels = ", ".join(mark.label for mark in unmeasured)
        sentences.append(
            _("In your comparison but without an ImageNet accuracy at this size: {names}.").format(names=labels)
        )
    st.caption(" ".join(sentences))
