"""A run's numbers as small tables for programs; models, methods and metrics have their short names."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from effviz.errors import EffVizError
from effviz.evaluate.intervals import Interval
from effviz.evaluate.run_settings import SHARE_METRICS
from effviz.evaluate.run_summary import Accuracy, Difference, MetricMean, Results, find_differences, model_accuracies
from effviz.zoo import catalogue

SUMMARY_FILE: Final = "summary.csv"
DIFFERENCES_FILE: Final = "differences.csv"
INTERVAL: Final = "interval"  # the column that says how they were made; a table without it has others
NUMBERS: Final = ("mean", "low", "high", "n")
PARTS: Final = tuple(f"{part}{number}" for part in ("", "small_") for number in NUMBERS)
TESTED: Final = tuple(f"{part}{number}" for part in ("", "small_") for number in (*NUMBERS, "p"))


def summary_csv(cells: Sequence[MetricMean]) -> str:
    """Return all means with their intervals, one row for each model, method and metric."""
    rows = (
        (
            *(of.model, _macs(of.model), of.method, of.metric.value),
            *(*_numbers(of.every), *_numbers(of.small), "wilson" if of.metric in SHARE_METRICS else "t"),
        )
        for of in cells
    )
    return _csv(("model", "macs", "method", "metric", *PARTS, INTERVAL), rows)


def differences_csv(found: Sequence[Difference]) -> str:
    """Return all differences with their intervals: a model's maps by a method, minus others on the same photos.

    `of` says of what: of values, or of leads over each model's own Gaussian; p is Holm's, within the measure.
    """
    rows = (
        (
            *(of.model, of.method, of.minus_model, of.minus_method, of.metric.value),
            *("lead" if of.of_leads else "value", *_tested(of.every), *_tested(of.small)),
        )
        for of in found
    )
    return _csv(("model", "method", "minus_model", "minus_method", "metric", "of", *TESTED), rows)


def models_csv(found: Sequence[Accuracy]) -> str:
    """Return how often each model is right, and the mean probability of the classes that maps were asked for."""
    names = [f"{of}_{number}" for of in ("top1", "probability") for number in NUMBERS]
    rows = ((of.model, _macs(of.model), *_numbers(of.top1), *_numbers(of.probability)) for of in found)
    return _csv(("model", "macs", *names), rows)


def table_files(results: Results, cells: Sequence[MetricMean]) -> dict[str, str]:
    """Return every table of a run by the name of its file; `cells` are the `metric_means` of the run."""
    methods = [method.value for method in results.run.settings.methods]
    found = [of for metric in results.metrics for of in find_differences(results, methods, metric)]
    return {
        SUMMARY_FILE: summary_csv(cells),
        DIFFERENCES_FILE: differences_csv(found),
        "models.csv": models_csv(model_accuracies(results)),
    }


def _macs(model: str) -> int | str:
    """Return a model's multiply-adds; nothing for one that this version does not know."""
    try:
        return catalogue.parse_model(model).macs
    except EffVizError:
        return ""


def _numbers(of: Interval) -> Iterator[float | str]:
    yield from ("" if value != value else value for value in (of.mean, of.low, of.high))
    yield of.n


def _tested(of: Interval) -> Iterator[float | str]:
    yield from _numbers(of)
    yield "" if of.p != of.p else of.p


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
