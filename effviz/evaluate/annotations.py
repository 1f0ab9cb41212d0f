"""`annotations.json`: a list of photos, each with its boxes.

    [{"file": "images/a.jpg", "width": 500, "height": 375, "label": 65, "wnid": "n01751748", "name": "sea snake",
      "boxes_xyxy": [[111, 108, 441, 193]]}, ...]

Only `file` is needed; boxes are in pixels of the upright photo, or all in fractions of its sides.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from effviz.evaluate import marks
from effviz.evaluate.marks import Mark, Named
from effviz.evaluate.samples import class_of
from effviz.explain.results import Box
from effviz.words import _


def fingerprint(file: Path) -> str:
    """Return the sha256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def read(file: Path, entries: Sequence[Any]) -> Iterator[Mark]:
    """Yield the marks of an `annotations.json` that is already parsed: each entry's photo and its boxes."""
    for number, entry in enumerate(entries):
        faults = _Faults(file, number)
        if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
            missing = "'file'" if isinstance(entry, dict) else None
            reason = _("{key} is missing").format(key=missing) if missing else _no_object(entry)
            yield Mark(f"entry {number}", fault=faults.text(reason), lost=True)
        else:
            yield from _marks(entry, faults)


class _Faults:
    """Sentences about one entry."""

    def __init__(self, file: Path, number: int) -> None:
        self._file, self._number = file, number

    def text(self, reason: object) -> str:
        return _(
            'Entry {number} of {file} cannot be used ({reason}): each needs "file", and boxes as lists of four '
            'numbers in "boxes_xyxy". Correct it.'
        ).format(number=self._number, file=self._file.name, reason=reason)


def _no_object(entry: Any) -> str:
    return _("{entry} is no object").format(entry=repr(entry)[:40])


def _marks(entry: dict[str, Any], faults: _Faults) -> Iterator[Mark]:
    photo = entry["file"]
    try:
        size = marks.size(entry["width"], entry["height"]) if {"width", "height"} <= entry.keys() else None
    except ValueError as error:
        yield Mark(photo, fault=faults.text(error), lost=True)
        return
    named, wrong = _class(entry)
    if wrong:
        yield Mark(photo, fault=faults.text(wrong))
    marked = entry.get("boxes_xyxy") or []
    if not isinstance(marked, list):
        yield Mark(photo, fault=faults.text(_("{boxes} are no boxes").format(boxes=repr(marked)[:40])))
        marked = []
    yield Mark(photo, named=named, size=size)
    for row in marked:
        try:
            yield Mark(photo, _box(row), named, size=size)
        except ValueError as error:
            yield Mark(photo, fault=faults.text(error))


def _box(row: Any) -> Box:
    if not isinstance(row, list):
        raise ValueError(_("{numbers} is no box").format(numbers=repr(row)[:40]))
    return marks.box(row)


def _class(entry: dict[str, Any]) -> tuple[Named, str]:
    """Return an entry's class, and what is wrong with its number."""
    said = tuple(str(entry[key]) for key in ("name", "wnid") if entry.get(key))
    label, names, wrong = None, said[:1] if entry.get("name") else (), ""
    if entry.get("wnid"):
        label, others = class_of(str(entry["wnid"]))
        names = (*names, *others)
    try:
        label, numbers = _number(entry.get("label"), label)
    except ValueError as error:
        numbers, wrong = (), str(error)
    return Named(label, names or numbers, next(iter((*said, *numbers)), "")), wrong


def _number(written: Any, otherwise: int | None) -> tuple[int | None, tuple[str, ...]]:
    """Read an entry's label as a class's number and its names."""
    if written is None:
        return otherwise, ()
    if isinstance(written, str):
        return class_of(written.strip())
    if isinstance(written, bool) or not isinstance(written, int | float) or written != written // 1:
        raise ValueError(_("{label} is neither a class's number nor its name").format(label=repr(written)[:40]))
    label = int(written)
    return label, (str(label),) if label >= 0 else ()
