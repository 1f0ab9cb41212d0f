"""Times two sides of a comparison in the same process, turn by turn, so that a busy moment hits both."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Side = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of the timed runs."""

    runs_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """The run in the middle."""
        return median(self.runs_ms)

    def __str__(self) -> str:
        """Median and range, for people."""
        return f"{self.median_ms:.1f} ({min(self.runs_ms):.1f}-{max(self.runs_ms):.1f})"


def side_by_side(ours: Side, peer: Side, repeats: int) -> tuple[Times, Times]:
    """Run both in turn; before each timed run the same side runs once more, untimed.

    Right after the other side its threads still spin and the caches hold its data: that run would pay for it.
    """
    pairs = [(_settled_ms(ours), _settled_ms(peer)) for _ in range(repeats)]
    return Times(tuple(pair[0] for pair in pairs)), Times(tuple(pair[1] for pair in pairs))


def against_one(ours: Side, peer: Side, repeats: int) -> tuple[Times, Times]:
    """Time our side like the others, and the peer's once without a warm-up: its work of a minute needs none."""
    return Times(tuple(_settled_ms(ours) for _ in range(repeats))), Times((_run_ms(peer),))


def _settled_ms(side: Side) -> float:
    side()
    return _run_ms(side)


def _run_ms(side: Side) -> float:
    start = time.perf_counter()
    side()
    return 1000 * (time.perf_counter() - start)
