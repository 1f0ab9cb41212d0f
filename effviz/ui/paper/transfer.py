"""Tables 5 and 6 and Figure 6: the networks fine-tuned on eight other data sets."""

from collections.abc import Callable, Sequence
from statistics import geometric_mean

import streamlit as st

from effviz.facts.paper_tables import PaperVersion, Rival, TransferResult, transfer_dots, transfer_results
from effviz.i18n import _
from effviz.plots.paper_curves import CurvePoint, FigureAxis, FigureCurve, Origin, draw_curves
from effviz.plots.style import GREY, LOOKS, OLIVE, SeriesStyle
from effviz.ui import outputs
from effviz.ui.paper.exhibit import Column, note, numbers, show_exhibit, sources, table
from effviz.zoo.presets import ScalingAxis

PUBLIC = SeriesStyle(GREY, "x", "solid")
BEST = SeriesStyle(OLIVE, "diamond", "solid")


def gain(rival: Rival) -> float:
    """Return how many points more accurate the EfficientNet is, rounded to one decimal as printed."""
    return round(rival.efficientnet_top1_pct - rival.top1_pct, 1)


def table5() -> tuple[FigureCurve, ...]:
    """Return each data set twice: compared with the best public network and with the best reported one."""
    public = [(result, result.public) for result in transfer_results()]
    best = [(result, result.best) for result in transfer_results()]
    return (
        _gains(_("Against public networks, printed"), PUBLIC, Origin.PRINTED, public),
        _gains(_("Against public networks, recomputed"), PUBLIC, Origin.COMPUTED, public),
        _gains(_("Against the best reported, printed"), BEST, Origin.PRINTED, best),
        _gains(_("Against the best reported, recomputed"), BEST, Origin.COMPUTED, best),
    )


def _gains(title: str, look: SeriesStyle, origin: Origin, pairs: Sequence[tuple[TransferResult, Rival]]) -> FigureCurve:
    dots, computed = [], origin is Origin.COMPUTED
    text = _("printed millions divided by EffViz; {source}") if computed else "{source}"
    for result, rival in pairs:
        if ratio := rival.ratio if computed else rival.ratio_printed:
            name = f"{result.dataset}: {rival.efficientnet} / {rival.model}"
            label = "" if computed else result.dataset
            dots.append(CurvePoint(name, ratio, gain(rival), text.format(source=result.source), label))
    return FigureCurve(title, look, origin, tuple(dots), joined=False)


def figure6(dataset: str) -> tuple[FigureCurve, FigureCurve, FigureCurve]:
    """Return EfficientNets on one data set, printed and recomputed, and the other networks in Table 5."""
    dots = [dot for dot in transfer_dots() if dot.dataset == dataset]
    result = next(result for result in transfer_results() if result.dataset == dataset)
    look = LOOKS[ScalingAxis.COMPOUND]
    text = _("counted by EffViz, with a classifier for {classes} classes; accuracy: {source}")
    printed, computed = [], []
    for dot in dots:
        name, source = dot.name.upper(), text.format(classes=result.classes, source=dot.source)
        printed.append(CurvePoint(name, dot.params_millions, dot.top1_pct, dot.source, name))
        computed.append(CurvePoint(name, dot.params_millions_computed, dot.top1_pct, source))
    others = tuple(
        CurvePoint(rival.model, rival.params_millions, rival.top1_pct, result.source, rival.model)
        for rival in (result.public, result.best)
        if rival.params_millions is not None
    )
    return (
        FigureCurve(
            _("EfficientNet, drawn in Figure 6"), look, Origin.PRINTED, tuple(printed), text_position="top left"
        ),
        FigureCurve(_("EfficientNet, recomputed"), look, Origin.COMPUTED, tuple(computed)),
        FigureCurve(_("Others, printed in Table 5"), PUBLIC, Origin.PRINTED, others, False, "bottom center"),
    )


DATASET = "dataset"


def show() -> None:
    """Draw the section."""
    text = _(
        "Networks trained on ImageNet were fine-tuned on eight other data sets. The further right a point is, the more "
        "parameters the other network has. Above zero, the EfficientNet is also more accurate."
    )
    st.markdown(text)
    st.subheader(_("Table 5: how much smaller, how much better"))
    _table5()
    st.subheader(_("Figure 6: accuracy versus size, one data set at a time"))
    _figure6()
    st.subheader(_("The numbers of Tables 5 and 6"))
    _numbers()


def _table5() -> None:
    curves = table5()
    rivals = [rival for result in transfer_results() for rival in (result.public, result.best)]
    alt = _(
        "Scatter chart of the gain in top-1 versus the parameter ratio, printed and recomputed. In {better} of {all} "
        "comparisons, the EfficientNet is at least as accurate."
    ).format(better=sum(gain(rival) >= 0 for rival in rivals), all=len(rivals))
    x = FigureAxis(_("Parameters relative to the EfficientNet"), _("times the parameters"), log=True)
    chart = draw_curves(curves, x, FigureAxis(_("Gain in top-1 (points)"), _("points")))
    show_exhibit("table5", chart, table(curves, "params_ratio", "gain_points"), alt)
    sources((_("paper, Table 5 (the same accuracies in ICML, v2, v3 and v5)"), PaperVersion.V5.url))
    pets = next(result.public for result in transfer_results() if result.dataset == "Oxford-IIIT Pets")
    public = [result.public for result in transfer_results()]
    printed = geometric_mean(rival.ratio_printed for rival in public if rival.ratio_printed is not None)
    computed = geometric_mean(rival.ratio for rival in public if rival.ratio is not None)
    text = _(
        "For Oxford-IIIT Pets, the paper prints {ratio} times fewer parameters; its own {theirs:g} and {ours:g} "
        "million give {divided:.1f}. The paper's mean of {printed:.1f} includes that ratio; recomputed, the mean is "
        "{computed:.1f}. DAT, the best on three data sets, has no printed size and is not in the figure."
    )
    note(
        text.format(
            ratio=pets.ratio_printed,
            theirs=pets.params_millions,
            ours=pets.efficientnet_params_millions,
            divided=pets.ratio,
            printed=printed,
            computed=computed,
        )
    )


def _figure6() -> None:
    names = [result.dataset for result in transfer_results()]
    dataset = st.pills(_("Data set"), names, default=names[0], key=DATASET, required=True, bind="query-params")
    curves = figure6(dataset)
    printed = curves[0].dots
    text = _(
        "Chart of top-1 on {dataset} versus parameters on a log scale: EfficientNet-B0 {first:g} %, B7 {last:g} %; "
        "others: {others}."
    )
    others = ", ".join(f"{dot.name} {dot.y:g} %" for dot in curves[2].dots)
    alt = text.format(dataset=dataset, first=printed[0].y, last=printed[-1].y, others=others)
    x = FigureAxis(_("Parameters (millions)"), _("million parameters"), log=True)
    chart = draw_curves(curves, x, FigureAxis(_("{dataset} top-1 (%)").format(dataset=dataset), _("% top-1")))
    show_exhibit("figure6", chart, table(curves, "params_millions", "top1_pct"), alt)
    sources((_("paper, Figure 6 and Table 5"), PaperVersion.V5.url))
    text = _(
        "EffViz infers which dot is which network from the order of their sizes. The sizes exclude ImageNet's "
        "classifier; the recomputed sizes include a classifier for this data set's classes."
    )
    st.caption(text)


def _numbers() -> None:
    columns: dict[str, Column[TransferResult]] = {
        "dataset": Column(lambda result: result.dataset, _("Data set")),
        "train_size": Column(lambda result: result.train_size, _("Training images"), "localized"),
        "test_size": Column(lambda result: result.test_size, _("Test images"), "localized"),
        "classes": Column(lambda result: result.classes, _("Classes")),
        **_rival_columns("public", _("Best public"), lambda result: result.public),
        **_rival_columns("best", _("Best reported"), lambda result: result.best),
        "source": Column(lambda result: result.source),
        "size_source": Column(lambda result: result.size_source),
    }
    numbers("tables-5-6", transfer_results(), columns)


def _rival_columns(
    kind: str, title: str, rival: Callable[[TransferResult], Rival]
) -> dict[str, Column[TransferResult]]:
    def beside(result: TransferResult) -> str:
        name = rival(result).efficientnet.removeprefix("EfficientNet-")
        return f"{name} {rival(result).efficientnet_top1_pct:.1f} %"

    return {
        f"{kind}_model": Column(lambda result: f"{rival(result).model} {rival(result).top1_pct:.1f} %", title),
        f"{kind}_efficientnet": Column(beside, _("EfficientNet counterpart")),
        f"{kind}_ratio_printed": Column(lambda result: rival(result).ratio_printed, _("Ratio, printed"), outputs.times),
        f"{kind}_ratio_recomputed": Column(lambda result: rival(result).ratio, _("Ratio, recomputed"), "%.2f×"),
    }
