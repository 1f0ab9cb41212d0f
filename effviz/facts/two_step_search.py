"""The two steps of the paper's search: a grid search over alpha, beta and gamma (`effviz search`), then phi.

The paper's grid and accuracies were never published. Those in `search/` are from this project's small training runs.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from effviz.errors import DatasetError
from effviz.facts.tables import rows
from effviz.i18n import _
from effviz.scaling import PAPER_RULE, PUBLISHED, ScalingRule, plan
from effviz.scaling.coefficient_grid import BaselineNetwork
from effviz.scaling.published import ImpliedPhi, Published, implied_phi
from effviz.scaling.rule import Coefficients

SHIPPED_FILE = Path(__file__).with_name("search") / "imagenette_coarse.csv"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One training run; the fields are the columns of the CSV."""

    alpha: float
    beta: float
    gamma: float
    seed: int
    depth: float  # of the trained network, times B0
    width: float
    resolution_px: int
    paper_ratio: float  # alpha * beta^2 * gamma^2
    macs: int
    macs_ratio: float  # MACs relative to the unscaled baseline
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
    """The results of a grid point over all its seeds."""

    rule: ScalingRule
    results: tuple[SearchResult, ...]

    @property
    def top1_pct(self) -> float:
        """Mean over the seeds."""
        return sum(result.top1_pct for result in self.results) / len(self.results)

    @property
    def is_baseline(self) -> bool:
        """Whether nothing is scaled."""
        return self.rule.constraint == 1


def result_columns() -> list[str]:
    """Return the columns of the CSV in order."""
    return [field.name for field in fields(SearchResult)]


def read_results(path: Path) -> tuple[SearchResult, ...]:
    """Read search results in file order; raises DatasetError if `effviz search` did not write the file."""
    kinds: dict[str, type] = {field.name: field.type for field in fields(SearchResult)}  # type: ignore[misc]
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return tuple(
                SearchResult(**{key: kinds[key](value) for key, value in row.items()}) for row in csv.DictReader(file)
            )
    except (OSError, KeyError, TypeError, ValueError) as error:
        text = _(
            "{path} does not contain search results ({error}). Choose a CSV file written by `effviz search`, or delete "
            "this file to start a new search."
        )
        raise DatasetError(text.format(path=path, error=error)) from error


@cache
def shipped_results() -> tuple[SearchResult, ...]:
    """Return the results that come with EffViz; empty if there are none."""
    return read_results(SHIPPED_FILE) if SHIPPED_FILE.exists() else ()


def baseline_of(result: SearchResult) -> BaselineNetwork:
    """Return the baseline network from its unscaled training, with the number of classes that its parameters imply."""
    one, two = (plan(result.depth, result.width, result.resolution_px, classes=count).params for count in (1, 2))
    return BaselineNetwork(result.depth, result.width, result.resolution_px, 1 + (result.params - one) // (two - one))


def summarize_points(results: Sequence[SearchResult]) -> tuple[SearchSummary, ...]:
    """Return one summary per point, the most accurate first."""
    place = attrgetter("alpha", "beta", "gamma")
    points = (SearchSummary(ScalingRule(*at), tuple(some)) for at, some in groupby(sorted(results, key=place), place))
    return tuple(sorted(points, key=lambda point: -point.top1_pct))


def noise_pct(points: Sequence[SearchSummary]) -> float | None:
    """Return the standard deviation of top-1 between seeds of a point, pooled over points with several seeds.

    None if no point has two seeds, because then the noise is unknown.
    """
    squares = sum((result.top1_pct - point.top1_pct) ** 2 for point in points for result in point.results)
    freedom = sum(len(point.results) - 1 for point in points)
    return math.sqrt(squares / freedom) if freedom else None


def widest_spread_pct(points: Sequence[SearchSummary]) -> float | None:
    """Return the largest difference in top-1 between training runs of one point, which differ only in their seed.

    None if no point has two seeds.
    """
    trained = [[result.top1_pct for result in point.results] for point in points if len(point.results) > 1]
    return max((max(top1s) - min(top1s) for top1s in trained), default=None)


def best_point(points: Sequence[SearchSummary]) -> SearchSummary | None:
    """Return the point with the highest mean of those trained with two or more seeds, excluding the baseline."""
    sure = [point for point in points if len(point.results) > 1 and not point.is_baseline]
    return max(sure, key=lambda point: point.top1_pct, default=None)


def level_with(summary: SearchSummary, leader: SearchSummary, noise: float) -> bool:
    """Return whether a point may equal the leader: the means differ by at most twice the noise of the difference."""
    error = noise * math.sqrt(1 / len(summary.results) + 1 / len(leader.results))
    return leader.top1_pct - summary.top1_pct <= 2 * error


# Step 2: B0 to B7 as published, compared with the formula at a phi. The paper never lists a phi for its networks. These
# phis are a user's guess in tensorflow/tpu#390, who found "no good fit"; no author confirmed it.

GUESS_URL = "https://github.com/tensorflow/tpu/issues/390"


@dataclass(frozen=True, slots=True)
class SecondStep:
    """A published network, compared with the formula at a guessed phi."""

    phi: float  # guessed by a user
    published: Published
    formula: Coefficients  # at this phi
    implied: ImpliedPhi  # the phi that each published dimension implies
    source: str

    @property
    def name(self) -> str:
        """Display name, such as "B3"."""
        return self.published.name.upper()


@cache
def second_steps() -> tuple[SecondStep, ...]:
    """Return the comparison of B0 to B7 with the formula."""
    steps = []
    for row in rows("coefficients"):
        if guess := row["phi_guess_tpu_issue_390"]:
            phi, published = float(guess.removeprefix("~")), PUBLISHED[row["model"]]
            steps.append(SecondStep(phi, published, PAPER_RULE.at(phi), implied_phi(published), row["source"]))
    return tuple(steps)
