"""The means of a run with their intervals: thousands of draws each, counted once for all visitors."""

import threading
from collections.abc import Hashable
from typing import Final

from cachetools import LRUCache

from effviz.evaluate.settings import Metric
from effviz.evaluate.summary import Cell, Difference
from effviz.ui.compare.work import Work
from effviz.ui.evaluate.measured import Measured
from effviz.ui.outputs import plain
from effviz.ui.turns import Lane
from effviz.words import _

MOST_KEPT: Final = 4096  # of a few hundred bytes to some kilobytes

_lock = threading.Lock()  # held for microseconds
_kept: LRUCache[Hashable, tuple[Cell, ...]] = LRUCache(MOST_KEPT)
_differences: LRUCache[Hashable, Difference | None] = LRUCache(MOST_KEPT)


def means(of: Measured, metric: Metric) -> tuple[Cell, ...]:
    """Return the means of every model, method and control by one metric; a bar shows how far they are."""
    missing = [model for model in of.models if not of.cells and _found(of, model, metric) is None]
    if missing:
        with Work(len(missing)).shown(("means", of.key, metric), may_stop=False) as work:
            for model in missing:
                work.next(_("{model}: means and intervals").format(model=plain(model)))
                with work.turn(Lane.SLOW, ("means", of.key, model, metric)):
                    _count(of, model, metric)
    return tuple(cell for model in of.models for cell in _found(of, model, metric) or of.cells_of(model, metric))


def differences(of: Measured, method: str, metric: Metric) -> tuple[Difference, ...]:
    """Return each model minus the first on the same photos; none where only means are known."""
    return tuple(found for model in of.models[1:] if (found := _difference(of, model, method, metric)) is not None)


def _found(of: Measured, model: str, metric: Metric) -> tuple[Cell, ...] | None:
    with _lock:
        return _kept.get((of.key, model, metric))


def _count(of: Measured, model: str, metric: Metric) -> None:
    cells = of.cells_of(model, metric)
    with _lock:
        _kept[of.key, model, metric] = cells


def _difference(of: Measured, model: str, method: str, metric: Metric) -> Difference | None:
    key = (of.key, model, method, metric)
    with _lock:
        if key in _differences:
            return _differences[key]
    found = of.difference(model, method, metric)
    with _lock:
        _differences[key] = found
    return found
