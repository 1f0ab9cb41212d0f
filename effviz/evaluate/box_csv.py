"""CSV tables of boxes, such as those for ImageNet's photos.

Either Kaggle's `LOC_val_solution.csv` (`ImageId,PredictionString`, the latter `n01751748 111 108 441 193 ...`), or one
box per row: a column for the photo (`file`, `image` or `ImageId`), `x0,y0,x1,y1` or `xmin,ymin,xmax,ymax`, and
optionally the class (`label`, `class`, `wnid` or `synset`). Photos may be in class folders and have any suffix.
"""

import codecs
import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from effviz.errors import DatasetError
from effviz.evaluate import annotations
from effviz.evaluate.annotations import Annotation, class_called
from effviz.evaluate.dataset_samples import printable
from effviz.i18n import _

PHOTO: Final = ("file", "image", "imageid", "filename", "image_id")
CLASS: Final = ("label", "class", "wnid", "synset", "labelname", "class_name", "category")
EDGES: Final = (("x0", "y0", "x1", "y1"), ("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"))
SIZE: Final = ("width", "height")
KAGGLE: Final = "predictionstring"
HEADLESS: Final = ("file", "x0", "y0", "x1", "y1", "label")  # the columns of a CSV without a header, as in RetinaNet's
DELIMITERS: Final = (",", ";", "\t")
Row = dict[str, str]


def looks_like_boxes(file: Path) -> bool:
    """Return whether a CSV file has one of these headers, or a box as its first row."""
    return _header(file, errors="replace")[1] is not None


def read(file: Path) -> Iterator[Annotation]:
    """Yield the annotations of a table.

    Raises:
        DatasetError: the table has other columns.
    """
    for number, photo, row in _rows(file):
        try:
            if not row:
                raise ValueError(_("it has more or fewer cells than the header"))
            yield from _marks(photo, row, number, file.name)
        except ValueError as error:
            fault = _(
                "Line {number} of {file} is invalid ({error}): each line needs a photo and the four numbers of a box. "
                "Correct it."
            ).format(number=number, file=file.name, error=error)
            yield Annotation(photo or f"line {number}", fault=fault, lost=not photo)


@contextmanager
def _opened(file: Path, errors: str = "strict") -> Iterator[Iterable[str]]:
    with file.open("rb") as raw:
        start = raw.read(4)
    encoding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    with file.open(encoding=encoding, newline="", errors=errors) as opened:
        yield opened


def _header(file: Path, errors: str = "strict") -> tuple[str, Sequence[str] | None, bool]:
    """Return the delimiter, the columns (None if unknown), and whether the first line is a header."""
    with _opened(file, errors) as lines:
        line = next(iter(lines), "")
    for delimiter in DELIMITERS:
        cells = [cell.strip().lower() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        if set(cells) & set(PHOTO) and (KAGGLE in cells or any(set(edges) <= set(cells) for edges in EDGES)):
            return delimiter, cells, True
        if len(cells) in (5, 6) and (_are_numbers(cells[1:5]) or not any(cells[1:])):
            return delimiter, HEADLESS[: len(cells)], False
    return DELIMITERS[0], None, False


def _are_numbers(cells: Sequence[str]) -> bool:
    try:
        return bool([float(cell) for cell in cells])
    except ValueError:
        return False


def _rows(file: Path) -> Iterator[tuple[int, str, Row]]:
    """Yield each row's line number, photo and cells; rows of the wrong length get no cells."""
    delimiter, columns, named = _header(file)
    if columns is None:
        text = _(
            "{file} does not have the expected columns: ImageId,PredictionString, or file,x0,y0,x1,y1 with an optional "
            "label. Rename its columns."
        )
        raise DatasetError(text.format(file=file))
    photo = next(columns.index(name) for name in PHOTO if name in columns)
    with _opened(file) as lines:
        reader = csv.reader(lines, delimiter=delimiter)
        for cells in reader:
            if not cells or (named and reader.line_num == 1):
                continue
            cells = [cell.strip() for cell in cells]
            row = dict(zip(columns, cells, strict=True)) if len(cells) == len(columns) else {}
            yield reader.line_num, cells[photo] if photo < len(cells) else "", row


def _marks(photo: str, row: Row, number: int, file: str) -> Iterator[Annotation]:
    if not photo:
        raise ValueError(_("it names no photo"))
    if KAGGLE in row:
        yield from _of_kaggle(photo, row[KAGGLE].split())
        return
    label = class_called(next((row[column] for column in CLASS if row.get(column)), ""))
    edges = [row[edge] for edge in next(edges for edges in EDGES if set(edges) <= row.keys())]
    if not any(edges):  # how RetinaNet lists a photo without objects
        words = _("Line {number} of {file} marks no object in {name}.")
        fault = words.format(number=number, file=file, name=printable(photo))
        yield Annotation(photo, named=label, fault=fault)
        return
    size = annotations.read_size(*(row.get(side) for side in SIZE)) if set(SIZE) <= row.keys() else None
    try:
        yield Annotation(photo, annotations.read_box(edges), label, size=size)
    except ValueError:
        yield Annotation(photo, named=label)  # the class is still valid
        raise


def _of_kaggle(photo: str, words: Sequence[str]) -> Iterator[Annotation]:
    yield Annotation(photo)
    if not words or len(words) % 5:
        raise ValueError(_("it has {count} words, not five per box").format(count=len(words)))
    wrong = []
    for start in range(0, len(words), 5):
        label = class_called(words[start])
        try:
            yield Annotation(photo, annotations.read_box(words[start + 1 : start + 5]), label)
        except ValueError as error:
            yield Annotation(photo, named=label)
            wrong.append(str(error))
    if wrong:
        raise ValueError(wrong[0])
