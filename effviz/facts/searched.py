"""Results of the grid search over alpha, beta and gamma (`effviz search`): one row for each training.

The paper's own grid and its accuracies were never published. What lies in `search/` was trained by this project, small.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import groupby
from pathlib import Path

from effviz.errors import DatasetError
from effviz.scaling import ScalingRule, plan
from effviz.scaling.grid import Baseline
from effviz.words import _

FOLDER = Path(__file__).with_name("search")
SHIPPED = FOLDER / "imagenette_coarse.csv"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One training; the fields are the columns of the CSV."""

    alpha: float
    beta: float
    gamma: float
    seed: int
    depth: float  # of the trained network, times B0
    width: float
    resolution_px: int
    paper_ratio: float  # alpha * beta^2 * gamma^2
    macs: int
    macs_ratio: float  # over the unscaled baseline's MACs
    params: int
    top1_pct: float  # on the validation pictures, after the last epoch
    pictures: int  # in the validation set
    epochs: int
    seconds: float
    recipe: str  # name and digest
    source: str

    @property
    def rule(self) -> ScalingRule:
        """The point of the grid; all ones for the baseline."""
        return ScalingRule(self.alpha, self.beta, self.gamma)


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """A point of the grid over all its seeds."""

    rule: ScalingRule
    results: tuple[SearchResult, ...]

    @property
    def top1_pct(self) -> float:
        """Mean over the seeds."""
        return sum(of.top1_pct for of in self.results) / len(self.results)

    @property
    def is_baseline(self) -> bool:
        """Whether nothing is scaled."""
        return self.rule.constraint == 1


def columns() -> list[str]:
    """The CSV's columns in order."""
    return [of.name for of in fields(SearchResult)]


def read(path: Path) -> tuple[SearchResult, ...]:
    """Read the results of a search, in the order in which they came.

    Raises:
        DatasetError: the file is not one that `effviz search` wrote.
    """
    kinds: dict[str, type] = {of.name: of.type for of in fields(SearchResult)}  # type: ignore[misc]
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return tuple(
                SearchResult(**{key: kinds[key](value) for key, value in row.items()}) for row in csv.DictReader(file)
            )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            _(
                "{path} does not hold results of a search ({error}): a CSV written by `effviz search` is needed. "
                "Choose another file, or remove it to search anew."
            ).format(path=path, error=error)
        ) from error


@cache
def shipped() -> tuple[SearchResult, ...]:
    """The run that comes with EffViz; empty while there is none."""
    return read(SHIPPED) if SHIPPED.exists() else ()


def baseline(of: SearchResult) -> Baseline:
    """The network that was scaled, from its unscaled training: it has as many classes as its parameters say."""
    one, two = (plan(of.depth, of.width, of.resolution_px, classes=count).params for count in (1, 2))
    return Baseline(of.depth, of.width, of.resolution_px, 1 + (of.params - one) // (two - one))


def summaries(results: Sequence[SearchResult]) -> tuple[SearchSummary, ...]:
    """One entry for each point, the most accurate first."""

    def place(of: SearchResult) -> tuple[float, float, float]:
        return of.alpha, of.beta, of.gamma

    found = [
        SearchSummary(ScalingRule(*bases), tuple(rows)) for bases, rows in groupby(sorted(results, key=place), place)
    ]
    return tuple(sorted(found, key=lambda of: -of.top1_pct))


def noise_pct(points: Sequence[SearchSummary]) -> float | None:
    """Standard deviation of top-1 between seeds of one point, pooled over the points that have several.

    None where no point has two seeds: then nothing is known about the noise.
    """
    squares = sum((result.top1_pct - of.top1_pct) ** 2 for of in points for result in of.results)
    freedom = sum(len(of.results) - 1 for of in points)
    return math.sqrt(squares / freedom) if freedom else None


def widest_spread_pct(points: Sequence[SearchSummary]) -> float | None:
    """The largest difference in top-1 between trainings of one point, which differ in their seed alone.

    None where no point has two seeds.
    """
    spreads = [
        max(row.top1_pct for row in of.results) - min(row.top1_pct for row in of.results)
        for of in points
        if len(of.results) > 1
    ]
    return max(spreads, default=None)


def best(points: Sequence[SearchSummary]) -> SearchSummary | None:
    """The point with the highest mean among those trained with two seeds or more; the baseline does not compete."""
    sure = [of for of in points if len(of.results) > 1 and not of.is_baseline]
    return max(sure, key=lambda of: of.top1_pct, default=None)


def level_with(of: SearchSummary, leader: SearchSummary, noise: float) -> bool:
    """Whether a point may be as good as the leader: the means differ by at most twice the noise of the difference."""
    error = noise * math.sqrt(1 / len(of.results) + 1 / len(leader.results))
    return leader.top1_pct - of.top1_pct <= 2 * error
