"""The strip above the maps: what is compared, in one line; each part opens where it stands and says what is chosen."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from effviz.i18n import _, ngettext

MOST_NAMED = 3  # of what is chosen; the others are counted


@dataclass(frozen=True, slots=True)
class Fold:
    """A part of the strip: what opens over the maps, and the place beside it for what is chosen there."""

    body: DeltaGenerator
    beside: DeltaGenerator

    def say(self, chosen: Sequence[str]) -> None:
        """Show what is chosen beside the button; a hand that rests on it reads all of it."""
        named = ", ".join(chosen[:MOST_NAMED])
        more = len(chosen) - MOST_NAMED
        if more > 0:
            named = ngettext("{names} and {count} more", "{names} and {count} more", more).format(
                names=named, count=more
            )
        whole = html.escape(", ".join(chosen), quote=True)
        self.beside.html(f'<span class="effviz-chosen" title="{whole}">{html.escape(named)}</span>')


@dataclass(frozen=True, slots=True)
class ControlStrip:
    """The parts of the strip, from left to right."""

    photos: Fold
    models: Fold
    explained: DeltaGenerator  # the class, which is chosen in the strip itself
    method: Fold


def lay_out() -> ControlStrip:
    """Lay out the strip; what is in its folds is filled in by the page."""
    with st.container(key="strip"):
        first, second, third, fourth = st.columns([4, 5, 4, 4], vertical_alignment="center")
    return ControlStrip(
        photos=_fold(first, _("Photos"), ":material/image:"),
        models=_fold(second, _("Models"), ":material/hub:"),
        explained=third.container(key="explained"),  # filled late: see style.css
        method=_fold(fourth, _("Method"), ":material/function:"),
    )


def _fold(place: DeltaGenerator, label: str, icon: str) -> Fold:
    line = place.container(horizontal=True, vertical_alignment="center", gap="small")
    return Fold(line.popover(label, icon=icon), line.empty())
