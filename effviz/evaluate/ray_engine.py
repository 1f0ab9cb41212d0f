"""Workers of a Ray cluster measure: each is an actor that holds the models, and gets a part after the other.

A worker that dies is started again, and the parts that it had are measured anew.
"""

from collections.abc import Generator, Iterable
from functools import cached_property, partial
from itertools import islice
from typing import Any, Final

import torch

from effviz import cluster
from effviz.cluster import Cluster
from effviz.errors import EffVizError, SettingsError, WeightsError
from effviz.evaluate.manifest import Manifest, Network
from effviz.evaluate.parts import Measured, Part, Workers
from effviz.evaluate.records import Row
from effviz.evaluate.rows import rows_of
from effviz.evaluate.samples import Sample
from effviz.evaluate.settings import Settings
from effviz.explain.engines import choose
from effviz.words import _
from effviz.zoo.loading import load
from effviz.zoo.model import Model

AHEAD: Final = 2  # parts that a worker has, so that it need not wait for the next one
RETRIES: Final = 5  # how often a part is measured anew when its worker dies; it may be the part that kills them


def on(of: Cluster) -> Workers:
    """Name a cluster's workers as those who measure.

    Raises:
        SettingsError: Ray is not installed.
    """
    cluster.check_installed()
    return Workers(partial(measured, of=of))


def measured(parts: Iterable[Part], run: Manifest, of: Cluster) -> Generator[Measured, None, None]:
    """Measure all parts, which come back in any order; each is made only when a worker is free for it.

    Raises:
        SettingsError: Ray is not installed, nothing answers at the cluster's address, it has fewer cores than are asked
            for, its workers die again and again, or one has another engine.
        WeightsError: a worker has no weights, or others.
    """
    ahead = iter(parts)
    first = list(islice(ahead, of.workers))
    if not first:
        return
    with cluster.joined(of):
        import ray

        start = ray.remote(Measurer).options(num_cpus=of.cores, max_restarts=-1, max_task_retries=RETRIES)
        workers = [start.remote(run.settings, run.networks, of.cores) for _part in first]
        given = {worker.rows.remote(part.samples): (worker, part) for worker, part in zip(workers, first, strict=True)}
        for worker, part in zip(workers * (AHEAD - 1), ahead, strict=False):
            given[worker.rows.remote(part.samples)] = worker, part
        while given:
            (ready,), _others = ray.wait(list(given), num_returns=1)
            worker, part = given.pop(ready)
            for following in islice(ahead, 1):
                given[worker.rows.remote(following.samples)] = worker, following
            yield part, _received(ready)


class Measurer:
    """A worker: the models, loaded once, and what is asked about every photo."""

    def __init__(self, settings: Settings, networks: tuple[Network, ...], cores: int) -> None:
        torch.set_num_threads(cores)  # engines follow
        self._settings, self._networks = settings, networks

    def rows(self, samples: tuple[Sample, ...]) -> list[Row]:
        """One part in, its rows out."""
        return rows_of(samples, self._settings, self._models)

    @cached_property  # not in __init__: what is wrong there arrives as a text with a traceback
    def _models(self) -> list[Model]:
        return [_checked(load(ref), known) for ref, known in zip(self._settings.refs, self._networks, strict=True)]


def _checked(model: Model, known: Network) -> Model:
    if model.weights_sha256 != known.weights_sha256:
        raise WeightsError(
            _(
                "A worker has other weights of {model} than this machine: all need the same. Copy the "
                "weights to every machine of the cluster."
            ).format(model=known.label)
        )
    engine = choose(model, model.ref.resolution_px).engine.name.value
    if engine != known.engine:
        raise SettingsError(
            _(
                "A worker has the engine {theirs} for {model}, and this machine {ours}: all need the same. Set "
                "EFFVIZ_ENGINE={theirs} here, or EFFVIZ_ENGINE={ours} before `ray start` on every machine."
            ).format(model=known.label, theirs=engine, ours=known.engine)
        )
    return model


def _received(rows: Any) -> list[Row]:
    """Return what a worker made; what a user can mend is said as if it had happened here."""
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        found: list[Row] = ray.get(rows)
    except RayTaskError as error:
        if isinstance(error.cause, EffVizError):
            raise error.cause from error
        raise
    except RayError as error:
        raise SettingsError(
            _(
                "Workers of the Ray cluster died ({reason}), and a part is measured anew {retries} times at most. See "
                "to the machines' memory, or ask for fewer --workers; the same command then goes on."
            ).format(reason=str(error).splitlines()[0].rstrip("."), retries=RETRIES)
        ) from error
    return found
