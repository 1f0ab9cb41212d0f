"""COCO's outlines of objects, drawn as masks once a photo's real size is known; what they claim is not believed.

Polygons are filled by COCO's own code. Run lengths are counted here: its C code writes outside its memory when they do
not fit the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from effviz.evaluate.truth import Booleans, Doubles, Mask, Size
from effviz.words import _

CORNERS: Final = 3  # a polygon with fewer has no area
BITS: Final = 5  # of a number in each letter of packed run lengths
LETTERS: Final = 7  # more than any count of pixels needs

Counts = npt.NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """How many pixels, down the columns, are outside, then inside, and so on."""

    counts: str | Counts  # packed as COCO packs them, or numbers
    size: list[Any]  # height and width, as the file has them


Outline = tuple[Doubles, ...] | Runs  # the polygons of one object, x, y, x, y ... each, or run lengths


def read(found: Any) -> Outline | None:
    """Return an object's outline as COCO's file has it; None where there is none that has an area."""
    match found:
        case {"counts": str() as counts, "size": list() as size}:
            return Runs(counts, size)
        case {"counts": list() as counts, "size": list() as size}:
            numbers = _numbers(counts, np.int64)
            return None if numbers is None else Runs(numbers, size)
        case [*polygons] if polygons:
            corners = [_numbers(polygon, np.float64) for polygon in polygons]
            usable = [each for each in corners if each is not None and len(each) >= 2 * CORNERS and len(each) % 2 == 0]
            return tuple(usable) if len(usable) == len(polygons) else None
    return None


def drawn(outlines: Sequence[Outline], size: Size, in_fractions: bool = False) -> Mask:
    """Return what all outlines together cover; polygons may be in fractions of the photo's sides.

    Raises:
        ValueError: one of them does not fit the photo; for the sentence of whoever measures it.
    """
    pixels = np.zeros(size[::-1], np.bool_)  # (H, W)
    polygons: list[Doubles] = []
    for outline in outlines:
        if isinstance(outline, Runs):
            pixels |= _counted(outline, size)
        else:
            polygons += [corners * np.resize(size, len(corners)) for corners in outline] if in_fractions else outline
    if polygons:
        pixels |= _filled(polygons, size)
    return Mask.of(pixels)


def _numbers(found: Any, kind: type[Number]) -> npt.NDArray[Number] | None:
    """Return numbers as an array, which takes a quarter of a list's memory; None where they are none."""
    try:
        numbers = np.array(found, kind)
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if numbers.ndim == 1 else None


def _filled(polygons: list[Doubles], size: Size) -> Booleans:
    reach = 2 * max(size)  # COCO's code walks along every side of a polygon, however long
    if not all((np.abs(corners) <= reach).all() for corners in polygons):
        raise ValueError(_("a polygon has corners far outside the photo"))
    return np.asarray(coco.decode(coco.merge(coco.frPyObjects(polygons, size[1], size[0]))), np.bool_)


def _counted(runs: Runs, size: Size) -> Booleans:
    width, height = size
    if runs.size != [height, width]:
        raise ValueError(_("run lengths are for a picture of another size"))
    counts = _unpacked(runs.counts) if isinstance(runs.counts, str) else runs.counts
    if ((counts < 0) | (counts > width * height)).any() or counts.sum() != width * height:
        raise ValueError(_("run lengths do not add up to the photo's pixels"))
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T


def _unpacked(text: str) -> Counts:
    """Read packed run lengths: five bits a letter, the lowest first; from the fourth on, the last but one is added."""
    letters = np.frombuffer(text.encode(), np.uint8).astype(np.int64) - ord("0")
    if not len(letters) or letters.min() < 0 or letters.max() > 63 or letters[-1] & 32:
        raise ValueError(_("run lengths are not packed as COCO packs them"))
    ends = np.flatnonzero(letters & 32 == 0)
    starts = np.append(0, ends[:-1] + 1)
    place = np.arange(len(letters)) - np.repeat(starts, ends - starts + 1)
    if place.max() >= LETTERS:
        raise ValueError(_("run lengths are not packed as COCO packs them"))
    counts = np.add.reduceat((letters & 31) << BITS * place, starts)
    counts -= np.where(letters[ends] & 16, 1 << BITS * (place[ends] + 1), 0)  # negative ones
    for first in (1, 2):
        counts[first::2] = counts[first::2].cumsum()
    return counts
