"""The training recipe: what section 5.2 of the paper prints, what only the official code says, what each part does."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from effviz.facts import PaperVersion, TrainingFact, training_fact, training_facts
from effviz.plots import training
from effviz.plots.curves import Curve, curves
from effviz.train import formulas, recipe
from effviz.ui import outputs
from effviz.ui.paper import augmented, versions
from effviz.ui.paper.exhibit import Column, exhibit, numbers, table
from effviz.words import _, later

BATCH, LOG, NETWORK, SLOPES = "batch", "log", "network", "slopes"
BATCHES = (4096, 2048)  # the one that the printed rate belongs to, and the official script's default
NAMES = {
    "optimiser": later("Optimiser"),
    "squares": later("RMSProp: decay of squares"),
    "momentum": later("Momentum"),
    "epsilon": later("RMSProp: epsilon"),
    "rate": later("Learning rate at first"),
    "batch_size": later("Pictures in a batch"),
    "warmup_epochs": later("Epochs of warm-up"),
    "decay": later("Rate falls by the factor"),
    "decay_epochs": later("every so many epochs"),
    "steps": later("Steps in all"),
    "ema": later("Average of weights: decay"),
    "norm_momentum": later("Batch norm momentum"),
    "weight_decay": later("Weight decay"),
    "activation": later("Activation function"),
    "dropout_least": later("Dropout, B0"),
    "dropout_most": later("Dropout, B7"),
    "survival": later("Survival of the last block"),
    "augmentation": later("Augmentation"),
    "label_smoothing": later("Label smoothing"),
    "held_out": later("Training pictures held out"),
}


def show() -> None:
    """Draw the section."""
    st.markdown(
        _(
            "Accuracies compare fairly only between networks that were trained alike. This is how the EfficientNets "
            "were trained: section 5.2 of the paper, and the **official code** where the paper is silent."
        )
    )
    st.subheader(_("The learning rate"))
    _rates()
    st.subheader(_("The weights that are kept: a moving average"))
    _memory()
    st.subheader(_("Larger networks are held back more"))
    _dropout()
    _depth()
    st.subheader(_("SiLU instead of ReLU"))
    _activations()
    st.subheader(_("All settings, side by side"))
    _settings()
    st.subheader(_("What AutoAugment does to a photo"))
    augmented.show()


def _rates() -> None:
    of = recipe.read("paper")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        batch = _batch()
        log = st.toggle(
            _("Equal steps for halvings"), key=LOG, bind="query-params", help=_("A logarithmic axis of the rate.")
        )
    drawn = training.rates(of, batch, log)
    made = curves(drawn, training.epoch_axis(), training.rate_axis(log))
    highest, stairs = drawn[1].dots[1 if not log else 0].y, formulas.stairs(of.schedule, of.epochs)
    alt = _(
        "Line chart of the learning rate over {epochs} epochs. Printed: from {first:g} down in {stairs} stairs. "
        "Official code at batches of {batch}: up to {highest:g} in {warmup:g} epochs, then down the same stairs."
    ).format(
        epochs=of.epochs,
        first=drawn[0].dots[0].y,
        stairs=stairs,
        batch=batch,
        highest=highest,
        warmup=of.schedule.warmup_epochs,
    )
    exhibit("learning-rate", made, table(drawn, "epoch", "learning_rate"), alt)
    _paper(_("official code: main.py, utils.py"))
    st.info(
        _(
            "The paper's 0.256 fits batches of 4096 pictures: the code takes 0.016 for every 256. Its own default, "
            "2048, halves the rate. The stairs are counted from the start, so when the warm-up ends at epoch 5 two are "
            "already behind: the rate climbs to just below {highest:g} and goes on at {then:.4f}."
        ).format(highest=highest, then=formulas.learning_rate(highest, of.schedule, of.schedule.warmup_epochs)),
        icon=":material/info:",
    )


def _batch() -> int:
    chosen = st.segmented_control(
        _("Pictures in a batch"),
        [str(size) for size in BATCHES],
        default=str(BATCHES[0]),
        key=BATCH,
        required=True,
        bind="query-params",
        help=_("The official code scales the rate with the batch; the paper does not name its batch."),
    )
    return int(chosen or BATCHES[0])


def _memory() -> None:
    decay = training_fact("ema").coded
    st.markdown(
        _(
            "What is kept is not the last state of the weights but their moving average: after each step {decay:g} of "
            "the old average and {rest:g} of the new weights. The paper does not mention it, the code does."
        ).format(decay=decay, rest=round(1 - decay, 6))
    )
    drawn = training.memory(decay, BATCHES)
    half = {curve.title: next(dot.x for dot in curve.dots if dot.y >= 50) for curve in drawn}
    counted = _("{epochs:g} epochs")
    alt = _("Line chart of how much of the averaged weights stems from the last epochs. Half of it: {half}.").format(
        half="; ".join(f"{title}: {counted.format(epochs=epochs)}" for title, epochs in half.items())
    )
    made = _solid(curves(drawn, *training.memory_axes(), 320), drawn)
    exhibit("moving-average", made, table(drawn, "epochs_back", "share_pct"), alt)
    outputs.sources((_("official code: main.py"), outputs.OFFICIAL_CODE))


def _dropout() -> None:
    st.markdown(
        _(
            "Dropout hides some of the last features from the classifier. It **grows with the network**: linearly, "
            "says the paper; in steps of two networks, says the code."
        )
    )
    drawn = training.dropouts()
    made = curves(drawn, *training.dropout_axes(), 320)
    made.update_xaxes(
        tickvals=list(range(len(training.B_SERIES))), ticktext=[name.upper() for name in training.B_SERIES]
    )
    alt = _("Chart of dropout from B0 to B7. Printed: {printed}. Official code: {coded}.").format(
        printed=_values(drawn[0]), coded=_values(drawn[1])
    )
    exhibit("dropout", made, table(drawn, "position", "dropout"), alt)
    _paper(_("official code: efficientnet_builder.py"))


def _values(curve: Curve) -> str:
    return ", ".join(f"{dot.name} {dot.y:.2g}" for dot in curve.dots)


def _depth() -> None:
    st.markdown(
        _(
            "**Stochastic depth** skips whole blocks at random, later ones more often. The survival probability of 0.8 "
            "is the same for all networks; only a block with a shortcut around it can be skipped."
        )
    )
    chosen = st.segmented_control(
        _("Network"),
        [name.upper() for name in training.B_SERIES],
        default="B0",
        key=NETWORK,
        required=True,
        bind="query-params",
    )
    name = (chosen or "B0").lower()
    drawn = training.survivals(name)
    blocks = [dot for curve in drawn for dot in curve.dots]
    running = sum(dot.y for dot in blocks) / 100
    alt = _(
        "Chart of how often each of the {count} blocks of {network} runs in training: {skippable} may be skipped, the "
        "last of them runs in {last:.1f} % of the steps."
    ).format(count=len(blocks), network=name.upper(), skippable=len(drawn[0].dots), last=drawn[0].dots[-1].y)
    exhibit("stochastic-depth", curves(drawn, *training.depth_axes(), 360), table(drawn, "block", "runs_pct"), alt)
    st.markdown(
        _("On average {running} of {network}'s {count} blocks run in a step of training; all run in use.").format(
            running=f"**{running:.1f}**", network=name.upper(), count=len(blocks)
        )
    )
    _paper(_("official code: efficientnet_model.py"))
    st.caption(
        _(
            "v1 and ICML print drop connect 0.3, v2 prints 0.2, and an author confirmed 0.2 in tensorflow/tpu#381. "
            "Since v3 the paper says survival probability 0.8, which is the same."
        )
    )


def _activations() -> None:
    st.markdown(
        _(
            "SiLU is smooth, and below zero it lets a little through, where "
            "ReLU gives nothing and has no slope to learn from. "
            "EfficientNet-Lite goes back to a ReLU cut off at 6, which suffers less from rounding to 8 bits."
        )
    )
    slopes = st.toggle(_("Show the slopes"), key=SLOPES, bind="query-params")
    drawn = training.activations(slopes)
    made = _solid(curves(drawn, *training.activation_axes(slopes), 360), drawn)
    least = min(drawn[0].dots, key=lambda dot: dot.y)
    alt = _("Line chart of SiLU and ReLU from -6 to 6: SiLU's least value is {y:.3f} at {x:.2f}, ReLU's is 0.").format(
        y=least.y, x=least.x
    )
    exhibit("activations", made, table(drawn, "input", "slope" if slopes else "output"), alt)


def _solid(made: go.Figure, drawn: Sequence[Curve]) -> go.Figure:
    """Plain lines for functions that nobody prints: the thin dots of what is recomputed would say nothing."""
    for curve in drawn:
        made.update_traces(line={"dash": curve.look.dash, "width": 2}, selector={"name": curve.title})
    return made


def _settings() -> None:
    version = versions.choose()
    rows = pd.DataFrame([_setting(fact, version) for fact in training_facts()])
    columns: dict[str, Column] = {
        "setting": _("Setting"),
        "printed": _("Paper, printed"),
        "official_code": _("Official code"),
        "source": st.column_config.TextColumn(_("Source"), width="large"),
    }
    numbers("recipe", rows, columns)
    st.caption(
        _("Numbers of paper {version}. `effviz train` has this recipe as `paper`: same rate, same stairs.").format(
            version=version
        )
    )


def _setting(fact: TrainingFact, version: PaperVersion) -> dict[str, str]:
    return {
        "setting": _(NAMES[fact.key]),
        "printed": fact.printed_in(version) or _("not said"),
        "official_code": fact.code,
        "source": fact.source,
    }


def _paper(code: str) -> None:
    outputs.sources((_("paper, section 5.2"), PaperVersion.V5.url), (code, outputs.OFFICIAL_CODE))
