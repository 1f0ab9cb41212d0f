"""Every number of the figure as a table, on the screen and as a file."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from effviz.plots.points import Series
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
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "network": st.column_config.TextColumn(_("Network"), pinned=True),
            "series": _("Series"),
            "top1_pct": st.column_config.NumberColumn(_("Top-1 (%)")),
            "top5_pct": st.column_config.NumberColumn(_("Top-5 (%)")),
            "params_millions": st.column_config.NumberColumn(_("Parameters (million)")),
            "macs_billions": st.column_config.NumberColumn(_("MACs (billion)"), format="%.3g"),
            "macs_counted": _("How the MACs were counted"),
            "macs_billions_timm_with_bn": st.column_config.NumberColumn(_("timm's MACs, with batch norm (billion)")),
            "resolution_px": st.column_config.NumberColumn(_("Input (px)")),
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
