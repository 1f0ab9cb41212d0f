"""A data set as a list of photos, each with its classes and its ground truth: boxes, masks or COCO outlines."""

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco

from effviz.errors import DatasetError, TargetError
from effviz.explain.data_types import Box, Doubles, read_only
from effviz.i18n import _
from effviz.zoo import imagenet_classes
from effviz.zoo.imagenet_classes import ImageNetClass
from effviz.zoo.model import ModelSpec

Booleans = npt.NDArray[np.bool_]
Size = tuple[int, int]  # (width, height) in pixels of the upright photo
SMALL_SHARE = 0.25  # of the photo's area


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
        return cls((width, height), read_only(strips))


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """Boxes in pixels of the upright photo, and a mask where there is one, which then says what is object.

    Boxes may overlap (their union counts once) and may reach outside the photo (what lies there is left out).
    """

    boxes: tuple[Box, ...]
    mask: Mask | None = None  # of the photo's size

    def share(self, photo_size: Size) -> float:
        """Return the object's part of the photo's area, 0..1."""
        x0, y0, x1, y1 = self._parts(photo_size, self.union).T
        return float(sum(((x1 - x0) * (y1 - y0)).tolist())) / (photo_size[0] * photo_size[1])

    def small_and_off_centre(self, photo_size: Size) -> bool:
        """Tell whether the object covers less than a quarter of the photo, and not the point in the photo's middle.

        A box holds the points with x0 <= x < x1 and y0 <= y < y1; a mask holds the point that lies in a marked pixel.
        An object outside the photo altogether is no object, and not small.
        """
        width, height = photo_size
        return 0 < self.share(photo_size) < SMALL_SHARE and not self.holds(width / 2, height / 2, photo_size)

    def holds(self, x: float, y: float, photo_size: Size) -> bool:
        """Tell whether a point of the photo is on the object."""
        x0, y0, x1, y1 = self._parts(photo_size, self.inside).T
        return bool(((x0 <= x) & (x < x1) & (y0 <= y) & (y < y1)).any())

    def distance(self, x: float, y: float, photo_size: Size) -> float:
        """Return how far a point is from the object in pixels, 0 on it; inf when there is no object."""
        x0, y0, x1, y1 = self._parts(photo_size, self.inside).T
        across, down = np.maximum(np.maximum(x0 - x, x - x1), 0), np.maximum(np.maximum(y0 - y, y - y1), 0)
        return float(np.hypot(across, down).min(initial=np.inf))

    def inside(self, photo_size: Size) -> tuple[Box, ...]:
        """Return the boxes cut at the photo's border, without those that have nothing left."""
        width, height = photo_size
        cut = (Box(max(b.x0, 0), max(b.y0, 0), min(b.x1, width), min(b.y1, height)) for b in self.boxes)
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
            text = _(
                "A mask has {mask} pixels and its photo {photo}: both must have the same size, upright. "
                "Make the mask anew from the upright photo."
            )
            raise DatasetError(text.format(mask="{} x {}".format(*self.mask.size), photo="{} x {}".format(*photo_size)))
        return self.mask

    def _parts(self, photo_size: Size, boxes: Callable[[Size], tuple[Box, ...]]) -> Doubles:
        """Return x0, y0, x1, y1 of the strips of the mask, else of `boxes`, (N, 4); the union of many takes long."""
        if self.mask is not None:
            return self.checked_mask(photo_size).strips
        return np.array([astuple(box) for box in boxes(photo_size)], np.float64).reshape(-1, 4)


def _stretches(boxes: tuple[Box, ...], left: float, right: float) -> list[tuple[float, float]]:
    """Return from where to where the boxes together reach down in a strip; no box's edge lies within it."""
    merged: list[tuple[float, float]] = []
    for y0, y1 in sorted((box.y0, box.y1) for box in boxes if box.x0 <= left and right <= box.x1):
        if merged and y0 <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], y1))
        else:
            merged.append((y0, y1))
    return merged


# COCO's outlines, drawn as masks once a photo's real size is known; what they claim is not believed. COCO's own code
# fills polygons. Run lengths are counted here: its C code writes outside its memory when they do not fit the picture.

CORNERS: Final = 3  # a polygon with fewer has no area
BITS: Final = 5  # of a number in each letter of packed run lengths
LETTERS: Final = 7  # more than any count of pixels needs
Counts = npt.NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class RunLengths:
    """How many pixels, down the columns, are outside, then inside, and so on."""

    counts: str | Counts  # packed as COCO packs them, or numbers
    size: list[Any]  # height and width, as the file has them


Outline = tuple[Doubles, ...] | RunLengths  # the polygons of one object, x, y, x, y ... each, or run lengths


def read_outline(content: Any) -> Outline | None:
    """Return an object's outline as COCO's file has it; None where there is none that has an area."""
    match content:
        case {"counts": str() as counts, "size": list() as size}:
            return RunLengths(counts, size)
        case {"counts": list() as counts, "size": list() as size}:
            numbers = _number_array(counts, np.int64)
            return None if numbers is None else RunLengths(numbers, size)
        case [*polygons] if polygons:
            corners = [_number_array(polygon, np.float64) for polygon in polygons]
            usable = [part for part in corners if part is not None and len(part) >= 2 * CORNERS and len(part) % 2 == 0]
            return tuple(usable) if len(usable) == len(polygons) else None
    return None


def draw_outlines(outlines: Sequence[Outline], size: Size, in_fractions: bool = False) -> Mask:
    """Return what all outlines together cover; polygons may be in fractions of the photo's sides.

    Raises:
        ValueError: one of them does not fit the photo; for the sentence of whoever measures it.
    """
    pixels = np.zeros(size[::-1], np.bool_)  # (H, W)
    polygons: list[Doubles] = []
    for outline in outlines:
        if isinstance(outline, RunLengths):
            pixels |= _counted(outline, size)
        else:
            polygons += [corners * np.resize(size, len(corners)) for corners in outline] if in_fractions else outline
    if polygons:
        pixels |= _filled(polygons, size)
    return Mask.of(pixels)


def _number_array(content: Any, kind: type[Number]) -> npt.NDArray[Number] | None:
    """Return numbers as an array, a quarter of a list's memory; None if they are not all numbers."""
    try:
        numbers = np.array(content, kind)
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if numbers.ndim == 1 else None


def _filled(polygons: list[Doubles], size: Size) -> Booleans:
    reach = 2 * max(size)  # COCO's code walks along every side of a polygon, however long
    if not all((np.abs(corners) <= reach).all() for corners in polygons):
        raise ValueError(_("a polygon has corners far outside the photo"))
    return np.asarray(coco.decode(coco.merge(coco.frPyObjects(polygons, size[1], size[0]))), np.bool_)


def _counted(runs: RunLengths, size: Size) -> Booleans:
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


# One photo with what people said about it, and a data set as a list of them.

LONGEST_NUMBER: Final = 18  # digits; a moment such as 20240131123000 is a number, too
SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


@dataclass(frozen=True, slots=True, eq=False)
class DatasetSample:
    """A photo that is not opened yet."""

    path: Path
    name: str  # unlike any other of the data set; its path within it, mostly
    label: int | None = None  # of the 1000 ImageNet classes, or of the data set's own where it has no names
    boxes: tuple[Box, ...] = ()  # empty where nobody marked the object
    class_names: tuple[str, ...] = ()  # what its class is called: for models with other classes than ImageNet's
    size: Size | None = None  # of the upright photo as the annotations say; None where they do not
    outlines: tuple[Outline, ...] = ()  # what becomes the truth's mask once the photo is open; empty: its boxes do
    fractions: bool = False  # boxes and outlines are parts of the photo's width and height, not pixels
    faults: tuple[str, ...] = ()  # why something that was said about it cannot be used: a row each
    broken: str = ""  # why it cannot be measured at all, where that is known beforehand

    def class_for(self, spec: ModelSpec) -> int:
        """Return the index of the photo's class in a model's logits.

        Raises:
            TargetError: the photo has no class, the model does not know it, or its number and its name differ.
        """
        if self.label is not None and (not self.class_names or spec.classes == imagenet_classes.names()):
            return self._checked(self.label, spec)
        for name in self.class_names:
            if (index := imagenet_classes.find_label_slot(name, spec.classes)) is not None:
                return index
        if self.label is not None and all(map(is_number, self.class_names)):  # a number that is nobody's name
            return self._checked(self.label, spec)
        label = _("the class {name!r}").format(name=self.class_names[0]) if self.class_names else _("no class")
        text = _(
            "{name} has {label}: {model} can only be asked for one of its {count} classes. "
            "Take the model's prediction or a fixed class as the target."
        )
        raise TargetError(text.format(name=self.name, label=label, model=spec.name, count=len(spec.classes)))

    def _checked(self, label: int, spec: ModelSpec) -> int:
        if not 0 <= label < len(spec.classes):
            text = _(
                "Class {label} does not exist, which {name} has: {model} has classes 0 to {last}. Correct the "
                "label, or take the model's prediction or a fixed class as the target."
            )
            raise TargetError(text.format(label=label, name=self.name, model=spec.name, last=len(spec.classes) - 1))
        for word in self.class_names:
            synset = _imagenet().get(word)
            meant = imagenet_classes.find_indices([word]) or ({synset.index} if synset else set())
            if meant and label not in meant:
                text = _(
                    "{name} has the label {label}, which is {known}, and is called {word!r}, which is class "
                    "{meant}: both must say the same. Correct the annotations."
                )
                known = imagenet_classes.names()[label]
                raise TargetError(text.format(name=self.name, label=label, known=known, word=word, meant=min(meant)))
        return label


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Photos in one order on every machine."""

    path: Path
    samples: Sequence[DatasetSample]
    fingerprint: str  # of the annotations, or of the files' names and sizes
    annotated: bool  # whether objects are marked
    labelled: bool
    notes: tuple[str, ...] = ()  # for `_`: what was understood in one of several ways

    def __len__(self) -> int:
        return len(self.samples)

    def chosen(self, limit: int | None, seed: int) -> Sequence[int]:
        """Return which photos to take: all, or `limit` of them by chance, in the data set's order."""
        everything = range(len(self))
        if limit is None or limit >= len(self):
            return everything
        return sorted(random.Random(seed).sample(everything, limit))


@lru_cache(maxsize=4096)  # many photos have one class: they share its words
def parse_class(word: str) -> tuple[int | None, tuple[str, ...]]:
    """Read what a folder or a column calls a class: a number, an ImageNet synset such as n01440764, or a name.

    A number is a name, too: a model that has a class of that name means it by that, and not by its place.
    """
    if is_number(word):
        return int(word), (word,)
    entry = _imagenet().get(word) or _imagenet().get(word.casefold())
    return (entry.index, (entry.name, *entry.lemmas, entry.synset)) if entry else (None, (word,))


def is_number(word: str) -> bool:
    """Tell whether a word is a class index: a few ASCII digits."""
    return word.isascii() and word.isdecimal() and len(word) <= LONGEST_NUMBER


def printable(name: str) -> str:
    """Return a file's name as tables and terminals can write it: bytes that are not valid text are escaped."""
    return name.encode(errors="backslashreplace").decode()


@cache
def _imagenet() -> dict[str, ImageNetClass]:
    """Return ImageNet's classes by their synsets and by their names in small letters."""
    classes = imagenet_classes.all_classes()
    return {entry.name.casefold(): entry for entry in classes} | {entry.synset: entry for entry in classes}
