"""Photos that show none of the classes a network was trained on: a plain notice, from what a network of 1000 sees."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

import streamlit as st

from effviz.errors import EffVizError
from effviz.explain.results import Photo
from effviz.explain.targets import Guess
from effviz.ui import cache
from effviz.ui.compare.cells import Cell
from effviz.ui.compare.work import Work
from effviz.ui.memory import Kept, budget_bytes
from effviz.ui.outputs import plain
from effviz.words import _
from effviz.zoo import catalogue, classes

JUDGE = catalogue.parse("lite0")  # knows ImageNet's 1000 classes, and its weights are always there
GUESS_BYTES = 200

_GUESSES: Kept[tuple[Guess, ...]] = Kept(budget_bytes(0.0005), lambda found: GUESS_BYTES * len(found))


def notice(cells: Sequence[Cell]) -> None:
    """Say which photos seem to show none of the classes of a network that knows few."""
    photos = [chosen.open() for chosen in dict.fromkeys(cell.chosen for cell in cells)]
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


def _foreign(photos: Sequence[Photo], known: frozenset[int]) -> list[tuple[Photo, Guess]]:
    """The photos of which no guess is among the known classes, each with the first guess."""
    guessed = zip(photos, _guesses(photos), strict=True)
    return [(photo, first[0]) for photo, first in guessed if first and known.isdisjoint(of.index for of in first)]


def _guesses(photos: Sequence[Photo]) -> list[tuple[Guess, ...]]:
    """The judge's five first guesses of each photo; none where it cannot be asked now: a notice is worth no error."""
    known = {photo: found for photo in photos if (found := _GUESSES.find(photo.sha256))}
    new = [photo for photo in photos if photo not in known]
    if new:
        with suppress(EffVizError), Work(len(new), "outside").shown("outside", may_stop=False) as work:
            for photo in new:
                known[photo] = _ask(photo, work)
    return [known.get(photo, ()) for photo in photos]


def _ask(photo: Photo, work: Work) -> tuple[Guess, ...]:
    work.next(_("{model} looks whether the photo shows a known class").format(model=JUDGE.label))
    with work.turn(cache.effort(JUDGE)):
        return _GUESSES.get(photo.sha256, lambda: cache.guesses(JUDGE, photo))


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
