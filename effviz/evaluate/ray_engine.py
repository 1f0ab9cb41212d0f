"""Workers of a Ray cluster measure: Ray Data hands them parts, and each is an actor that holds the models.

A worker that dies is started again, and the parts that it had are measured anew.
"""

import logging
import pickle
import zlib
from collections.abc import Generator, Iterable, Mapping
from functools import partial
from typing import Any

import torch

from effviz import cluster
from effviz.cluster import Cluster
from effviz.errors import WeightsError
from effviz.evaluate.manifest import Manifest
from effviz.evaluate.parts import Measured, Part, Workers
from effviz.evaluate.rows import rows_of
from effviz.evaluate.settings import Settings
from effviz.words import _
from effviz.zoo.loading import load


def on(of: Cluster) -> Workers:
    """Name a cluster's workers as those who measure.

    Raises:
        SettingsError: Ray is not installed.
    """
    cluster.check_installed()
    return Workers(partial(measured, of=of))


def measured(parts: Iterable[Part], run: Manifest, of: Cluster) -> Generator[Measured, None, None]:
    """Measure all parts, which come back in any order.

    Raises:
        SettingsError: Ray is not installed, or nothing answers at the cluster's address.
    """
    waiting = {part.start: _packed(part.samples) for part in parts}
    if not waiting:
        return
    weights = tuple(network.weights_sha256 for network in run.networks)
    with cluster.joined(of):
        import ray.data

        ray.data.DataContext.get_current().enable_progress_bars = False  # there is one already
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        rows = ray.data.from_items(
            [{"start": start, "samples": samples} for start, samples in waiting.items()],
            override_num_blocks=len(waiting),  # one part each: what a worker that dies has to do again
        ).map_batches(
            Measurer,
            fn_constructor_args=(run.settings, weights, of.cores),
            compute=ray.data.ActorPoolStrategy(size=min(of.workers, len(waiting))),
            batch_size=1,
            num_cpus=of.cores,
        )
        for found in rows.iter_batches(batch_size=1, prefetch_batches=0):
            start = int(found["start"][0])
            yield Part(start, _unpacked(waiting.pop(start))), _unpacked(found["rows"][0])


class Measurer:
    """A worker: the models, loaded once, and what is asked about every photo."""

    def __init__(self, settings: Settings, weights: tuple[str, ...], cores: int) -> None:
        torch.set_num_threads(cores)  # engines follow
        self.settings, self.models = settings, [load(ref) for ref in settings.refs]
        for model, sha256 in zip(self.models, weights, strict=True):
            if model.weights_sha256 != sha256:
                raise WeightsError(
                    _(
                        "A worker has other weights of {model} than this machine: all need the same. Copy the "
                        "weights to every machine of the cluster."
                    ).format(model=model.ref.label)
                )

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """One part in, its rows out."""
        rows = [rows_of(_unpacked(samples), self.settings, self.models) for samples in batch["samples"]]
        return {"start": batch["start"], "rows": [_packed(of) for of in rows]}


def _packed(value: object) -> bytes:
    """Pickled as Ray would, but masks become small."""
    return zlib.compress(pickle.dumps(value), level=1)


def _unpacked(data: bytes) -> Any:
    return pickle.loads(zlib.decompress(data))  # noqa: S301  # what this run packed, here or on a worker
