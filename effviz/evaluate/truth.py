"""Where the object is, as people marked it on the upright photo: boxes, or a mask."""

import itertools
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from effviz.errors import DatasetError
from effviz.explain.results import Box
from effviz.words import _

Doubles = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Size = tuple[int, int]  # (width, height) in pixels of the upright photo

SMALL = 0.25  # of the photo's area


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Marked pixels as strips: some kilobytes, whatever the photo's size, so many photos may wait to be measured."""

    size: Size
    strips: Doubles  # (N, 4): x0, y0, x1, y1 of each stretch of marked pixels in a row, which is 1 high

    @classmethod
    def of(cls, pixels: Booleans) -> Self:
        """Return the strips of pixels, (H, W)."""
        height, width = pixels.shape
        framed = np.zeros((height, width + 2), np.bool_)  # so that each strip begins and ends within its row
        framed[:, 1:-1] = pixels
        changes = np.flatnonzero(framed.ravel()[1:] != framed.ravel()[:-1])
        rows, starts = np.divmod(changes[::2], width + 2)
        strips = np.stack([starts, rows, changes[1::2] % (width + 2), rows + 1], axis=1).astype(np.float64)
        strips.setflags(write=False)
        return cls((width, height), strips)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Boxes in pixels of the upright photo, and a mask where there is one, which then says what is object.

    Boxes may overlap (their union counts once) and may reach outside the photo (what lies there is left out).
    """

    boxes: tuple[Box, ...]
    mask: Mask | None = None  # of the photo's size

    def share(self, photo_size: Size) -> float:
        """Return the object's part of the photo's area, 0..1."""
        if self.mask is not None:
            x0, _y0, x1, _y1 = self.checked_mask(photo_size).strips.T
            return float((x1 - x0).sum()) / (photo_size[0] * photo_size[1])
        area = sum((box.x1 - box.x0) * (box.y1 - box.y0) for box in self.union(photo_size))
        return area / (photo_size[0] * photo_size[1])

    def small_and_off_centre(self, photo_size: Size) -> bool:
        """Tell whether the object covers less than a quarter of the photo, and not the point in the photo's middle.

        A box holds the points with x0 <= x < x1 and y0 <= y < y1; a mask holds the point that lies in a marked pixel.
        An object outside the photo altogether is no object, and not small.
        """
        width, height = photo_size
        return 0 < self.share(photo_size) < SMALL and not self.holds(width / 2, height / 2, photo_size)

    def holds(self, x: float, y: float, photo_size: Size) -> bool:
        """Tell whether a point of the photo is on the object."""
        if self.mask is not None:
            x0, y0, x1, y1 = self.checked_mask(photo_size).strips.T
            return bool(((x0 <= x) & (x < x1) & (y0 <= y) & (y < y1)).any())
        return any(box.x0 <= x < box.x1 and box.y0 <= y < box.y1 for box in self.inside(photo_size))

    def distance(self, x: float, y: float, photo_size: Size) -> float:
        """Return how far a point is from the object in pixels, 0 on it; inf when there is no object."""
        corners = self._corners(photo_size)
        return float(np.hypot(*_gaps(corners, x, y)).min()) if len(corners) else float("inf")

    def inside(self, photo_size: Size) -> tuple[Box, ...]:
        """Return the boxes cut at the photo's border, without those that have nothing left.

        A mask without boxes has the one box around all of it.
        """
        width, height = photo_size
        boxes = self.boxes or self._around_mask(photo_size)
        cut = (Box(max(b.x0, 0), max(b.y0, 0), min(b.x1, width), min(b.y1, height)) for b in boxes)
        return tuple(box for box in cut if box.x0 < box.x1 and box.y0 < box.y1)

    def union(self, photo_size: Size) -> tuple[Box, ...]:
        """Return boxes that do not overlap and cover together what `inside` covers."""
        boxes = self.inside(photo_size)
        if len(boxes) < 2:
            return boxes
        edges = sorted({edge for box in boxes for edge in (box.x0, box.x1)})
        return tuple(
            Box(left, y0, right, y1)
            for left, right in itertools.pairwise(edges)
            for y0, y1 in _stretches(boxes, left, right)
        )

    def checked_mask(self, photo_size: Size) -> Mask:
        """Return the mask.

        Raises:
            DatasetError: it is not of the photo's size.
        """
        assert self.mask is not None
        if self.mask.size != photo_size:
            raise DatasetError(
                _(
                    "A mask has {mask} pixels and its photo {photo}: both must have the same size, upright. "
                    "Make the mask anew from the upright photo."
                ).format(mask="{} x {}".format(*self.mask.size), photo="{} x {}".format(*photo_size))
            )
        return self.mask

    def _around_mask(self, photo_size: Size) -> tuple[Box, ...]:
        if self.mask is None or not len(strips := self.checked_mask(photo_size).strips):
            return ()
        return (Box(*strips[:, :2].min(axis=0).tolist(), *strips[:, 2:].max(axis=0).tolist()),)

    def _corners(self, photo_size: Size) -> Doubles:
        """Return x0, y0, x1, y1 of each box, or of each strip of the mask, (N, 4)."""
        if self.mask is not None:
            return self.checked_mask(photo_size).strips
        return np.array([(box.x0, box.y0, box.x1, box.y1) for box in self.inside(photo_size)])


def _stretches(boxes: tuple[Box, ...], left: float, right: float) -> list[tuple[float, float]]:
    """Return from where to where the boxes together reach down in a strip; no box's edge lies within it."""
    merged: list[tuple[float, float]] = []
    for y0, y1 in sorted((box.y0, box.y1) for box in boxes if box.x0 <= left and right <= box.x1):
        if merged and y0 <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], y1))
        else:
            merged.append((y0, y1))
    return merged


def _gaps(corners: Doubles, x: float, y: float) -> tuple[Doubles, Doubles]:
    """Return how far a point is from each box across and down, 0 within it."""
    x0, y0, x1, y1 = corners.T
    return np.maximum(np.maximum(x0 - x, x - x1), 0), np.maximum(np.maximum(y0 - y, y - y1), 0)
