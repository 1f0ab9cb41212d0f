"""Ray, which spreads work over processes and machines: an optional extra, started and stopped here alone."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import Final

from effviz.errors import SettingsError
from effviz.words import _

STORE_BYTES: Final = 256 * 2**20  # rows, paths and weights of small networks; pictures never pass through it


class Engine(StrEnum):
    """Who runs a long command."""

    LOCAL = "local"  # this process
    RAY = "ray"  # workers of a cluster


@dataclass(frozen=True, slots=True)
class Cluster:
    """Who does the work: so many workers, on this machine or wherever the address leads.

    Raises:
        SettingsError: there would be no worker.
    """

    workers: int = 2
    address: str = ""  # HOST:PORT of a Ray cluster that runs already; empty: one of our own, as long as it is needed
    cores: int = 1  # of each worker

    def __post_init__(self) -> None:
        if self.workers < 1 or self.cores < 1:
            raise SettingsError(
                _("{workers} workers with {cores} cores each do nothing: 1 or more are allowed. Ask for more.").format(
                    workers=self.workers, cores=self.cores
                )
            )


def check_installed() -> None:
    """Say how Ray comes here.

    Raises:
        SettingsError: it is not here.
    """
    if not find_spec("ray"):
        raise SettingsError(
            _(
                "Ray is not installed, so only the local engine can be used. "
                "Install it with pip install -e '.[ray]', or leave out --engine ray."
            )
        )


@contextmanager
def joined(of: Cluster) -> Iterator[None]:
    """Start Ray, or join the cluster at the address; leave it, and stop what was started, whatever happens.

    Within another `joined` it does nothing.

    Raises:
        SettingsError: Ray is not installed, or nothing answers at the address.
    """
    check_installed()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray would report to its makers
    import ray

    if ray.is_initialized():
        yield
        return
    try:
        ray.init(log_to_driver=False, logging_level="ERROR", **_place(of))
    except (ConnectionError, ValueError) as error:
        raise SettingsError(
            _(
                "No Ray cluster answers at {address!r}: the HOST:PORT that `ray start --head` prints is allowed. "
                "Check it, or leave out --address."
            ).format(address=of.address)
        ) from error
    try:
        with redirect_stdout(sys.stderr):  # Ray tells of workers that died, and results belong on stdout alone
            yield
    finally:
        ray.shutdown()


def _place(of: Cluster) -> dict[str, object]:
    if of.address:
        return {"address": of.address}
    return {
        "address": "local",
        "num_cpus": of.workers * of.cores + 1,  # one for Ray's own tasks, which else wait for ever for a free one
        "object_store_memory": STORE_BYTES,
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",  # nobody else can reach it
    }
