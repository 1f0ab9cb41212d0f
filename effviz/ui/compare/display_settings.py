"""What the maps explain and how they look: typed values, all of them in the address.

The browser's toolbar and the controls of still pictures change the same values.
"""

import html
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from operator import mul
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from effviz.errors import SettingsError
from effviz.explain import placement
from effviz.explain.cam_methods import CAM_METHODS, slow, supported
from effviz.explain.data_types import ActivationMap, Method, TargetLayer
from effviz.explain.overlay import OverlayStyle, Palette, Scale
from effviz.explain.placement import Placement, RasterOptions
from effviz.explain.targets import TOP1, Target, TargetKind
from effviz.i18n import _, lazy_gettext, ngettext
from effviz.ui import glossary, inputs
from effviz.ui.outputs import duration
from effviz.ui.session import Setting, adopt
from effviz.zoo import imagenet_classes
from effviz.zoo.catalogue import ModelCard

PICTURE_PX = 512  # the longer side of a picture in the grid
MACS_A_SECOND = 80e9  # over many passes on two cores: 208 passes a second for lite0@224, see `effviz bench cam`
LAYER, METHOD, STILL = "layer", "method", "still"  # names in the address
VIEW = "view"  # in the address and the session, see `sharing`
CLASS_BOX = "class shown"  # a widget that mirrors CLASS
LONGEST_CLASS = 100  # characters


@dataclass(frozen=True, slots=True)
class ExplanationChoice:
    """What the maps explain."""

    method: Method
    layer: TargetLayer
    target: Target

    @property
    def quick(self) -> bool:
        """Whether a map needs only the forward pass."""
        return CAM_METHODS[self.method].closed_form and self.layer is TargetLayer.LAST


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

SCALES = {
    Scale.OWN: lazy_gettext("Each map's own range"),
    Scale.SHARED: lazy_gettext("One range for all maps"),
    Scale.DENSITY: lazy_gettext("Logit density (signed)"),
    Scale.SHARE: lazy_gettext("Share of positive evidence"),
    Scale.RANK: lazy_gettext("Rank of each place"),
}


def choose_explanation() -> ExplanationChoice:
    """Show the controls for method and layer; the class is chosen in the control strip or below a photo.

    The widgets are not bound to the address: Streamlit would drop the value of a bound widget that is folded away.
    """
    methods = {str(method): fact.title for method, fact in CAM_METHODS.items()}
    inputs.read_old_link(METHOD, methods)
    method = Method(inputs.choose_listed(_("Method"), methods, METHOD, next(iter(methods))))
    explain_method(method)
    inputs.read_old_link(LAYER, LAYERS)
    layers = {str(layer): _(LAYERS[layer]) for layer in TargetLayer if supported(method, layer)}
    tip = _("The layer whose features make the map. Early layers give finer maps with less class information.")
    layer = TargetLayer(inputs.choose_listed(_("Layer"), layers, LAYER, TargetLayer.LAST.value, tip))
    tip = _("Draw the maps on the server, for browsers without canvas: no animation, and each change takes a moment.")
    st.toggle(_("Still pictures"), help=tip, **_mirror(STILL_PICTURES))
    return ExplanationChoice(method, layer, Target(TargetKind.CLASS, CLASS.get()) if CLASS.get() else TOP1)


def explain_method(method: Method) -> None:
    """Show how to read the method's maps and, in an expander, how they are computed."""
    fact = CAM_METHODS[method]
    st.caption(_(fact.reading))
    with st.expander(_("How it is computed")):
        described = _("**{method}**: {sentence} [Source]({link})")
        st.markdown(described.format(method=_(fact.title), sentence=_(fact.sentence), link=fact.paper))
        if fact.formula:
            st.latex(fact.formula)


def choose_class(guesses: Sequence[str]) -> None:
    """Show the class selector, with the models' guesses for these photos first."""
    st.session_state[CLASS_BOX] = CLASS.get()
    st.selectbox(
        _("Class to explain"),
        list(dict.fromkeys(["", *guesses, *imagenet_classes.names(), CLASS.get()])),
        format_func=lambda name: name or _("Each model's own first guess"),
        key=CLASS_BOX,
        on_change=lambda: CLASS.put(st.session_state[CLASS_BOX] or ""),
        label_visibility="collapsed",
    )


def style_for(entry: ActivationMap, style: OverlayStyle) -> OverlayStyle:
    """Return the style for one map: plain placement if its model has no calibration."""
    if style.placement is Placement.CALIBRATED and placement.calibration_of(entry) is None:
        return replace(style, placement=Placement.PLAIN)
    return style


def confirm_slow_method(choice: ExplanationChoice, cards: Sequence[ModelCard], photos: int) -> bool:
    """Ask for confirmation before a method that needs many forward passes, and return the answer."""
    if not slow(choice.method, choice.layer):
        return True
    seconds = photos * sum(_passes(card, choice.layer) * card.macs for card in cards) / MACS_A_SECOND
    text = _("{method} runs the network once per channel: up to about {time} for these models and photos on two cores.")
    st.info(text.format(method=CAM_METHODS[choice.method].title, time=duration(seconds)))
    return st.toggle(_("Compute them"), key=f"agreed {choice.method}")


def _passes(card: ModelCard, layer: TargetLayer) -> int:
    """Return the number of forward passes: one for each channel of the layer."""
    if layer is TargetLayer.LAST or card.ref.spec.family is None:
        return card.ref.cost.channels
    stages = card.ref.spec.plan_at(card.resolution_px).stages[:-1]
    strides = accumulate((stage.stride for stage in stages), mul)
    return [stage.channels for stage, stride in zip(stages, strides, strict=True) if layer == f"stride{stride}"][-1]


def _parse_percent(key: str, most: int, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > LONGEST_NUMBER or int(text) > most:
        sentence = _("The link asks for {key} = {text}, which is not an integer from 0 to {most}. Choose one below.")
        raise SettingsError(sentence.format(key=key, text=repr(text[:20]), most=most))
    return int(text)


def _parse_option(key: str, options: Mapping[inputs.Member, str], text: str) -> inputs.Member:
    """Parse an option from its name or its title; older links contain titles."""
    for option, title in options.items():
        if text.lower() in (str(option), title.lower()):
            return option
    sentence = _("The link asks for {key} = {text}, which does not exist. Choose one below: {known}.")
    raise SettingsError(sentence.format(key=key, text=repr(text[:40]), known=", ".join(options)))


def _parse_switch(key: str, text: str) -> bool:
    if text.lower() not in SWITCH:
        sentence = _("The link asks for {key} = {text}, which is neither true nor false. Choose one below.")
        raise SettingsError(sentence.format(key=key, text=repr(text[:20])))
    return SWITCH[text.lower()]


LONGEST_NUMBER = 3  # digits: 100
SWITCH = {"true": True, "1": True, "false": False, "0": False}
PALETTES = {palette: palette.title() for palette in Palette}
MOST_CUT = 95  # percent; a higher contour or threshold would leave only a dot
SCALE = Setting("scale", Scale.OWN, partial(_parse_option, "scale", SCALES), str)
PALETTE = Setting("palette", Palette.INFERNO, partial(_parse_option, "palette", PALETTES), str)
OPACITY = Setting("opacity", 55, partial(_parse_percent, "opacity", 100), str)
THRESHOLD = Setting("threshold", 0, partial(_parse_percent, "threshold", MOST_CUT), str)
CONTOUR = Setting("contour", 0, partial(_parse_percent, "contour", MOST_CUT), str)
PLACEMENT = Setting("placement", Placement.PLAIN, partial(_parse_option, "placement", placement.TITLES), str)
CELLS = Setting("cells", False, partial(_parse_switch, "cells"), lambda cells: str(cells).lower())


def parse_class(text: str) -> str:
    """Parse a class name (in any case) or an ImageNet index; an empty text means each model's own first guess.

    Unknown names are returned unchanged: a network may have its own classes, and its map reports a wrong name.

    Raises:
        SettingsError: The text is longer than any class name.
    """
    names = imagenet_classes.names()
    if len(text) > LONGEST_CLASS:
        asked = _("The link asks for class = {text}, but no class name exceeds {most} characters. Choose one below.")
        raise SettingsError(asked.format(text=repr(text[:20]), most=LONGEST_CLASS))
    if text.isascii() and text.isdigit() and int(text) < len(names):
        return names[int(text)]
    place = imagenet_classes.find_label_slot(text, names)
    return text if place is None else names[place]


STILL_PICTURES = Setting(STILL, False, partial(_parse_switch, STILL), lambda still: str(still).lower())
CLASS = Setting("class", "", parse_class, str)
SETTINGS: tuple[Setting[Any], ...] = (CLASS, SCALE, PALETTE, OPACITY, THRESHOLD, CONTOUR, PLACEMENT, CELLS)


def adopt_display() -> None:
    """Read the settings from the address on the first run; show a message for each invalid value."""
    adopt(*SETTINGS, STILL_PICTURES)
    if st.query_params.pop("target", "") in {"rank", "Later guess"}:  # older links have it beside the class
        later = _(
            "The link asks for each model's later guess; these maps explain the first. Choose a class for all instead."
        )
        st.warning(later)


def file_name(name: str) -> str:
    """Return a file name with the explained class, as grid/sheet.js does: `effviz-maps-red-panda.npz`."""
    stem, ending = name.split(".")
    return "-".join(["effviz", stem, *re.findall(r"[^\W_]+", CLASS.get().lower())]) + f".{ending}"


def choose_display() -> DisplaySettings:
    """Return the display settings; with still pictures, which the server draws, show their controls first."""
    if st.session_state.get(STILL):
        tip = _("Scale, palette, opacity, threshold, contour, placement")
        with st.popover(_("Look"), icon=":material/tune:", help=tip):
            _controls()
    raster = RasterOptions(CELLS.get(), PICTURE_PX)
    opacity, contour, threshold = OPACITY.get() / 100, CONTOUR.get() / 100 or None, THRESHOLD.get() / 100
    style = OverlayStyle(PALETTE.get(), opacity, PLACEMENT.get(), raster, contour, threshold)
    return DisplaySettings(SCALE.get(), style)


def display_payload() -> dict[str, object]:
    """Return the settings as the browser's toolbar reads them."""
    return {setting.key: setting.get() for setting in SETTINGS}


def keep_display(look: object) -> None:
    """Store the settings that the browser's toolbar sends; ignore anything else."""
    if not isinstance(look, Mapping):
        return
    for setting in SETTINGS:
        if setting.key in look:
            with suppress(SettingsError):
                setting.put(setting.parse(_text(look[setting.key])))


def _text(value: object) -> str:
    """Return a value as it appears in a link; empty for values that no link contains, such as lists or fractions."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and 0 <= value <= 100 else ""


def _mirror(setting: Setting[Any]) -> dict[str, Any]:
    """Return key and callback for a control that shows the setting's value and writes changes back."""
    key = f"look_{setting.key}"
    st.session_state[key] = setting.get()
    return {"key": key, "on_change": lambda: setting.put(st.session_state[key])}


def _controls() -> None:
    _select(SCALE, _("Colour scale"), SCALES)
    signed = SCALE.get() is Scale.DENSITY
    why_not = _("Signed maps always use the diverging palette.") if signed else None
    _select(PALETTE, _("Palette"), PALETTES, disabled=signed, help=why_not)
    st.slider(_("Opacity (%)"), 0, 100, step=5, **_mirror(OPACITY))
    st.slider(_("Hide values weaker than (% of the range; 0: none)"), 0, MOST_CUT, step=5, **_mirror(THRESHOLD))
    st.slider(_("Contour (% of the range; 0: none)"), 0, MOST_CUT, step=5, **_mirror(CONTOUR))
    _select(PLACEMENT, _("Placement"), placement.TITLES, help=glossary.tip("placement"))
    st.toggle(_("Show cells instead of smoothing"), **_mirror(CELLS))


def _select(setting: Setting[inputs.Member], label: str, options: Mapping[inputs.Member, str], **more: Any) -> None:
    st.selectbox(label, list(options), format_func=lambda option: _(options[option]), **more, **_mirror(setting))


# The control strip above the maps: one line; each part opens in place and shows what is chosen.

MOST_NAMED = 3  # chosen items that are named; the rest are counted


@dataclass(frozen=True, slots=True)
class Fold:
    """A part of the control strip: a popover, and a place beside it for what is chosen."""

    body: DeltaGenerator
    beside: DeltaGenerator

    def say(self, chosen: Sequence[str]) -> None:
        """Show what is chosen beside the button; hovering shows the full list."""
        named = ", ".join(chosen[:MOST_NAMED])
        unnamed = len(chosen) - MOST_NAMED
        if unnamed > 0:
            text = ngettext("{names} and {count} more", "{names} and {count} more", unnamed)
            named = text.format(names=named, count=unnamed)
        whole = html.escape(", ".join(chosen), quote=True)
        self.beside.html(f'<span class="effviz-chosen" title="{whole}">{html.escape(named)}</span>')


def lay_out_strip() -> tuple[Fold, Fold, DeltaGenerator, Fold]:
    """Lay out the strip: photos, models, class (chosen in the strip itself) and method; the page fills them."""
    with st.container(key="strip"):
        first, second, third, fourth = st.columns([4, 5, 4, 4], vertical_alignment="center")
    photos, models = _fold(first, _("Photos"), ":material/image:"), _fold(second, _("Models"), ":material/hub:")
    explained = third.container(key="explained")  # filled late: see style.css
    return photos, models, explained, _fold(fourth, _("Method"), ":material/function:")


def _fold(place: DeltaGenerator, label: str, icon: str) -> Fold:
    line = place.container(horizontal=True, vertical_alignment="center", gap="small")
    return Fold(line.popover(label, icon=icon), line.empty())
