"""How a family is judged: compound scaling beside each single dimension, by rules that were fixed before the results.

Each comparison is paired by seed: a t interval over the seeds' differences, and an interval of a crossed bootstrap that
draws seeds and photos anew together (Owen & Eckles 2012). Holm's correction holds over the three comparisons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

from effviz.evaluate.intervals import holm_p_values
from effviz.i18n import _

LEVEL: Final = 0.05
DRAWS: Final = 10_000
Right = NDArray[np.bool_]  # (seeds, photos): whether the first guess was right


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Compound minus one single dimension, in points of top-1."""

    single: str
    mean: float
    by_seed: tuple[float, ...]
    seeds_interval: tuple[float, float]  # 95 %, t over seeds
    photos_interval: tuple[float, float]  # 95 %, crossed bootstrap over seeds and photos
    p_holm: float  # two-sided paired t test, corrected

    @property
    def half_width(self) -> float:
        """Half of the wider interval."""
        return max((high - low) / 2 for low, high in (self.seeds_interval, self.photos_interval))

    @property
    def sign(self) -> int:
        """1: compound is better, -1: the single dimension is; 0: the numbers do not tell."""
        outside = self.photos_interval[0] > 0 or self.photos_interval[1] < 0
        return int(np.sign(self.mean)) if self.p_holm < LEVEL and outside else 0


def compare(compound: Right, singles: Mapping[str, Right]) -> tuple[PairedComparison, ...]:
    """Compare compound scaling with each single dimension; all have the same seeds and photos in order.

    At least two seeds are needed for an interval; with one, intervals are without bounds and nothing is told.
    """
    raw = {name: _by_seed(compound, right) for name, right in singles.items()}
    corrected = holm_p_values([_p_value(differences) for differences in raw.values()])
    return tuple(
        PairedComparison(
            name,
            float(differences.mean()),
            tuple(float(of) for of in differences),
            t_interval(differences),
            crossed_interval(compound, singles[name]),
            p,
        )
        for (name, differences), p in zip(raw.items(), corrected, strict=True)
    )


def _by_seed(compound: Right, single: Right) -> NDArray[np.float64]:
    differences: NDArray[np.float64] = 100 * (compound.mean(1) - single.mean(1))  # (seeds,)
    return differences


def _p_value(differences: NDArray[np.float64]) -> float:
    if len(differences) < 2:
        return 1.0
    if differences.std() == 0:
        return float(differences[0] == 0)
    return float(stats.ttest_1samp(differences, 0).pvalue)


def t_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Student's 95 % interval of a mean."""
    if len(values) < 2:
        return -np.inf, np.inf
    half = stats.t.ppf(1 - LEVEL / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def crossed_interval(compound: Right, single: Right, draws: int = DRAWS) -> tuple[float, float]:
    """95 % interval of the mean difference in points when seeds and photos are both drawn anew."""
    differences = compound.astype(np.int8) - single.astype(np.int8)  # (seeds, photos)
    seeds, photos = differences.shape
    if seeds < 2:
        return -np.inf, np.inf
    draw = np.random.default_rng(0)
    of_seeds = draw.multinomial(seeds, np.full(seeds, 1 / seeds), draws) / seeds  # (draws, seeds)
    means = np.empty(draws)
    for start in range(0, draws, 500):  # a part at a time: (500, photos) counts
        some = slice(start, min(start + 500, draws))
        of_photos = draw.multinomial(photos, np.full(photos, 1 / photos), some.stop - start) / photos
        means[some] = np.einsum("ds,dp,sp->d", of_seeds[some], of_photos, differences, optimize=True)
    low, high = np.quantile(100 * means, [LEVEL / 2, 1 - LEVEL / 2])
    return float(low), float(high)


def verdict(comparisons: Sequence[PairedComparison], untrained: Sequence[str] = ()) -> str:
    """The outcome in one sentence. Networks that have not learnt their training photos judge nothing."""
    counted = [of for of in comparisons if of.single not in untrained]
    worse = [of for of in counted if of.sign < 0]
    if "compound" in untrained or not counted:
        outcome = _("undecided: too few of the networks have learnt their training photos")
    elif worse:
        best = min(worse, key=lambda of: of.mean)
        outcome = _("not reproduced: {name} is better by {points:.1f} points").format(
            name=best.single, points=-best.mean
        )
    elif all(of.sign > 0 for of in counted):
        outcome = _("reproduced at this scale")
    else:
        outcome = _("undecided within ±{points:.1f} points").format(points=max(of.half_width for of in counted))
    if not untrained:
        return outcome
    return _("{outcome} ({names} untrained: not judged)").format(outcome=outcome, names=", ".join(untrained))
