"""The compared models in numbers, and how much their maps agree."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from effviz.evaluate.agreement import agreement
from effviz.explain.results import ActivationMap
from effviz.zoo.cards import Card


def models(cards: Sequence[Card]) -> None:
    """One row a model: depth, width, resolution, cost, size of the map, accuracy and where each comes from."""
    table = pd.DataFrame(
        {
            "Model": [card.ref.label for card in cards],
            "Depth d": [card.depth for card in cards],
            "Width w": [card.width for card in cards],
            "Resolution (px)": [card.resolution_px for card in cards],
            "Parameters (million)": [card.params / 1e6 for card in cards],
            "MACs (billion)": [card.macs / 1e9 for card in cards],
            "Map (cells)": [f"{card.map_px} × {card.map_px}" for card in cards],
            "ImageNet top-1 (%)": ["not measured" if c.top1_pct is None else f"{c.top1_pct:.1f}" for c in cards],
            "Weights": [card.weights for card in cards],
            "Source of top-1": [card.top1_words for card in cards],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "Model": st.column_config.TextColumn(pinned=True),
            "Parameters (million)": st.column_config.NumberColumn(format="%.2f"),
            "MACs (billion)": st.column_config.NumberColumn(format="%.3f", help="Multiply-adds, the paper's FLOPs"),
        },
    )
    st.caption(
        "d, w: multipliers of the baseline's blocks and channels. Parameters and MACs are computed layer by layer "
        "(`effviz plan`), without batch-norm arithmetic; top-1 is what its source measured at this input size."
    )


def agreements(maps: Sequence[ActivationMap]) -> None:
    """Every model against the first one, on one photo."""
    names = list(dict.fromkeys(entry.photo for entry in maps))
    photo = names[0] if len(names) == 1 else st.selectbox("Photo", names, key="agreement_photo")
    first, *others = [entry for entry in maps if entry.photo == photo]
    found = [agreement(first, other) for other in others]
    columns = {
        "Rank correlation": [each.spearman for each in found],
        "Overlap of the top 20 %": [each.iou_top20 for each in found],
        "Distance of centres (% of diagonal)": [100 * each.centroid_distance for each in found],
    }
    st.dataframe(
        pd.DataFrame({f"Against {first.model}": [other.model for other in others], **columns}),
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format="%.2f") for name in columns},
    )
    st.caption(
        "On shares of positive evidence, in the part of the photo that both models saw. "
        "Rank correlation (Spearman): 1 is the same order of places. Overlap (IoU): 1 is the same area. "
        "Distance: 0 is the same centre."
    )


def about(card: Card, words: str) -> None:
    """A model's card: what to look for, its numbers, and where they come from."""
    if words:
        st.markdown(f"_{words}_")
    st.markdown(
        f"- depth {card.depth:g} × width {card.width:g} × {card.resolution_px} px\n"
        f"- {card.params / 1e6:.2f} million parameters, {card.macs / 1e9:.3f} billion MACs\n"
        f"- map of {card.map_px} × {card.map_px} cells\n"
        f"- ImageNet top-1: {card.top1_words}\n"
        f"- weights: {card.weights}; licence {card.licence}"
    )
