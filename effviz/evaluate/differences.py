"""Maps against other maps on the same photos: each model against the first one, and against the centre Gaussian."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from effviz.evaluate import overlaps
from effviz.evaluate.controls import Control
from effviz.evaluate.intervals import Interval, intervals, paired_max_box
from effviz.evaluate.overlaps import Overlaps
from effviz.evaluate.results import Key, Results
from effviz.evaluate.settings import Metric

GAUSSIAN: Final = Control.GAUSSIAN.value  # the control that is hardest to beat

Pair = tuple[Key, Key]


@dataclass(frozen=True, slots=True)
class Difference:
    """Maps minus other maps: those of another model by the same method, or a control's for the same model."""

    model: str
    method: str
    minus_model: str
    minus_method: str
    metric: Metric
    every: Interval  # over all photos
    small: Interval  # over those whose object is small and off-centre


def differences(results: Results, methods: Sequence[str], metric: Metric, seed: int = 0) -> tuple[Difference, ...]:
    """Return each other model minus the first, then each model minus the centre Gaussian, by each method.

    Always on the photos that both have values for. As for means, `maxbox` chooses its thresholds anew in each resample
    of all photos, and keeps those of all photos for the small and off-centre ones.
    """
    wide = results.wide(metric, (*methods, GAUSSIAN))
    pairs = [pair for pair in _pairs(results.models, methods) if set(pair) <= set(wide.columns)]
    boxes = _box_pairs(results, methods, pairs, seed) if metric is Metric.MAXBOX else {}
    found = zip(pairs, _paired(wide, pairs, results.small(), seed), strict=True)
    return tuple(
        Difference(*one, *other, metric, boxes.get((one, other), every), small)
        for (one, other), (every, small) in found
        if every.n
    )


def _pairs(models: Sequence[str], methods: Sequence[str]) -> Iterator[Pair]:
    for method, model in itertools.product(methods, models[1:]):
        yield (model, method), (models[0], method)
    for method, model in itertools.product(methods, models):
        yield (model, method), (model, GAUSSIAN)


def _paired(
    wide: pd.DataFrame, pairs: Sequence[Pair], small: pd.Series, seed: int
) -> Iterator[tuple[Interval, Interval]]:
    """Yield the mean difference of each pair over all photos, and over the hard ones.

    Much narrower than two separate intervals, because a hard photo is hard for both.
    """
    values = np.array([wide[one].to_numpy() - wide[other].to_numpy() for one, other in pairs])
    values = values.reshape(len(pairs), len(wide)).T  # also without any pair
    is_small = small.reindex(wide.index, fill_value=False).to_numpy(dtype=bool)
    yield from zip(intervals(values, seed), intervals(values[is_small], seed), strict=True)


def _box_pairs(results: Results, methods: Sequence[str], pairs: Sequence[Pair], seed: int) -> dict[Pair, Interval]:
    """Return the differences of MaxBoxAcc; two models are in memory at once, and each is read once."""
    found: dict[Pair, Interval] = {}
    first: dict[Key, Overlaps] = {}
    for model in results.models:
        mine = overlaps.read(results, (model,), (*methods, GAUSSIAN))
        first = first or mine
        known = first | mine
        some = [(one, other) for one, other in pairs if one[0] == model]
        found |= {(one, other): _paired_boxes(known[one], known[other], seed) for one, other in some}
    return found


def _paired_boxes(one: Overlaps, other: Overlaps, seed: int) -> Interval:
    places = {photo: number for number, photo in enumerate(other.photos)}
    both = [(number, places[photo]) for number, photo in enumerate(one.photos) if photo in places]
    mine, theirs = np.array(both, dtype=np.intp).reshape(-1, 2).T
    return paired_max_box(one.curves[mine], other.curves[theirs], seed=seed)
