"""How many of this machine's cores the process may use."""

import os


def available() -> int:
    """Return their number; a container or `taskset` may leave it fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
