"""A measured number beside what is wanted of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(0, int(rank) - 1)]


Say = Callable[[str], None]  # hears what is measured next
