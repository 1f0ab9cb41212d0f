"""How many of this machine's cores the process may use, and who computes on them."""

import os
from typing import Final

from threadpoolctl import threadpool_limits

OPENBLAS_VARIABLE: Final = "OPENBLAS_NUM_THREADS"  # OpenBLAS's own
OMP_VARIABLE: Final = "OMP_NUM_THREADS"  # OpenMP's, which torch and others follow, too


def available_cores() -> int:
    """Return their number; a container or `taskset` may leave it fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def engine_threads() -> int:
    """Return on how many threads an engine computes: what OMP_NUM_THREADS says, else one a core."""
    first = os.environ.get(OMP_VARIABLE, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else available_cores()


def limit_engine_threads(count: int) -> None:
    """Have the engines that are made from now on compute on so many threads, and torch's if it is not imported yet."""
    os.environ[OMP_VARIABLE] = str(count)


def limit_numpy_threads() -> None:
    """Have numpy compute on one core from now on, unless OPENBLAS_NUM_THREADS says on how many.

    After a product of matrices the threads of its OpenBLAS wait for the next one at full speed, for tens of
    milliseconds, on the cores that an engine needs: its passes then took up to twice as long.
    """
    if OPENBLAS_VARIABLE not in os.environ:
        threadpool_limits(1, "blas")
