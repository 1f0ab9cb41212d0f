"""The training recipe as curves: learning rate, moving average, dropout, stochastic depth and activation functions."""

from collections.abc import Sequence
from dataclasses import replace

from effviz.facts import training_fact
from effviz.plots.curves import Axis, Curve, Dot, Origin
from effviz.plots.style import GREY, LOOKS, OLIVE, Look
from effviz.scaling import PUBLISHED, Plan, plan
from effviz.train import formulas
from effviz.train.recipe import TrainingRecipe
from effviz.words import _
from effviz.zoo.presets import Role

# No scaling method is meant by these, so none of their colours.
PRINTED, CODE = Look(GREY, "circle", "solid"), Look(OLIVE, "diamond", "dash")
B_SERIES = tuple(f"b{position}" for position in range(8))
REACH, STEP = 6.0, 0.02  # of the activation functions' horizontal axis
EPOCHS_BACK = 60


def epoch_axis() -> Axis:
    """The horizontal axis of the learning rate."""
    return Axis(_("Epoch"), _("epochs"))


def rate_axis(log: bool) -> Axis:
    """The vertical axis of the learning rate."""
    return Axis(_("Learning rate"), _("learning rate"), log)


def rates(of: TrainingRecipe, batch_size: int, log: bool = False) -> tuple[Curve, Curve]:
    """What the paper prints, and what the official code makes of it for a batch size."""
    fact = training_fact("rate")
    highest = replace(of, batch_size=batch_size).rate
    printed = formulas.corners(fact.printed, replace(of.schedule, warmup_epochs=0.0), of.epochs)
    coded = formulas.corners(highest, of.schedule, of.epochs)
    source = _("formula of the official code, computed by EffViz; {source}").format(source=fact.source)
    return (
        Curve(
            _("Printed: {rate:g}, × {decay:g} every {epochs:g} epochs").format(
                rate=fact.printed, decay=of.schedule.decay, epochs=of.schedule.decay_epochs
            ),
            PRINTED,
            Origin.PRINTED,
            tuple(_epoch(epoch, rate, fact.source) for epoch, rate in printed),
            marked=False,
        ),
        Curve(
            _("Official code, batches of {pictures}").format(pictures=batch_size),
            CODE,
            Origin.COMPUTED,
            tuple(_epoch(epoch, rate, source) for epoch, rate in coded if rate > 0 or not log),
            marked=False,
        ),
    )


def _epoch(epoch: float, rate: float, source: str) -> Dot:
    return Dot(_("epoch {epoch:g}").format(epoch=round(epoch, 2)), epoch, rate, source)


def memory_axes() -> tuple[Axis, Axis]:
    """How far back, and how much of the average is younger."""
    return Axis(_("Epochs before the end"), _("epochs")), Axis(_("Share of the average (%)"), _("% of the average"))


def memory(decay: float, batch_sizes: Sequence[int]) -> tuple[Curve, ...]:
    """How much of the averaged weights stems from the last epochs, a curve for each batch size."""
    fact = training_fact("ema")
    source = _("formula of a moving average, computed by EffViz; {source}").format(source=fact.source)
    return tuple(
        Curve(
            _("Batches of {pictures}").format(pictures=size),
            look,
            Origin.COMPUTED,
            tuple(
                Dot(
                    _("the last {epochs} epochs").format(epochs=epochs),
                    epochs,
                    100 * formulas.remembered(decay, epochs * formulas.IMAGENET_PICTURES / size),
                    source,
                )
                for epochs in range(EPOCHS_BACK + 1)
            ),
            marked=False,
        )
        for size, look in zip(batch_sizes, (PRINTED, CODE), strict=True)
    )


def dropout_axes() -> tuple[Axis, Axis]:
    """Which network, and how much is dropped."""
    return Axis(_("Network"), ""), Axis(_("Dropout before the classifier"), _("dropout"))


def dropouts() -> tuple[Curve, Curve]:
    """Dropout of B0 to B7: linear as the paper prints it, and in steps as the official code has it."""
    least, most = training_fact("dropout_least"), training_fact("dropout_most")
    printed = tuple(
        Dot(name.upper(), at, formulas.dropout(least.printed, most.printed, at, len(B_SERIES)), least.source)
        for at, name in enumerate(B_SERIES)
    )
    coded = tuple(
        Dot(name.upper(), at, PUBLISHED[name].dropout, PUBLISHED[name].source) for at, name in enumerate(B_SERIES)
    )
    title = _("Printed: linear from {least:g} to {most:g}").format(least=least.printed, most=most.printed)
    return (
        Curve(title, PRINTED, Origin.PRINTED, printed),
        Curve(_("Official code"), CODE, Origin.COMPUTED, coded, joined=False),
    )


def depth_axes() -> tuple[Axis, Axis]:
    """Which block, and how often it runs."""
    return Axis(_("MBConv block, from the first"), _("of the blocks")), Axis(
        _("Runs in training (%)"), _("% of the steps")
    )


def survivals(name: str) -> tuple[Curve, Curve]:
    """How often every block of a published network runs in training."""
    fact = training_fact("survival")
    open_to_it = formulas.shortcuts(planned(name))
    count = len(open_to_it)
    source = _("formula of the official code, computed by EffViz; {source}").format(source=fact.source)
    dots = [
        Dot(
            _("block {block} of {count}").format(block=block + 1, count=count),
            block + 1,
            100 * formulas.survival(fact.coded, block, count) if shortcut else 100.0,
            source,
        )
        for block, shortcut in enumerate(open_to_it)
    ]
    skippable = tuple(dot for dot, shortcut in zip(dots, open_to_it, strict=True) if shortcut)
    always = tuple(dot for dot, shortcut in zip(dots, open_to_it, strict=True) if not shortcut)
    look = LOOKS[Role.BASELINE if name == B_SERIES[0] else Role.COMPOUND]
    return (
        Curve(_("{network}: may be skipped").format(network=name.upper()), look, Origin.COMPUTED, skippable),
        Curve(
            _("{network}: no shortcut, always runs").format(network=name.upper()),
            Look(look.colour, "x", "solid"),
            Origin.COMPUTED,
            always,
            joined=False,
        ),
    )


def planned(name: str) -> Plan:
    """A published network by its own coefficients."""
    of = PUBLISHED[name]
    return plan(of.depth, of.width, of.resolution, of.family)


def activation_axes(slopes: bool) -> tuple[Axis, Axis]:
    """What goes in, and what comes out."""
    out = _("Slope") if slopes else _("Output")
    return Axis(_("Input"), _("in")), Axis(out, _("slope") if slopes else _("out"))


def activations(slopes: bool) -> tuple[Curve, Curve]:
    """SiLU and ReLU, or their slopes."""
    of_silu = formulas.silu_slope if slopes else formulas.silu
    of_relu = formulas.relu_slope if slopes else formulas.relu
    steps = round(REACH / STEP)
    inputs = [round(step * STEP, 2) for step in range(-steps, steps + 1)]
    named = (
        ("SiLU", of_silu, Look(OLIVE, "diamond", "solid"), _("x / (1 + e^-x), computed by EffViz")),
        ("ReLU", of_relu, Look(GREY, "circle", "dash"), _("max(x, 0), computed by EffViz")),
    )
    return tuple(  # type: ignore[return-value]  # two names, two curves
        Curve(
            name,
            look,
            Origin.COMPUTED,
            tuple(Dot(f"{name}({x:g})", x, function(x), source) for x in inputs),
            marked=False,
        )
        for name, function, look, source in named
    )
