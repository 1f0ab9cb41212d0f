"""Figure 4: widening gains more on a network that is also deeper and has a larger input."""

import streamlit as st

from effviz.facts.paper_tables import PaperVersion
from effviz.facts.scaling_experiments import WidthDot, scaled_network, width_by_baseline
from effviz.i18n import _
from effviz.plots.paper_curves import accuracy_axis, draw_curves, figure4, macs_axis
from effviz.ui.paper.exhibit import Column, log_axis, numbers, show_exhibit, sources, table
from effviz.ui.paper.figure3 import disagreement


def show() -> None:
    """Draw the section."""
    text = _(
        "Each line scales the width alone, from one of four baselines: plain B0, or B0 that is already deeper, has a "
        "larger input, or both. From which baseline does widening get furthest?"
    )
    st.markdown(text)
    log = log_axis()
    curves = figure4()
    chart = draw_curves(curves, macs_axis(log), accuracy_axis())
    show_exhibit("figure4", chart, table(curves, "macs_billions", "top1_pct"), _alt())
    sources((_("paper, Figure 4 (the same drawing in v2, v3 and v5)"), PaperVersion.V5.url))
    text = _(
        "Widening saturates first on plain B0 (green). On a baseline that is already twice as deep *and* has a larger "
        "input (orange), it ends over a point higher at the same MACs. **The dimensions have to be scaled together.**"
    )
    st.markdown(text)
    disagreement()
    _starts()


def _lines() -> list[list[WidthDot]]:
    dots = width_by_baseline()
    starts = dict.fromkeys((dot.depth, dot.resolution) for dot in dots)
    return [[dot for dot in dots if (dot.depth, dot.resolution) == start] for start in starts]


def _alt() -> str:
    text = _("depth {depth:g} and resolution {resolution:g} up to {top1:g} %")
    ends = "; ".join(
        text.format(depth=end.depth, resolution=end.resolution, top1=end.top1_pct) for *_dots, end in _lines()
    )
    return _("Line chart of ImageNet top-1 versus MACs for four baselines scaled in width: {ends}.").format(ends=ends)


def _starts() -> None:
    st.subheader(_("Where the lines start"))
    text = _(
        "The figure does not give the widths of its dots. Six dots on the green line also appear in Figure 3, so only "
        "those are recomputed. The first dots can be checked if they have w = 1, which the paper does not say. As in "
        "Figure 3, the drawn costs are higher than those of the released code."
    )
    st.markdown(text)
    columns: dict[str, Column[WidthDot]] = {
        "start": Column(lambda dot: f"d = {dot.depth:g}, r = {dot.resolution:g}", _("Baseline")),
        "top1_pct_printed": Column(lambda dot: dot.top1_pct, _("First dot, top-1 (%)"), "%.2f"),
        "flops_billions_printed": Column(lambda dot: dot.macs_billions, _("First dot, FLOPs drawn (billion)"), "%.3f"),
        "macs_billions_recomputed": Column(_billions, _("MACs at w = 1, recomputed (billion)"), "%.3f"),
        "printed_over_recomputed": Column(
            lambda dot: dot.macs_billions / _billions(dot), _("Drawn / recomputed"), "%.2f"
        ),
        "source": Column(lambda dot: dot.source),
    }
    numbers("figure4-starts", [line[0] for line in _lines()], columns)
    text = _(
        "The paper's caption gives the last baseline 36 layers and 299 pixels. EffViz recomputes it at 291 pixels, "
        "which is 1.3 times 224. The paper's text says r = 2.0 where the figure says r = 1.3."
    )
    st.caption(text)


def _billions(start: WidthDot) -> float:
    return scaled_network(start.depth, 1.0, start.resolution).macs / 1e9
