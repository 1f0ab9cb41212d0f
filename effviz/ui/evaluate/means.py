"""The means of a run with their intervals: thousands of draws each, counted once for all visitors."""

import threading
from collections.abc import Callable, Hashable
from typing import Final, TypeVar

from cachetools import LRUCache

from effviz.evaluate.settings import Metric
from effviz.evaluate.summary import Cell, Difference
from effviz.ui.compare.work import Work
from effviz.ui.evaluate.measured import Beat, Measured
from effviz.ui.outputs import plain
from effviz.ui.turns import Lane
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
        return tuple(cell for model in of.models for cell in of.cells_of(model, metric))
    return _each(of, (metric,), _cells, lambda model, beat: of.cells_of(model, metric, beat))


def differences(of: Measured, method: str, metric: Metric) -> tuple[Difference, ...]:
    """Return each model minus the first on the same photos; none where only means are known."""
    return _each(of, (method, metric), _differences, lambda model, _beat: of.difference(model, method, metric))


def _each(
    of: Measured, what: tuple[str, ...], kept: Counted[T], count: Callable[[str, Beat], tuple[T, ...]]
) -> tuple[T, ...]:
    """Count what is not kept for one model after the other, each when it is the visitor's turn."""
    keys = {model: (of.key, *what, model) for model in of.models}
    with _lock:
        found = {model: kept[key] for model, key in keys.items() if key in kept}
    if missing := [model for model in of.models if model not in found]:
        with Work(len(missing)).shown(("means", of.key, *what), may_stop=False) as work:
            for model in missing:
                work.next(_("{model}: means and intervals").format(model=plain(model)))
                with work.turn(Lane.SLOW) as beat:
                    found[model] = count(model, beat)
                with _lock:
                    kept[keys[model]] = found[model]
    return tuple(one for model in of.models for one in found[model])
