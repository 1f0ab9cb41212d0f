"""How long work tells how far it is; what a callback raises ends the work."""

from collections.abc import Callable

Heartbeat = Callable[[], None]  # it still works
Progress = Callable[[float], None]  # the share that is done, 0 to 1
CountProgress = Callable[[int, int], None]  # done, of how many
NamedProgress = Callable[[str, int, int], None]  # of what, done, of how many


def no_progress(*_done: object) -> None:
    """Report nothing."""
