"""The parts of a run become one table, in which `maxbox` has values: its threshold is one for all photos."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from effviz.evaluate import records
from effviz.evaluate.localisation import THRESHOLDS, V2_OVERLAPS
from effviz.evaluate.settings import Metric
from effviz.explain.placement import Doubles
from effviz.explain.results import Floats

OVERLAPS: Final = {Metric.MAXBOX: (0.5,), Metric.MAXBOX_V2: V2_OVERLAPS}

Key = tuple[str, str, Metric]  # model, method, metric


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a model's maps by a method are cut, as fractions of each map's range: one for each overlap asked for."""

    model: str
    method: str
    metric: Metric
    overlaps: tuple[float, ...]
    thresholds: tuple[float, ...]
    accuracy: float  # the mean of the rows' values


def merge(run: Path, sealed_by: str | None = None) -> tuple[Thresholds, ...]:
    """Bring the parts together into `results.parquet`; memory does not grow with their number.

    A `maxbox` row gets 1 where the box fits at the threshold that is best for its model and method over all photos,
    else 0, so that their mean is MaxBoxAcc; a `maxboxv2` row gets the mean over its three overlaps.
    """
    paths = list(records.parts(run, sealed_by).values())
    counts: dict[Key, Doubles] = {}
    photos: dict[Key, int] = defaultdict(int)
    for table in records.read(paths, ("model", "method", "metric", "curve")):
        for key, _, curves in _boxes(table):
            counts[key] = counts.get(key, 0) + _fits(curves, OVERLAPS[key[2]]).sum(axis=1)
            photos[key] += len(curves)
    best = {key: count.argmax(axis=1) for key, count in counts.items()}
    records.write_results(run, (_valued(table, best) for table in records.read(paths)))
    return tuple(_thresholds(key, best[key], counts[key] / photos[key]) for key in sorted(counts))


def _thresholds(key: Key, best: npt.NDArray[np.intp], shares: Doubles) -> Thresholds:
    model, method, metric = key
    accuracy = float(np.mean([share[index] for share, index in zip(shares, best, strict=True)]))
    return Thresholds(model, method, metric, OVERLAPS[metric], tuple(float(THRESHOLDS[i]) for i in best), accuracy)


def _valued(table: pa.Table, best: Mapping[Key, npt.NDArray[np.intp]]) -> pa.Table:
    values = table["value"].to_numpy().copy()
    missing = np.isnan(values)
    for key, places, curves in _boxes(table):
        fits = _fits(curves, OVERLAPS[key[2]])  # (overlaps, N, T)
        values[places] = np.mean([fit[:, index] for fit, index in zip(fits, best[key], strict=True)], axis=0)
        missing[places] = False
    column = pa.array(values, pa.float64(), mask=missing)
    return table.set_column(table.schema.get_field_index("value"), records.SCHEMA.field("value"), column)


def _boxes(table: pa.Table) -> Iterator[tuple[Key, npt.NDArray[np.intp], Floats]]:
    """Yield for each model, method and box metric of a table the rows' numbers and their overlaps, (N, T)."""
    groups: dict[Key, list[int]] = defaultdict(list)
    columns = (table[name].to_pylist() for name in ("model", "method", "metric"))
    for number, (model, method, metric) in enumerate(zip(*columns, strict=True)):
        if metric in (Metric.MAXBOX, Metric.MAXBOX_V2):
            groups[model, method, Metric(metric)].append(number)
    curves = table["curve"].combine_chunks()
    for key, numbers in groups.items():
        places = np.array(numbers)
        flat = curves.take(pa.array(places)).flatten().to_numpy()
        yield key, places, flat.reshape(len(places), -1)


def _fits(curves: Floats, overlaps: tuple[float, ...]) -> Doubles:
    """(N, T) -> (overlaps, N, T), 1 where a box overlaps enough; in 32 bits, in which 0.7 is not less than 0.7."""
    return np.array([curves >= overlap for overlap in overlaps], dtype=np.float64)
