"""Data sets as lists of photos, each with its classes and ground truth: boxes, masks or COCO outlines."""

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
    """Marked pixels as strips: a few kilobytes at any photo size, so many photos can wait to be measured."""

    size: Size
    strips: Doubles  # (N, 4): x0, y0, x1, y1 of each run of marked pixels in a row, 1 pixel high

    @classmethod
    def of(cls, pixels: Booleans) -> Self:
        """Return the strips of a mask of pixels, (H, W)."""
        height, width = pixels.shape
        framed = np.zeros((height, width + 2), np.bool_)  # padded, so that no strip continues into the next row
        framed[:, 1:-1] = pixels
        changes = np.flatnonzero(framed.ravel()[1:] != framed.ravel()[:-1])
        rows, starts = np.divmod(changes[::2], width + 2)
        strips = np.stack([starts, rows, changes[1::2] % (width + 2), rows + 1], axis=1).astype(np.float64)
        return cls((width, height), read_only(strips))


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """Boxes in pixels of the upright photo, and optionally a mask, which then defines the object instead.

    Boxes may overlap (their union counts once) and may extend outside the photo (that part is ignored).
    """

    boxes: tuple[Box, ...]
    mask: Mask | None = None  # of the photo's size

    def share(self, photo_size: Size) -> float:
        """Return the share of the photo's area that the object covers, 0..1."""
        x0, y0, x1, y1 = self._parts(photo_size, self.union).T
        return float(sum(((x1 - x0) * (y1 - y0)).tolist())) / (photo_size[0] * photo_size[1])

    def small_and_off_centre(self, photo_size: Size) -> bool:
        """Return whether the object covers less than a quarter of the photo, and not the photo's centre point.

        A box contains the points with x0 <= x < x1 and y0 <= y < y1; a mask contains the points in its marked pixels.
        An object entirely outside the photo does not count as an object, so it is not small.
        """
        width, height = photo_size
        return 0 < self.share(photo_size) < SMALL_SHARE and not self.holds(width / 2, height / 2, photo_size)

    def holds(self, x: float, y: float, photo_size: Size) -> bool:
        """Return whether a point of the photo is on the object."""
        x0, y0, x1, y1 = self._parts(photo_size, self.inside).T
        return bool(((x0 <= x) & (x < x1) & (y0 <= y) & (y < y1)).any())

    def distance(self, x: float, y: float, photo_size: Size) -> float:
        """Return the distance from a point to the object in pixels, 0 on it; inf if there is no object."""
        x0, y0, x1, y1 = self._parts(photo_size, self.inside).T
        across, down = np.maximum(np.maximum(x0 - x, x - x1), 0), np.maximum(np.maximum(y0 - y, y - y1), 0)
        return float(np.hypot(across, down).min(initial=np.inf))

    def inside(self, photo_size: Size) -> tuple[Box, ...]:
        """Return the boxes clipped to the photo, without empty ones."""
        width, height = photo_size
        cut = (Box(max(b.x0, 0), max(b.y0, 0), min(b.x1, width), min(b.y1, height)) for b in self.boxes)
        return tuple(box for box in cut if box.x0 < box.x1 and box.y0 < box.y1)

    def union(self, photo_size: Size) -> tuple[Box, ...]:
        """Return non-overlapping boxes that together cover the same area as `inside`."""
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
            DatasetError: the mask does not have the photo's size.
        """
        assert self.mask is not None
        if self.mask.size != photo_size:
            text = _(
                "A mask is {mask} pixels and its upright photo {photo}: both must have the same size. Create the mask "
                "again from the upright photo."
            )
            raise DatasetError(text.format(mask="{} x {}".format(*self.mask.size), photo="{} x {}".format(*photo_size)))
        return self.mask

    def _parts(self, photo_size: Size, boxes: Callable[[Size], tuple[Box, ...]]) -> Doubles:
        """Return x0, y0, x1, y1 of the mask's strips, else of `boxes`, (N, 4); a function, because unions are slow."""
        if self.mask is not None:
            return self.checked_mask(photo_size).strips
        return np.array([astuple(box) for box in boxes(photo_size)], np.float64).reshape(-1, 4)


def _stretches(boxes: tuple[Box, ...], left: float, right: float) -> list[tuple[float, float]]:
    """Return the y ranges that the boxes cover in a vertical strip that no box's edge divides."""
    merged: list[tuple[float, float]] = []
    for y0, y1 in sorted((box.y0, box.y1) for box in boxes if box.x0 <= left and right <= box.x1):
        if merged and y0 <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], y1))
        else:
            merged.append((y0, y1))
    return merged


# COCO outlines, drawn as masks once a photo's real size is known, because the annotated size is not trusted. COCO's own
# code fills polygons. Run lengths are decoded here: COCO's C code writes out of bounds if they do not fit the picture.

CORNERS: Final = 3  # a polygon with fewer has no area
BITS: Final = 5  # of a number in each letter of compressed run lengths
LETTERS: Final = 7  # more than any pixel count needs
Counts = npt.NDArray[np.int64]
Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class RunLengths:
    """Alternating numbers of pixels outside and inside the object, in column-major order."""

    counts: str | Counts  # in COCO's compressed format, or numbers
    size: list[Any]  # height and width, as in the file


Outline = tuple[Doubles, ...] | RunLengths  # the polygons of one object, x, y, x, y ... each, or run lengths


def read_outline(content: Any) -> Outline | None:
    """Return an object's outline in COCO's format; None if it has no outline with an area."""
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
    """Return the area covered by all outlines together; polygons may be in fractions of the photo's sides.

    Raises:
        ValueError: an outline does not fit the photo; the caller puts the text into its own message.
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
    """Return numbers as an array, which takes a quarter of a list's memory; None if not all are numbers."""
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
        raise ValueError(_("run lengths are for a photo of another size"))
    counts = _unpacked(runs.counts) if isinstance(runs.counts, str) else runs.counts
    if ((counts < 0) | (counts > width * height)).any() or counts.sum() != width * height:
        raise ValueError(_("run lengths do not add up to the photo's number of pixels"))
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T


def _unpacked(text: str) -> Counts:
    """Decode compressed run lengths: 5 bits per letter, lowest first; from the fourth on, add the last but one."""
    letters = np.frombuffer(text.encode(), np.uint8).astype(np.int64) - ord("0")
    if not len(letters) or letters.min() < 0 or letters.max() > 63 or letters[-1] & 32:
        raise ValueError(_("run lengths are not in COCO's compressed format"))
    ends = np.flatnonzero(letters & 32 == 0)
    starts = np.append(0, ends[:-1] + 1)
    place = np.arange(len(letters)) - np.repeat(starts, ends - starts + 1)
    if place.max() >= LETTERS:
        raise ValueError(_("run lengths are not in COCO's compressed format"))
    counts = np.add.reduceat((letters & 31) << BITS * place, starts)
    counts -= np.where(letters[ends] & 16, 1 << BITS * (place[ends] + 1), 0)  # sign extension
    for first in (1, 2):
        counts[first::2] = counts[first::2].cumsum()
    return counts


# One annotated photo, and a data set as a list of them.

LONGEST_NUMBER: Final = 18  # digits; a timestamp such as 20240131123000 is a number, too
SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")


@dataclass(frozen=True, slots=True, eq=False)
class DatasetSample:
    """A photo that has not been opened yet."""

    path: Path
    name: str  # unique in the data set; usually its path in it
    label: int | None = None  # index among the 1000 ImageNet classes, or the data set's own if they have no names
    boxes: tuple[Box, ...] = ()  # empty if no object is annotated
    class_names: tuple[str, ...] = ()  # names of its class, for models with other classes than ImageNet's
    size: Size | None = None  # of the upright photo according to the annotations; None if they do not give it
    outlines: tuple[Outline, ...] = ()  # drawn as the ground truth's mask once the photo is open; empty: use the boxes
    fractions: bool = False  # boxes and outlines are in fractions of the photo's width and height, not pixels
    faults: tuple[str, ...] = ()  # why individual annotations cannot be used: one row each
    broken: str = ""  # why it cannot be measured at all, if known in advance

    def class_for(self, spec: ModelSpec) -> int:
        """Return the index of the photo's class in a model's logits.

        Raises:
            TargetError: the photo has no class, the model does not have it, or its number and its name differ.
        """
        if self.label is not None and (not self.class_names or spec.classes == imagenet_classes.names()):
            return self._checked(self.label, spec)
        for name in self.class_names:
            if (index := imagenet_classes.find_label_slot(name, spec.classes)) is not None:
                return index
        if self.label is not None and all(map(is_number, self.class_names)):  # no class has this number as its name
            return self._checked(self.label, spec)
        label = _("the class {name!r}").format(name=self.class_names[0]) if self.class_names else _("no class")
        text = _(
            "{name} has {label}: {model} can explain only its own {count} classes. Use the model's prediction or a "
            "fixed class as the target."
        )
        raise TargetError(text.format(name=self.name, label=label, model=spec.name, count=len(spec.classes)))

    def _checked(self, label: int, spec: ModelSpec) -> int:
        if not 0 <= label < len(spec.classes):
            text = _(
                "{name} has label {label}, which does not exist: {model} has classes 0 to {last}. Correct the label, "
                "or use the model's prediction or a fixed class as the target."
            )
            raise TargetError(text.format(label=label, name=self.name, model=spec.name, last=len(spec.classes) - 1))
        for word in self.class_names:
            synset = _imagenet().get(word)
            meant = imagenet_classes.find_indices([word]) or ({synset.index} if synset else set())
            if meant and label not in meant:
                text = _(
                    "{name} has label {label} ({known}) and class name {word!r}, which is class {meant}: both must "
                    "agree. Correct the annotations."
                )
                known = imagenet_classes.names()[label]
                raise TargetError(text.format(name=self.name, label=label, known=known, word=word, meant=min(meant)))
        return label


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Photos, in the same order on every machine."""

    path: Path
    samples: Sequence[DatasetSample]
    fingerprint: str  # of the annotations, or of the files' names and sizes
    annotated: bool  # whether it has annotated objects
    labelled: bool
    notes: tuple[str, ...] = ()  # marked for translation: how something ambiguous was interpreted

    def __len__(self) -> int:
        return len(self.samples)

    def chosen(self, limit: int | None, seed: int) -> Sequence[int]:
        """Return the indices of the photos to measure: all, or `limit` random ones, in the data set's order."""
        everything = range(len(self))
        if limit is None or limit >= len(self):
            return everything
        return sorted(random.Random(seed).sample(everything, limit))


@lru_cache(maxsize=4096)  # many photos have the same class and share its names
def parse_class(word: str) -> tuple[int | None, tuple[str, ...]]:
    """Parse a class as a folder or column names it: a number, an ImageNet synset such as n01440764, or a name.

    A number is also returned as a name: for a model with a class of that name, it is a name and not an index.
    """
    if is_number(word):
        return int(word), (word,)
    entry = _imagenet().get(word) or _imagenet().get(word.casefold())
    return (entry.index, (entry.name, *entry.lemmas, entry.synset)) if entry else (None, (word,))


def is_number(word: str) -> bool:
    """Return whether a word is a class index: at most `LONGEST_NUMBER` ASCII digits."""
    return word.isascii() and word.isdecimal() and len(word) <= LONGEST_NUMBER


def printable(name: str) -> str:
    """Return a file name that tables and terminals can print: bytes that are not valid text are escaped."""
    return name.encode(errors="backslashreplace").decode()


@cache
def _imagenet() -> dict[str, ImageNetClass]:
    """Return ImageNet's classes by synset and by lower-case name."""
    classes = imagenet_classes.all_classes()
    return {entry.name.casefold(): entry for entry in classes} | {entry.synset: entry for entry in classes}
