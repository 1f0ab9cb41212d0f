"""The maps of the Compare page, one for every model and photo, each computed in the visitor's turn."""

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

FILLING: Final = "comparison being filled"  # in the session: finished entries, by comparison
SHOW_AFTER_S: Final = 1.0  # least time between two updates of the grid; the first map is shown at once
FRAME: Final = lazy_gettext("White frame: what the model saw. Dimmed: cropped away.")  # on every map


@dataclass(frozen=True, slots=True)
class Entrant:
    """A model in the comparison."""

    card: ModelCard
    role: ScalingAxis | None  # None outside a preset
    beside: str  # the model that the role refers to, if it is not the first
    words: str  # what to look for

    @property
    def role_words(self) -> str:
        """The role and the model that it refers to; empty without a role."""
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
        """The photo with its pixels, read again if the cache has dropped them."""
        return self.chosen.open()


@dataclass(frozen=True, slots=True, eq=False)
class MapCell(_Place):
    """One model's map and guesses for one photo."""

    map: ActivationMap
    guesses: tuple[Guess, ...]  # the model's top five, whatever the map explains
    forward_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class MapGap(_Place):
    """A cell without a map, and the reason as a sentence."""

    sentence: str
    awaited: bool = False  # whether the next run of the page computes it


Entries = Sequence[MapCell | MapGap]  # photo by photo, with all models for each


@dataclass(frozen=True, slots=True, eq=False)
class _Task(_Place):
    """One cell to fill."""

    choice: ExplanationChoice

    @property
    def key(self) -> tuple[str, ...]:
        """What distinguishes this map from others."""
        choice = self.choice
        return self.ref.label, self.chosen.sha256, str(choice.target), choice.method, choice.layer

    def find(self) -> MapCell | None:
        """Return the cell if everything is cached, else None: anything missing is computed in a turn, not here."""
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
    """Return one entry for every photo and model, photo by photo; stopped or refused maps are gaps.

    After a map that took a while the page shows it at once: the others are `awaited`, and the page runs again for them.
    """
    cache.arrive()
    tasks = [_Task(photo, entrant, choice) for photo in photos for entrant in entrants]
    keys = tuple(task.key for task in tasks)
    # Results of the previous runs of this comparison, including failures and maps that the caches have since dropped.
    filled: dict[tuple[str, ...], MapCell | MapGap] = st.session_state.get(FILLING, {}).get(keys, {})
    entries = [filled.get(task.key) or task.find() for task in tasks]
    new = entries.count(None)
    if not new:
        st.session_state.pop(FILLING, None)
        return [entry for entry in entries if entry]
    if stopped(keys):
        sentence = _("Stopped after {done} of {all} maps.").format(done=len(tasks) - new, all=len(tasks))
        button = _("Continue")
    else:
        try:
            with JobProgress(len(tasks), begun=len(tasks) - new).shown(keys, may_stop=not choice.quick) as work:
                return _until_worth_showing(tasks, entries, work)
        except job_queue.BusyError as error:
            sentence, button = str(error), _("Try again")
    ask_again(sentence, button, keys)
    return [task.find() or task.gap(_("Not computed yet.")) for task in tasks]


def awaited(entries: Entries) -> bool:
    """Return whether the page must run again to compute some of the cells."""
    return any(isinstance(entry, MapGap) and entry.awaited for entry in entries)


def guessed_classes(entries: Entries) -> list[str]:
    """Return the guesses of the trained models for these photos, the most probable first."""
    surest: dict[str, float] = {}
    for entry in entries:
        for guess in entry.guesses if isinstance(entry, MapCell) and entry.map.trained else ():
            surest[guess.name] = max(surest.get(guess.name, 0), guess.probability)
    return sorted(surest, key=lambda name: -surest[name])


def _until_worth_showing(
    tasks: Sequence[_Task], earlier: Sequence[MapCell | MapGap | None], work: JobProgress
) -> list[MapCell | MapGap]:
    """Fill cells one by one; before a slow one, stop if there is a new map to show first."""
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
    """Return whether all models are still loaded: if memory is short, showing the cells would load one again."""
    return all(cache.is_loaded(entry.ref) for entry in entries if isinstance(entry, MapCell))


def _fill_cell(task: _Task, work: JobProgress) -> MapCell | MapGap:
    """Fill a cell in one quick turn, plus a slow one if the forward pass is not enough."""
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
    doing = _("{model}: computing the map for {photo} (the first run also loads the model)")
    if not task.choice.quick and not CAM_METHODS[task.choice.method].slow:
        doing = _("{model}: computing {method} for {photo}. Stop takes effect after this map.")
    title = CAM_METHODS[task.choice.method].title
    return doing.format(model=plain(task.ref.label), photo=plain(task.chosen.name), method=_(title))
