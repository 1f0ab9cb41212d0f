"""Photos that show none of the classes a network was trained on: a plain notice, from what a network of 1000 sees."""

from collections.abc import Iterable, Sequence

import streamlit as st

from effviz.errors import EffVizError
from effviz.explain.results import Photo
from effviz.explain.targets import Guess
from effviz.ui import cache
from effviz.ui.compare.cells import Cell
from effviz.ui.compare.work import Work
from effviz.ui.outputs import plain
from effviz.ui.turns import Lane
from effviz.words import _
from effviz.zoo import catalogue, classes

JUDGE = catalogue.parse("lite0")  # knows ImageNet's 1000 classes, and its weights are always there


def notice(cells: Sequence[Cell]) -> None:
    """Say which photos seem to show none of the classes of a network that knows few."""
    photos = list(dict.fromkeys(cell.photo for cell in cells))
    for names, models in _small(cells).items():
        known = classes.indices(names)
        foreign = [] if known is None else _foreign(photos, known)
        if foreign:
            st.info(_sentence(names, models, foreign), icon=":material/help:")


def _small(cells: Iterable[Cell]) -> dict[tuple[str, ...], list[str]]:
    """The trained networks that know fewer classes than ImageNet has, by what they know."""
    found: dict[tuple[str, ...], list[str]] = {}
    for ref in dict.fromkeys(cell.entrant.card.ref for cell in cells):
        if ref.spec.trained and len(ref.spec.classes) < len(classes.names()):
            found.setdefault(tuple(ref.spec.classes), []).append(ref.label)
    return found


def _foreign(photos: Iterable[Photo], known: frozenset[int]) -> list[tuple[Photo, Guess]]:
    """The photos of which no guess is among the known classes, each with the first guess."""
    guessed = [(photo, _guesses(photo)) for photo in photos]
    return [(photo, first[0]) for photo, first in guessed if first and known.isdisjoint(of.index for of in first)]


def _guesses(photo: Photo) -> tuple[Guess, ...]:
    """The judge's five first guesses; none where it cannot be asked now, for a notice is worth no error."""
    try:
        with Work(1).shown(("outside", photo.sha256), may_stop=False) as work:
            work.next(_("{model} looks whether the photo shows a known class").format(model=JUDGE.label))
            with work.turn(Lane.QUICK):
                return cache.guesses(JUDGE, photo)
    except EffVizError:
        return ()


def _sentence(names: Sequence[str], models: Sequence[str], foreign: Sequence[tuple[Photo, Guess]]) -> str:
    seen = _("{photo}: {name}, {chance:.0%}")
    return _(
        "**Outside their classes.** Trained on {count} classes only: {models} ({names}). {judge}, which knows 1000, "
        "finds none of them here ({seen}). Their maps then show what resembles the nearest of the {count}. Drop in a "
        "photo of one of them for a fair comparison."
    ).format(
        models=", ".join(plain(label) for label in models),
        count=len(names),
        names=", ".join(plain(name) for name in names),
        judge=JUDGE.label,
        seen="; ".join(
            seen.format(photo=plain(photo.name), name=plain(guess.name), chance=guess.probability)
            for photo, guess in foreign
        ),
    )
