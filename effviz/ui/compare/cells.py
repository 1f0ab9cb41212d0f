"""What every model makes of every photo: the maps of the page, each computed when it is the visitor's turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from effviz.errors import EffVizError
from effviz.explain.methods import METHODS
from effviz.explain.results import ActivationMap, Floats, Layer, Photo
from effviz.explain.targets import Guess
from effviz.ui import cache
from effviz.ui.cache import Chosen
from effviz.ui.compare.controls import Choice
from effviz.ui.compare.work import Progress, Work, ask_again, stopped
from effviz.ui.outputs import plain
from effviz.ui.turns import BusyError, Lane
from effviz.words import _
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

    chosen: Chosen
    entrant: Entrant
    map: ActivationMap
    guesses: tuple[Guess, ...]  # the model's five first, whatever the map explains
    forward_ms: float

    @property
    def photo(self) -> Photo:
        """With its pixels: read again where the cache has let them go."""
        return self.chosen.open()


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """A cell without a map, and the sentence that says why."""

    chosen: Chosen
    entrant: Entrant
    sentence: str

    @property
    def photo(self) -> Photo:
        """With its pixels, as a cell's."""
        return self.chosen.open()


@dataclass(frozen=True, slots=True)
class _Task:
    """One cell to fill."""

    chosen: Chosen
    entrant: Entrant
    choice: Choice

    @property
    def quick(self) -> bool:
        """Whether the map comes from the forward pass alone."""
        return METHODS[self.choice.method].closed_form and self.choice.layer is Layer.LAST

    @property
    def pass_key(self) -> tuple[str, ...]:
        """What tells forward passes apart."""
        return self.entrant.card.ref.label, self.chosen.sha256

    @property
    def map_key(self) -> tuple[str, ...]:
        """What tells maps apart."""
        return *self.pass_key, str(self.choice.target), self.choice.method, self.choice.layer

    @property
    def known(self) -> bool:
        """Whether the caches still have both."""
        return self.pass_key in _cached and self.map_key in _cached


_cached: WeakValueDictionary[tuple[str, ...], Floats] = WeakValueDictionary()  # an entry goes when a cache drops it


def compute(photos: Sequence[Chosen], entrants: Sequence[Entrant], choice: Choice) -> list[Cell | Gap]:
    """Return one entry for every photo and model, photo by photo; what was stopped or refused is a gap."""
    tasks = [_Task(photo, entrant, choice) for photo in photos for entrant in entrants]
    what = tuple(task.map_key for task in tasks)
    new = sum(not task.known for task in tasks)
    if not new:
        return [_cell(task, None) for task in tasks]
    if stopped(what):
        done = _("Stopped with {done} of {all} maps made.").format(done=len(tasks) - new, all=len(tasks))
        ask_again(done, _("Go on"))
        return [_cell_if_known(task) for task in tasks]
    try:
        with Work(len(tasks)).shown(what, may_stop=not tasks[0].quick) as work:
            return [_cell(task, work) for task in tasks]
    except BusyError as error:
        ask_again(str(error), _("Try again"))
        return [_cell_if_known(task) for task in tasks]


def _cell_if_known(task: _Task) -> Cell | Gap:
    return _cell(task, None) if task.known else Gap(task.chosen, task.entrant, _("Not computed yet."))


def _cell(task: _Task, work: Work | None) -> Cell | Gap:
    """Fill a cell; without `work` it is known to the caches."""
    chosen, entrant, choice = task.chosen, task.entrant, task.choice
    ref = entrant.card.ref
    try:
        if work and not task.known:
            work.next(_doing(entrant, chosen))
            _fill(task, work)
        photo = chosen.open()
        forward = cache.forward(ref, photo)
        found = cache.activation_map(ref, photo, choice.target, choice.method, choice.layer)
        return Cell(chosen, entrant, found, cache.guesses(ref, photo), forward.forward_ms)
    except BusyError:
        raise
    except EffVizError as error:
        return Gap(chosen, entrant, str(error))


def _fill(task: _Task, work: Work) -> None:
    """Have the caches hold a cell's pass and map: one quick turn, and a slow one where the pass is not enough."""
    with work.turn(Lane.QUICK):
        _cached[task.pass_key] = cache.forward(task.entrant.card.ref, task.chosen.open()).features
        if task.quick:
            _keep_map(task)
    if not task.quick:
        with work.turn(Lane.SLOW, task.map_key) as progress:
            _keep_map(task, progress)


def _keep_map(task: _Task, progress: Progress | None = None) -> None:
    ref, choice = task.entrant.card.ref, task.choice
    found = cache.activation_map(ref, task.chosen.open(), choice.target, choice.method, choice.layer, progress)
    _cached[task.map_key] = found.values


def _doing(entrant: Entrant, photo: Chosen) -> str:
    return _("{model} looks at {photo} (a model is loaded the first time)").format(
        model=plain(entrant.card.ref.label), photo=plain(photo.name)
    )
