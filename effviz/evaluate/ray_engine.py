"""Measuring on a Ray cluster: Ray Data distributes chunks to workers, actors that hold the models.

If a worker dies, Ray restarts it and its chunks are measured again.
"""

import logging
import pickle
import warnings
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any, Final

import pyarrow as pa

from effviz import cluster, cpu
from effviz.cluster import Cluster
from effviz.errors import EffVizError, SettingsError, WeightsError
from effviz.evaluate.dataset_samples import DatasetSample
from effviz.evaluate.measurements import measure_photos
from effviz.evaluate.run_settings import RunSettings
from effviz.evaluate.run_store import Manifest, MeasuredModel, Measurement
from effviz.evaluate.runner import Chunk, MeasuredChunk, Workers
from effviz.explain.engines import choose
from effviz.i18n import _
from effviz.zoo.loading import load_all
from effviz.zoo.model import Model

FREE_CORES: Final = 1  # for Ray Data's own tasks, which would otherwise wait for ever for the actors' cores
RETRIES: Final = 5  # of a chunk whose worker dies; bounded, because the chunk itself may be what kills it


def ray_workers(ray_cluster: Cluster) -> Workers:
    """Return the workers of a Ray cluster.

    Raises:
        SettingsError: Ray is not installed.
    """
    cluster.require_ray()
    return Workers(partial(measure_on_ray, ray_cluster=ray_cluster))


def measure_on_ray(parts: Iterable[Chunk], run: Manifest, ray_cluster: Cluster) -> Generator[MeasuredChunk, None, None]:
    """Measure all chunks, which are returned in any order.

    Raises:
        SettingsError: Ray is not installed, the cluster does not respond at its address or has fewer cores than
            requested, its workers keep dying, or a worker has another engine.
        WeightsError: a worker has no weights, or different ones.
    """
    waiting = {part.start: _packed(part.samples) for part in parts}
    if not waiting:
        return
    with cluster.connect(ray_cluster, FREE_CORES), _one_sentence():
        for table in _spread(waiting, run, ray_cluster):
            (measured,) = table.to_pylist()
            rows = _unpacked(measured["rows"])
            if isinstance(rows, EffVizError):
                raise rows
            yield Chunk(measured["start"], _unpacked(waiting.pop(measured["start"]))), rows


class Measurer:
    """A worker: the models, loaded once, and the run's settings."""

    def __init__(self, settings: RunSettings, networks: tuple[MeasuredModel, ...], threads: int) -> None:
        cpu.limit_engine_threads(threads)
        self._settings, self._networks = settings, networks

    def __call__(self, parts: pa.Table) -> pa.Table:
        """Return the rows of chunks."""
        rows = [_packed(self._rows(_unpacked(samples))) for samples in parts["samples"].to_pylist()]
        return pa.table({"start": parts["start"], "rows": rows})

    def _rows(self, samples: tuple[DatasetSample, ...]) -> list[Measurement] | EffVizError:
        try:
            return measure_photos(samples, self._settings, self._models)
        except EffVizError as error:
            return error  # not raised, because Ray Data would add its own advice to the message

    @cached_property  # not in __init__, whose errors Ray Data would also reword
    def _models(self) -> list[Model]:
        return [_checked(*pair) for pair in zip(load_all(self._settings.refs), self._networks, strict=True)]


def _spread(parts: Mapping[int, bytes], run: Manifest, ray_cluster: Cluster) -> Iterable[pa.Table]:
    """Measure the chunks with Ray Data and return one table per chunk."""
    import ray.data
    from ray.util.annotations import RayDeprecationWarning

    _tell_ray_data()
    dataset = ray.data.from_arrow(
        [pa.table({"start": [start], "samples": [samples]}) for start, samples in parts.items()]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RayDeprecationWarning)  # for max_task_retries, whose default is unbounded
        rows = dataset.map_batches(  # one chunk per batch, so that a dying worker loses no more than that
            Measurer,
            fn_constructor_args=(run.settings, run.networks, ray_cluster.cores),
            compute=ray.data.ActorPoolStrategy(size=min(ray_cluster.workers, len(parts))),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=ray_cluster.cores,
            max_task_retries=RETRIES,
        )
    batches: Iterable[pa.Table] = rows.iter_batches(batch_size=1, batch_format="pyarrow", prefetch_batches=0)
    return batches


def _tell_ray_data() -> None:
    import ray.data

    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # errors are also raised
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False  # EffViz shows its own
    context.execution_no_progress_timeout_s = -1  # never: a chunk with many models and metrics may take an hour


def _checked(model: Model, measured: MeasuredModel) -> Model:
    if model.weights_sha256 != measured.weights_sha256:
        text = _(
            "A worker has different weights for {model} than this machine: all machines need the same. Copy the "
            "weights to every machine in the cluster."
        )
        raise WeightsError(text.format(model=measured.label))
    engine = choose(model, model.ref.resolution_px).engine.name.value
    if engine != measured.engine:
        text = _(
            "A worker runs {model} on the engine {theirs}, and this machine on {ours}: all need the same. Set "
            "EFFVIZ_ENGINE={theirs} on this one, or EFFVIZ_ENGINE={ours} before `ray start` on every machine."
        )
        raise SettingsError(text.format(model=measured.label, theirs=engine, ours=measured.engine))
    return model


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Turn the death of workers into a SettingsError; let programming errors through."""
    from ray.exceptions import RayError, RayTaskError

    try:
        yield
    except RayTaskError:
        raise
    except RayError as error:
        text = _(
            "Workers of the Ray cluster died ({reason}), and a chunk is retried at most {retries} times. Check the "
            "machines' memory or use fewer --workers, then run the same command again to resume."
        )
        raise SettingsError(text.format(reason=str(error).splitlines()[0].rstrip("."), retries=RETRIES)) from error


def _packed(value: object) -> bytes:
    """Pickle as Ray does, but compressed."""
    return zlib.compress(pickle.dumps(value), level=1)


def _unpacked(data: bytes) -> Any:
    return pickle.loads(zlib.decompress(data))  # noqa: S301  # packed by this run, on this machine or a worker
