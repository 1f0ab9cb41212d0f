"""A measured number beside its target, and two sides of a comparison timed turn by turn."""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of a benchmark that has targets and no peer."""

    name: str
    ours: float
    unit: str  # "ms", "MiB", "frames/s", or "" for a count
    target: str = ""  # for people; empty when nothing is asked
    met: bool | None = None  # None without a target

    @classmethod
    def at_most(cls, name: str, ours: float, most: float, unit: str) -> Self:
        """A number that has to be small."""
        return cls(name, ours, unit, f"at most {most:g} {unit}".rstrip(), ours <= most)

    @classmethod
    def at_least(cls, name: str, ours: float, least: float, unit: str) -> Self:
        """A number that has to be large."""
        return cls(name, ours, unit, f"at least {least:g} {unit}".rstrip(), ours >= least)


@dataclass(frozen=True, slots=True)
class Figures:
    """The rows of a benchmark, and a sentence about each that could not be measured or went wrong."""

    rows: tuple[Figure, ...]
    notes: tuple[str, ...] = ()


def process_mib(pid: int, field: str, file: str = "status") -> float | None:
    """A size that Linux tells of a process in `/proc`; None where the system does not say."""
    try:
        size = re.search(rf"^{field}:\s*(\d+) kB", Path(f"/proc/{pid}/{file}").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(size[1]) / 1024 if size else None


Say = Callable[[str], None]  # hears what is measured next

# Both sides take turns in the same process, so that a busy moment hits both.

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


@dataclass(frozen=True, slots=True)
class PeerRow:
    """Two sides that did the same work, and what is wanted of ours."""

    name: str
    ours: Times
    peer: Times
    at_least: float  # the ratio that is wanted
    target: str  # all that is wanted, in words
    most_ms: float = math.inf

    @property
    def ours_ms(self) -> float:
        """Median of our times."""
        return self.ours.median_ms

    @property
    def peer_ms(self) -> float:
        """Median of the peer's times."""
        return self.peer.median_ms

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer."""
        return self.peer_ms / self.ours_ms

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.ours_ms <= self.most_ms and self.ratio >= self.at_least


def side_by_side(ours: Side, peer: Side, repeats: int) -> tuple[Times, Times]:
    """Run both in turn; before each timed run the same side runs once more, untimed.

    Right after the other side its threads still spin and the caches hold its data: that run would pay for it.
    """
    pairs = [(_settled_ms(ours), _settled_ms(peer)) for _ in range(repeats)]
    return Times(tuple(pair[0] for pair in pairs)), Times(tuple(pair[1] for pair in pairs))


def against_one(ours: Side, peer: Side, repeats: int) -> tuple[Times, Times]:
    """Time our side like the others, and the peer's once without a warm-up: its work of a minute needs none."""
    return Times(tuple(_settled_ms(ours) for _ in range(repeats))), Times((run_ms(peer),))


def _settled_ms(side: Side) -> float:
    side()
    return run_ms(side)


def run_ms(side: Side) -> float:
    """Run a side once and return how long it took."""
    start = time.perf_counter()
    side()
    return 1000 * (time.perf_counter() - start)
