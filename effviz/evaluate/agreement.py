"""How alike two maps of one photo are, whatever their grids and crops."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from effviz.errors import SettingsError
from effviz.explain.data_types import ActivationMap, Box
from effviz.explain.placement import read_map_value
from effviz.i18n import _

Doubles = npt.NDArray[np.float64]

POINTS = 64  # a side of the common grid: finer than any last layer, and a comparison stays within milliseconds
TOP_AREA = 0.2


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike two maps are, on their positive evidence in the part of the photo that both models saw.

    nan where a map has no positive evidence, and for the rank correlation also where a map is the same everywhere.
    """

    spearman: float  # rank correlation over places, -1..1
    iou_top20: float  # of the two strongest fifths of the area, intersection over union, 0..1
    centroid_distance: float  # between the centres of evidence, as a share of the photo's diagonal


def agreement(a: ActivationMap, b: ActivationMap) -> Agreement:
    """Compare two maps of the same photo in photo coordinates.

    Both are read at the same 64 x 64 places, interpolated between cell centres (plain placement).

    Raises:
        SettingsError: The maps are of different photos, or the models saw no common part.
    """
    if a.photo_sha256 != b.photo_sha256:
        raise SettingsError(
            _(
                "The maps are of {first} and {second}: only maps of one photo can agree. Choose two of the same photo."
            ).format(first=a.photo, second=b.photo)
        )
    box = common(a.seen, b.seen)
    first, second = evidence(a, box), evidence(b, box)
    if not (first.any() and second.any()):
        return Agreement(math.nan, math.nan, math.nan)
    step = np.hypot(*(_centroid(first, box) - _centroid(second, box)))
    return Agreement(spearman(first, second), iou_top(first, second), float(step / math.hypot(*a.photo_size)))


def common(a: Box, b: Box) -> Box:
    """Return what both boxes cover.

    Raises:
        SettingsError: They do not overlap.
    """
    box = Box(max(a.x0, b.x0), max(a.y0, b.y0), min(a.x1, b.x1), min(a.y1, b.y1))
    if box.x0 >= box.x1 or box.y0 >= box.y1:
        raise SettingsError(
            _("The two models saw parts of the photo that do not overlap: choose another pair of models.")
        )
    return box


def evidence(entry: ActivationMap, box: Box) -> Doubles:
    """Return the positive evidence at the 64 x 64 places of a box, as shares that sum to 1; zeros if there is none."""
    down, across = read_map_value(entry, _places(box.x0, box.x1), _places(box.y0, box.y1))
    sampled = down @ np.maximum(entry.values.astype(np.float64), 0) @ across.T
    total = sampled.sum()
    return sampled / total if total > 0 else sampled


def spearman(a: Doubles, b: Doubles) -> float:
    """Return the correlation of the ranks; equal values share their mean rank."""
    ranks = np.array([_ranks(a), _ranks(b)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    spread = np.sqrt((ranks**2).sum(axis=1).prod())
    return float(ranks[0] @ ranks[1] / spread) if spread > 0 else math.nan


def iou_top(a: Doubles, b: Doubles, area: float = TOP_AREA) -> float:
    """Return intersection over union of the strongest `area` of each map; places without evidence never count."""
    first, second = _strongest(a, area), _strongest(b, area)
    return float((first & second).sum() / (first | second).sum())


def _strongest(shares: Doubles, area: float) -> npt.NDArray[np.bool_]:
    count = max(1, round(area * shares.size))
    least = np.partition(shares, -count, axis=None)[-count]
    return np.asarray((shares >= least) & (shares > 0))


def _ranks(values: Doubles) -> Doubles:
    _, inverse, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    last = counts.cumsum()
    return np.asarray((last - (counts - 1) / 2)[inverse], dtype=np.float64)


def _centroid(shares: Doubles, box: Box) -> Doubles:
    """Return (x, y) in pixels of the photo; nothing but shares that sum to 1."""
    return np.array([shares.sum(axis=0) @ _places(box.x0, box.x1), shares.sum(axis=1) @ _places(box.y0, box.y1)])


def _places(start: float, end: float) -> Doubles:
    return start + (np.arange(POINTS) + 0.5) * (end - start) / POINTS
