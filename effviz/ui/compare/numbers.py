"""The compared models in numbers, and how much their maps agree."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from effviz.evaluate.agreement import agreement
from effviz.explain.results import ActivationMap
from effviz.ui.compare import newest
from effviz.words import _
from effviz.zoo.cards import Card


def models(cards: Sequence[Card]) -> None:
    """One row a model: depth, width, resolution, cost, size of the map, accuracy and where each comes from."""
    table = pd.DataFrame(
        {
            _("Model"): [card.ref.label for card in cards],
            _("Depth d"): [card.depth for card in cards],
            _("Width w"): [card.width for card in cards],
            _("Resolution (px)"): [card.resolution_px for card in cards],
            _("Parameters (million)"): [card.params / 1e6 for card in cards],
            _("MACs (billion)"): [card.macs / 1e9 for card in cards],
            _("Map (cells)"): [f"{card.map_px} × {card.map_px}" for card in cards],
            _("Top-1 (%)"): [_top1(card) for card in cards],
            _("Weights"): [card.weights.replace("`", "") for card in cards],
            _("Source of top-1"): [card.top1_words for card in cards],
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            _("Model"): st.column_config.TextColumn(pinned=True),
            _("Parameters (million)"): st.column_config.NumberColumn(format="%.2f"),
            _("MACs (billion)"): st.column_config.NumberColumn(
                format="%.3f", help=_("Multiply-adds, the paper's FLOPs")
            ),
        },
    )
    st.caption(
        _(
            "d, w: multipliers of the baseline's blocks and channels. Parameters and MACs are computed layer by layer "
            "(`effviz plan`), without batch-norm arithmetic; top-1 is what its source measured at this input size."
        )
    )


def _top1(card: Card) -> str:
    """An accuracy never stands without its data set: those of ten classes and of a thousand do not compare."""
    return _("not measured") if card.top1_pct is None else f"{card.top1_pct:.1f} ({card.top1_on})"


def agreements(maps: Sequence[ActivationMap]) -> None:
    """Every model against the first one, on one photo."""
    names = list(dict.fromkeys(entry.photo for entry in maps))
    photo = names[0] if len(names) == 1 else _one(maps, names)
    first, *others = [entry for entry in maps if entry.photo == photo]
    found = [agreement(first, other) for other in others]
    columns = {
        _("Rank correlation"): [each.spearman for each in found],
        _("Overlap of the top 20 %"): [each.iou_top20 for each in found],
        _("Distance of centres (% of diagonal)"): [100 * each.centroid_distance for each in found],
    }
    st.dataframe(
        pd.DataFrame({_("Against {model}").format(model=first.model): [other.model for other in others], **columns}),
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format="%.2f") for name in columns},
    )
    st.caption(
        _(
            "On shares of positive evidence, in the part of the photo that both models saw. "
            "Rank correlation (Spearman): 1 is the same order of places. Overlap (IoU): 1 is the same area. "
            "Distance: 0 is the same centre."
        )
    )


def _one(maps: Sequence[ActivationMap], names: Sequence[str]) -> str:
    newest.follow("agreement_photo", {entry.photo: entry.photo_sha256 for entry in maps})
    return st.selectbox(_("Photo"), names, key="agreement_photo")


def about(card: Card, words: str) -> None:
    """A model's card: what to look for, its numbers, and where they come from."""
    if words:
        st.markdown(f"_{_(words)}_")
    st.markdown("\n".join(f"- {line}" for line in facts(card)))


def facts(card: Card) -> list[str]:
    """A model's card in five lines."""
    return [
        _dimensions(card),
        _("{params:.2f} million parameters, {macs:.3f} billion MACs").format(
            params=card.params / 1e6, macs=card.macs / 1e9
        ),
        _("map of {cells} × {cells} cells").format(cells=card.map_px),
        _("top-1 ({dataset}): {words}").format(dataset=card.top1_on, words=card.top1_words),
        _("weights: {weights}; licence {licence}").format(weights=card.weights, licence=card.licence),
    ]


def _dimensions(card: Card) -> str:
    made_for = card.ref.spec.resolution_px
    if made_for == card.resolution_px:
        words = _("depth {depth:g} × width {width:g} × {size} px")
    else:
        words = _("depth {depth:g} × width {width:g} × {size} px, with weights made for {made_for} px")
    return words.format(depth=card.depth, width=card.width, size=card.resolution_px, made_for=made_for)
