"""A strip of pictures to choose from, by pointer or keyboard."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import streamlit as st

from effviz.ui.components import NEWEST, SENDER, component, told


@dataclass(frozen=True, slots=True)
class GalleryPicture:
    """One picture of the strip."""

    name: str  # the value that is returned when it is chosen
    title: str  # alternative text and tooltip
    src: str  # a data URL


@dataclass(frozen=True, slots=True)
class Strip:
    """Settings of the whole strip."""

    label: str  # for screen readers
    most: int  # that can be chosen; a further choice replaces the oldest
    remove: str = ""  # label of each picture's cross: "Remove {title}"; "" without crosses


_gallery = component(__name__, "gallery.js", js=NEWEST + SENDER)


def gallery(  # noqa: PLR0913 - data and callbacks
    pictures: tuple[GalleryPicture, ...],
    chosen: tuple[str, ...],
    strip: Strip,
    key: str,
    on_change: Callable[[object], None],
    on_remove: Callable[[object], None] = lambda _name: None,
) -> None:
    """Show the strip with `chosen` marked; the callbacks receive data from the browser, which may be anything.

    Our script sends `on_change` a list of at most `strip.most` names, the newest last, and `on_remove` one name.
    """
    move = told(st.session_state.get(key, {}).get("chosen")).move
    data = {"pictures": [asdict(picture) for picture in pictures], "chosen": list(chosen), "move": move}
    _gallery(
        data=[{**data, **asdict(strip)}],
        on_chosen_change=lambda: on_change(told(st.session_state[key].get("chosen")).value),
        on_removed_change=lambda: on_remove(st.session_state[key].get("removed")),
        key=key,
    )
