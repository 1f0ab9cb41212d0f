"""How well boxes around maps fit the objects at every threshold, read from a run for many models or methods at once."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from effviz.evaluate.records import RESULTS
from effviz.evaluate.results import Key, Results
from effviz.evaluate.settings import Metric
from effviz.explain.placement import Doubles


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Those of one model and method."""

    photos: tuple[str, ...]  # in the order of the run
    curves: Doubles  # (N, T): IoU at each threshold


def read(results: Results, models: Collection[str], methods: Collection[str]) -> dict[Key, Overlaps]:
    """Return the overlaps of `maxbox` by model and method; where there are none, there is no entry.

    All curves of a run are decoded to find a few of them, so it pays to ask once for many.
    """
    wanted = [("metric", "=", Metric.MAXBOX.value), ("model", "in", list(models)), ("method", "in", list(methods))]
    names = ["photo", "model", "method", "curve"]
    table = pq.read_table(results.run.folder / RESULTS, columns=names, filters=wanted)
    found = {}
    for model in models:
        some = table.filter(pc.equal(table["model"], model))
        for method in methods:
            rows = some.filter(pc.equal(some["method"], method))
            if len(rows):
                found[model, method] = _overlaps(rows)
    return found


def _overlaps(rows: pa.Table) -> Overlaps:
    flat = pc.list_flatten(rows["curve"]).to_numpy().astype(np.float64)
    return Overlaps(tuple(rows["photo"].to_pylist()), flat.reshape(len(rows), -1))
