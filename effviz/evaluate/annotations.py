"""`annotations.json`: a list of photos, each with its boxes.

    [{"file": "images/a.jpg", "width": 500, "height": 375, "label": 65, "wnid": "n01751748", "name": "sea snake",
      "boxes_xyxy": [[111, 108, 441, 193]]}, ...]

Only `file` is needed; boxes are in pixels of the upright photo.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from effviz.errors import DatasetError
from effviz.evaluate.samples import Dataset, Sample, class_of, printable
from effviz.evaluate.truth import Truth
from effviz.explain.results import Box
from effviz.words import _


def read(file: Path, root: Path, entries: Sequence[Any]) -> Dataset:
    """List the photos of an `annotations.json` that is already parsed.

    Raises:
        DatasetError: an entry has no file, or its numbers are none.
    """
    samples = tuple(_sample(file, root, number, entry) for number, entry in enumerate(entries))
    return Dataset(
        path=file,
        samples=samples,
        fingerprint=fingerprint(file),
        annotated=any(sample.truth is not None for sample in samples),
        labelled=any(sample.label is not None or sample.class_names for sample in samples),
    )


def fingerprint(file: Path) -> str:
    """Return the sha256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def boxes(rows: Iterable[Iterable[float | str]]) -> tuple[Box, ...]:
    """Return boxes from x0, y0, x1, y1.

    Raises:
        ValueError: they are not four numbers, or end before they begin; for the sentence of whoever reads the file.
    """
    edges = [[float(edge) for edge in row] for row in rows]
    for row in edges:
        if len(row) != 4 or not all(map(math.isfinite, row)) or row[0] > row[2] or row[1] > row[3]:
            raise ValueError(_("{numbers} is no box").format(numbers=row))
    return tuple(Box(*row) for row in edges)


def _sample(file: Path, root: Path, number: int, entry: Any) -> Sample:
    try:
        if not isinstance(entry, dict):
            raise ValueError(_("{entry} is no object").format(entry=repr(entry)[:40]))
        marked = entry.get("boxes_xyxy") or []
        if not (isinstance(marked, list) and all(isinstance(row, list) for row in marked)):
            raise ValueError(_("{boxes} are no boxes").format(boxes=repr(marked)[:40]))
        size = (int(entry["width"]), int(entry["height"])) if "width" in entry and "height" in entry else None
        label, names = _class(entry)
        return Sample(
            path=root / entry["file"],
            name=printable(str(entry["file"])),
            label=label,
            truth=Truth(boxes(marked)) if marked else None,
            class_names=names,
            size=size,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DatasetError(
            _(
                'Entry {number} of {file} cannot be used ({reason}): each needs "file", and boxes as lists of four '
                'numbers in "boxes_xyxy". Correct it.'
            ).format(number=number, file=file, reason=_reason(error))
        ) from error


def _reason(error: Exception) -> str:
    return _("{key} is missing").format(key=error) if isinstance(error, KeyError) else str(error)


def _class(entry: dict[str, Any]) -> tuple[int | None, tuple[str, ...]]:
    label = None if entry.get("label") is None else int(entry["label"])
    names = (str(entry["name"]),) if entry.get("name") else ()
    if entry.get("wnid"):
        known, others = class_of(str(entry["wnid"]))
        return known if label is None else label, (*names, *others)
    return label, names
