"""Data sets as people have them: a folder, `annotations.json`, COCO, or ImageNet's photos with a table of boxes.

A data set is a list of paths and boxes; photos are opened one by one, when they are measured.
"""

import json
from pathlib import Path
from typing import Any, Final

from effviz.errors import DatasetError
from effviz.evaluate import annotations, boxtable, coco, folders
from effviz.evaluate.samples import Dataset, Sample

__all__ = ["Dataset", "Sample", "open_dataset"]

ANNOTATIONS: Final = "annotations.json"
FORMS: Final = (
    "a folder of photos, an annotations.json, COCO's instances as JSON, or a CSV of boxes beside its photos are allowed"
)


def open_dataset(path: Path, photos: Path | None = None, by_class: bool = True) -> Dataset:
    """Find out what lies at a path and list its photos.

    A folder with an `annotations.json` or a single CSV in it stands for that file.

    Args:
        path: a folder, a JSON file or a CSV file.
        photos: the folder that the file's names start from, where it is not the file's own.
        by_class: COCO only: one sample for each class in a photo, with that class's objects; else all objects together.

    Raises:
        DatasetError: there is nothing of these forms, or no photo in it.
    """
    if not path.exists():
        raise DatasetError(f"{path} does not exist: {FORMS}. Check the path.")
    file = _described_by(path) if path.is_dir() else path
    if file is None:
        return _checked(folders.read(path))
    root = photos or file.parent
    match file.suffix.lower():
        case ".csv":
            return _checked(boxtable.read(file, root))
        case ".json":
            return _checked(_from_json(file, root, by_class))
        case _:
            raise DatasetError(f"{file} is no data set: {FORMS}. Give one of these.")


def _described_by(folder: Path) -> Path | None:
    if (named := folder / ANNOTATIONS).is_file():
        return named
    tables = sorted(folder.glob("*.csv"))
    return tables[0] if len(tables) == 1 and boxtable.looks_like_boxes(tables[0]) else None


def _from_json(file: Path, root: Path, by_class: bool) -> Dataset:
    try:
        content: Any = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file} cannot be read as JSON ({error}): {FORMS}. Correct the file.") from error
    if isinstance(content, dict) and "images" in content and "annotations" in content:
        return coco.read(file, root, content, by_class)
    if isinstance(content, list):
        return annotations.read(file, root, content)
    raise DatasetError(
        f"{file} is JSON of another form: a list of photos with boxes_xyxy, or COCO's images and annotations are "
        "allowed. Bring it into one of these forms."
    )


def _checked(found: Dataset) -> Dataset:
    if not len(found):
        raise DatasetError(f"{found.path} has no photos: at least one is needed. Check the path.")
    return found
