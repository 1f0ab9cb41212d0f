"""What a command prints of a run: the summary's numbers, with the rows of one metric in memory at a time."""

import dataclasses
import itertools
from collections.abc import Iterator

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from effviz.evaluate import results, summary
from effviz.evaluate.manifest import Manifest
from effviz.evaluate.records import RESULTS
from effviz.evaluate.results import Results
from effviz.evaluate.settings import Metric
from effviz.evaluate.summary import Accuracy, Cell, Failure

ANSWERS = ["photo", "model", "label", "prediction", "probability"]  # the same in all rows of a photo and model


def cells(run: Manifest) -> tuple[Cell, ...]:
    """Return those of `summary.cells`."""
    known = {metric: summary.cells(_of(run, metric)) for metric in run.settings.metrics}
    methods = dict.fromkeys(cell.method for some in known.values() for cell in some)
    order = {pair: number for number, pair in enumerate(itertools.product(methods, run.settings.metrics))}
    return tuple(sorted(itertools.chain(*known.values()), key=lambda cell: order[cell.method, cell.metric]))


def failures(run: Manifest) -> tuple[Failure, ...]:
    """Return those of `summary.failures`."""
    return summary.failures(results.load(run.folder, pc.field("error").is_valid()))


def accuracies(run: Manifest) -> tuple[Accuracy, ...]:
    """Return those of `summary.accuracies`."""
    found = pd.concat(_answers(run)).drop_duplicates(["photo", "model"])
    return summary.accuracies(Results(run, found))


def _of(run: Manifest, metric: Metric) -> Results:
    known = results.load(run.folder, pc.field("metric") == metric.value)
    alone = dataclasses.replace(run, settings=dataclasses.replace(run.settings, metrics=(metric,)))
    return dataclasses.replace(known, run=alone)


def _answers(run: Manifest) -> Iterator[pd.DataFrame]:
    with pq.ParquetFile(run.folder / RESULTS) as file:
        for number in range(file.num_row_groups):
            rows = file.read_row_group(number, columns=ANSWERS).to_pandas()
            yield rows.drop_duplicates(["photo", "model"])
