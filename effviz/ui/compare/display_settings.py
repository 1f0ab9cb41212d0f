"""What the maps explain and how they look: typed values, all of them in the address.

How they look is one set of values, whether the browser's toolbar or the still pictures' controls change them.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate
from operator import mul
from typing import Any, TypeVar

import streamlit as st

from effviz.errors import SettingsError
from effviz.explain import placement
from effviz.explain.cam_methods import CAM_METHODS, slow, supported
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.overlay import OverlayStyle, Palette
from effviz.explain.placement import Placement, RasterOptions
from effviz.explain.scales import Scale
from effviz.explain.targets import TOP1, Target, TargetKind
from effviz.i18n import _, lazy_gettext
from effviz.scaling import plan
from effviz.ui import inputs
from effviz.ui.guard import guard
from effviz.ui.outputs import duration
from effviz.ui.session import Setting
from effviz.zoo import imagenet_classes
from effviz.zoo.catalogue import ModelCard

PICTURE_PX = 512  # longest side of a picture in the grid

MACS_A_SECOND = 80e9  # of many passes on two cores: 208 a second by lite0@224, see `effviz bench cam`

TARGET, LAYER, METHOD, STILL = "target", "layer", "method", "still"  # names in the address


@dataclass(frozen=True, slots=True)
class ExplanationChoice:
    """What the maps explain."""

    method: Method
    layer: TargetLayer
    target: Target


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """How the maps are shown."""

    scale: Scale
    style: OverlayStyle


LAYERS: inputs.Names = {
    TargetLayer.LAST: lazy_gettext("Last layer"),
    TargetLayer.STRIDE_32: lazy_gettext("End of the stages of stride 32"),
    TargetLayer.STRIDE_16: lazy_gettext("End of stride 16"),
    TargetLayer.STRIDE_8: lazy_gettext("End of stride 8"),
    TargetLayer.STRIDE_4: lazy_gettext("End of stride 4"),
    TargetLayer.STRIDE_2: lazy_gettext("End of stride 2"),
}

TARGETS: inputs.Names = {
    TargetKind.TOP1: lazy_gettext("Own first guess"),
    TargetKind.CLASS: lazy_gettext("One class"),
    TargetKind.RANK: lazy_gettext("Later guess"),
}

SCALES = {
    Scale.OWN: lazy_gettext("Each map's own range"),
    Scale.SHARED: lazy_gettext("One range for all maps"),
    Scale.DENSITY: lazy_gettext("Logit density (signed)"),
    Scale.SHARE: lazy_gettext("Share of positive evidence"),
    Scale.RANK: lazy_gettext("Rank of each place"),
}


def choose_explanation() -> ExplanationChoice:
    """One row of controls."""
    first, second, third, fourth = st.columns([10, 6, 6, 4], vertical_alignment="bottom")
    with first:
        explained = choose_target()
    with second:
        chosen = choose_method()
    with third:
        where = choose_layer(chosen)
    with fourth:
        st.toggle(
            _("Still pictures"),
            key=STILL,
            bind="query-params",
            help=_("Draw the maps on the server, for browsers that cannot: nothing moves, and each change is a wait."),
        )
    fact = CAM_METHODS[chosen]
    described = _("{method}: {sentence} [Source]({link})")
    st.caption(described.format(method=fact.title, sentence=_(fact.sentence), link=fact.paper))
    return ExplanationChoice(chosen, where, explained)


def choose_target() -> Target:
    """Which class the maps explain."""
    inputs.read_old_link(TARGET, TARGETS)
    kind = TargetKind(
        inputs.choose_one(
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
                imagenet_classes.names(),
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


def choose_method() -> Method:
    """How features become a map."""
    return Method(
        st.selectbox(
            _("Method"),
            [str(method) for method in CAM_METHODS],
            format_func=lambda method: CAM_METHODS[Method(method)].title,
            key=METHOD,
            bind="query-params",
        )
    )


def choose_layer(of: Method) -> TargetLayer:
    """Where the features are read."""
    inputs.read_old_link(LAYER, LAYERS)
    return TargetLayer(
        inputs.choose_listed(
            _("Layer"),
            {str(layer): _(LAYERS[layer]) for layer in TargetLayer if supported(of, layer)},
            LAYER,
            TargetLayer.LAST.value,
            _("Where the features are read. Early layers have finer maps that know less about classes."),
        )
    )


def style_for(label: str, style: OverlayStyle) -> OverlayStyle:
    """The style for one model: plain placement where no calibration was measured."""
    if style.placement is Placement.CALIBRATED and not placement.is_calibrated(label):
        return replace(style, placement=Placement.PLAIN)
    return style


def confirm_slow_method(choice: ExplanationChoice, cards: Sequence[ModelCard], photos: int) -> bool:
    """Ask before a method that takes many forward passes."""
    if not slow(choice.method, choice.layer):
        return True
    seconds = photos * sum(_passes(card, choice.layer) * card.macs for card in cards) / MACS_A_SECOND
    asked = _(
        "{method} runs the network once for every channel: up to about {time} for what is chosen here, on two cores."
    )
    st.info(asked.format(method=CAM_METHODS[choice.method].title, time=duration(seconds)))
    return st.toggle(_("Compute them"), key=f"agreed {choice.method}")


def _passes(card: ModelCard, layer: TargetLayer) -> int:
    """How many channels a layer has: one pass for each."""
    *stages, head = plan(card.depth, card.width, card.resolution_px, card.ref.spec.family).stages
    if layer is TargetLayer.LAST:
        return head.channels
    strides = accumulate((stage.stride for stage in stages), mul)
    return [stage.channels for stage, stride in zip(stages, strides, strict=True) if layer == f"stride{stride}"][-1]


Option = TypeVar("Option", bound=StrEnum)


def _percent(key: str, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > LONGEST_NUMBER or int(text) > most:
            raise SettingsError(
                _("The link asks for {key} = {text}: it is a whole number from 0 to {most}. Choose one below.").format(
                    key=key, text=repr(text[:20]), most=most
                )
            )
        return int(text)

    return parse


def _one_of(key: str, options: Mapping[Option, str]) -> Callable[[str], Option]:
    """Read an option by its name or by its title, as links have held both."""

    def parse(text: str) -> Option:
        for option, title in options.items():
            if text.lower() in (str(option), title.lower()):
                return option
        raise SettingsError(
            _("The link asks for {key} = {text}: there are {known}. Choose one below.").format(
                key=key, text=repr(text[:40]), known=", ".join(options)
            )
        )

    return parse


def _switch(key: str) -> Callable[[str], bool]:
    def parse(text: str) -> bool:
        if text.lower() not in SWITCH:
            raise SettingsError(
                _("The link asks for {key} = {text}: it is true or false. Choose one below.").format(
                    key=key, text=repr(text[:20])
                )
            )
        return SWITCH[text.lower()]

    return parse


LONGEST_NUMBER = 3  # digits: 100

SWITCH = {"true": True, "1": True, "false": False, "0": False}

PALETTES = {palette: palette.title() for palette in Palette}

PLACEMENTS = {placement: placement.title() for placement in Placement}

MOST_CUT = 95  # percent; a contour or threshold above it would leave a dot

SCALE = Setting("scale", Scale.OWN, _one_of("scale", SCALES), str)

PALETTE = Setting("palette", Palette.INFERNO, _one_of("palette", PALETTES), str)

OPACITY = Setting("opacity", 55, _percent("opacity", 100), str)

THRESHOLD = Setting("threshold", 0, _percent("threshold", MOST_CUT), str)

CONTOUR = Setting("contour", 0, _percent("contour", MOST_CUT), str)

PLACEMENT = Setting("placement", Placement.PLAIN, _one_of("placement", PLACEMENTS), str)

CELLS = Setting("cells", False, _switch("cells"), lambda cells: str(cells).lower())

SETTINGS: tuple[Setting[Any], ...] = (SCALE, PALETTE, OPACITY, THRESHOLD, CONTOUR, PLACEMENT, CELLS)


def adopt_display() -> None:
    """Take the look from the address the first time; what does not exist leaves its sentence."""
    for setting in SETTINGS:
        with guard():
            setting.adopt()


def choose_display() -> DisplaySettings:
    """The look in force. Still pictures are drawn here on the server, so their controls are here too."""
    if st.session_state.get(STILL):
        with st.popover(
            _("Look"), icon=":material/tune:", help=_("Scale, palette, opacity, threshold, contour, placement")
        ):
            _controls()
    contour = CONTOUR.get()
    style = OverlayStyle(
        PALETTE.get(),
        OPACITY.get() / 100,
        PLACEMENT.get(),
        RasterOptions(CELLS.get(), PICTURE_PX),
        contour / 100 if contour else None,
        THRESHOLD.get() / 100,
    )
    return DisplaySettings(SCALE.get(), style)


def display_payload() -> dict[str, object]:
    """The look as the browser's toolbar reads it."""
    return {setting.key: setting.get() for setting in SETTINGS}


def keep_display(look: object) -> None:
    """Keep what the browser's toolbar shows; anything else than a look is left aside."""
    if not isinstance(look, Mapping):
        return
    for setting in SETTINGS:
        with suppress(SettingsError):
            setting.put(setting.parse(_text(look.get(setting.key))))


def _text(value: object) -> str:
    """A value as a link would say it; nothing for what no link says, such as a list or half a percent."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and 0 <= value <= 100 else ""


@dataclass(frozen=True, slots=True)
class _Widget:
    """A control of still pictures that shows a setting and writes it back."""

    setting: Setting[Any]

    @property
    def key(self) -> str:
        return f"look_{self.setting.key}"

    def show(self) -> None:
        """The widget starts from what the toolbar or the link chose."""
        st.session_state[self.key] = self.setting.get()

    def keep(self) -> None:
        self.setting.put(st.session_state[self.key])


def _controls() -> None:
    _select(SCALE, _("Scale"), SCALES)
    _select(PALETTE, _("Palette"), PALETTES, disabled=SCALE.get() is Scale.DENSITY)
    _slider(OPACITY, _("Opacity (%)"), 100)
    _slider(THRESHOLD, _("Hide weak parts below (% of the range; 0: nothing)"), MOST_CUT)
    _slider(CONTOUR, _("Contour (% of the range; 0: none)"), MOST_CUT)
    _select(PLACEMENT, _("Placement"), PLACEMENTS)
    widget = _Widget(CELLS)
    widget.show()
    st.toggle(_("Show cells instead of smoothing"), key=widget.key, on_change=widget.keep)


def _select(setting: Setting[Option], label: str, options: Mapping[Option, str], disabled: bool = False) -> None:
    widget = _Widget(setting)
    widget.show()
    st.selectbox(
        label,
        list(options),
        format_func=lambda option: _(options[option]),
        key=widget.key,
        on_change=widget.keep,
        disabled=disabled,
    )


def _slider(setting: Setting[int], label: str, most: int) -> None:
    widget = _Widget(setting)
    widget.show()
    st.slider(label, 0, most, step=5, key=widget.key, on_change=widget.keep)
