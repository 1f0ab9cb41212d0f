"""Transfer to other data sets: Table 5 as gains over ratios, and Figure 6."""

from collections.abc import Iterator

from effviz.facts import Rival, TransferResult, transfer_dots, transfer_results
from effviz.plots.curves import Axis, Curve, Dot, Origin
from effviz.plots.style import GREY, LOOKS, OLIVE, Look
from effviz.words import _
from effviz.zoo.presets import Role

PUBLIC = Look(GREY, "x", "solid")
BEST = Look(OLIVE, "diamond", "solid")


def ratio_axis() -> Axis:
    """How many times more parameters the other network has."""
    return Axis(_("Parameters, times the EfficientNet's"), _("times the parameters"), True)


def gain_axis() -> Axis:
    """By how much the EfficientNet is more accurate."""
    return Axis(_("Gain in top-1 (points)"), _("points"))


def params_axis() -> Axis:
    """The horizontal axis of Figure 6."""
    return Axis(_("Parameters (millions)"), _("million parameters"), True)


def accuracy_axis(dataset: str) -> Axis:
    """The vertical axis of Figure 6."""
    return Axis(_("{dataset} top-1 (%)").format(dataset=dataset), _("% top-1"))


def gain(rival: Rival) -> float:
    """Points by which the EfficientNet is more accurate, at the printed precision of one decimal."""
    return round(rival.efficientnet_top1_pct - rival.top1_pct, 1)


def table5() -> tuple[Curve, ...]:
    """Each data set twice: against the best public network, and against the best that was reported."""
    public = [(result, result.public) for result in transfer_results()]
    best = [(result, result.best) for result in transfer_results()]
    return (
        Curve(_("Against public networks, printed"), PUBLIC, Origin.PRINTED, tuple(_gains(public, False)), False),
        Curve(_("Against public networks, recomputed"), PUBLIC, Origin.COMPUTED, tuple(_gains(public, True)), False),
        Curve(_("Against the best reported, printed"), BEST, Origin.PRINTED, tuple(_gains(best, False)), False),
        Curve(_("Against the best reported, recomputed"), BEST, Origin.COMPUTED, tuple(_gains(best, True)), False),
    )


def _gains(pairs: list[tuple[TransferResult, Rival]], computed: bool) -> Iterator[Dot]:
    for result, rival in pairs:
        ratio = rival.ratio if computed else rival.ratio_printed
        if ratio is None:
            continue
        source = _("printed millions divided by EffViz; {source}") if computed else "{source}"
        name = f"{result.dataset}: {rival.efficientnet} / {rival.model}"
        label = "" if computed else result.dataset
        yield Dot(name, ratio, gain(rival), source.format(source=result.source), label)


def figure6(dataset: str) -> tuple[Curve, Curve, Curve]:
    """EfficientNets on one data set, printed and recomputed, and the other networks that Table 5 gives for it."""
    dots = [dot for dot in transfer_dots() if dot.dataset == dataset]
    result = next(result for result in transfer_results() if result.dataset == dataset)
    look = LOOKS[Role.COMPOUND]
    printed = tuple(
        Dot(dot.name.upper(), dot.params_millions, dot.top1_pct, dot.source, dot.name.upper()) for dot in dots
    )
    text = _("counted by EffViz, with a classifier for {classes} classes; accuracy: {source}")
    computed = tuple(
        Dot(
            dot.name.upper(),
            dot.params_millions_computed,
            dot.top1_pct,
            text.format(classes=result.classes, source=dot.source),
        )
        for dot in dots
    )
    others = tuple(
        Dot(rival.model, rival.params_millions, rival.top1_pct, result.source, rival.model)
        for rival in (result.public, result.best)
        if rival.params_millions is not None
    )
    return (
        Curve(_("EfficientNet, drawn in Figure 6"), look, Origin.PRINTED, printed, text_position="top left"),
        Curve(_("EfficientNet, recomputed"), look, Origin.COMPUTED, computed),
        Curve(_("Others, printed in Table 5"), PUBLIC, Origin.PRINTED, others, False, "bottom center"),
    )
