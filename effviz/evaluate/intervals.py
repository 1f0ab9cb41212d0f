"""How far a mean over photos can be trusted: 95 % bootstrap intervals, by the percentile method.

Photos are drawn again with replacement (Efron 1979). The interval speaks of other photos of the same kind, not of other
trainings of the same model.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from effviz.explain.placement import Doubles

RESAMPLES = 2000
COVERED = 0.95
AT_ONCE = 2**20  # photos drawn before anything is summed: 8 MB

Drawn = npt.NDArray[np.intp]  # (R, N): which photos each of R draws holds


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and where it lies with 95 % confidence."""

    mean: float  # nan without values
    low: float  # nan with fewer than two values, which say nothing about their spread
    high: float
    n: int  # values that are numbers; nan and inf are left out


def interval(values: npt.ArrayLike, seed: int = 0) -> Interval:
    """Return the mean of one value a photo, and its interval."""
    found = np.asarray(values, dtype=np.float64).ravel()
    found = found[np.isfinite(found)]
    mean = float(found.mean()) if len(found) else math.nan
    return _interval(mean, len(found), lambda drawn: np.asarray(found[drawn].mean(axis=1)), seed)


def paired(a: npt.ArrayLike, b: npt.ArrayLike, seed: int = 0) -> Interval:
    """Return the mean of a - b over the same photos in the same order; those without one of the two are left out.

    Much narrower than two separate intervals, because a hard photo is hard for both.
    """
    return interval(np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64), seed)


def max_box_interval(ious: Doubles, at: float = 0.5, seed: int = 0) -> Interval:
    """Return MaxBoxAcc and its interval from `box_ious` (N, T); each resample chooses its threshold anew."""
    fits = _fits(ious, at)
    best = float(fits.mean(axis=0).max()) if len(fits) else math.nan
    return _interval(best, len(fits), lambda drawn: _best(fits, drawn), seed)


def paired_max_box(a: Doubles, b: Doubles, at: float = 0.5, seed: int = 0) -> Interval:
    """Return MaxBoxAcc of a minus that of b, over the same photos in the same order: (N, T) each."""
    one, other = _fits(a, at), _fits(b, at)
    mean = float(one.mean(axis=0).max() - other.mean(axis=0).max()) if len(one) else math.nan
    return _interval(mean, len(one), lambda drawn: _best(one, drawn) - _best(other, drawn), seed)


def _interval(mean: float, n: int, statistic: Callable[[Drawn], Doubles], seed: int) -> Interval:
    if n < 2:
        return Interval(mean, math.nan, math.nan, n)
    rng, left = np.random.default_rng(seed), RESAMPLES
    resampled: list[Doubles] = []
    while left:
        some = min(left, max(1, AT_ONCE // n))
        resampled.append(statistic(rng.integers(n, size=(some, n))))
        left -= some
    low, high = np.quantile(np.concatenate(resampled), [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return Interval(mean, float(low), float(high), n)


def _fits(ious: Doubles, at: float) -> Doubles:
    return (np.reshape(ious, (-1, np.shape(ious)[-1])) >= at).astype(np.float64)


def _best(fits: Doubles, drawn: Drawn) -> Doubles:
    """Best share over the thresholds for each draw, (R,); counting the photos is quicker than drawing their rows."""
    draws, n = drawn.shape
    counts = np.bincount((drawn + n * np.arange(draws)[:, None]).ravel(), minlength=draws * n).reshape(draws, n)
    return np.asarray((counts @ fits).max(axis=1) / n)
