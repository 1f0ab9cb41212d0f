"""The means of a run with their intervals, counted once for all visitors."""

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Final, TypeVar

from cachetools import LRUCache

from effviz.evaluate import wording
from effviz.evaluate.differences import Difference
from effviz.evaluate.settings import Metric
from effviz.evaluate.summary import Cell
from effviz.ui.compare.work import Work
from effviz.ui.evaluate.measured import Beat, Measured
from effviz.ui.outputs import plain
from effviz.ui.turns import Effort
from effviz.words import _

T = TypeVar("T")
Counted = LRUCache[Hashable, tuple[T, ...]]

MOST_KEPT: Final = 4096  # entries of some kilobytes

_lock = threading.Lock()  # held for microseconds
_cells: Counted[Cell] = LRUCache(MOST_KEPT)
_differences: Counted[Difference] = LRUCache(MOST_KEPT)


def means(of: Measured, metric: Metric) -> tuple[Cell, ...]:
    """Return the means of every model, method and control by one metric; a bar shows how far they are."""
    if of.cells:
        return of.cells_of(of.models, metric)
    found = _each(of, (metric,), _cells, lambda models, beat: of.cells_of(models, metric, beat))
    return tuple(cell for model in of.models for cell in found if cell.model == model)


def differences(of: Measured, method: str, metric: Metric) -> tuple[Difference, ...]:
    """Return each model minus the first, and minus a Gaussian of its own, on the same photos.

    All models at once: which of them is surely different depends on how many are compared.
    """
    key = (of.key, method, metric)
    with _lock:
        known = _differences.get(key)
    if known is None:
        with Work(1).shown(("means", *key), may_stop=False) as work:
            work.next(_("{metric}: differences on the same photos").format(metric=wording.metric(metric)))
            with work.turn(Effort(long=True)):
                known = of.differences(of.models, method, metric)
        with _lock:
            _differences[key] = known
    return tuple(sorted(known, key=lambda one: not one.beside_model))


def _each(
    of: Measured, what: tuple[str, ...], kept: Counted[T], count: Callable[[Sequence[str], Beat], tuple[T, ...]]
) -> tuple[T, ...]:
    """Count what is not kept for some models after the others, each time when it is the visitor's turn."""
    some = [of.models[start : start + of.models_a_step] for start in range(0, len(of.models), of.models_a_step)]
    keys = {models: (of.key, *what, models) for models in some}
    with _lock:
        found = {models: kept[key] for models, key in keys.items() if key in kept}
    if missing := [models for models in some if models not in found]:
        with Work(len(missing)).shown(("means", of.key, *what), may_stop=False) as work:
            for models in missing:
                work.next(_("{model}: means and intervals").format(model=plain(", ".join(models))))
                with work.turn(Effort(long=True)) as beat:
                    found[models] = count(models, beat)
                with _lock:
                    kept[keys[models]] = found[models]
    return tuple(one for models in some for one in found[models])
