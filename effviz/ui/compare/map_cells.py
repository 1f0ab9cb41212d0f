"""What every model makes of every photo: the maps of the page, each computed when it is the visitor's turn."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from effviz.errors import EffVizError
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import ActivationMap, Forward, Photo
from effviz.explain.targets import Guess, top_guesses
from effviz.i18n import _, lazy_gettext
from effviz.ui import cache, job_queue
from effviz.ui.compare.display_settings import ExplanationChoice
from effviz.ui.job_progress import JobProgress, ask_again, stopped
from effviz.ui.outputs import plain
from effviz.zoo.catalogue import ModelCard
from effviz.zoo.model import ModelRef
from effviz.zoo.presets import ScalingAxis

FILLING: Final = "comparison being filled"  # in the session: the entries that are there, by what is compared
SHOW_AFTER_S: Final = 1.0  # between two looks of a visitor at maps being made; the first map is shown at once
FRAME: Final = lazy_gettext("White frame: what the model saw. Dimmed: cropped away.")  # on every map, whoever draws it


@dataclass(frozen=True, slots=True)
class Entrant:
    """A model in the comparison."""

    card: ModelCard
    role: ScalingAxis | None  # None outside a ready comparison
    beside: str  # the model it has this role against, where that is not the first
    words: str  # what to look for

    @property
    def role_words(self) -> str:
        """Its role, and beside which model; nothing where it has none."""
        if self.role is None:
            return ""
        words = _("{role}, from {model}") if self.beside else "{role}"
        return words.format(role=_(self.role), model=self.beside)


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    chosen: cache.ChosenPhoto
    entrant: Entrant

    @property
    def ref(self) -> ModelRef:
        return self.entrant.card.ref

    @property
    def photo(self) -> Photo:
        """With its pixels: read again where the cache has let them go."""
        return self.chosen.open()


@dataclass(frozen=True, slots=True, eq=False)
class MapCell(_Place):
    """What one model makes of one photo."""

    map: ActivationMap
    guesses: tuple[Guess, ...]  # the model's five first, whatever the map explains
    forward_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class MapGap(_Place):
    """A cell without a map, and the sentence that says why."""

    sentence: str
    awaited: bool = False  # the next run of the page goes on with it


Entries = Sequence[MapCell | MapGap]  # photo by photo, each with all models


@dataclass(frozen=True, slots=True, eq=False)
class _Task(_Place):
    """One cell to fill."""

    choice: ExplanationChoice

    @property
    def key(self) -> tuple[str, ...]:
        """What tells maps apart."""
        choice = self.choice
        return self.ref.label, self.chosen.sha256, str(choice.target), choice.method, choice.layer

    def find(self) -> MapCell | None:
        """The cell where the caches have all of it: what they have let go is made in a turn, not here."""
        choice = self.choice
        kept = cache.find(self.ref, self.photo, choice.target, choice.method, choice.layer)
        return kept and self.cell(*kept)

    def cell(self, forward: Forward, entry: ActivationMap) -> MapCell:
        return MapCell(self.chosen, self.entrant, entry, top_guesses(forward), forward.forward_ms)

    def gap(self, sentence: str, awaited: bool = False) -> MapGap:
        return MapGap(self.chosen, self.entrant, sentence, awaited)


def compute_cells(
    photos: Sequence[cache.ChosenPhoto], entrants: Sequence[Entrant], choice: ExplanationChoice
) -> list[MapCell | MapGap]:
    """Return one entry for every photo and model, photo by photo; what was stopped or refused is a gap.

    A map that took a while is worth showing at once: the others are `awaited` then, and the page runs again for them.
    """
    cache.arrive()
    tasks = [_Task(photo, entrant, choice) for photo in photos for entrant in entrants]
    keys = tuple(task.key for task in tasks)
    # What the last runs have made of this comparison: also what the caches have let go since, and what failed.
    filled: dict[tuple[str, ...], MapCell | MapGap] = st.session_state.get(FILLING, {}).get(keys, {})
    entries = [filled.get(task.key) or task.find() for task in tasks]
    new = entries.count(None)
    if not new:
        st.session_state.pop(FILLING, None)
        return [entry for entry in entries if entry]
    if stopped(keys):
        sentence = _("Stopped with {done} of {all} maps made.").format(done=len(tasks) - new, all=len(tasks))
        button = _("Go on")
    else:
        try:
            with JobProgress(len(tasks), begun=len(tasks) - new).shown(keys, may_stop=not choice.quick) as work:
                return _until_worth_showing(tasks, entries, work)
        except job_queue.BusyError as error:
            sentence, button = str(error), _("Try again")
    ask_again(sentence, button, keys)
    return [task.find() or task.gap(_("Not computed yet.")) for task in tasks]


def awaited(entries: Entries) -> bool:
    """Whether the page has to run again for some of the cells."""
    return any(isinstance(entry, MapGap) and entry.awaited for entry in entries)


def guessed_classes(entries: Entries) -> list[str]:
    """What trained models take these photos for, the surest guess of any model first."""
    surest: dict[str, float] = {}
    for entry in entries:
        for guess in entry.guesses if isinstance(entry, MapCell) and entry.map.trained else ():
            surest[guess.name] = max(surest.get(guess.name, 0), guess.probability)
    return sorted(surest, key=lambda name: -surest[name])


def _until_worth_showing(
    tasks: Sequence[_Task], earlier: Sequence[MapCell | MapGap | None], work: JobProgress
) -> list[MapCell | MapGap]:
    """Fill cell after cell; before one that takes long, stop where a new map is worth showing first."""
    entries: list[MapCell | MapGap] = []
    made = show = False
    show_at = time.monotonic() + (SHOW_AFTER_S if any(earlier) else 0)
    for task, before in zip(tasks, earlier, strict=True):
        if made and not (before or show or (task.choice.quick and cache.is_loaded(task.ref))):
            show = time.monotonic() >= show_at and _at_hand(entries)
        if before or show:
            entries.append(before or task.gap(_("On its way."), awaited=True))
        else:
            entries.append(_fill_cell(task, work))
            made = made or isinstance(entries[-1], MapCell)
    st.session_state.pop(FILLING, None)
    if awaited(entries):
        kept = {task.key: entry for task, entry in zip(tasks, entries, strict=True) if not awaited([entry])}
        st.session_state[FILLING] = {tuple(task.key for task in tasks): kept}
    return entries


def _at_hand(entries: Entries) -> bool:
    """Whether showing the cells loads no model again, as it would where the memory is too small for all of them."""
    return all(cache.is_loaded(entry.ref) for entry in entries if isinstance(entry, MapCell))


def _fill_cell(task: _Task, work: JobProgress) -> MapCell | MapGap:
    """Fill a cell: one quick turn, and a slow one where the pass is not enough."""
    choice, ref = task.choice, task.ref
    wanted = (choice.target, choice.method, choice.layer)
    work.next(_doing(task))
    try:
        photo = task.photo
        with work.turn(cache.effort(ref)):
            forward = cache.forward(ref, photo)
            if choice.quick:
                return task.cell(forward, cache.activation_map(ref, photo, *wanted))
        with work.turn(job_queue.map_effort(ref, choice.method, choice.layer), task.key) as progress:
            return task.cell(forward, cache.activation_map(ref, photo, *wanted, progress))
    except job_queue.BusyError:
        raise
    except EffVizError as error:
        return task.gap(str(error))


def _doing(task: _Task) -> str:
    doing = _("{model} looks at {photo} (a model is loaded the first time)")
    if not task.choice.quick and not CAM_METHODS[task.choice.method].slow:
        doing = _("{model} looks at {photo}; a map by {method} is made in one piece, and Stop ends what follows it")
    title = CAM_METHODS[task.choice.method].title
    return doing.format(model=plain(task.ref.label), photo=plain(task.chosen.name), method=_(title))
