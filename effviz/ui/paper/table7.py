"""Table 7 and Figure 8: four ways to spend about the same, with what the networks really cost."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from effviz.facts import PaperVersion, ScaledB0, scaled_b0
from effviz.facts.curves import compound_leads
from effviz.plots.curves import curves
from effviz.plots.saturation import METHODS, accuracy_axis, figure8, macs_axis, table7
from effviz.ui import mini
from effviz.ui.paper import versions
from effviz.ui.paper.exhibit import Column, exhibit, numbers, sources, table
from effviz.words import _
from effviz.zoo.presets import Role

LOG = "log"


def show() -> None:
    """Draw the section."""
    gains = _gains()
    st.markdown(
        _(
            "All grow from B0. Deeper, wider and sharper alone end within {apart:.1f} points of each other; growing "
            "all three at once (orange) ends **{least:.1f} to {most:.1f} points higher**, for about the same FLOPs as "
            "they are printed, and for {low:.0f} to {high:.0f} % more by the released code."
        ).format(apart=gains.apart, least=gains.least, most=gains.most, low=gains.low, high=gains.high)
    )
    st.subheader(_("Figure 8: the way makes the difference"))
    log = st.toggle(_("Equal steps for doublings"), key=LOG, bind="query-params", help=_("A logarithmic axis of cost."))
    drawn = figure8()
    alt = _(
        "Line chart of ImageNet top-1 over MACs, each way of scaling printed and recomputed. The compound curve "
        "reaches 82.6 % at 4.2 billion, the others stay below 80.1 %."
    )
    exhibit("figure8", curves(drawn, macs_axis(log), accuracy_axis()), table(drawn, "macs_billions", "top1_pct"), alt)
    sources((_("paper, Figure 8 (the same curves in ICML and v5)"), PaperVersion.V5.url))
    st.caption(
        _(
            "The dots carry no labels in the figure. Single dimensions: labels of the same dots in Figure 3. Compound: "
            "B0 to B4 with the accuracies of v1, which the figure kept."
        )
    )
    st.markdown(_leads())
    st.subheader(_("Table 7: one network of each kind"))
    _table7(versions.choose())
    st.subheader(_("Trained by this project"))
    mini.show()


def _leads() -> str:
    """The text's claim beside what the figure draws."""
    parts = "; ".join(
        _("{lead:.1f} points at {macs:g} billion ({name})").format(lead=lead, macs=dot.macs_billions, name=dot.label)
        for dot, lead in compound_leads()
    )
    return _(
        "The paper's text says that compound scaling is better **by up to 2.5 %** than any single dimension. Above the "
        "best of the three curves at its FLOPs, the compound curve is drawn by {parts}."
    ).format(parts=parts)


@dataclass(frozen=True, slots=True)
class _Gains:
    """What Table 7 says of the compound network beside the three."""

    apart: float  # points of top-1 between the best and the worst of the three
    least: float  # points above the best of them
    most: float  # points above the worst
    low: float  # percent more MACs by the released code than the dearest
    high: float  # percent more than the cheapest


def _gains() -> _Gains:
    compound = next(row for row in scaled_b0() if row.method == "compound")
    alone = [row for row in scaled_b0() if row.method in ("depth", "width", "resolution")]
    top1, costs = [row.top1_pct for row in alone], [row.macs_billions_computed for row in alone]
    return _Gains(
        apart=max(top1) - min(top1),
        least=compound.top1_pct - max(top1),
        most=compound.top1_pct - min(top1),
        low=100 * (compound.macs_billions_computed / max(costs) - 1),
        high=100 * (compound.macs_billions_computed / min(costs) - 1),
    )


def _table7(version: PaperVersion) -> None:
    drawn = table7(version)
    pairs = "; ".join(
        _("{method} {printed:g} printed, {computed:.2f} recomputed").format(
            method=_(METHODS[Role(row.method)]), printed=row.macs_billions, computed=row.macs_billions_computed
        )
        for row in scaled_b0(version)
    )
    alt = _("Scatter chart of ImageNet top-1 over MACs in billions: {pairs}.").format(pairs=pairs)
    made = curves(drawn, macs_axis(), accuracy_axis(), 400)
    exhibit("table7", made, table(drawn, "macs_billions", "top1_pct"), alt)
    sources((_("paper {version}, Table 7").format(version=version), version.url))
    alone = [row.macs_billions_computed for row in scaled_b0() if row.method in ("depth", "width", "resolution")]
    compound = next(row.macs_billions_computed for row in scaled_b0() if row.method == "compound")
    gains = _gains()
    st.info(
        _(
            "**Not the same FLOPs.** The table prints 1.8, 1.8, 1.9 and 1.8 billion. By the released code the three "
            "cost {cheapest:.2f} to {dearest:.2f} billion and the compound network {compound:.2f}: it spends {low:.0f} "
            "to {high:.0f} % more than those that it is compared with."
        ).format(cheapest=min(alone), dearest=max(alone), compound=compound, low=gains.low, high=gains.high),
        icon=":material/info:",
    )
    _rows(version)


def _rows(version: PaperVersion) -> None:
    rows = pd.DataFrame([_cells(row) for row in scaled_b0(version)])
    columns: dict[str, Column] = {
        "network": _("Network, as printed"),
        "depth": "d",
        "width": "w",
        "resolution": "r",
        "flops_billions_printed": (_("FLOPs, printed (billion)"), "%.1f"),
        "macs_billions_recomputed": (_("MACs, recomputed (billion)"), "%.3f"),
        "params_recomputed": (_("Parameters, recomputed"), "localized"),
        "resolution_px_recomputed": _("Input that was recomputed (px)"),
        "top1_pct_printed": (_("Top-1, printed (%)"), "%.1f"),
        "note": _("Note"),
    }
    numbers("table7-rows", rows, columns)
    st.caption(
        _(
            "The rows mix versions: since v3 the baseline reads 77.3, while the compound row's 81.1 is B3's accuracy "
            "of v1. Its d and w are B3's, so it is recomputed at B3's 300 px."
        )
    )


def _cells(row: ScaledB0) -> dict[str, object]:
    return {
        "network": row.label,
        "depth": row.depth,
        "width": row.width,
        "resolution": row.resolution,
        "flops_billions_printed": row.macs_billions,
        "macs_billions_recomputed": row.macs_billions_computed,
        "params_recomputed": row.network.params,
        "resolution_px_recomputed": row.network.resolution,
        "top1_pct_printed": row.top1_pct,
        "note": row.note,
        "source": row.source,
    }
