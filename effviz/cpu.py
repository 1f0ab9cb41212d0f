"""The number of cores that this process may use, and the number of threads of engines and NumPy."""

import os
from typing import Final

from threadpoolctl import threadpool_limits

OPENBLAS_VARIABLE: Final = "OPENBLAS_NUM_THREADS"  # read by OpenBLAS alone
OMP_VARIABLE: Final = "OMP_NUM_THREADS"  # OpenMP's; torch and others follow it, too


def available_cores() -> int:
    """Return how many cores this process may use; a container or `taskset` may allow fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def engine_threads() -> int:
    """Return the number of threads of an engine: OMP_NUM_THREADS if it is set, else one per core."""
    first = os.environ.get(OMP_VARIABLE, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else available_cores()


def limit_engine_threads(count: int) -> None:
    """Set the number of threads of engines built from now on, and of torch if it is not imported yet."""
    os.environ[OMP_VARIABLE] = str(count)


def limit_numpy_threads() -> None:
    """Limit NumPy to one core from now on, unless OPENBLAS_NUM_THREADS is set.

    After a matrix product, OpenBLAS's threads busy-wait for the next one for tens of milliseconds, on the cores that
    an engine needs: its forward passes then took up to twice as long.
    """
    if OPENBLAS_VARIABLE not in os.environ:
        threadpool_limits(1, "blas")
