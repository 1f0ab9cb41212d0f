"""How many of this machine's cores the process may use, and who computes on them."""

import os
from typing import Final

from threadpoolctl import threadpool_limits

SETTING: Final = "OPENBLAS_NUM_THREADS"  # OpenBLAS's own
THREADS_SETTING: Final = "OMP_NUM_THREADS"  # OpenMP's, which torch and others follow, too


def available() -> int:
    """Return their number; a container or `taskset` may leave it fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """Return on how many threads an engine computes: what OMP_NUM_THREADS says, else one a core."""
    first = os.environ.get(THREADS_SETTING, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else available()


def limit_threads(count: int) -> None:
    """Have the engines that are made from now on compute on so many threads, and torch's if it is not imported yet."""
    os.environ[THREADS_SETTING] = str(count)


def leave_to_engines() -> None:
    """Have numpy compute on one core from now on, unless OPENBLAS_NUM_THREADS says on how many.

    After a product of matrices the threads of its OpenBLAS wait for the next one at full speed, for tens of
    milliseconds, on the cores that an engine needs: its passes then took up to twice as long.
    """
    if SETTING not in os.environ:
        threadpool_limits(1, "blas")
