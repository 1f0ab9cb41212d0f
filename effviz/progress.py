"""Callbacks through which long work reports its progress; an exception from a callback ends the work."""

from collections.abc import Callable

Heartbeat = Callable[[], None]  # the work is still running
Progress = Callable[[float], None]  # the fraction done, 0 to 1
CountProgress = Callable[[int, int], None]  # done, total
NamedProgress = Callable[[str, int, int], None]  # name, done, total


def no_progress(*_done: object) -> None:
    """Report nothing."""
