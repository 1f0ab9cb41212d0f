"""What a run says: means with intervals beside controls, differences on the same photos, ranks, classes, disputes."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from effviz.evaluate import overlaps
from effviz.evaluate.controls import Control
from effviz.evaluate.intervals import Interval, interval, intervals, max_box_interval, paired, paired_max_box
from effviz.evaluate.overlaps import Overlaps
from effviz.evaluate.results import Results
from effviz.evaluate.settings import Metric, worse
from effviz.zoo import catalogue

Key = tuple[str, str]  # method, model
Pair = tuple[str, str]  # models
PairedBy = Callable[[str, str, int], Interval]  # gets two models and the seed
Both = tuple[Interval, Interval]  # over all photos, and over those whose object is small and off-centre


@dataclass(frozen=True, slots=True)
class Cell:
    """One model, method (or control) and metric."""

    model: str
    method: str
    metric: Metric
    every: Interval  # over all photos
    small: Interval  # over those whose object is small and off-centre, where a mark in the middle does not win


@dataclass(frozen=True, slots=True)
class Difference:
    """One model minus another on the same photos, by one method and metric."""

    first: str
    second: str
    method: str
    metric: Metric
    interval: Interval

    @property
    def certain(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.interval.low > 0 or self.interval.high < 0


@dataclass(frozen=True, slots=True)
class Ranking:
    """All models and methods by one metric, the best first; the controls stand among them."""

    metric: Metric
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class ClassMean:
    """The photos of one class."""

    label: int  # in the model's logits
    name: str
    model: str
    mean: float
    n: int


@dataclass(frozen=True, slots=True)
class Dispute:
    """A photo on which models differ."""

    photo: str
    values: dict[str, float]  # by model
    spread: float  # the largest minus the smallest


@dataclass(frozen=True, slots=True)
class Valued:
    """A photo and what it was given."""

    photo: str
    value: float


@dataclass(frozen=True, slots=True)
class Extremes:
    """Three photos that show how good a model's maps are; they may be the same where there are few."""

    model: str
    best: Valued
    median: Valued  # of an even number of photos the better one of the two in the middle
    worst: Valued


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How often a model's first choice is the photo's label."""

    model: str
    top1: Interval


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be measured, and why."""

    photo: str
    model: str  # empty when no model can use the photo
    method: str  # empty when no method can
    reason: str


def cells(results: Results, seed: int = 0) -> tuple[Cell, ...]:
    """Return the mean and its interval of every model, method, control and metric that has values.

    `maxbox` chooses its threshold anew in each resample of all photos; for the small and off-centre ones the threshold
    is that of all photos, so that nothing is fitted to a few.
    """
    return tuple(_cells(results, seed))


def differences(results: Results, method: str, metric: Metric, seed: int = 0) -> tuple[Difference, ...]:
    """Return each pair of models, compared on the photos that both have values for."""
    return _differences(results, itertools.combinations(results.models, 2), (method, metric), seed)


def against_first(results: Results, method: str, metric: Metric, seed: int = 0) -> tuple[Difference, ...]:
    """Return each other model minus the first one, on the photos that both have values for."""
    first, *others = results.models
    return _differences(results, [(other, first) for other in others], (method, metric), seed)


def rankings(found: Sequence[Cell], small: bool = False) -> tuple[Ranking, ...]:
    """Order cells by their means, for all photos or for the small and off-centre ones; without a mean they are out."""

    def mean(cell: Cell) -> float:
        return (cell.small if small else cell.every).mean

    def best_first(cell: Cell) -> float:
        return worse(cell.metric, mean(cell))

    known = [cell for cell in found if not np.isnan(mean(cell))]
    metrics = dict.fromkeys(cell.metric for cell in known)
    return tuple(
        Ranking(metric, tuple(sorted((cell for cell in known if cell.metric is metric), key=best_first)))
        for metric in metrics
    )


def per_class(results: Results, method: str, metric: Metric) -> tuple[ClassMean, ...]:
    """Return the mean of each class and model, classes in the order of their numbers."""
    frame = results.frame
    rows = frame[(frame["method"] == method) & (frame["metric"] == metric.value)].dropna(subset=["label", "value"])
    names = {model: catalogue.parse(model).spec.classes for model in results.models}
    groups = rows.groupby(["label", "model"], observed=True)["value"].agg(["mean", "size"])
    return tuple(
        ClassMean(int(label), names[model][int(label)], str(model), float(mean), int(n))
        for (label, model), mean, n in zip(groups.index, groups["mean"], groups["size"], strict=True)
    )


def disputes(results: Results, method: str, metric: Metric = Metric.ENERGY, count: int = 20) -> tuple[Dispute, ...]:
    """Return the photos on which the models' values differ most; models without any value are left out."""
    wide = results.values(method, metric).dropna(axis=1, how="all").dropna()
    values = wide.to_numpy()
    spread = np.ptp(values, axis=1) if values.size else np.zeros(0)
    return tuple(
        Dispute(str(wide.index[row]), dict(zip(wide.columns, values[row].tolist(), strict=True)), float(spread[row]))
        for row in np.argsort(-spread, kind="stable")[:count]
    )


def extremes(results: Results, method: str, metric: Metric) -> tuple[Extremes, ...]:
    """Return each model's best, median and worst photo; of photos with one value the first in the run's order."""
    found = []
    for model, column in results.values(method, metric).items():
        ordered = column.dropna().sort_values(key=lambda values: values.map(partial(worse, metric)), kind="stable")
        if len(ordered):
            three = (ordered.iloc[[place]] for place in (0, (len(ordered) - 1) // 2, -1))
            found.append(Extremes(str(model), *(Valued(str(of.index[0]), float(of.iloc[0])) for of in three)))
    return tuple(found)


def accuracies(results: Results, seed: int = 0) -> tuple[Accuracy, ...]:
    """Return each model's top-1 accuracy on the photos that have a label."""
    rows = results.frame.dropna(subset=["label", "prediction"]).drop_duplicates(["photo", "model"])
    right = rows["label"] == rows["prediction"]
    return tuple(Accuracy(model, interval(right[rows["model"] == model].to_numpy(), seed)) for model in results.models)


def failures(results: Results) -> tuple[Failure, ...]:
    """Return the rows without a value and their reasons, in the photos' order; those of the controls are left out.

    A uniform map has no ranks on any photo, which says nothing about the run.
    """
    rows = results.frame.dropna(subset=["error"])[["photo", "model", "method", "error"]].astype(object)
    rows = rows[~rows["method"].isin([control.value for control in Control])]
    texts = rows.where(rows.notna(), "")
    return tuple(Failure(*map(str, row)) for row in texts.itertuples(index=False, name=None))


def _cells(results: Results, seed: int) -> Iterator[Cell]:
    small = results.small()
    known = {metric: dict(_of_metric(results, metric, small, seed)) for metric in results.metrics}
    for method, metric, model in itertools.product(results.methods, results.metrics, results.models):
        if (both := known[metric].get((method, model))) is not None:
            yield Cell(model, method, metric, *both)


def _of_metric(results: Results, metric: Metric, small: pd.Series, seed: int) -> Iterator[tuple[Key, Both]]:
    """Yield the intervals of every method and model that has values: over all photos, and over the hard ones."""
    wide = _wide(results, metric)
    values = wide.to_numpy()
    is_small = small.reindex(wide.index, fill_value=False).to_numpy(dtype=bool)
    boxes = dict(_box_intervals(results, seed)) if metric is Metric.MAXBOX else {}
    keys = [(str(column[0]), str(column[1])) for column in wide.columns]
    found = zip(keys, intervals(values, seed), intervals(values[is_small], seed), strict=True)
    for key, every, hard in found:
        if every.n:
            yield key, (boxes.get(key, every), hard)


def _wide(results: Results, metric: Metric) -> pd.DataFrame:
    """Return one row a photo and one column for each method and model; nan where there is no value."""
    frame = results.frame
    rows = frame[(frame["metric"] == metric.value) & frame["method"].isin(results.methods)]
    wide = rows[rows["model"].isin(results.models)].pivot(index="photo", columns=["method", "model"], values="value")
    return wide.astype(np.float64)


def _box_intervals(results: Results, seed: int) -> Iterator[tuple[Key, Interval]]:
    """Yield MaxBoxAcc of every method and model; one model at a time is in memory."""
    for model in results.models:
        found = overlaps.read(results, (model,), results.methods)
        yield from (((method, model), max_box_interval(of.curves, seed=seed)) for (_model, method), of in found.items())


def _differences(results: Results, pairs: Iterable[Pair], of: tuple[str, Metric], seed: int) -> tuple[Difference, ...]:
    method, metric = of
    paired_by = _box_pairs(results, method) if metric is Metric.MAXBOX else _value_pairs(results, method, metric)
    return tuple(Difference(*pair, method, metric, paired_by(*pair, seed)) for pair in pairs)


def _value_pairs(results: Results, method: str, metric: Metric) -> PairedBy:
    wide = results.values(method, metric)
    return lambda one, other, seed: paired(wide[one], wide[other], seed)


def _box_pairs(results: Results, method: str) -> PairedBy:
    known = overlaps.read(results, results.models, (method,))
    boxes = {model: known.get((model, method), overlaps.NONE) for model in results.models}
    return lambda one, other, seed: _paired_boxes(boxes[one], boxes[other], seed)


def _paired_boxes(one: Overlaps, other: Overlaps, seed: int) -> Interval:
    places = {photo: number for number, photo in enumerate(other.photos)}
    both = [(number, places[photo]) for number, photo in enumerate(one.photos) if photo in places]
    mine, theirs = np.array(both, dtype=np.intp).reshape(-1, 2).T
    return paired_max_box(one.curves[mine], other.curves[theirs], seed=seed)
