"""Ray, an optional extra that spreads work over processes and machines; only this module starts and stops it."""

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

STORE_BYTES: Final = 256 * 2**20  # for rows, paths and weights of small networks; pictures never pass through it


class ExecutionBackend(StrEnum):
    """What runs a long command."""

    LOCAL = "local"  # this process
    RAY = "ray"  # workers of a cluster


@dataclass(frozen=True, slots=True)
class Cluster:
    """A number of workers, on this machine or at an address. Raises SettingsError if a number is below 1."""

    workers: int = 2
    address: str = ""  # HOST:PORT of a running Ray cluster; empty: a temporary one on this machine
    cores: int = 1  # per worker

    def __post_init__(self) -> None:
        if self.workers < 1 or self.cores < 1:
            text = _("{workers} workers with {cores} cores each are too few: both must be at least 1. Request more.")
            raise SettingsError(text.format(**asdict(self)))


def require_ray() -> None:
    """Raise SettingsError, with instructions for installing Ray, if it is not installed."""
    if not find_spec("ray"):
        text = _(
            "Ray is not installed, so only the local engine can be used. "
            "Install it with pip install -e '.[ray]', or leave out --engine ray."
        )
        raise SettingsError(text)


@contextmanager
def connect(cluster: Cluster, free: int = 0) -> Iterator[None]:
    """Start Ray or join the cluster at the address; at the end, always leave it and stop what was started.

    `free` cores are not given to workers. Inside another `connect` this does nothing.

    Raises:
        SettingsError: Ray is not installed, nothing answers at the address, or the cluster there runs other versions
            or has too few cores.
    """
    require_ray()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # otherwise Ray reports to its developers
    import ray

    if ray.is_initialized():
        yield
        return
    try:
        ray.init(log_to_driver=False, logging_level="ERROR", **_ray_arguments(cluster, free))
    except (ConnectionError, ValueError) as error:
        text = _(
            "No Ray cluster answers at {address!r}. Use the HOST:PORT that `ray start --head` prints, and set "
            "RAY_AUTH_MODE=token if the cluster requires a token. Check both, or leave out --address."
        )
        raise SettingsError(text.format(address=cluster.address)) from error
    except (RuntimeError, ray.exceptions.RayError) as error:
        text = _(
            "Ray cannot be used ({reason}): all machines of a cluster need the same Ray version, Python version "
            "and token. Make them equal, or leave out --engine ray."
        )
        raise SettingsError(text.format(reason=" ".join(str(error).split()))) from error
    try:
        _check_capacity(cluster, free)
        with redirect_stdout(sys.stderr):  # Ray reports dead workers on stdout, which is for results only
            yield
    finally:
        ray.shutdown()


def _check_capacity(cluster: Cluster, free: int) -> None:
    """Check that all workers can start: without a free core, a worker would wait forever and report nothing."""
    import ray

    node_cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    room = max(0, min(sum(cores // cluster.cores for cores in node_cores), (sum(node_cores) - free) // cluster.cores))
    if room < cluster.workers:
        text = _(
            "{workers} workers with {cores} cores each were requested, but the Ray cluster at {address!r} has room "
            "for {room} ({free} of its {total} cores stay free). Request fewer with --workers, or add machines."
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
