"""How many of this machine's cores the process may use, and who computes on them."""

import os
from typing import Final

from threadpoolctl import threadpool_limits

SETTING: Final = "OPENBLAS_NUM_THREADS"  # OpenBLAS's own


def available() -> int:
    """Return their number; a container or `taskset` may leave it fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def leave_to_engines() -> None:
    """Have numpy compute on one core from now on, unless OPENBLAS_NUM_THREADS says on how many.

    After a product of matrices the threads of its OpenBLAS wait for the next one at full speed, for tens of
    milliseconds, on the cores that an engine needs: its passes then took up to twice as long.
    """
    if SETTING not in os.environ:
        threadpool_limits(1, "blas")
