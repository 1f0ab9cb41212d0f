"""Annotations, one per object, grouped into one sample per photo or per photo and class.

Also reads `annotations.json`, a list of photos with their boxes:

    [{"file": "images/a.jpg", "width": 500, "height": 375, "label": 65, "wnid": "n01751748", "name": "sea snake",
      "boxes_xyxy": [[111, 108, 441, 193]]}, ...]

Only `file` is required. Boxes are in pixels of the upright photo, or all in fractions of its sides.
"""

import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from effviz.errors import DatasetError
from effviz.evaluate.dataset_samples import DatasetSample, Outline, Size, parse_class, printable
from effviz.evaluate.image_folder import PhotoIndex
from effviz.explain.data_types import Box
from effviz.i18n import _

# Every data set format is read into annotations, so the same rules apply to all: an unusable object or photo becomes
# a row with the reason and never invalidates the whole data set.

FRACTIONS_END: Final = 2.0  # px: no object is that small; boxes in fractions may extend slightly past the border


class ClassName(NamedTuple):
    """A class as parsed by `parse_class`, and the original word."""

    label: int | None = None
    names: tuple[str, ...] = ()
    word: str = ""


NO_CLASS: Final = ClassName()


def class_called(word: str) -> ClassName:
    """Return the class that a word names, or `NO_CLASS` for an empty word."""
    return ClassName(*parse_class(word), word) if word else NO_CLASS


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotated object in a photo, valid or not."""

    photo: str  # its file as written in the annotations, or a substitute name where that is missing
    box: Box | None = None
    named: ClassName = NO_CLASS
    outline: Outline | None = None
    size: Size | None = None  # of the upright photo
    fault: str = ""  # why this annotation cannot be used
    lost: bool = False  # the fault concerns the whole photo: it has no file, or cannot be measured


@dataclass(frozen=True, slots=True)
class GroupingRules:
    """How annotations are grouped into samples."""

    find: Callable[[str], Path]  # returns a photo's path
    by_class: bool  # whether each class in a photo becomes a sample of its own
    always_named: bool = False  # whether the class follows the photo's name even if there is only one


def group_annotations(marks: Iterable[Annotation], form: GroupingRules) -> tuple[DatasetSample, ...]:
    """Return one sample per photo (or photo and class), in order of first appearance, with all its annotations."""
    photos: dict[str, list[Annotation]] = {}
    for mark in marks:
        photos.setdefault(mark.photo, []).append(mark)
    taken: set[str] = set()
    samples = []
    for photo, on_photo in photos.items():
        for sample in _samples(photo, on_photo, form):
            name, number = sample.name, 2
            while sample.name in taken:  # names that differ only in unprintable characters
                sample = dataclasses.replace(sample, name=f"{name} ({number})")
                number += 1
            taken.add(sample.name)
            samples.append(sample)
    return tuple(samples)


def read_box(edges: Any) -> Box:
    """Return the box of a list x0, y0, x1, y1.

    Raises:
        ValueError: not four finite numbers, or x0 > x1 or y0 > y1; callers include the text in their own message.
    """
    try:
        numbers = [float(edge) for edge in edges] if isinstance(edges, list | tuple) else []
    except (TypeError, ValueError, OverflowError):
        numbers = []
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or numbers[0] > numbers[2] or numbers[1] > numbers[3]:
        raise ValueError(_("{numbers} is not a valid box").format(numbers=repr(numbers or edges)[:60]))
    return Box(*numbers)


def read_size(width: Any, height: Any) -> Size | None:
    """Return a photo's size, or None where it is missing or 0.

    Raises:
        ValueError: not a valid size.
    """
    try:
        sides = tuple(int(float(side or 0)) for side in (width, height))
        if min(sides) < 0:
            raise ValueError
    except (TypeError, ValueError, OverflowError) as error:
        text = _("{width} x {height} is not a valid size")
        raise ValueError(text.format(width=repr(width)[:20], height=repr(height)[:20])) from error
    return (sides[0], sides[1]) if all(sides) else None


def photo_finder(root: Path, *more: Path) -> Callable[[str], Path]:
    """Return a function that finds a photo by its name, in the first folder or else in one of the others.

    An exact path is preferred to a match by `PhotoIndex`. For a photo that is not found, the function returns its
    path in the first folder.
    """
    index = cache(PhotoIndex)

    def find(name: str) -> Path:
        if os.path.isfile(os.path.join(root, name)):  # called often, and pathlib is several times slower
            return root / name
        for folder in (root, *more):
            if within := index(folder).within(name):
                return folder / within
        return root / name

    return find


def detect_fractions(samples: Sequence[DatasetSample]) -> tuple[tuple[DatasetSample, ...], bool]:
    """Return the samples, marked as fractions if all their boxes are, and whether they are.

    If only some boxes have all their coordinates below `FRACTIONS_END`, those are left out, with the reason.
    """
    kinds = {_is_small(box) for sample in samples for box in sample.boxes} - {None}
    if kinds == {True}:
        return tuple(dataclasses.replace(sample, fractions=True) for sample in samples), True
    if kinds == {True, False}:
        return tuple(map(_without_small, samples)), False
    return tuple(samples), False


def _samples(photo: str, on_photo: Sequence[Annotation], form: GroupingRules) -> Iterator[DatasetSample]:
    faults = [mark.fault for mark in on_photo if mark.fault]
    first_size = next((mark.size for mark in on_photo if mark.size), None)
    usable: dict[tuple[Any, ...], list[Annotation]] = {}
    for mark in on_photo:
        if mark.size is not None and mark.size != first_size:
            faults.append(_sizes(photo, first_size, mark.size))
        elif mark.box is not None or mark.named != NO_CLASS:
            usable.setdefault(mark.named[:2] if form.by_class else (), []).append(mark)
    try:
        path, broken = form.find(photo), next((mark.fault for mark in on_photo if mark.lost), "")
    except DatasetError as error:  # several files match
        path, broken = Path(photo), str(error)
    whole = DatasetSample(path, printable(photo), size=first_size, broken=broken)
    named = form.by_class and (form.always_named or len(usable) > 1)
    for number, marks in enumerate(usable.values() or [[]]):
        new = () if number or broken else tuple(dict.fromkeys(faults))
        yield _sample(dataclasses.replace(whole, faults=new), marks, named)


def _sample(sample: DatasetSample, marks: Sequence[Annotation], with_class: bool) -> DatasetSample:
    """Return a photo with all its objects, or with those of one class."""
    same = len({mark.named[:2] for mark in marks}) == 1
    named = marks[0].named if same else NO_CLASS
    behind = printable(named.word) if with_class else ""
    boxes = tuple(mark.box for mark in marks if mark.box is not None)
    around = tuple(mark.outline for mark in marks if mark.outline is not None)
    return dataclasses.replace(
        sample,
        name=f"{sample.name} [{behind}]" if behind else sample.name,
        label=named.label,
        class_names=named.names,
        boxes=boxes,
        outlines=around if len(around) == len(boxes) else (),
    )


def _sizes(photo: str, one: Size | None, other: Size) -> str:
    text = _("{name} has two sizes, {one} and {other} pixels: a photo has only one. Correct the annotations.")
    return text.format(name=printable(photo), one="{} x {}".format(*(one or (0, 0))), other="{} x {}".format(*other))


def _is_small(box: Box) -> bool | None:
    """Return whether a box can only be in fractions; None if it has no area, which is inconclusive."""
    has_area = box.x0 < box.x1 and box.y0 < box.y1
    return max(map(abs, astuple(box))) < FRACTIONS_END if has_area else None


def _without_small(sample: DatasetSample) -> DatasetSample:
    small = [box for box in sample.boxes if _is_small(box)]
    if not small:
        return sample
    reason = _(
        "A box of {name} ({edges}) appears to be in fractions, with all values below {most:g}, but other boxes of the "
        "data set are in pixels: use one unit for all. Correct the box."
    ).format(name=sample.name, most=FRACTIONS_END, edges=", ".join(f"{edge:g}" for edge in astuple(small[0])))
    large = tuple(box for box in sample.boxes if box not in small)
    return dataclasses.replace(sample, boxes=large, outlines=(), faults=(*sample.faults, reason))


def read_annotations_json(file: Path, entries: Sequence[Any]) -> Iterator[Annotation]:
    """Yield the annotations of a parsed `annotations.json`: each entry's photo and its boxes."""
    for number, entry in enumerate(entries):
        fault = partial(_fault, file, number)
        if isinstance(entry, dict) and isinstance(entry.get("file"), str):
            yield from _entry_annotations(entry["file"], entry, fault)
        else:
            reason = _("{key} is missing").format(key="'file'") if isinstance(entry, dict) else no_object(entry)
            yield Annotation(f"entry {number}", fault=fault(reason), lost=True)


def _fault(file: Path, number: int, reason: object) -> str:
    return _(
        'Entry {number} of {file} is invalid ({reason}): each entry needs "file", and any boxes as lists of four '
        'numbers in "boxes_xyxy". Correct it.'
    ).format(number=number, file=file.name, reason=reason)


def no_object(entry: Any) -> str:
    """Return the message that an entry of a JSON file is not an object."""
    return _("{entry} is not a JSON object").format(entry=repr(entry)[:40])


def _entry_annotations(photo: str, entry: dict[str, Any], fault: Callable[[object], str]) -> Iterator[Annotation]:
    try:
        size = read_size(entry["width"], entry["height"]) if {"width", "height"} <= entry.keys() else None
    except ValueError as error:
        yield Annotation(photo, fault=fault(error), lost=True)
        return
    named, wrong = _entry_class(entry)
    if wrong:
        yield Annotation(photo, fault=fault(wrong))
    marked = entry.get("boxes_xyxy") or []
    if not isinstance(marked, list):
        yield Annotation(photo, fault=fault(_("{boxes} is not a list of boxes").format(boxes=repr(marked)[:40])))
        marked = []
    yield Annotation(photo, named=named, size=size)
    for row in marked:
        try:
            yield Annotation(photo, read_box(row), named, size=size)
        except ValueError as error:
            yield Annotation(photo, fault=fault(error))


def _entry_class(entry: dict[str, Any]) -> tuple[ClassName, str]:
    """Return an entry's class, and what is wrong with its label, if anything."""
    texts = tuple(str(entry[key]) for key in ("name", "wnid") if entry.get(key))
    label, names, wrong = None, texts[:1] if entry.get("name") else (), ""
    if entry.get("wnid"):
        label, others = parse_class(str(entry["wnid"]))
        names = (*names, *others)
    try:
        label, numbers = _entry_label(entry.get("label"), label)
    except ValueError as error:
        numbers, wrong = (), str(error)
    return ClassName(label, names or numbers, next(iter((*texts, *numbers)), "")), wrong


def _entry_label(written: Any, otherwise: int | None) -> tuple[int | None, tuple[str, ...]]:
    """Parse an entry's label as a class number and names."""
    if written is None:
        return otherwise, ()
    if isinstance(written, str):
        return parse_class(written.strip())
    if isinstance(written, bool) or not isinstance(written, int | float) or written != written // 1:
        raise ValueError(_("{label} is neither a class number nor a class name").format(label=repr(written)[:40]))
    label = int(written)
    return label, (str(label),) if label >= 0 else ()
