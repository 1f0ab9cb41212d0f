"""What every model makes of every photo: the maps of the page, computed with a progress bar."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from effviz.errors import EffVizError
from effviz.explain.results import ActivationMap, Photo
from effviz.explain.targets import Guess
from effviz.ui import cache
from effviz.ui.compare.controls import Choice
from effviz.ui.outputs import plain
from effviz.zoo.cards import Card
from effviz.zoo.presets import Role


@dataclass(frozen=True, slots=True)
class Entrant:
    """A model in the comparison."""

    card: Card
    role: Role | None  # None outside a ready comparison
    beside: str  # the model it has this role against, where that is not the first
    words: str  # what to look for


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """What one model makes of one photo."""

    photo: Photo
    entrant: Entrant
    map: ActivationMap
    guesses: tuple[Guess, ...]  # the model's five first, whatever the map explains
    forward_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """A cell without a map, and the sentence that says why."""

    photo: Photo
    entrant: Entrant
    sentence: str


def compute(photos: Sequence[Photo], entrants: Sequence[Entrant], choice: Choice) -> list[Cell | Gap]:
    """Return one entry for every photo and model, photo by photo."""
    pairs = [(photo, entrant) for photo in photos for entrant in entrants]
    progress = st.progress(0.0, text="Getting ready")
    found = []
    for number, (photo, entrant) in enumerate(pairs):
        progress.progress(number / len(pairs), text=_doing(entrant, photo))
        found.append(_cell(photo, entrant, choice))
    progress.empty()
    return found


def _cell(photo: Photo, entrant: Entrant, choice: Choice) -> Cell | Gap:
    ref = entrant.card.ref
    try:
        forward = cache.forward(ref, photo)
        found = cache.activation_map(ref, photo, choice.target, choice.method, choice.layer)
    except EffVizError as error:
        return Gap(photo, entrant, str(error))
    return Cell(photo, entrant, found, cache.guesses(ref, photo), forward.forward_ms)


def _doing(entrant: Entrant, photo: Photo) -> str:
    return f"{plain(entrant.card.ref.label)} looks at {plain(photo.name)} (a model is loaded the first time)"
