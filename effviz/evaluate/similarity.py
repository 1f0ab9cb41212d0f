"""Structural similarity of two pictures."""

import numpy as np
from scipy.ndimage import correlate1d  # type: ignore[import-untyped]

from effviz.explain.placement import Doubles

SIGMA = 1.5
RADIUS = 5  # a window of 11 x 11
C1, C2 = 0.01**2, 0.03**2  # for values in 0..1


def ssim(a: Doubles, b: Doubles) -> float:
    """Return the mean structural similarity of two pictures with values in 0..1, at most 1 (for equal ones).

    Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861: Gaussian windows of 11 x 11, of which only those count
    that lie within the picture.

    Raises:
        ValueError: the pictures are smaller than a window, or not of one size.
    """
    if a.shape != b.shape or min(a.shape) <= 2 * RADIUS:
        raise ValueError(f"pictures of {a.shape} and {b.shape}")
    mean_a, mean_b = _windows(a), _windows(b)
    variance_a, variance_b = _windows(a * a) - mean_a**2, _windows(b * b) - mean_b**2
    covariance = _windows(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * covariance + C2) / (variance_a + variance_b + C2)
    return float((light * structure).mean())


def _windows(picture: Doubles) -> Doubles:
    """Return the weighted mean in each window."""
    weights = np.exp(-((np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2) / 2)
    weights /= weights.sum()
    smooth = correlate1d(correlate1d(picture, weights, axis=0), weights, axis=1)
    return np.asarray(smooth[RADIUS:-RADIUS, RADIUS:-RADIUS])
