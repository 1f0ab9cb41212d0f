"""What a run says: means with intervals beside controls, differences on the same photos, ranks, classes, disputes."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from effviz.evaluate.intervals import Interval, interval, max_box_interval, paired, paired_max_box
from effviz.evaluate.results import Results
from effviz.evaluate.settings import Metric, worse
from effviz.zoo import catalogue


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
    return tuple(
        Difference(first, second, method, metric, _difference(results, (first, second), method, metric, seed))
        for first, second in itertools.combinations(results.models, 2)
    )


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
    """Return the rows without a value and their reasons, in the photos' order."""
    rows = results.frame.dropna(subset=["error"])[["photo", "model", "method", "error"]].astype(object)
    texts = rows.where(rows.notna(), "")
    return tuple(Failure(*map(str, row)) for row in texts.itertuples(index=False, name=None))


def _cells(results: Results, seed: int) -> Iterator[Cell]:
    small = results.small()
    for method, metric in itertools.product(results.methods, results.metrics):
        wide = results.values(method, metric)
        is_small = small.reindex(wide.index, fill_value=False).to_numpy(dtype=bool)
        for model in results.models:
            values = wide[model].to_numpy()
            if np.isfinite(values).any():
                every = _interval(results, (model, method), metric, values, seed)
                yield Cell(model, method, metric, every, interval(values[is_small], seed))


def _interval(results: Results, of: tuple[str, str], metric: Metric, values: np.ndarray, seed: int) -> Interval:
    if metric is Metric.MAXBOX:
        return max_box_interval(results.curves(*of, metric)[1], seed=seed)
    return interval(values, seed)


def _difference(results: Results, pair: tuple[str, str], method: str, metric: Metric, seed: int) -> Interval:
    if metric is not Metric.MAXBOX:
        wide = results.values(method, metric)
        return paired(wide[pair[0]], wide[pair[1]], seed)
    (photos, one), (others, other) = (results.curves(model, method, metric) for model in pair)
    places = {photo: number for number, photo in enumerate(others)}
    both = [(number, places[photo]) for number, photo in enumerate(photos) if photo in places]
    mine, theirs = np.array(both, dtype=np.intp).reshape(-1, 2).T
    return paired_max_box(one[mine], other[theirs], seed=seed)
