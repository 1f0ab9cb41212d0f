"""What a run says: means with intervals beside controls, ranks, classes, disputes."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pandas as pd

from effviz.evaluate import intervals
from effviz.evaluate.controls import Control
from effviz.evaluate.intervals import Interval
from effviz.evaluate.results import Key, Results
from effviz.evaluate.settings import EFFECTS, SHARES, Metric, scale, worse
from effviz.zoo import catalogue

Both = tuple[Interval, Interval]  # over all photos, and over those whose object is small and off-centre


@dataclass(frozen=True, slots=True)
class Cell:
    """One model, method (or control) and metric."""

    model: str
    method: str
    metric: Metric
    every: Interval  # over all photos
    small: Interval  # over those whose object is small and off-centre, where a centre Gaussian does not win


@dataclass(frozen=True, slots=True)
class Ranking:
    """All models and methods by one metric, the best first; the controls stand among them."""

    metric: Metric
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class ClassMeans:
    """The photos of one class."""

    label: int  # in the model's logits
    name: str
    photos: int
    means: Mapping[str, float]  # by model, then by `Results.beside`


@dataclass(frozen=True, slots=True)
class Dispute:
    """A photo on which models differ; of what runs the model again, in their leads over their own controls."""

    photo: str
    values: Mapping[str, float]  # by model
    controls: Mapping[str, float]  # by `Results.beside`; nan where there is none, and beside leads
    spread: float  # the largest of the models' values minus the smallest


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
    """How often a model's first choice is the photo's label, and how sure it is of the class that was asked for."""

    model: str
    top1: Interval
    probability: Interval


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some rows have no value."""

    text: str
    rows: int


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be measured, and why."""

    photo: str
    model: str  # empty when no model can use the photo
    method: str  # empty when no method can
    reason: str


def cells(results: Results) -> tuple[Cell, ...]:
    """Return the mean and its interval of every model, method, control and metric that has values.

    The threshold of `maxbox` is the one that is best for all photos, also for the small and off-centre ones: nothing is
    fitted to a few.
    """
    return tuple(_cells(results))


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


def per_class(results: Results, method: str, metric: Metric) -> tuple[ClassMeans, ...]:
    """Return the means of each class, in the order of their numbers."""
    rows = results.rows(metric, (method, *results.beside(metric))).dropna(subset=["label", "value"])
    named = [_class_names(model)[int(label)] for model, label in zip(rows["model"], rows["label"], strict=True)]
    rows = rows.assign(name=named, of=_model_or_control(rows, method))
    groups = rows[rows["method"] == method].groupby(["label", "name"])["photo"].nunique()
    means = rows.groupby(["label", "name", "of"], observed=True)["value"].mean()
    return tuple(
        ClassMeans(int(label), str(name), int(count), means[label, name].to_dict())
        for (label, name), count in zip(groups.index, groups, strict=True)
    )


def disputes(results: Results, method: str, metric: Metric = Metric.ENERGY, count: int = 20) -> tuple[Dispute, ...]:
    """Return the photos on which the models' values differ most; models without any value are left out."""
    wide = results.compared(method, metric).dropna(axis=1, how="all").dropna()
    values = wide.to_numpy()
    spread = np.ptp(values, axis=1) if values.size else np.zeros(0)
    largest = np.argsort(-spread, kind="stable")[:count]
    beside = _controls(results, metric, wide.index[largest])
    return tuple(
        Dispute(str(photo), wide.loc[photo].to_dict(), beside.loc[photo].to_dict(), float(spread[row]))
        for row, photo in zip(largest, wide.index[largest], strict=True)
    )


def extremes(results: Results, method: str, metric: Metric) -> tuple[Extremes, ...]:
    """Return each model's best, median and worst photo; of photos with one value the first in the run's order.

    Of what runs the model again by its lead over its own control: a photo of which it is unsure is no better for that.
    """
    found = []
    for model, column in results.compared(method, metric).items():
        ordered = column.dropna().sort_values(key=lambda values: values.map(partial(worse, metric)), kind="stable")
        if len(ordered):
            three = (ordered.iloc[[place]] for place in (0, (len(ordered) - 1) // 2, -1))
            found.append(Extremes(str(model), *(Valued(str(of.index[0]), float(of.iloc[0])) for of in three)))
    return tuple(found)


def accuracies(results: Results) -> tuple[Accuracy, ...]:
    """Return each model's top-1 accuracy on the photos that have a label, and its mean probability of the target."""
    rows = results.frame.dropna(subset=["prediction"]).drop_duplicates(["photo", "model"])
    right = (rows["label"] == rows["prediction"]).where(rows["label"].notna())
    found = rows.assign(right=right)[["model", "right", "probability"]]
    return tuple(_accuracy(model, found[found["model"] == model]) for model in results.models)


def failures(results: Results) -> tuple[Failure, ...]:
    """Return the rows without a value and their reasons, in the photos' order; those of the controls are left out.

    A uniform map has no ranks on any photo, which says nothing about the run.
    """
    rows = results.frame.dropna(subset=["error"])[["photo", "model", "method", "error"]].astype(object)
    rows = rows[~rows["method"].isin([control.value for control in Control])]
    texts = rows.where(rows.notna(), "")
    return tuple(Failure(*map(str, row)) for row in texts.itertuples(index=False, name=None))


def reasons(found: Sequence[Failure]) -> tuple[Reason, ...]:
    """Count the reasons, the most frequent first; that of a photo is the same for all photos but for its name."""
    counts = Counter(of.reason.replace(of.photo, "…") if of.photo else of.reason for of in found)
    return tuple(Reason(text, rows) for text, rows in counts.most_common())


def _accuracy(model: str, rows: pd.DataFrame) -> Accuracy:
    right, probability = (rows[name].to_numpy(np.float64) for name in ("right", "probability"))
    return Accuracy(model, intervals.share(right), intervals.mean(probability))


def _cells(results: Results) -> Iterator[Cell]:
    small = results.small()
    known = {metric: dict(_of_metric(results, metric, small)) for metric in results.metrics}
    for method, metric, model in itertools.product(results.methods, results.metrics, results.models):
        if (both := known[metric].get((model, method))) is not None:
            yield Cell(model, method, metric, *both)


def _of_metric(results: Results, metric: Metric, small: pd.Series) -> Iterator[tuple[Key, Both]]:
    """Yield the intervals of every method and model that has values: over all photos, and over the hard ones."""
    wide = results.wide(metric, results.methods)
    values = wide.to_numpy()
    is_small = small.reindex(wide.index, fill_value=False).to_numpy(dtype=bool)
    of = intervals.share if metric in SHARES else partial(intervals.mean, scale=scale(metric))
    keys = [(str(column[0]), str(column[1])) for column in wide.columns]
    found = (intervals.columns(some, of) for some in (values, values[is_small]))
    for key, every, hard in zip(keys, *found, strict=True):
        if every.n:
            yield key, (every, hard)


@cache
def _class_names(model: str) -> tuple[str, ...]:
    return catalogue.parse(model).spec.classes


def _model_or_control(rows: pd.DataFrame, method: str) -> pd.Series:
    """Name each row by its model, or by the control; its values for several models come under one name."""
    return rows["model"].astype(object).where(rows["method"] == method, rows["method"].astype(object))


def _controls(results: Results, metric: Metric, photos: pd.Index) -> pd.DataFrame:
    """Return the controls' values on some photos, mean over the models where these see them differently."""
    names = [control.value for control in results.beside(metric)]
    rows = results.rows(metric, [] if metric in EFFECTS else names)
    rows = rows[rows["photo"].isin(photos)].astype({"photo": object, "method": object})
    wide = rows.pivot_table(index="photo", columns="method", values="value", aggfunc="mean")
    return wide.reindex(index=photos, columns=names)
