"""Every number of the figure as a table, on the screen and as a file."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from effviz.plots.points import Series
from effviz.ui import outputs
from effviz.words import _


def table(series: Sequence[Series]) -> pd.DataFrame:
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


def show(series: Sequence[Series]) -> None:
    """The table, and a button that saves it."""
    rows = table(series)
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
