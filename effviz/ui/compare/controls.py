"""Choose what the maps explain and how they look: widgets to typed values, all of them in the address."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import mul

import streamlit as st

from effviz.explain import calibration
from effviz.explain.methods import METHODS, slow, supported
from effviz.explain.overlay import OverlayStyle
from effviz.explain.placement import Placement
from effviz.explain.results import Layer, Method
from effviz.explain.scales import Scale
from effviz.explain.targets import TOP1, Target, TargetKind
from effviz.scaling import plan
from effviz.ui import choices
from effviz.ui.outputs import duration
from effviz.words import _, later
from effviz.zoo import classes
from effviz.zoo.cards import Card

PICTURE_PX = 512  # longest side of a picture in the grid
MACS_A_SECOND = 80e9  # of many passes on two cores: 208 a second by lite0@224, see `effviz bench cam`
TARGET, LAYER, METHOD, STILL = "target", "layer", "method", "still"  # names in the address


@dataclass(frozen=True, slots=True)
class Choice:
    """What the maps explain."""

    method: Method
    layer: Layer
    target: Target


@dataclass(frozen=True, slots=True)
class Look:
    """How the maps are shown."""

    scale: Scale
    style: OverlayStyle


LAYERS: choices.Names = {
    Layer.LAST: later("Last layer"),
    Layer.STRIDE_32: later("End of the stages of stride 32"),
    Layer.STRIDE_16: later("End of stride 16"),
    Layer.STRIDE_8: later("End of stride 8"),
    Layer.STRIDE_4: later("End of stride 4"),
    Layer.STRIDE_2: later("End of stride 2"),
}
TARGETS: choices.Names = {
    TargetKind.TOP1: later("Own first guess"),
    TargetKind.CLASS: later("One class"),
    TargetKind.RANK: later("Later guess"),
}
SCALES = {
    Scale.OWN: later("Each map's own range"),
    Scale.SHARED: later("One range for all maps"),
    Scale.DENSITY: later("Logit density (signed)"),
    Scale.SHARE: later("Share of positive evidence"),
    Scale.RANK: later("Rank of each place"),
}


def choose() -> Choice:
    """One row of controls."""
    first, second, third, fourth = st.columns([10, 6, 6, 4], vertical_alignment="bottom")
    with first:
        explained = target()
    with second:
        chosen = method()
    with third:
        where = layer(chosen)
    with fourth:
        st.toggle(
            _("Still pictures"),
            key=STILL,
            bind="query-params",
            help=_("Draw the maps on the server, for browsers that cannot: nothing moves, and each change is a wait."),
        )
    fact = METHODS[chosen]
    described = _("{method}: {sentence} [Source]({link})")
    st.caption(described.format(method=fact.title, sentence=_(fact.sentence), link=fact.paper))
    return Choice(chosen, where, explained)


def target() -> Target:
    """Which class the maps explain."""
    choices.read_old(TARGET, TARGETS)
    kind = TargetKind(
        choices.one(
            _("Class to explain"),
            {str(kind): _(name) for kind, name in TARGETS.items()},
            TARGET,
            TargetKind.TOP1.value,
            _("Each model's own first guess, one class for all models, or each model's second, third ... guess"),
        )
    )
    match kind:
        case TargetKind.CLASS:
            name = st.selectbox(
                _("Class"),
                classes.names(),
                None,
                key="class",
                bind="query-params",
                placeholder=_("Search 1000 classes"),
            )
            if name:
                return Target(kind, name)
            st.caption(_("No class is chosen yet: each map shows its model's own first guess."))
        case TargetKind.RANK:
            return Target(kind, int(st.number_input(_("Guess number"), 2, 100, 2, key="rank", bind="query-params")))
    return TOP1


def method() -> Method:
    """How features become a map."""
    return Method(
        st.selectbox(
            _("Method"),
            [str(method) for method in METHODS],
            format_func=lambda method: METHODS[Method(method)].title,
            key=METHOD,
            bind="query-params",
        )
    )


def layer(of: Method) -> Layer:
    """Where the features are read."""
    choices.read_old(LAYER, LAYERS)
    return Layer(
        choices.listed(
            _("Layer"),
            {str(layer): _(LAYERS[layer]) for layer in Layer if supported(of, layer)},
            LAYER,
            Layer.LAST.value,
            _("Where the features are read. Early layers have finer maps that know less about classes."),
        )
    )


def style_for(label: str, style: OverlayStyle) -> OverlayStyle:
    """The style for one model: plain placement where no calibration was measured."""
    if style.placement is Placement.CALIBRATED and not calibration.measured(label):
        return replace(style, placement=Placement.PLAIN)
    return style


def agreed(choice: Choice, cards: Sequence[Card], photos: int) -> bool:
    """Ask before a method that takes many forward passes."""
    if not slow(choice.method, choice.layer):
        return True
    seconds = photos * sum(_passes(card, choice.layer) * card.macs for card in cards) / MACS_A_SECOND
    asked = _(
        "{method} runs the network once for every channel: up to about {time} for what is chosen here, on two cores."
    )
    st.info(asked.format(method=METHODS[choice.method].title, time=duration(seconds)))
    return st.toggle(_("Compute them"), key=f"agreed {choice.method}")


def _passes(card: Card, layer: Layer) -> int:
    """How many channels a layer has: one pass for each."""
    *stages, head = plan(card.depth, card.width, card.resolution_px, card.ref.spec.family).stages
    if layer is Layer.LAST:
        return head.channels
    strides = accumulate((stage.stride for stage in stages), mul)
    return [stage.channels for stage, stride in zip(stages, strides, strict=True) if layer == f"stride{stride}"][-1]
