"""Ray, which spreads work over processes and machines: an optional extra, started and stopped here alone."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import Final

from effviz.errors import SettingsError
from effviz.i18n import _

STORE_BYTES: Final = 256 * 2**20  # rows, paths and weights of small networks; pictures never pass through it


class ExecutionBackend(StrEnum):
    """Who runs a long command."""

    LOCAL = "local"  # this process
    RAY = "ray"  # workers of a cluster


@dataclass(frozen=True, slots=True)
class Cluster:
    """So many workers, on this machine or wherever the address leads. Raises SettingsError where there are none."""

    workers: int = 2
    address: str = ""  # HOST:PORT of a Ray cluster that runs already; empty: one of our own, as long as it is needed
    cores: int = 1  # of each worker

    def __post_init__(self) -> None:
        if self.workers < 1 or self.cores < 1:
            text = _("{workers} workers with {cores} cores each do nothing: 1 or more are allowed. Ask for more.")
            raise SettingsError(text.format(**asdict(self)))


def require_ray() -> None:
    """See that Ray is installed; raises SettingsError, which says how, where it is not."""
    if not find_spec("ray"):
        text = _(
            "Ray is not installed, so only the local engine can be used. "
            "Install it with pip install -e '.[ray]', or leave out --engine ray."
        )
        raise SettingsError(text)


@contextmanager
def connect(cluster: Cluster, free: int = 0) -> Iterator[None]:
    """Start Ray, or join the cluster at the address; leave it, and stop what was started, whatever happens.

    So many cores stay free of workers. Within another `connect` it does nothing.

    Raises:
        SettingsError: Ray is not installed, nothing answers at the address, or the cluster there is of other versions
            or has too few cores.
    """
    require_ray()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray would report to its makers
    import ray

    if ray.is_initialized():
        yield
        return
    try:
        ray.init(log_to_driver=False, logging_level="ERROR", **_ray_arguments(cluster, free))
    except (ConnectionError, ValueError) as error:
        text = _(
            "No Ray cluster answers at {address!r}: the HOST:PORT that `ray start --head` prints is allowed, with "
            "RAY_AUTH_MODE=token where the cluster wants one. Check both, or leave out --address."
        )
        raise SettingsError(text.format(address=cluster.address)) from error
    except (RuntimeError, ray.exceptions.RayError) as error:
        text = _(
            "Ray cannot be used ({reason}): all machines of a cluster need the same Ray, Python and token. "
            "Install them, or leave out --engine ray."
        )
        raise SettingsError(text.format(reason=" ".join(str(error).split()))) from error
    try:
        _check_capacity(cluster, free)
        with redirect_stdout(sys.stderr):  # Ray tells of workers that died, and results belong on stdout alone
            yield
    finally:
        ray.shutdown()


def _check_capacity(cluster: Cluster, free: int) -> None:
    """See that all workers can start: those without a free core would wait for ever, and say nothing."""
    import ray

    node_cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    room = max(0, min(sum(cores // cluster.cores for cores in node_cores), (sum(node_cores) - free) // cluster.cores))
    if room < cluster.workers:
        text = _(
            "{workers} workers with {cores} cores each are asked for, and the Ray cluster at {address!r} has room "
            "for {room} (of its {total} cores {free} stay free): no more are allowed. Ask for fewer with "
            "--workers, or add machines."
        )
        raise SettingsError(text.format(**asdict(cluster), room=room, total=sum(node_cores), free=free))


def _ray_arguments(cluster: Cluster, free: int) -> dict[str, object]:
    if cluster.address:
        return {"address": cluster.address}
    return {
        "address": "local",
        "num_cpus": cluster.workers * cluster.cores + free,
        "object_store_memory": STORE_BYTES,
        "include_dashboard": False,
    }
