"""The training recipe: what section 5.2 prints, what only the official code gives, and what each part does."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import plotly.graph_objects as go
import streamlit as st

from effviz.facts.paper_tables import PaperVersion, TrainingFact, training_fact, training_facts
from effviz.i18n import _, lazy_gettext
from effviz.plots.paper_curves import CurvePoint, FigureAxis, FigureCurve, Origin, draw_curves
from effviz.plots.style import GREY, LOOKS, OLIVE, SeriesStyle
from effviz.scaling import PUBLISHED, published_plan
from effviz.train import training_recipe
from effviz.train.training_recipe import TrainingRecipe
from effviz.ui import glossary, outputs
from effviz.ui.paper import autoaugment, exhibit
from effviz.ui.paper.exhibit import Column, note, numbers, show_exhibit, table
from effviz.zoo.presets import ScalingAxis

# These series are not scaling methods, so they use other colours.
PRINTED, CODE = SeriesStyle(GREY, "circle", "solid"), SeriesStyle(OLIVE, "diamond", "dash")
B_SERIES = tuple(f"b{position}" for position in range(8))
REACH, STEP = 6.0, 0.02  # horizontal axis of the activation functions
EPOCHS_BACK = 60


def rates(recipe: TrainingRecipe, batch_size: int, log: bool = False) -> tuple[FigureCurve, FigureCurve]:
    """Return the learning rate as the paper prints it, and as the official code computes it for a batch size."""
    fact = training_fact("rate")
    highest = replace(recipe, batch_size=batch_size).rate
    printed = training_recipe.schedule_corners(fact.printed, replace(recipe.schedule, warmup_epochs=0.0), recipe.epochs)
    coded = training_recipe.schedule_corners(highest, recipe.schedule, recipe.epochs)
    source = _("formula of the official code, computed by EffViz; {source}").format(source=fact.source)
    text = _("Printed: {rate:g}, × {decay:g} every {epochs:g} epochs")
    title = text.format(rate=fact.printed, decay=recipe.schedule.decay, epochs=recipe.schedule.decay_epochs)
    coded_title = _("Official code, batches of {pictures}").format(pictures=batch_size)
    dots = tuple(_epoch(epoch, rate, fact.source) for epoch, rate in printed)
    coded_dots = tuple(_epoch(epoch, rate, source) for epoch, rate in coded if rate > 0 or not log)
    return (
        FigureCurve(title, PRINTED, Origin.PRINTED, dots, marked=False),
        FigureCurve(coded_title, CODE, Origin.COMPUTED, coded_dots, marked=False),
    )


def _epoch(epoch: float, rate: float, source: str) -> CurvePoint:
    return CurvePoint(_("epoch {epoch:g}").format(epoch=round(epoch, 2)), epoch, rate, source)


def memory(decay: float, batch_sizes: Sequence[int]) -> tuple[FigureCurve, ...]:
    """Return the share of the averaged weights that the last epochs contribute, one curve per batch size."""
    fact = training_fact("ema")
    source = _("formula of a moving average, computed by EffViz; {source}").format(source=fact.source)
    name, photos = _("the last {epochs} epochs"), training_recipe.IMAGENET_PHOTOS
    curves = []
    for size, look in zip(batch_sizes, (PRINTED, CODE), strict=True):
        shares = [training_recipe.average_weight(decay, back * photos / size) for back in range(EPOCHS_BACK + 1)]
        dots = (CurvePoint(name.format(epochs=back), back, 100 * share, source) for back, share in enumerate(shares))
        title = _("Batches of {pictures}").format(pictures=size)
        curves.append(FigureCurve(title, look, Origin.COMPUTED, tuple(dots), marked=False))
    return tuple(curves)


def dropouts() -> tuple[FigureCurve, FigureCurve]:
    """Return the dropout of B0 to B7: linear as the paper prints it, and in steps as in the official code."""
    least, most = training_fact("dropout_least"), training_fact("dropout_most")
    printed, coded = [], []
    for at, name in enumerate(B_SERIES):
        dropout = training_recipe.scaled_dropout(least.printed, most.printed, at, len(B_SERIES))
        printed.append(CurvePoint(name.upper(), at, dropout, least.source))
        coded.append(CurvePoint(name.upper(), at, PUBLISHED[name].dropout, PUBLISHED[name].source))
    title = _("Printed: linear from {least:g} to {most:g}").format(least=least.printed, most=most.printed)
    return (
        FigureCurve(title, PRINTED, Origin.PRINTED, tuple(printed)),
        FigureCurve(_("Official code"), CODE, Origin.COMPUTED, tuple(coded), joined=False),
    )


def survivals(name: str) -> tuple[FigureCurve, FigureCurve]:
    """Return how often each block of a published network runs in training."""
    fact = training_fact("survival")
    shortcuts = training_recipe.has_shortcuts(published_plan(name))
    source = _("formula of the official code, computed by EffViz; {source}").format(source=fact.source)
    dots: dict[bool, list[CurvePoint]] = {True: [], False: []}  # keyed by whether the block may be skipped
    for block, shortcut in enumerate(shortcuts):
        survival = training_recipe.survival_probability(fact.coded, block, len(shortcuts)) if shortcut else 1.0
        label = _("block {block} of {count}").format(block=block + 1, count=len(shortcuts))
        dots[shortcut].append(CurvePoint(label, block + 1, 100 * survival, source))
    look = LOOKS[ScalingAxis.BASELINE if name == B_SERIES[0] else ScalingAxis.COMPOUND]
    title, always_title = _("{network}: may be skipped"), _("{network}: no shortcut, always runs")
    network, cross = name.upper(), SeriesStyle(look.colour, "x", "solid")
    return (
        FigureCurve(title.format(network=network), look, Origin.COMPUTED, tuple(dots[True])),
        FigureCurve(always_title.format(network=network), cross, Origin.COMPUTED, tuple(dots[False]), joined=False),
    )


def activations(slopes: bool) -> tuple[FigureCurve, FigureCurve]:
    """Return SiLU and ReLU, or their slopes."""
    silu = training_recipe.silu_slope if slopes else training_recipe.silu
    relu = training_recipe.relu_slope if slopes else training_recipe.relu
    steps = round(REACH / STEP)

    def curve(name: str, function: Callable[[float], float], look: SeriesStyle, source: str) -> FigureCurve:
        inputs = (round(step * STEP, 2) for step in range(-steps, steps + 1))
        dots = tuple(CurvePoint(f"{name}({x:g})", x, function(x), source) for x in inputs)
        return FigureCurve(name, look, Origin.COMPUTED, dots, marked=False)

    return (
        curve("SiLU", silu, SeriesStyle(OLIVE, "diamond", "solid"), _("x / (1 + e^-x), computed by EffViz")),
        curve("ReLU", relu, SeriesStyle(GREY, "circle", "dash"), _("max(x, 0), computed by EffViz")),
    )


BATCH, LOG, NETWORK, SLOPES = "batch", "log", "network", "slopes"
BATCHES = (4096, 2048)  # the size that matches the printed rate, and the official script's default

NAMES = {
    "optimiser": lazy_gettext("Optimiser"),
    "squares": lazy_gettext("RMSProp: decay of squares"),
    "momentum": lazy_gettext("Momentum"),
    "epsilon": lazy_gettext("RMSProp: epsilon"),
    "rate": lazy_gettext("Initial learning rate"),
    "batch_size": lazy_gettext("Batch size (images)"),
    "warmup_epochs": lazy_gettext("Epochs of warm-up"),
    "decay": lazy_gettext("Decay factor of the rate"),
    "decay_epochs": lazy_gettext("Epochs between decays"),
    "steps": lazy_gettext("Training steps"),
    "ema": lazy_gettext("Weight average: decay"),
    "norm_momentum": lazy_gettext("Batch norm momentum"),
    "weight_decay": lazy_gettext("Weight decay"),
    "activation": lazy_gettext("Activation function"),
    "dropout_least": lazy_gettext("Dropout, B0"),
    "dropout_most": lazy_gettext("Dropout, B7"),
    "survival": lazy_gettext("Survival of the last block"),
    "augmentation": lazy_gettext("Augmentation"),
    "label_smoothing": lazy_gettext("Label smoothing"),
    "held_out": lazy_gettext("Training images held out"),
}


def show() -> None:
    """Draw the section."""
    text = _(
        "Accuracies can be compared fairly only between networks trained the same way. This is how the EfficientNets "
        "were trained, according to section 5.2 of the paper and, where the paper says nothing, the **official code**."
    )
    st.markdown(text)
    st.subheader(_("The learning rate"))
    _rates()
    st.subheader(_("The saved weights: a moving average"))
    _memory()
    st.subheader(_("Larger networks are regularised more"))
    _dropout()
    _depth()
    st.subheader(_("SiLU instead of ReLU"))
    _activations()
    st.subheader(_("All settings, side by side"), help=glossary.tip("minival", "autoaugment", "stochastic"))
    _settings()
    st.subheader(_("What AutoAugment does to a photo"))
    autoaugment.show()


def _rates() -> None:
    recipe = training_recipe.read_recipe("paper")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        help = _("The official code scales the rate with the batch size; the paper does not state its batch size.")
        batch = int(exhibit.choose(_("Batch size (images)"), BATCHES, BATCHES[0], BATCH, help))
        help = _("Every halving of the rate covers the same distance on the axis.")
        log = st.toggle(_("Logarithmic axis"), key=LOG, bind="query-params", help=help)
    curves = rates(recipe, batch, log)
    axes = FigureAxis(_("Epoch"), _("epochs")), FigureAxis(_("Learning rate"), _("learning rate"), log)
    highest = curves[1].dots[1 if not log else 0].y
    stairs = training_recipe.count_decays(recipe.schedule, recipe.epochs)
    text = _(
        "Line chart of the learning rate over {epochs} epochs. Printed: from {first:g} down in {stairs} steps. "
        "Official code with batches of {batch}: up to {highest:g} in {warmup:g} epochs, then down in the same steps."
    )
    warmup = recipe.schedule.warmup_epochs
    alt = text.format(
        epochs=recipe.epochs, first=curves[0].dots[0].y, stairs=stairs, batch=batch, highest=highest, warmup=warmup
    )
    show_exhibit("learning-rate", draw_curves(curves, *axes), table(curves, "epoch", "learning_rate"), alt)
    _paper(_("official code: main.py, utils.py"))
    text = _(
        "The paper's 0.256 matches batches of 4096 images: the code uses 0.016 per 256 images, and its own default of "
        "2048 halves the rate. Decay steps are counted from the start, so two have passed when the warm-up ends at "
        "epoch 5: the rate climbs to just below {highest:g} and continues at {then:.4f}."
    )
    note(text.format(highest=highest, then=training_recipe.learning_rate(highest, recipe.schedule, warmup)))


def _memory() -> None:
    decay = training_fact("ema").coded
    text = _(
        "Training saves a moving average of the weights, not their last values: after each step, {decay:g} of the old "
        "average plus {rest:g} of the new weights. The paper does not mention this average, but the code uses it."
    )
    st.markdown(text.format(decay=decay, rest=round(1 - decay, 6)))
    curves = memory(decay, BATCHES)
    half = {curve.title: next(dot.x for dot in curve.dots if dot.y >= 50) for curve in curves}
    counted = _("{epochs:g} epochs")
    text = _("Line chart of the share of the averaged weights that comes from the last epochs. Half of it: {half}.")
    alt = text.format(half="; ".join(f"{title}: {counted.format(epochs=epochs)}" for title, epochs in half.items()))
    back, share = _("Epochs before the end"), _("Share of the average (%)")
    axes = FigureAxis(back, _("epochs")), FigureAxis(share, _("% of the average"))
    chart = _solid(draw_curves(curves, *axes, 320), curves)
    show_exhibit("moving-average", chart, table(curves, "epochs_back", "share_pct"), alt)
    outputs.sources((_("official code: main.py"), outputs.OFFICIAL_CODE))


def _dropout() -> None:
    text = _(
        "Dropout hides some of the last features from the classifier. Its rate **grows with the network**: linearly "
        "according to the paper, in steps of two networks according to the code."
    )
    st.markdown(text)
    curves = dropouts()
    axes = FigureAxis(_("Network"), ""), FigureAxis(_("Dropout before the classifier"), _("dropout"))
    chart = draw_curves(curves, *axes, 320)
    chart.update_xaxes(tickvals=list(range(len(B_SERIES))), ticktext=[name.upper() for name in B_SERIES])
    text = _("Chart of dropout from B0 to B7. Printed: {printed}. Official code: {coded}.")
    printed, coded = (", ".join(f"{dot.name} {dot.y:.2g}" for dot in curve.dots) for curve in curves)
    alt = text.format(printed=printed, coded=coded)
    show_exhibit("dropout", chart, table(curves, "position", "dropout"), alt)
    _paper(_("official code: efficientnet_builder.py"))


def _depth() -> None:
    text = _(
        "**Stochastic depth** skips whole blocks at random, later blocks more often. The survival probability of 0.8 "
        "is the same for all networks. Only a block with a shortcut can be skipped."
    )
    st.markdown(text)
    name = exhibit.choose(_("Network"), [name.upper() for name in B_SERIES], "B0", NETWORK).lower()
    curves = survivals(name)
    blocks = [dot for curve in curves for dot in curve.dots]
    running = sum(dot.y for dot in blocks) / 100
    alt = _(
        "Chart of how often each of {network}'s {count} blocks runs in training: {skippable} can be skipped; the last "
        "of these runs in {last:.1f} % of the steps."
    ).format(count=len(blocks), network=name.upper(), skippable=len(curves[0].dots), last=curves[0].dots[-1].y)
    blocks_axis = FigureAxis(_("MBConv block, in order"), _("of the blocks"))
    chart = draw_curves(curves, blocks_axis, FigureAxis(_("Runs in training (%)"), _("% of the steps")), 360)
    show_exhibit("stochastic-depth", chart, table(curves, "block", "runs_pct"), alt)
    text = _("On average {running} of {network}'s {count} blocks run in a training step; all run at inference.")
    st.markdown(text.format(running=f"**{running:.1f}**", network=name.upper(), count=len(blocks)))
    _paper(_("official code: efficientnet_model.py"))
    text = _(
        "v1 and ICML print a drop connect of 0.3, v2 prints 0.2, and an author confirmed 0.2 in tensorflow/tpu#381. "
        "Since v3, the paper gives a survival probability of 0.8, which is equivalent."
    )
    st.caption(text)


def _activations() -> None:
    text = _(
        "SiLU is smooth and lets a little through below zero, where ReLU outputs zero and has no slope to learn from. "
        "EfficientNet-Lite goes back to a ReLU capped at 6, which suffers less from 8-bit quantisation."
    )
    st.markdown(text)
    slopes = st.toggle(_("Show the slopes"), key=SLOPES, bind="query-params")
    curves = activations(slopes)
    out, unit = (_("Slope"), _("slope")) if slopes else (_("Output"), _("out"))
    chart = _solid(draw_curves(curves, FigureAxis(_("Input"), _("in")), FigureAxis(out, unit), 360), curves)
    least = min(curves[0].dots, key=lambda dot: dot.y)
    text = _("Line chart of SiLU and ReLU from -6 to 6: SiLU's minimum is {y:.3f} at {x:.2f}; ReLU's is 0.")
    alt = text.format(y=least.y, x=least.x)
    show_exhibit("activations", chart, table(curves, "input", "slope" if slopes else "output"), alt)


def _solid(chart: go.Figure, curves: Sequence[FigureCurve]) -> go.Figure:
    """Use each curve's own line style; thin dots for recomputed curves are pointless where the paper prints none."""
    for curve in curves:
        chart.update_traces(line={"dash": curve.look.dash, "width": 2}, selector={"name": curve.title})
    return chart


def _settings() -> None:
    version = exhibit.choose_version()
    columns: dict[str, Column[TrainingFact]] = {
        "setting": Column(lambda fact: _(NAMES[fact.key]), _("Setting")),
        "printed": Column(lambda fact: fact.printed_in(version) or _("not given"), _("Paper, printed")),
        "official_code": Column(lambda fact: fact.code, _("Official code")),
        "source": Column(lambda fact: fact.source, st.column_config.TextColumn(_("Source"), width="large")),
    }
    numbers("recipe", training_facts(), columns)
    text = _("Numbers from paper {version}. `effviz train` offers this recipe as `paper`: same rate, same decay steps.")
    st.caption(text.format(version=version))


def _paper(code: str) -> None:
    outputs.sources((_("paper, section 5.2"), PaperVersion.V5.url), (code, outputs.OFFICIAL_CODE))
