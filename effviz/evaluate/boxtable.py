"""ImageNet's photos with a table of boxes, as CSV.

Either Kaggle's `LOC_val_solution.csv` (`ImageId,PredictionString`, the latter `n01751748 111 108 441 193 ...`), or one
box a row: a column for the photo (`file`, `image` or `ImageId`), `x0,y0,x1,y1` or `xmin,ymin,xmax,ymax`, and where
there is one the class (`label`, `class`, `wnid` or `synset`). Photos may lie in class folders, and have any suffix.
"""

import csv
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from effviz.errors import DatasetError
from effviz.evaluate.annotations import boxes, fingerprint
from effviz.evaluate.folders import Places
from effviz.evaluate.samples import Dataset, Sample, class_of
from effviz.evaluate.truth import Truth
from effviz.explain.results import Box
from effviz.words import _

PHOTO: Final = ("file", "image", "imageid", "filename", "image_id")
CLASS: Final = ("label", "class", "wnid", "synset")
EDGES: Final = (("x0", "y0", "x1", "y1"), ("xmin", "ymin", "xmax", "ymax"))
KAGGLE: Final = "predictionstring"


class _Marked(NamedTuple):
    photo: str
    word: str  # the class; "" where there is none
    box: Box


def looks_like_boxes(file: Path) -> bool:
    """Tell whether a CSV's header is one of these."""
    with file.open(encoding="utf-8-sig", newline="", errors="replace") as opened:
        header = {column.strip().lower() for column in next(csv.reader(opened), [])}
    return bool(header & set(PHOTO)) and (KAGGLE in header or any(set(edges) <= header for edges in EDGES))


def read(file: Path, root: Path) -> Dataset:
    """List the photos of a table; rows of one photo and class are brought together.

    Raises:
        DatasetError: it has other columns, a row is not complete, or several files fit a name.
    """
    if not looks_like_boxes(file):
        raise DatasetError(
            _(
                "{file} has other columns: ImageId,PredictionString or file,x0,y0,x1,y1 with a label, are allowed. "
                "Name its columns like that."
            ).format(file=file)
        )
    found_at, named = Places(root), cache(class_of)  # many photos have one class: they share its words
    found: dict[tuple[str, str], list[Box]] = {}
    for row in _rows(file):
        found.setdefault((row.photo, row.word), []).append(row.box)
    samples = []
    for (photo, word), marked in found.items():
        label, names = named(word) if word else (None, ())
        samples.append(Sample(_place(root, photo, found_at), photo, label, Truth(tuple(marked)), names))
    labelled = any(sample.label is not None or sample.class_names for sample in samples)
    return Dataset(file, tuple(samples), fingerprint(file), annotated=True, labelled=labelled)


def _place(root: Path, photo: str, found_at: Places) -> Path:
    """Return the file that is called just so, or the one that fits; one that is not there stays in the list."""
    just_so = os.path.isfile(os.path.join(root, photo))  # many: pathlib takes several times as long
    return (None if just_so else found_at.find(photo)) or root / photo


def _rows(file: Path) -> Iterator[_Marked]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        for number, row in enumerate(csv.DictReader(opened), start=2):
            try:
                if None in row or None in row.values():
                    raise ValueError(_("it has more or fewer cells than the header"))
                yield from _marked({key.strip().lower(): value.strip() for key, value in row.items()})
            except ValueError as error:
                raise DatasetError(
                    _(
                        "Line {number} of {file} cannot be used ({error}): each needs a photo and four numbers for a "
                        "box. Correct it."
                    ).format(number=number, file=file, error=error)
                ) from error


def _marked(row: dict[str, str]) -> Iterator[_Marked]:
    photo = next(row[column] for column in PHOTO if column in row)
    if KAGGLE not in row:
        edges = next(edges for edges in EDGES if set(edges) <= row.keys())
        word = next((row[column] for column in CLASS if column in row), "")
        yield _Marked(photo, word, *boxes([[row[edge] for edge in edges]]))
        return
    words = row[KAGGLE].split()
    if not words or len(words) % 5:
        raise ValueError(f"{len(words)} words instead of five a box")
    for start in range(0, len(words), 5):
        yield _Marked(photo, words[start], *boxes([words[start + 1 : start + 5]]))
