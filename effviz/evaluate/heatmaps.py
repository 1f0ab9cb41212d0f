"""A map's positive evidence on a fixed grid over the whole photo, the control maps, and the localisation metrics.

The grid has the same number of cells for every photo and map size, so a metric costs the same for every photo and
means the same for every model.
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from enum import StrEnum
from functools import lru_cache
from operator import itemgetter
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from effviz.evaluate.dataset_samples import GroundTruth, Mask, Size
from effviz.explain.data_types import ActivationMap, Box, Doubles, read_only
from effviz.explain.placement import MapAxis, Placement, cell_centre, linear_weights, map_axes

GRID_SIDE = 96  # cells per side: a box drawn on them is exact to 3 px in a photo 500 px wide
MAX_CACHED_COVERS = 256  # cached box edges and masks: every map of a photo uses the same ones
STRIPS_AT_ONCE = 4096  # strips of a mask per batch, a few megabytes
FINER = 4  # samples per cell and axis, so that maps finer than the grid are averaged rather than subsampled
_ROUNDING = 1e-5  # relative: closer values count as equal; an engine's sums differ less between machines
_PLACES = (np.arange(GRID_SIDE * FINER) + 0.5) / (GRID_SIDE * FINER)  # as fractions of the photo's width or height
CENTRES: Doubles = (np.arange(GRID_SIDE) + 0.5) / GRID_SIDE
_EDGES = np.arange(GRID_SIDE + 1) / GRID_SIDE


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Positive evidence in each of SIDE x SIDE equal parts of the photo, in the map's own unit."""

    values: Doubles  # (SIDE, SIDE), >= 0, read-only; 0 outside the part that the model saw
    rows: tuple[int, int] = (0, GRID_SIDE)  # start, stop: the cells whose centre the model saw
    columns: tuple[int, int] = (0, GRID_SIDE)
    peak: tuple[float, float] | None = None  # x, y of the map's maximum in the photo, 0..1; None: the strongest cell's

    @property
    def seen(self) -> Doubles:
        """The part that the model saw."""
        return self.values[slice(*self.rows), slice(*self.columns)]


def smooth_heatmap(heatmap: Heatmap, sigma: float, photo_size: Size) -> Heatmap:
    """Blur a heatmap by a Gaussian in photo coordinates, so that maps with fine and coarse cells are equally sharp.

    `sigma` is a share of the photo's shorter side. Outside the part that the model saw, the heatmap is 0, and evidence
    blurred out of that part is lost. Reflecting it would move the maximum of a map with coarse cells to the border.
    """
    from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]  # lazy: pages load without it

    across, down = (sigma * min(photo_size) / side * GRID_SIDE for side in photo_size)  # in cells
    values = heatmap.values.copy()
    covered = slice(*heatmap.rows), slice(*heatmap.columns)
    values[covered] = gaussian_filter(heatmap.seen, (down, across), mode="constant")
    return dataclasses.replace(heatmap, values=read_only(values), peak=None)


def to_heatmap(entry: ActivationMap, placement: Placement = Placement.PLAIN) -> Heatmap:
    """Return a map on the grid of its whole photo: negative cells 0, linear between cell centres, not normalised.

    Raises:
        SettingsError: the placement is calibrated, and the model has no calibration at this size.
    """
    (width, height), seen = entry.photo_size, entry.seen
    x_axis, y_axis = map_axes(entry, seen, placement)
    down, across = _shares(y_axis, height), _shares(x_axis, width)
    values = down @ np.maximum(entry.values.astype(np.float64), 0) @ across.T
    rows, columns = cells_within(seen.y0 / height, seen.y1 / height), cells_within(seen.x0 / width, seen.x1 / width)
    values[: rows[0]], values[rows[1] :] = 0, 0
    values[:, : columns[0]], values[:, columns[1] :] = 0, 0
    x, y = cell_centre(entry, *strongest_cell(np.maximum(entry.values, 0)), placement)
    return Heatmap(read_only(values), rows, columns, (x / width, y / height))


def strongest_cell(values: npt.NDArray[np.floating]) -> tuple[int, int]:
    """Return the cell (row, column) with the largest of some non-negative values.

    Of cells that are equal up to rounding, take the one nearest to their mean position, and of equally near ones the
    first. Otherwise a constant map would peak in its corner, and the processor's rounding would break ties.
    """
    tied = np.argwhere(values >= float(values.max()) * (1 - _ROUNDING))
    row, column = tied[((tied - tied.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return int(row), int(column)


def evidence_on(heat: Heatmap, truth: GroundTruth, photo_size: Size) -> float:
    """Return the sum of the heatmap over the object; a partly covered cell counts in proportion."""
    if truth.mask is not None:
        return float(np.vdot(heat.values, _mask_cover(truth.checked_mask(photo_size))))
    width, height = photo_size
    return sum(
        float(cell_cover(box.y0 / height, box.y1 / height) @ heat.values @ cell_cover(box.x0 / width, box.x1 / width))
        for box in truth.union(photo_size)
    )


@lru_cache(maxsize=MAX_CACHED_COVERS)
def cell_cover(start: float, end: float) -> Doubles:
    """Return the share of each cell between two fractions of the photo's width or height, (SIDE,), 0..1."""
    return read_only(_covers(np.array([start]), np.array([end]))[0])


@lru_cache(maxsize=MAX_CACHED_COVERS)
def _shares(axis: MapAxis, length_px: int) -> Doubles:
    """Return each map cell's weight in each grid cell, (SIDE, cells); cached, as many photos have the same size."""
    finer = linear_weights(axis.cell_coordinates(_PLACES * length_px), axis.n)
    return read_only(finer.reshape(GRID_SIDE, FINER, -1).mean(axis=1))


def cells_within(start: float, end: float) -> tuple[int, int]:
    """Return the range (start, stop) of cells with centres between two fractions of the photo's width or height."""
    return int(np.searchsorted(CENTRES, start)), int(np.searchsorted(CENTRES, end))


@lru_cache(maxsize=MAX_CACHED_COVERS)
def _mask_cover(mask: Mask) -> Doubles:
    """Return the share of each cell that the mask covers, (SIDE, SIDE), 0..1."""
    width, height = mask.size
    marked = np.zeros((GRID_SIDE, GRID_SIDE))
    for some in np.array_split(mask.strips, len(mask.strips) // STRIPS_AT_ONCE + 1):
        x0, y0, x1, y1 = some.T
        marked += _covers(y0 / height, y1 / height).T @ _covers(x0 / width, x1 / width)
    return read_only(marked)


def _covers(starts: Doubles, ends: Doubles) -> Doubles:
    """Return the share of each cell that each interval covers, (N,) -> (N, SIDE)."""
    within = np.minimum(ends[:, None], _EDGES[1:]) - np.maximum(starts[:, None], _EDGES[:-1])
    return np.asarray(np.maximum(within, 0) * GRID_SIDE)


# Control maps are independent of the photo. Objects are mostly in the middle, so a Gaussian there is hard to beat; a
# metric on which a random map does well is uninformative. A network's map is limited to the crop that it saw, where
# objects mostly are, so a map must beat the controls inside the same crop.

RANDOM_CELLS = 7  # per side, as in the last layer of B0 at 224 px
GAUSSIAN_SIGMA = 0.25  # of the width and height of the area that the map covers


class Control(StrEnum):
    """Control maps; in results, the value takes the place of a method's name."""

    CROP_GAUSSIAN = "control-crop-gaussian"
    CROP_RANDOM = "control-crop-random"
    CROP_UNIFORM = "control-crop-uniform"
    GAUSSIAN = "control-gaussian"
    RANDOM = "control-random"
    UNIFORM = "control-uniform"


CROP_CONTROLS: Final = (Control.CROP_GAUSSIAN, Control.CROP_RANDOM, Control.CROP_UNIFORM)  # of localisation metrics
# For localisation metrics these cover the photo, for all others the part that the model saw.
PHOTO_CONTROLS: Final = (Control.RANDOM, Control.GAUSSIAN, Control.UNIFORM)


def control_heatmap(control: Control, seed: int | str, seen: Box, photo_size: Size) -> Heatmap:
    """Return a control over the whole photo, or over the part a model saw; only random controls use the seed."""
    width, height = photo_size
    box = seen if control in CROP_CONTROLS else Box(0, 0, width, height)
    x, y = (CENTRES * width - box.x0) / (box.x1 - box.x0), (CENTRES * height - box.y0) / (box.y1 - box.y0)
    rows, columns = cells_within(box.y0 / height, box.y1 / height), cells_within(box.x0 / width, box.x1 / width)
    values = np.zeros((GRID_SIDE, GRID_SIDE))
    part = np.s_[slice(*rows), slice(*columns)]
    values[part] = _control_values(control, seed, y, x)[part]
    return Heatmap(read_only(values), rows, columns)


def control_map(entry: ActivationMap, control: Control, seed: int | str) -> ActivationMap:
    """Return a control with the cells and metadata of a map, over the part the model saw: for faithfulness metrics."""
    rows, columns = entry.values.shape
    if control is Control.RANDOM:
        values = _random_values((rows, columns), seed)
    else:
        values = _control_values(control, seed, (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns)
    return dataclasses.replace(entry, values=read_only(values.astype(np.float32)), bias=0.0)


def _control_values(control: Control, seed: int | str, y: Doubles, x: Doubles) -> Doubles:
    """Return a control at fractions of the area it covers, (Y, X); random ones interpolate 7 x 7 cells."""
    if control in (Control.CROP_GAUSSIAN, Control.GAUSSIAN):
        down, across = (np.exp(-(((places - 0.5) / GAUSSIAN_SIGMA) ** 2) / 2) for places in (y, x))
        return np.outer(down, across)
    if control in (Control.CROP_UNIFORM, Control.UNIFORM):
        return np.ones((len(y), len(x)))
    down, across = (linear_weights(places * RANDOM_CELLS, RANDOM_CELLS) for places in (y, x))
    return np.asarray(down @ _random_values((RANDOM_CELLS, RANDOM_CELLS), seed) @ across.T)


def _random_values(shape: tuple[int, int], seed: int | str) -> Doubles:
    return np.random.default_rng(list(hashlib.sha256(str(seed).encode()).digest())).random(shape)


# Localisation metrics: energy, the pointing game, and boxes around the strongest parts. All are in photo coordinates: a
# ground-truth box that extends beyond a model's crop counts in full. A map without positive evidence has energy 0,
# misses in the pointing game and yields no box.

LEVELS = 50
THRESHOLDS: Doubles = read_only(np.arange(LEVELS) / LEVELS)  # as fractions of a map's range from minimum to maximum
V2_OVERLAPS = (0.3, 0.5, 0.7)
MAX_CACHED_BOXES = 256  # maps whose parts are cached: controls are reused for other photos
TOLERANCE_PX = 15.0  # Zhang et al. 2018; their photos are about 500 px wide
_BOX_ROUNDING = 1e-9  # as a fraction of the range: closer values count as equal


def energy(heat: Heatmap, truth: GroundTruth, photo_size: Size) -> float:
    """Return the share of the positive evidence on the object, 0..1.

    The energy-based pointing game (Wang et al. 2020, https://arxiv.org/abs/1910.01279, section 4.3).
    """
    total = float(heat.values.sum())
    return min(evidence_on(heat, truth, photo_size) / total, 1.0) if total > 0 else 0.0


def pointing(heat: Heatmap, truth: GroundTruth, photo_size: Size, tolerance_px: float = 0.0) -> bool:
    """Return whether the map's maximum is on the object, or at most `tolerance_px` from it.

    The pointing game (Zhang et al. 2018, https://arxiv.org/abs/1608.00507), which allows TOLERANCE_PX.
    """
    if not heat.values.any():
        return False
    # a maximum that calibration moved to the photo's far edge belongs to the last pixel
    x, y = (min(part * side, np.nextafter(side, 0)) for part, side in zip(_peak(heat), photo_size, strict=True))
    if not tolerance_px:
        return truth.holds(x, y, photo_size)
    return truth.distance(x, y, photo_size) <= tolerance_px


@lru_cache(maxsize=MAX_CACHED_BOXES)
def _peak(heat: Heatmap) -> tuple[float, float]:
    """Return x and y of the maximum, 0..1 of the photo: the map's own, else that of the heatmap's strongest cell."""
    if heat.peak is not None:
        return heat.peak
    row, column = strongest_cell(heat.seen)
    return (column + heat.columns[0] + 0.5) / GRID_SIDE, (row + heat.rows[0] + 0.5) / GRID_SIDE


def both_box_ious(heat: Heatmap, truth: GroundTruth, photo_size: Size) -> tuple[Doubles, Doubles]:
    """Return the best IoU with a ground-truth box at each of THRESHOLDS, for MaxBoxAcc and for MaxBoxAccV2, each (T,).

    MaxBoxAcc (Choe et al. 2020, https://arxiv.org/abs/2001.07437) draws a box around the largest connected part at or
    above the threshold, a fraction of the map's range in the part that the model saw. As in the authors' code, cells
    also connect at corners, and holes are filled before parts are compared. For a constant map the box is everything
    that the model saw. MaxBoxAccV2 draws a box around every part; the best pair of one of these boxes and one
    ground-truth box counts.
    """
    largest, every = np.zeros(LEVELS), np.zeros(LEVELS)
    marked = np.array([astuple(box) for box in truth.inside(photo_size)])  # (B, 4)
    if not heat.values.any() or not len(marked):
        return largest, every
    level, cells = _connected_parts(heat)
    best = _ious(cells * (np.array(photo_size * 2) / GRID_SIDE), marked).max(axis=1)
    np.maximum.at(every, level, best)
    largest[level] = best  # parts are sorted by size, so the largest of each level is written last
    return largest, every


@lru_cache(maxsize=MAX_CACHED_BOXES)
def _connected_parts(heat: Heatmap) -> tuple[npt.NDArray[np.intp], Doubles]:
    """Return all connected parts at all levels, sorted by their number of cells: level (P,), box in cells (P, 4)."""
    seen = heat.seen
    low, high = seen.min(), seen.max()
    spread = (seen - low) / (high - low) if high - low > _BOX_ROUNDING * high else np.ones(seen.shape)
    steps = np.minimum(spread * LEVELS + _BOX_ROUNDING, LEVELS - 1).astype(np.uint8)
    # x0, y0, x1, y1 in the tall picture of all levels.
    parts = np.array(sorted(_part_outlines(steps), key=itemgetter(0)))[:, 1:]
    level, top = np.divmod(parts[:, 1], steps.shape[0] + 1)
    parts[:, 3] += top - parts[:, 1]
    parts[:, 1] = top
    return level.astype(np.intp), parts + (heat.columns[0], heat.rows[0]) * 2


def _part_outlines(steps: npt.NDArray[np.uint8]) -> Iterator[tuple[float, int, int, int, int]]:
    """Yield the number of cells and the box of each connected part, in one tall picture of all levels.

    The levels are stacked with an empty row in between: one search takes half as long as 50.
    """
    height, width = steps.shape
    cells = np.zeros((LEVELS, height + 1, width), np.bool_)
    np.greater_equal(steps, np.arange(LEVELS, dtype=np.uint8)[:, None, None], out=cells[:, :height])
    picture = cells.reshape(-1, width).view(np.uint8)
    outlines, hierarchy = cv2.findContours(picture, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for outline, (_, _, _, parent) in zip(outlines, hierarchy.reshape(-1, 4).tolist(), strict=True):
        if parent < 0:  # all others are outlines of holes
            x, y, across, down = cv2.boundingRect(outline)
            area = cv2.contourArea(outline) + len(outline) / 2 + 1  # Pick's theorem: cells, not the enclosed area
            yield area, x, y, x + across, y + down


def _ious(boxes: Doubles, others: Doubles) -> Doubles:
    """Return the intersection over union of each pair of boxes x0, y0, x1, y1: (P, 4), (B, 4) -> (P, B)."""
    one, other = boxes[:, None], others[None]
    sides = np.maximum(np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2]), 0)
    common = sides.prod(axis=-1)
    areas = [(box[..., 2:] - box[..., :2]).prod(axis=-1) for box in (one, other)]
    return np.asarray(common / (areas[0] + areas[1] - common))
