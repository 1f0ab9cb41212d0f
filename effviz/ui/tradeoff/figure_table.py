"""The Trade-off figure in numbers and words: its table, on the screen and as a file, its alt text and its notes."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from effviz.i18n import _, ngettext
from effviz.plots.accuracy_cost import Cost, NetworkSeries, UnmeasuredNetwork
from effviz.ui import outputs


def table_rows(series: Sequence[NetworkSeries]) -> pd.DataFrame:
    """One row a point, in the figure's order; empty cells where nobody published a number."""
    return pd.DataFrame(
        [
            {
                "network": point.id,
                "series": of.title,
                "top1_pct": point.top1_pct,
                "top5_pct": point.top5_pct,
                "params_millions": point.params_millions,
                "macs_billions": point.macs_billions,
                "macs_counted": str(_(point.macs_count)),
                "macs_billions_timm_with_bn": point.macs_billions_with_bn,
                "resolution_px": point.resolution_px,
                "training": _(point.training),
                "extra_data": point.extra_data,
                "source": _(point.source),
            }
            for of in series
            for point in of.points
        ]
    )


def show_table(series: Sequence[NetworkSeries]) -> None:
    """The table, and a button that saves it."""
    rows = table_rows(series)
    written: dict[str, Any] = dict.fromkeys(("params_millions", "macs_billions"), outputs.printed)
    st.dataframe(
        rows.style.format(written, na_rep=outputs.MISSING),
        hide_index=True,
        placeholder=outputs.MISSING,
        column_config={
            "network": st.column_config.TextColumn(_("Network"), pinned=True),
            "series": _("Series"),
            "top1_pct": st.column_config.NumberColumn(_("Top-1 (%)"), format="%.1f"),
            "top5_pct": st.column_config.NumberColumn(_("Top-5 (%)"), format="%.1f"),
            "params_millions": st.column_config.NumberColumn(_("Parameters (million)")),
            "macs_billions": st.column_config.NumberColumn(_("MACs (billion)")),
            "macs_counted": _("How the MACs were counted"),
            "macs_billions_timm_with_bn": st.column_config.NumberColumn(
                _("timm's MACs, with batch norm (billion)"), format="%.2f"
            ),
            "resolution_px": st.column_config.NumberColumn(_("Input (px)"), format="%d"),
            "training": _("Training"),
            "extra_data": _("More pictures than ImageNet-1k"),
            "source": _("Source"),
        },
    )
    st.download_button(
        _("Download as CSV"),
        rows.to_csv(index=False),
        "effviz-tradeoff.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


# What has to be said about the figure: for those who cannot see it, and for those who would misread it.


def alt_text(series: Sequence[NetworkSeries], cost: Cost, marked: UnmeasuredNetwork) -> str:
    """The figure in two sentences; its numbers stand in the table."""
    shown = [of for of in series if of.points]
    return _(
        "Scatter chart of ImageNet top-1 accuracy over {axis} on a log scale: {names}. "
        "A dashed line marks {label} at {cost:.3g}."
    ).format(axis=cost.axis, names="; ".join(map(_named, shown)), label=marked.label, cost=marked.cost(cost))


def _named(of: NetworkSeries) -> str:
    count = len(of.points)
    return ngettext("{title} ({count} network)", "{title} ({count} networks)", count).format(
        title=of.title, count=count
    )


def show_notes(series: Sequence[NetworkSeries], cost: Cost, unmeasured: Sequence[UnmeasuredNetwork]) -> None:
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
