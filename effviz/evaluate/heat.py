"""A map's positive evidence on a fixed grid over the whole photo: what all measures of place look at.

The same number of cells whatever the photo's size and the map's, so that a measure costs the same for every photo and
means the same for every model.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from effviz.evaluate.truth import Mask, Size, Truth
from effviz.explain.placement import Axis, Doubles, Placement, axes, centre, linear
from effviz.explain.results import ActivationMap

SIDE = 96  # cells across and down: a box drawn on them is exact to 3 px in a photo 500 px wide
RECENT = 256  # edges of boxes, and masks, that are remembered: a photo's are asked for by each map of it
STRIPS = 4096  # of a mask, at a time: some megabytes
FINER = 4  # places read in a cell, each way, so that maps finer than the grid are averaged and not picked from

_ROUNDING = 1e-5  # of a value: others this close are equal; an engine's sums differ less from machine to machine
_PLACES = (np.arange(SIDE * FINER) + 0.5) / (SIDE * FINER)  # of the photo's width or height
CENTRES: Doubles = (np.arange(SIDE) + 0.5) / SIDE
_EDGES = np.arange(SIDE + 1) / SIDE


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """Positive evidence in each of SIDE x SIDE equal parts of the photo, in the map's own unit."""

    values: Doubles  # (SIDE, SIDE), >= 0, read-only; 0 where the model did not see
    rows: tuple[int, int] = (0, SIDE)  # from, to: the cells whose centre the model saw
    columns: tuple[int, int] = (0, SIDE)
    peak: tuple[float, float] | None = None  # x, y of the map's strongest place in the photo, 0..1; None: a cell's here

    @property
    def seen(self) -> Doubles:
        """Return the part that the model saw."""
        return self.values[slice(*self.rows), slice(*self.columns)]

    @property
    def empty(self) -> bool:
        """True when there is no evidence anywhere."""
        return not self.values.any()


def smoothed(found: Heat, sigma: float, photo_size: Size) -> Heat:
    """Blur heat by one Gaussian in the photo's own coordinates, so that maps of fine and coarse cells are alike sharp.

    Nothing comes from beyond what the model saw, and what the blur takes there is left out: thrown back, it would move
    the strongest place of a map with coarse cells to the border.

    Args:
        found: any map or control.
        sigma: as a share of the photo's shorter side.
        photo_size: width and height in pixels.
    """
    from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]  # here: a page shows itself without it

    across, down = (sigma * min(photo_size) / side * SIDE for side in photo_size)  # in cells
    values = found.values.copy()
    values[slice(*found.rows), slice(*found.columns)] = gaussian_filter(found.seen, (down, across), mode="constant")
    values.setflags(write=False)
    return replace(found, values=values, peak=None)


def heat(entry: ActivationMap, calibrated: bool = False) -> Heat:
    """Read a map over its whole photo: negative cells are zero, linear between cell centres, not normalised.

    Raises:
        SettingsError: calibrated placement of a model that was not measured at this size.
    """
    (width, height), seen = entry.photo_size, entry.seen
    placement = Placement.CALIBRATED if calibrated else Placement.PLAIN
    x_axis, y_axis = axes(entry, seen, placement)
    down, across = _shares(y_axis, height), _shares(x_axis, width)
    values = down @ np.maximum(entry.values.astype(np.float64), 0) @ across.T
    rows, columns = within(seen.y0 / height, seen.y1 / height), within(seen.x0 / width, seen.x1 / width)
    values[: rows[0]], values[rows[1] :] = 0, 0
    values[:, : columns[0]], values[:, columns[1] :] = 0, 0
    values.setflags(write=False)
    x, y = centre(entry, *strongest(np.maximum(entry.values, 0)), placement)
    return Heat(values, rows, columns, (x / width, y / height))


def strongest(values: npt.NDArray[np.floating]) -> tuple[int, int]:
    """Return the cell (row, column) with the largest value, none of which is negative.

    Of several that are equal to rounding the one nearest to their mean, and of several as near the first: the first one
    of a flat map would lie in its corner, and which of two equal cells is larger would depend on the processor.
    """
    tied = np.argwhere(values >= float(values.max()) * (1 - _ROUNDING))
    row, column = tied[((tied - tied.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    return int(row), int(column)


def evidence_on(heat: Heat, truth: Truth, photo_size: Size) -> float:
    """Return the sum of the heat on the object; a cell that it covers in part counts by that part."""
    if truth.mask is not None:
        return float(np.vdot(heat.values, _mask_cover(truth.checked_mask(photo_size))))
    width, height = photo_size
    return sum(
        float(cover(box.y0 / height, box.y1 / height) @ heat.values @ cover(box.x0 / width, box.x1 / width))
        for box in truth.union(photo_size)
    )


@lru_cache(maxsize=RECENT)
def cover(start: float, end: float) -> Doubles:
    """Return how much of each cell lies between two fractions of the photo's width or height, (SIDE,), 0..1."""
    shares: Doubles = _covers(np.array([start]), np.array([end]))[0]
    shares.setflags(write=False)
    return shares


@lru_cache(maxsize=RECENT)
def _shares(axis: Axis, length_px: int) -> Doubles:
    """Return by how much each cell of a map counts in each part of its photo, (SIDE, cells); many photos are alike."""
    finer = linear(axis.cell_coordinates(_PLACES * length_px), axis.n)
    shares: Doubles = finer.reshape(SIDE, FINER, -1).mean(axis=1)
    shares.setflags(write=False)
    return shares


def within(start: float, end: float) -> tuple[int, int]:
    """Return from where to where the cells' centres lie between two fractions of the photo's width or height."""
    return int(np.searchsorted(CENTRES, start)), int(np.searchsorted(CENTRES, end))


@lru_cache(maxsize=RECENT)
def _mask_cover(mask: Mask) -> Doubles:
    """Return how much of each cell is marked, (SIDE, SIDE), 0..1."""
    width, height = mask.size
    marked = np.zeros((SIDE, SIDE))
    for some in np.array_split(mask.strips, len(mask.strips) // STRIPS + 1):
        x0, y0, x1, y1 = some.T
        marked += _covers(y0 / height, y1 / height).T @ _covers(x0 / width, x1 / width)
    marked.setflags(write=False)
    return marked


def _covers(starts: Doubles, ends: Doubles) -> Doubles:
    """(N,) -> (N, SIDE)."""
    within = np.minimum(ends[:, None], _EDGES[1:]) - np.maximum(starts[:, None], _EDGES[:-1])
    return np.asarray(np.maximum(within, 0) * SIDE)
