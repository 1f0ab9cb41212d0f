"""Figure 3: scaling width, depth or resolution alone has diminishing returns."""

from collections.abc import Sequence
from itertools import chain, pairwise

import streamlit as st

from effviz.facts.paper_tables import PaperVersion
from effviz.facts.scaling_experiments import CurveDot, drawn_twice, gain_per_doubling, single_dimension
from effviz.i18n import _
from effviz.plots.paper_curves import AXIS_TITLES, Origin, accuracy_axis, draw_curves, figure3, macs_axis
from effviz.ui.paper.exhibit import Column, log_axis, note, numbers, show_exhibit, sources, table
from effviz.zoo.presets import ScalingAxis

RECOMPUTED = "recomputed"


def show() -> None:
    """Draw the section."""
    text = _("B0 is scaled in width, depth or resolution, one at a time. How much accuracy does each step add?")
    st.markdown(text)
    log = log_axis()
    help = _("Draw each curve again, at the MACs that EffViz counts.")
    recomputed = st.toggle(_("Also show recomputed costs"), key=RECOMPUTED, bind="query-params", help=help)
    curves = [curve for curve in figure3() if recomputed or curve.origin is Origin.PRINTED]
    chart = draw_curves(curves, macs_axis(log), accuracy_axis())
    show_exhibit("figure3", chart, table(curves, "macs_billions", "top1_pct"), _alt())
    sources((_("paper, Figure 3 (the same drawing in v2, v3 and v5)"), PaperVersion.V5.url))
    text = _(
        "Every curve rises steeply and then flattens near **80 %**. Beyond that, scaling the same dimension further "
        "gains almost nothing."
    )
    st.markdown(text)
    _costs()
    disagreement()
    _numbers()


def _curves() -> dict[ScalingAxis, list[CurveDot]]:
    dots = single_dimension()
    methods = dict.fromkeys(dot.method for dot in dots)
    return {ScalingAxis(method): [dot for dot in dots if dot.method == method] for method in methods}


def _alt() -> str:
    text = _("{method} from {first:g} % to {last:g} %")
    ends = "; ".join(
        text.format(method=_(AXIS_TITLES[role]), first=dots[0].top1_pct, last=dots[-1].top1_pct)
        for role, dots in _curves().items()
    )
    return _("Line chart of ImageNet top-1 versus MACs: {ends}.").format(ends=ends)


def _costs() -> None:
    """Show how far the figure's costs differ from those of the released code."""
    ranges = []
    for role, dots in _curves().items():
        ratios = [dot.macs_billions / dot.macs_billions_computed for dot in dots if dot.coefficient != 1]
        ranges.append(f"{_(AXIS_TITLES[role])} {min(ratios):.2f}–{max(ratios):.2f}")
    start = single_dimension()[0]
    text = _(
        "The figure's MACs differ from those of the released code. Printed divided by recomputed: {ranges}; at the "
        "common start, {start:.2f}. We found no explanation. The switch above draws both."
    )
    note(text.format(ranges=", ".join(ranges), start=start.macs_billions / start.macs_billions_computed))


def disagreement() -> None:
    """Show which networks have different accuracies in Figures 3 and 4; both sections call this."""
    text = _("{network} has {here:g} % in Figure 3 and {there:g} % in Figure 4")
    pairs = "; ".join(
        text.format(network=dot.label, here=dot.top1_pct, there=start.top1_pct) for dot, start in drawn_twice()
    )
    text = _(
        "**Figures 3 and 4 disagree.** Two networks appear in both, at the same MACs: {pairs}. The paper does not "
        "explain this or say whether they come from separate training runs."
    )
    note(text.format(pairs=pairs))


def _numbers() -> None:
    st.subheader(_("Gain from each doubling"))
    steps = [
        [(after, gain_per_doubling(before, after)) for before, after in pairwise(dots)] for dots in _curves().values()
    ]
    st.markdown(_gains(steps))
    bar = st.column_config.ProgressColumn(
        _("Gain per doubling (points)"), format="%.2f", min_value=0.0, max_value=4.0, color="blue"
    )
    columns: dict[str, Column[tuple[CurveDot, float]]] = {
        "network": Column(lambda step: step[0].label, _("Network")),
        "flops_billions_printed": Column(lambda step: step[0].macs_billions, _("FLOPs, printed (billion)"), "%.3f"),
        "macs_billions_recomputed": Column(
            lambda step: step[0].macs_billions_computed, _("MACs, recomputed (billion)"), "%.3f"
        ),
        "top1_pct_printed": Column(lambda step: step[0].top1_pct, _("Top-1, printed (%)"), "%.2f"),
        "gain_points": Column(lambda step: step[1], bar),
        "source": Column(lambda step: step[0].source),
    }
    numbers("figure3-doublings", chain.from_iterable(steps), columns)


def _gains(steps: Sequence[Sequence[tuple[CurveDot, float]]]) -> str:
    """Describe how the gains shrink from the first to the last step, and which steps are exceptions."""
    first, last = [curve[0][1] for curve in steps], [curve[-1][1] for curve in steps]
    uneven = [after.label for curve in steps for (_dot, before), (after, gain) in pairwise(curve) if gain > before]
    return _(
        "Accuracy gained per doubling of the printed MACs, from one network to the next on its curve: {first_low:.2f} "
        "to {first_high:.2f} points in the first step, {last_low:.2f} to {last_high:.2f} in the last. The decline is "
        "not steady: {uneven} gain more than in the previous step."
    ).format(
        first_low=min(first), first_high=max(first), last_low=min(last), last_high=max(last), uneven=", ".join(uneven)
    )
