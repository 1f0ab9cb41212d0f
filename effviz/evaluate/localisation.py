"""Whether a map lies on the object: energy, the pointing game, and boxes drawn around what is brightest.

All in the photo's coordinates: a box that reaches out of a model's crop counts whole. Objects are mostly in the crop,
so a map gains by not leaving it: `controls` has maps that know nothing but the crop. A map without positive evidence
has energy 0, points nowhere and draws no box.
"""

from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from effviz.evaluate.heat import SIDE, Heat, evidence_on, strongest
from effviz.evaluate.truth import Size, Truth
from effviz.explain.placement import Doubles

LEVELS = 50
THRESHOLDS: Doubles = np.arange(LEVELS) / LEVELS  # of the way from a map's minimum to its maximum
THRESHOLDS.setflags(write=False)
V2_OVERLAPS = (0.3, 0.5, 0.7)
RECENT = 256  # maps whose parts are remembered: controls come again with other photos
TOLERANCE_PX = 15.0  # Zhang et al. 2018; their photos are about 500 px wide

_ROUNDING = 1e-9  # of a range: values this close are equal


class BoxAccuracy(NamedTuple):
    """The share of photos whose box fits, at the threshold that is best for all of them together."""

    accuracy: float
    threshold: float


class BoxAccuracies(NamedTuple):
    """The mean over the overlaps asked for, and the threshold that is best for each."""

    accuracy: float
    thresholds: tuple[float, ...]


def energy(heat: Heat, truth: Truth, photo_size: Size) -> float:
    """Return the share of positive evidence that lies on the object, 0..1.

    The energy-based pointing game (Wang et al. 2020, https://arxiv.org/abs/1910.01279, section 4.3).
    """
    total = float(heat.values.sum())
    return min(evidence_on(heat, truth, photo_size) / total, 1.0) if total > 0 else 0.0


def pointing(heat: Heat, truth: Truth, photo_size: Size, tolerance_px: float = 0.0) -> bool:
    """Tell whether the strongest place is on the object, or at most `tolerance_px` from it.

    The pointing game (Zhang et al. 2018, https://arxiv.org/abs/1608.00507), which allows TOLERANCE_PX.
    """
    if heat.empty:
        return False
    # a place that calibration moved to the photo's far edge is in its last pixel
    x, y = (min(part * side, np.nextafter(side, 0)) for part, side in zip(_peak(heat), photo_size, strict=True))
    if not tolerance_px:
        return truth.holds(x, y, photo_size)
    return truth.distance(x, y, photo_size) <= tolerance_px


@lru_cache(maxsize=RECENT)
def _peak(heat: Heat) -> tuple[float, float]:
    """Return x and y of the strongest place, 0..1 of the photo: the map's own, or a cell of a heat without a map."""
    if heat.peak is not None:
        return heat.peak
    row, column = strongest(heat.seen)
    return (column + heat.columns[0] + 0.5) / SIDE, (row + heat.rows[0] + 0.5) / SIDE


def box_ious(heat: Heat, truth: Truth, photo_size: Size) -> Doubles:
    """Return for each of THRESHOLDS the overlap (IoU) of a box and the truth's box that fits it best, (T,).

    The box is drawn around the largest connected part with at least that much of the map's range, which is taken where
    the model saw; cells touch at corners too, and holes are filled before parts are compared, as in the authors' code
    (Choe et al. 2020, https://arxiv.org/abs/2001.07437, MaxBoxAcc). A map that is the same everywhere gets the box
    around all that the model saw.
    """
    return both_box_ious(heat, truth, photo_size)[0]


def box_ious_v2(heat: Heat, truth: Truth, photo_size: Size) -> Doubles:
    """Return the same with boxes around all parts: the best pair of one of them and one of the truth's, (T,).

    Choe et al. 2020, MaxBoxAccV2.
    """
    return both_box_ious(heat, truth, photo_size)[1]


def both_box_ious(heat: Heat, truth: Truth, photo_size: Size) -> tuple[Doubles, Doubles]:
    """Return `box_ious` and `box_ious_v2` for little more than the cost of one."""
    largest, every = np.zeros(LEVELS), np.zeros(LEVELS)
    marked = np.array([(b.x0, b.y0, b.x1, b.y1) for b in truth.inside(photo_size)])  # (B, 4)
    if heat.empty or not len(marked):
        return largest, every
    level, cells = _parts(heat)
    width, height = photo_size
    best = _ious(cells * (width / SIDE, height / SIDE, width / SIDE, height / SIDE), marked).max(axis=1)
    np.maximum.at(every, level, best)
    largest[level] = best  # the last one written to a level is its largest
    return largest, every


def max_box_acc(ious: Doubles, at: float = 0.5) -> BoxAccuracy:
    """Return MaxBoxAcc of many photos, from their `box_ious` (N, T); of equally good thresholds the lowest."""
    accuracy = (np.atleast_2d(ious) >= at).mean(axis=0)
    best = int(accuracy.argmax())
    return BoxAccuracy(float(accuracy[best]), float(THRESHOLDS[best]))


def max_box_acc_v2(ious: Doubles) -> BoxAccuracies:
    """Return MaxBoxAccV2 of many photos, from their `box_ious_v2` (N, T): the mean over three overlaps."""
    found = [max_box_acc(ious, at) for at in V2_OVERLAPS]
    return BoxAccuracies(float(np.mean([one.accuracy for one in found])), tuple(one.threshold for one in found))


def best_iou(ious: Doubles) -> float:
    """Return one photo's overlap at the threshold that is best for it alone, which nobody knows beforehand."""
    return float(ious.max())


@lru_cache(maxsize=RECENT)
def _parts(heat: Heat) -> tuple[npt.NDArray[np.intp], Doubles]:
    """Return all connected parts at all levels, those with more cells later: level (P,), box in cells (P, 4)."""
    seen = heat.seen
    low, high = seen.min(), seen.max()
    spread = (seen - low) / (high - low) if high - low > _ROUNDING * high else np.ones(seen.shape)
    steps = np.minimum(spread * LEVELS + _ROUNDING, LEVELS - 1).astype(np.uint8)
    parts = np.array(sorted(_outlines(steps), key=itemgetter(0)))[:, 1:]  # x0, y0, x1, y1; all levels below each other
    level, top = np.divmod(parts[:, 1], steps.shape[0] + 1)
    parts[:, 3] += top - parts[:, 1]
    parts[:, 1] = top
    return level.astype(np.intp), parts + (heat.columns[0], heat.rows[0]) * 2


def _outlines(steps: npt.NDArray[np.uint8]) -> Iterator[tuple[float, int, int, int, int]]:
    """Yield cells within the outline, and box, of each connected part in one tall picture of all levels.

    The levels stand below each other with an empty row between: looking for parts once takes half as long as 50 times.
    """
    height, width = steps.shape
    cells = np.zeros((LEVELS, height + 1, width), np.bool_)
    np.greater_equal(steps, np.arange(LEVELS, dtype=np.uint8)[:, None, None], out=cells[:, :height])
    picture = cells.reshape(-1, width).view(np.uint8)
    outlines, hierarchy = cv2.findContours(picture, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for outline, (_, _, _, parent) in zip(outlines, hierarchy.reshape(-1, 4).tolist(), strict=True):
        if parent < 0:  # the others are the borders of holes
            x, y, across, down = cv2.boundingRect(outline)
            area = cv2.contourArea(outline) + len(outline) / 2 + 1  # Pick's theorem: cells, not the area between them
            yield area, x, y, x + across, y + down


def _ious(boxes: Doubles, others: Doubles) -> Doubles:
    """Intersection over union of each pair of boxes x0, y0, x1, y1: (P, 4), (B, 4) -> (P, B)."""
    one, other = boxes[:, None], others[None]
    sides = np.maximum(np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2]), 0)
    common = sides.prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (one, other)]
    return np.asarray(common / (areas[0] + areas[1] - common))
