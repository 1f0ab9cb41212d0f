"""The two steps of the paper's search: grid search results over alpha, beta and gamma (`effviz search`), then phi.

The paper's own grid and its accuracies were never published. What lies in `search/` was trained by this project, small.
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
        return sum(result.top1_pct for result in self.results) / len(self.results)

    @property
    def is_baseline(self) -> bool:
        """Whether nothing is scaled."""
        return self.rule.constraint == 1


def result_columns() -> list[str]:
    """The CSV's columns in order."""
    return [field.name for field in fields(SearchResult)]


def read_results(path: Path) -> tuple[SearchResult, ...]:
    """Read the results of a search in their order; raises DatasetError if `effviz search` did not write the file."""
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
    """The run that comes with EffViz; empty while there is none."""
    return read_results(SHIPPED_FILE) if SHIPPED_FILE.exists() else ()


def baseline_of(result: SearchResult) -> BaselineNetwork:
    """The network that was scaled, from its unscaled training: it has as many classes as its parameters say."""
    one, two = (plan(result.depth, result.width, result.resolution_px, classes=count).params for count in (1, 2))
    return BaselineNetwork(result.depth, result.width, result.resolution_px, 1 + (result.params - one) // (two - one))


def summarize_points(results: Sequence[SearchResult]) -> tuple[SearchSummary, ...]:
    """One entry for each point, the most accurate first."""
    place = attrgetter("alpha", "beta", "gamma")
    points = (SearchSummary(ScalingRule(*at), tuple(some)) for at, some in groupby(sorted(results, key=place), place))
    return tuple(sorted(points, key=lambda point: -point.top1_pct))


def noise_pct(points: Sequence[SearchSummary]) -> float | None:
    """Standard deviation of top-1 between seeds of one point, pooled over the points that have several.

    None where no point has two seeds: then nothing is known about the noise.
    """
    squares = sum((result.top1_pct - point.top1_pct) ** 2 for point in points for result in point.results)
    freedom = sum(len(point.results) - 1 for point in points)
    return math.sqrt(squares / freedom) if freedom else None


def widest_spread_pct(points: Sequence[SearchSummary]) -> float | None:
    """The largest difference in top-1 between trainings of one point, which differ in their seed alone.

    None where no point has two seeds.
    """
    trained = [[result.top1_pct for result in point.results] for point in points if len(point.results) > 1]
    return max((max(top1s) - min(top1s) for top1s in trained), default=None)


def best_point(points: Sequence[SearchSummary]) -> SearchSummary | None:
    """The point with the highest mean among those trained with two seeds or more; the baseline does not compete."""
    sure = [point for point in points if len(point.results) > 1 and not point.is_baseline]
    return max(sure, key=lambda point: point.top1_pct, default=None)


def level_with(summary: SearchSummary, leader: SearchSummary, noise: float) -> bool:
    """Whether a point may be as good as the leader: the means differ by at most twice the noise of the difference."""
    error = noise * math.sqrt(1 / len(summary.results) + 1 / len(leader.results))
    return leader.top1_pct - summary.top1_pct <= 2 * error


# Step 2: B0 to B7 as published, beside what the formula makes of a phi. The paper never lists a phi for its networks.
# The phis here are a guess that a user made in tensorflow/tpu#390 and found "no good fit"; no author confirmed it.

GUESS_URL = "https://github.com/tensorflow/tpu/issues/390"


@dataclass(frozen=True, slots=True)
class SecondStep:
    """One published network."""

    phi: float  # guessed by a user
    published: Published
    formula: Coefficients  # at this phi
    implied: ImpliedPhi  # the phi that each published dimension asks for
    source: str

    @property
    def name(self) -> str:
        """As people write it."""
        return self.published.name.upper()


@cache
def second_steps() -> tuple[SecondStep, ...]:
    """B0 to B7."""
    steps = []
    for row in rows("coefficients"):
        if guess := row["phi_guess_tpu_issue_390"]:
            phi, published = float(guess.removeprefix("~")), PUBLISHED[row["model"]]
            steps.append(SecondStep(phi, published, PAPER_RULE.at(phi), implied_phi(published), row["source"]))
    return tuple(steps)
