"""How far a mean over photos can be trusted: 95 % bootstrap intervals, by the percentile method.

Photos are drawn again with replacement (Efron 1979). The interval speaks of other photos of the same kind, not of other
trainings of the same model.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from effviz.explain.placement import Doubles
from effviz.explain.results import Floats

RESAMPLES = 2000
COVERED = 0.95
AT_ONCE = 2**20  # photos drawn before anything is summed: 8 MB
REMEMBERED = 2**21  # counts of one number of photos that are kept for the next mean over as many: 8 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and where it lies with 95 % confidence."""

    mean: float  # nan without values
    low: float  # nan with fewer than two values, which say nothing about their spread
    high: float
    n: int  # values that are numbers; nan and inf are left out

    @property
    def leaves_zero_out(self) -> bool:
        """Whether a difference is surely one."""
        return self.low > 0 or self.high < 0


def interval(values: npt.ArrayLike, seed: int = 0) -> Interval:
    """Return the mean of one value a photo, and its interval."""
    return intervals(np.asarray(values, dtype=np.float64).reshape(-1, 1), seed)[0]


def intervals(values: Doubles, seed: int = 0) -> tuple[Interval, ...]:
    """Return the mean and interval of each column, (N, C); columns with values of the same photos share their draws."""
    known = np.isfinite(values)
    alike: dict[bytes, list[int]] = defaultdict(list)
    for number, column in enumerate(known.T):
        alike[column.tobytes()].append(number)
    found: dict[int, Interval] = {}
    for numbers in alike.values():
        there = values[known[:, numbers[0]]][:, numbers]
        found |= zip(numbers, _means(there, seed), strict=True)
    return tuple(found[number] for number in range(len(found)))


def max_box_interval(ious: Doubles, at: float = 0.5, seed: int = 0) -> Interval:
    """Return MaxBoxAcc and its interval from `box_ious` (N, T); each resample chooses its threshold anew."""
    fits = _fits(ious, at)
    return _interval(_best_share(fits), _best(fits, seed), len(fits))


def paired_max_box(a: Doubles, b: Doubles, at: float = 0.5, seed: int = 0) -> Interval:
    """Return MaxBoxAcc of a minus that of b, over the same photos in the same order: (N, T) each."""
    one, other = _fits(a, at), _fits(b, at)
    return _interval(_best_share(one) - _best_share(other), _best(one, seed) - _best(other, seed), len(one))


def _means(values: Doubles, seed: int) -> Iterator[Interval]:
    n, columns = values.shape
    resampled = np.concatenate([counts @ values for counts in _draws(n, seed)] or [np.zeros((0, columns))]) / max(n, 1)
    for column, draws in zip(values.T, resampled.T, strict=True):
        yield _interval(float(column.mean()) if n else math.nan, draws, n)


def _interval(mean: float, resampled: Doubles, n: int) -> Interval:
    if n < 2:
        return Interval(mean, math.nan, math.nan, n)
    low, high = np.quantile(resampled, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return Interval(mean, float(low), float(high), n)


def _fits(ious: Doubles, at: float) -> Floats:
    return (np.reshape(ious, (-1, np.shape(ious)[-1])) >= at).astype(np.float32)


def _best_share(fits: Floats) -> float:
    """Return the largest share of photos that fit at one threshold."""
    return float(fits.mean(axis=0, dtype=np.float64).max()) if len(fits) else math.nan


def _best(fits: Floats, seed: int) -> Doubles:
    """Return the same for each draw, (R,)."""
    # Sums are whole numbers, which 32 bits hold exactly up to 16 million photos.
    sums = [(counts @ fits).max(axis=1) for counts in _draws(len(fits), seed)]
    return np.concatenate(sums).astype(np.float64) / len(fits) if sums else np.zeros(0)


def _draws(n: int, seed: int) -> Iterator[Floats]:
    """Yield how often each of n photos is drawn, (R, N), some of the RESAMPLES at a time; nothing for fewer than two.

    A sum over what was drawn is then a product with a matrix, which is many times quicker than fetching each value.
    """
    if n < 2:
        return
    if RESAMPLES * n <= REMEMBERED:
        yield _all_draws(n, seed)
        return
    yield from _drawn(n, seed)


@lru_cache(maxsize=4)
def _all_draws(n: int, seed: int) -> Floats:
    counts = np.concatenate(list(_drawn(n, seed)))
    counts.setflags(write=False)
    return counts


def _drawn(n: int, seed: int) -> Iterator[Floats]:
    rng, left = np.random.default_rng(seed), RESAMPLES
    while left:
        some = min(left, max(1, AT_ONCE // n))
        places = rng.integers(n, size=(some, n)) + n * np.arange(some)[:, None]
        yield np.bincount(places.ravel(), minlength=some * n).reshape(some, n).astype(np.float32)
        left -= some
