"""Confidence intervals of means over photos, and tests of differences.

A share of photos has Wilson's interval, a mean one from Student's t. Both have a coverage close to 95 % even for 18
photos, where a percentile bootstrap of a share of 0.9 covers 80 % (`tests/evaluate/test_coverage.py`). All intervals
are over other photos of the same kind, not over other training runs of the same model.
"""

import dataclasses
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from effviz.explain.data_types import Doubles

COVERED: Final = 0.95
FEW: Final = 30  # photos: with fewer, an interval is at most a hint and is shown with a warning
SMALL: Final = 50  # photos: with fewer, the interval of differences that are mostly 0 would often be too narrow
RESTS_ON: Final = 25  # photos: so would that of more photos, if the mean rests on fewer than these
FEWEST: Final = 3  # photos: if the mean of few photos rests on fewer than these, they predict nothing about others
SHARE: Final = (0.0, 1.0)
Scale = tuple[float, float]  # the lowest and highest possible value of a metric


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its 95 % confidence interval."""

    mean: float  # nan without values
    low: float  # nan with fewer than two values, whose spread is unknown
    high: float
    n: int  # number of finite values; nan and inf are left out
    p: float = math.nan  # p-value of a difference, corrected by `holm`

    @property
    def sure(self) -> bool:
        """Whether a difference is statistically significant."""
        return self.p < 1 - COVERED


NOTHING: Final = Interval(math.nan, math.nan, math.nan, 0)


def share(values: npt.ArrayLike) -> Interval:
    """Return the share of ones in values of 0 and 1, with Wilson's interval."""
    finite = _finite(values)
    n, ones = len(finite), int(finite.sum())
    return Interval(ones / n, *_wilson(ones, n), n) if n > 1 else _alone(finite)


def mean(values: npt.ArrayLike, scale: Scale = SHARE) -> Interval:
    """Return a mean with an interval from Student's t.

    Each limit is computed with one extra photo at its end of the scale. Without it, the interval of 18 photos, most of
    which have 0, would say that all photos have 0.
    """
    finite = _finite(values)
    if len(finite) < 2:
        return _alone(finite)
    low, high = (_student(finite, end, sign)[0] for end, sign in zip(scale, (-1, 1), strict=True))
    return Interval(float(finite.mean()), max(low, scale[0]), min(high, scale[1]), len(finite))


def paired_share(differences: npt.ArrayLike) -> Interval:
    """Return the mean of paired differences (-1, 0 or 1) of hits and misses, with the exact McNemar test.

    The interval is Wald's after adding one to each count of discordant photos (Bonett and Price 2012; recommended by
    Fagerland, Lydersen and Laake 2014, https://doi.org/10.1002/sim.6148).
    """
    finite = _finite(differences)
    n, more, less = len(finite), int((finite > 0).sum()), int((finite < 0).sum())
    if n < 2:
        return _alone(finite)
    up, down = (more + 1) / (n + 2), (less + 1) / (n + 2)
    half = statistics.NormalDist().inv_cdf((1 + COVERED) / 2) * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    low, high = max(up - down - half, -1.0), min(up - down + half, 1.0)
    return Interval((more - less) / n, low, high, n, _mcnemar(more, more + less))


def paired_mean(differences: npt.ArrayLike, largest: float = 1.0) -> Interval:
    """Return a mean difference with an interval and a p-value from Student's t.

    If the mean rests on few photos, each limit is computed with one extra photo, as in `mean`: see `_further`.
    `largest` is the largest possible difference.
    """
    finite = _finite(differences)
    if len(finite) < 2:
        return _alone(finite)
    further = _further(finite, largest)
    ends = (None, None) if further is None else (-further, further)
    (low, as_large), (high, as_small) = (_student(finite, *side) for side in zip(ends, (-1, 1), strict=True))
    return Interval(float(finite.mean()), low, high, len(finite), min(1.0, 2 * min(as_large, as_small)))


def holm(differences: Sequence[Interval]) -> tuple[Interval, ...]:
    """Correct p-values for multiple comparisons, so that any false positive is as rare as 1 in 20 (Holm 1979).

    Identical intervals count as one comparison: several methods have the same map at the last layer.
    """
    tested = list({difference for difference in differences if difference.p == difference.p})
    corrected = dict(zip(tested, holm_p_values([difference.p for difference in tested]), strict=True))
    return tuple(dataclasses.replace(interval, p=corrected.get(interval, interval.p)) for interval in differences)


def holm_p_values(p_values: Sequence[float]) -> list[float]:
    """Return Holm-corrected p-values, in the given order."""
    order = np.argsort(p_values)
    times = np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(np.asarray(p_values)[order] * times), 1)
    return [float(p) for p in corrected]


def _finite(values: npt.ArrayLike) -> Doubles:
    numbers = np.asarray(values, dtype=np.float64).ravel()
    return numbers[np.isfinite(numbers)]


def _alone(finite: Doubles) -> Interval:
    return Interval(float(finite[0]), math.nan, math.nan, 1) if len(finite) else NOTHING


def _further(finite: Doubles, largest: float) -> float | None:
    """Return the difference of the extra photo; None if the sample is large enough without one.

    Below 50 photos, or if the mean rests on fewer than 25, for example because most differences are 0: the largest
    observed difference. Below 30: twice that, because the few photos that differ most may all be missing, or the
    largest possible difference if the mean rests on fewer than three. If no photo differs: 1.
    """
    most = float(np.abs(finite).max())
    if not most:
        return 1.0
    sizes = np.abs(finite) / most
    rests_on = sizes.sum() ** 2 / np.square(sizes).sum()  # effective number of photos that differ
    if len(finite) < FEW:
        return largest if rests_on < FEWEST else 2 * most
    return most if len(finite) < SMALL or rests_on < RESTS_ON else None


def _student(finite: Doubles, further: float | None, sign: int) -> tuple[float, float]:
    """Return a mean's lower (-1) or upper (1) limit, and the one-sided p-value of a mean above (-1) or below (1) 0."""
    from scipy import special  # type: ignore[import-untyped]  # lazy: pages load without it

    values = finite if further is None else np.append(finite, further)
    n, middle = len(values), float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(n)
    chance = float(special.stdtr(n - 1, sign * middle / error)) if error else float(sign * middle >= 0)
    return middle + sign * _quantile(n - 1) * error, chance


@lru_cache(maxsize=1024)
def _quantile(freedom: int) -> float:
    from scipy import special  # lazy: as above

    return float(special.stdtrit(freedom, (1 + COVERED) / 2))


@lru_cache(maxsize=4096)
def _wilson(ones: int, n: int) -> tuple[float, float]:
    from scipy import stats  # lazy: it takes a second, and most metrics do not need it

    interval = stats.binomtest(ones, n).proportion_ci(COVERED, method="wilson")
    return float(interval.low), float(interval.high)


@lru_cache(maxsize=4096)
def _mcnemar(more: int, differing: int) -> float:
    from scipy import stats  # lazy: as above

    return float(stats.binomtest(more, differing).pvalue) if differing else 1.0
