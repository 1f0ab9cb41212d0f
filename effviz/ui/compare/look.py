"""How the maps look: one set of values, whether the browser's toolbar or still pictures' controls change them."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import streamlit as st

from effviz.errors import SettingsError
from effviz.explain.overlay import OverlayStyle
from effviz.explain.palettes import Palette
from effviz.explain.placement import Placement, View
from effviz.explain.scales import Scale
from effviz.ui.compare.controls import PICTURE_PX, SCALES, STILL, Look
from effviz.ui.guard import guard
from effviz.ui.state import Setting
from effviz.words import _

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


def adopt() -> None:
    """Take the look from the address the first time; what does not exist leaves its sentence."""
    for setting in SETTINGS:
        with guard():
            setting.adopt()


def choose() -> Look:
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
        View(CELLS.get(), PICTURE_PX),
        contour / 100 if contour else None,
        THRESHOLD.get() / 100,
    )
    return Look(SCALE.get(), style)


def payload() -> dict[str, object]:
    """The look as the browser's toolbar reads it."""
    return {setting.key: setting.get() for setting in SETTINGS}


def take(look: object) -> None:
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
