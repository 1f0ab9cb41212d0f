"""A strip of pictures to choose from, by pointer or keyboard."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the strip."""

    name: str  # what comes back when it is chosen
    title: str  # alternative text and tooltip
    src: str  # a data URL


_gallery = st.components.v2.component(
    "effviz_gallery",
    html=(HERE / "gallery.html").read_text(),
    css=(HERE / "gallery.css").read_text(),
    js=(HERE / "gallery.js").read_text(),
)


def gallery(
    pictures: tuple[Picture, ...],
    chosen: tuple[str, ...],
    most: int,
    key: str,
    on_change: Callable[[tuple[str, ...]], None],
) -> None:
    """Show the strip with `chosen` marked; `on_change` gets the new choice (at most `most`, the newest last)."""
    _gallery(
        data={"pictures": [asdict(picture) for picture in pictures], "chosen": list(chosen), "most": most},
        default={"chosen": list(chosen)},
        on_chosen_change=lambda: on_change(tuple(st.session_state[key]["chosen"])),
        key=key,
    )
