"""A measured number with its target, and the two sides of a comparison, timed in turn."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Self


def verdict(target: str, met: bool | None) -> str:
    """Return a target in words with whether it is met; there may be none."""
    return target if met is None else f"{target}: {'met' if met else 'missed'}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of a benchmark without a peer: a number, and its target if there is one."""

    name: str
    ours: float
    unit: str  # "ms", "MiB", "frames/s", or "" for a count
    target: str = ""  # in words; empty if there is none
    met: bool | None = None  # None without a target

    @classmethod
    def at_most(cls, name: str, ours: float, most: float, unit: str) -> Self:
        """Return a row whose number must be at most `most`."""
        return cls(name, ours, unit, f"at most {most:g} {unit}".rstrip(), ours <= most)

    @classmethod
    def at_least(cls, name: str, ours: float, least: float, unit: str) -> Self:
        """Return a row whose number must be at least `least`."""
        return cls(name, ours, unit, f"at least {least:g} {unit}".rstrip(), ours >= least)

    def as_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return asdict(self)

    def cells(self) -> tuple[str, ...]:
        """Return the row for a table."""
        digits = 0 if self.ours >= 100 or self.ours == int(self.ours) else 1 if self.ours >= 10 else 2
        return self.name, f"{self.ours:.{digits}f}", self.unit, verdict(self.target, self.met)


Say = Callable[[str], None]  # is told what is measured next
Measured = Iterator[Figure | str]  # rows, and a sentence about each that could not be measured or went wrong

# Both sides take turns in the same process, so that a busy moment affects both.

Side = Callable[[], object]
Times = tuple[float, ...]  # milliseconds of the timed runs


@dataclass(frozen=True, slots=True)
class PeerRow:
    """Two sides that did the same work, and the target of ours."""

    name: str
    ours: Times
    peer: Times
    at_least: float  # the target ratio
    target: str  # the whole target in words
    most_ms: float = math.inf

    @property
    def ours_ms(self) -> float:
        """Median of our times."""
        return median(self.ours)

    @property
    def peer_ms(self) -> float:
        """Median of the peer's times."""
        return median(self.peer)

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer EffViz is."""
        return self.peer_ms / self.ours_ms

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.ours_ms <= self.most_ms and self.ratio >= self.at_least

    def as_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return {key: getattr(self, key) for key in ("name", "ours_ms", "peer_ms", "ratio", "target", "met")}

    def cells(self) -> tuple[str, ...]:
        """Return the row for a table: medians with minimum and maximum."""
        sides = [f"{median(runs):.1f} ({min(runs):.1f}-{max(runs):.1f})" for runs in (self.ours, self.peer)]
        return self.name, *sides, f"{self.ratio:.2f}x", verdict(self.target, self.met)


def side_by_side(ours: Side, peer: Side, repeats: int) -> tuple[Times, Times]:
    """Time both sides in turn; before each timed run, the same side runs once untimed.

    Right after the other side, its threads still busy-wait and the caches hold its data, which would slow the run.
    """
    pairs = [(_settled_ms(ours), _settled_ms(peer)) for _ in range(repeats)]
    return tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)


def against_one(ours: Side, peer: Side, repeats: int) -> tuple[Times, Times]:
    """Time our side as usual, and the peer once without a warm-up, which work of a minute does not need."""
    return tuple(_settled_ms(ours) for _ in range(repeats)), (run_ms(peer),)


def _settled_ms(side: Side) -> float:
    side()
    return run_ms(side)


def run_ms(side: Side) -> float:
    """Run a side once and return how long it took."""
    start = time.perf_counter()
    side()
    return 1000 * (time.perf_counter() - start)
