"""Maps against other maps on the same photos: each model against the first one, and against a control of its own.

What depends on how sure a model is (deletion, insertion and all that run the model again) is never compared between
models as it is: a less sure model has lower areas whatever its maps are worth. There a model's lead over its own
control is compared with the first model's.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from effviz.evaluate import intervals
from effviz.evaluate.controls import Control
from effviz.evaluate.intervals import Interval
from effviz.evaluate.results import Key, Results
from effviz.evaluate.settings import EFFECTS, SHARES, Metric

Pair = tuple[Key, Key]


@dataclass(frozen=True, slots=True)
class Difference:
    """Maps minus other maps: those of another model by the same method, or a control's for the same model."""

    model: str
    method: str
    minus_model: str
    minus_method: str
    metric: Metric
    every: Interval  # over all photos; its p is corrected for all differences of the measure
    small: Interval  # over those whose object is small and off-centre

    @property
    def beside_model(self) -> bool:
        """Whether it is between two models, and not between a map and a control."""
        return self.model != self.minus_model

    @property
    def of_leads(self) -> bool:
        """Whether it is between two models' leads over their own controls, and not between their values."""
        return self.beside_model and self.metric in EFFECTS


def differences(results: Results, methods: Sequence[str], metric: Metric) -> tuple[Difference, ...]:
    """Return each other model minus the first, then each model minus its own Gaussian, by each method.

    Always on the photos that both have values for. P-values are corrected (Holm) for all differences of the measure in
    the run, whatever methods are asked for, and apart for all photos and for the small and off-centre ones.
    """
    every = [method.value for method in results.run.settings.methods]
    gaussian = results.gaussian(metric).value
    wide = results.wide(metric, (*every, gaussian))
    pairs = [pair for pair in _pairs(results.models, every, gaussian) if set(pair) <= set(wide.columns)]
    both = (intervals.holm(of) for of in _paired(wide, pairs, results.small(), metric))
    found = (
        Difference(one[0], one[1], other[0], other[1], metric, of_all, of_small)
        for (one, other), of_all, of_small in zip(pairs, *both, strict=True)
    )
    return tuple(of for of in found if of.every.n and of.method in methods)


def leads(found: Sequence[Difference]) -> Iterator[tuple[Key, Interval, Interval]]:
    """Yield how far each model and method is from the model's own control: over all photos, and over the hard ones."""
    for of in found:
        if not of.beside_model:
            yield (of.model, of.method), of.every, of.small


def _pairs(models: Sequence[str], methods: Sequence[str], gaussian: str) -> Iterator[Pair]:
    for method, model in itertools.product(methods, models[1:]):
        yield (model, method), (models[0], method)
    for method, model in itertools.product(methods, models):
        yield (model, method), (model, gaussian)


def _paired(wide: pd.DataFrame, pairs: Sequence[Pair], small: pd.Series, metric: Metric) -> Iterator[list[Interval]]:
    """Yield the mean difference of each pair over all photos, and then over the hard ones.

    Much narrower than two separate intervals, because a hard photo is hard for both.
    """
    is_small = small.reindex(wide.index, fill_value=False).to_numpy(dtype=bool)
    for some in (np.full(len(wide), True), is_small):
        yield [_interval(wide[some], pair, metric) for pair in pairs]


def _interval(wide: pd.DataFrame, pair: Pair, metric: Metric) -> Interval:
    one, other = pair
    values = wide[one] - wide[other]
    if one[0] == other[0] or metric not in EFFECTS:
        return (intervals.paired_share if metric in SHARES else intervals.paired_mean)(values)
    controls = [(model, _GAUSSIAN) for model, _method in pair]
    if not set(controls) <= set(wide.columns):
        return intervals.NOTHING
    return intervals.paired_mean(values - (wide[controls[0]] - wide[controls[1]]))


_GAUSSIAN = Control.GAUSSIAN.value  # of all that runs the model again; it has the cells of the model's own map
