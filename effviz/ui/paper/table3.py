"""Table 3: compound scaling also helps networks that were not designed for it."""

from collections.abc import Sequence

import streamlit as st

from effviz.facts.paper_tables import PaperVersion
from effviz.facts.scaling_experiments import ScaledNetwork, other_networks
from effviz.i18n import _
from effviz.plots import paper_curves
from effviz.plots.paper_curves import AXIS_TITLES, CurvePoint, FigureCurve, Origin, draw_curves
from effviz.plots.style import LOOKS
from effviz.ui.paper.exhibit import Column, note, numbers, show_exhibit, sources, table
from effviz.zoo.presets import ScalingAxis

GREY = LOOKS[ScalingAxis.BASELINE]


def table3(models: Sequence[str]) -> tuple[FigureCurve, FigureCurve]:
    """Return rows at their printed FLOPs, and at their baseline's printed FLOPs times d * w^2 * r^2."""
    text = _("the baseline's printed FLOPs times d · w² · r², by EffViz; accuracy: {source}")
    printed, formula = [], []
    for row in (row for row in other_networks() if row.model in models):
        role = ScalingAxis(row.method)
        method, look = _(AXIS_TITLES[role]), LOOKS[role]
        name, label = f"{row.model}, {method}", row.model if role is ScalingAxis.BASELINE else method
        printed.append(CurvePoint(name, row.macs_billions, row.top1_pct, row.source, label, look))
        if row.macs_billions_formula is not None:
            source = text.format(source=row.source)
            formula.append(CurvePoint(name, row.macs_billions_formula, row.top1_pct, source, "", look))
    return (
        FigureCurve(_("Table 3, printed"), GREY, Origin.PRINTED, tuple(printed), joined=False),
        FigureCurve(_("By the formula d · w² · r²"), GREY, Origin.COMPUTED, tuple(formula), joined=False),
    )


def spokes(models: Sequence[str]) -> list[dict[str, object]]:
    """Return Plotly shapes: thin lines, behind the points, from each baseline to its scaled versions."""
    rows = [row for row in other_networks() if row.model in models]
    starts = {row.model: row for row in rows if row.method == ScalingAxis.BASELINE}
    ends = [(starts[row.model], row) for row in rows if row.method != ScalingAxis.BASELINE]
    look: dict[str, object] = {"type": "line", "layer": "between", "line": {"color": GREY.colour, "width": 1}}
    return [
        look | {"x0": start.macs_billions, "y0": start.top1_pct, "x1": end.macs_billions, "y1": end.top1_pct}
        for start, end in ends
    ]


NETWORKS = "networks"


def show() -> None:
    """Draw the section."""
    text = _(
        "Two MobileNets and ResNet-50, each scaled to about four times its MACs by depth, width, resolution or all "
        "three. Thin lines connect each baseline to its scaled versions. Which version is the most accurate?"
    )
    st.markdown(text)
    models = list(dict.fromkeys(row.model for row in other_networks()))
    chosen = st.pills(_("Networks"), models, selection_mode="multi", default=models, key=NETWORKS, bind="query-params")
    curves = table3(chosen)
    chart = draw_curves(curves, paper_curves.macs_axis(log=True), paper_curves.accuracy_axis())
    chart.update_layout(shapes=spokes(chosen))
    show_exhibit("table3", chart, table(curves, "macs_billions", "top1_pct"), _alt(chosen))
    sources((_("paper, Table 3 (the same in all versions)"), PaperVersion.V5.url))
    st.markdown(_("For all three networks, compound scaling (orange star) is the most accurate at about equal MACs."))
    text = _(
        "Open markers are estimates: the baseline's printed FLOPs times d · w² · r², the rule in section 3.3. The "
        "estimate is too high for width, because the first and last layers grow less, and too low for MobileNetV1's "
        "compound row. The paper prints no coefficients for the other two compound rows."
    )
    note(text)
    _table(chosen)


def _alt(chosen: list[str]) -> str:
    text = _("{model} from {first:g} % to {last:g} % by compound scaling")
    ends = [(_row(model, ScalingAxis.BASELINE), _row(model, ScalingAxis.COMPOUND)) for model in chosen]
    best = "; ".join(text.format(model=first.model, first=first.top1_pct, last=last.top1_pct) for first, last in ends)
    return _("Scatter chart of ImageNet top-1 versus MACs on a log scale: {best}.").format(best=best)


def _row(model: str, role: ScalingAxis) -> ScaledNetwork:
    return next(row for row in other_networks() if (row.model, row.method) == (model, role.value))


def _table(chosen: list[str]) -> None:
    rows = [row for row in other_networks() if row.model in chosen]
    if not rows:
        st.caption(_("Choose a network above to see its rows."))
        return
    baselines = {model: _row(model, ScalingAxis.BASELINE) for model in chosen}
    columns: dict[str, Column[ScaledNetwork]] = {
        "network": Column(lambda row: row.model, _("Network")),
        "scaling": Column(lambda row: _(AXIS_TITLES[ScalingAxis(row.method)]), _("What grows")),
        "coefficients": Column(_coefficients, _("Coefficients, printed")),
        "flops_billions": Column(lambda row: row.macs_billions, _("FLOPs, printed (billion)"), "%.1f"),
        "times_baseline": Column(
            lambda row: row.macs_billions / baselines[row.model].macs_billions,
            _("Relative to the baseline, recomputed"),
            "%.2f×",
        ),
        "macs_billions_formula": Column(
            lambda row: row.macs_billions_formula, _("By d · w² · r², recomputed (billion)"), "%.2f"
        ),
        "top1_pct": Column(lambda row: row.top1_pct, _("Top-1, printed (%)"), "%.1f"),
        "gain_points": Column(
            lambda row: row.top1_pct - baselines[row.model].top1_pct, _("Gain, recomputed (points)"), "%.1f"
        ),
        "source": Column(lambda row: row.source),
    }
    numbers("table3-rows", rows, columns)
    st.caption(_("A dash means that the paper prints no coefficients, so the formula cannot be applied."))


def _coefficients(row: ScaledNetwork) -> str:
    if row.depth is None:
        return _("not printed")
    return f"d = {row.depth:g}, w = {row.width:g}, r = {row.resolution:g}"
