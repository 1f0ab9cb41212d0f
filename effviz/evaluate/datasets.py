"""Data sets as people have them: a folder, `annotations.json`, COCO, or ImageNet's photos with a table of boxes.

A data set is a list of paths and boxes; photos are opened one by one, when they are measured.
"""

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any, Final

from effviz.errors import DatasetError
from effviz.evaluate import annotations, boxtable, coco, folders
from effviz.evaluate.samples import Dataset, Sample
from effviz.evaluate.truth import Truth
from effviz.words import _, later

__all__ = ["Dataset", "Sample", "open_dataset"]

ANNOTATIONS: Final = "annotations.json"
FORMS: Final = later(
    "a folder of photos, an annotations.json, COCO's instances as JSON, or a CSV of boxes beside its photos are allowed"
)


def open_dataset(path: Path, photos: Path | None = None, by_class: bool = True) -> Dataset:
    """Find out what lies at a path and list its photos.

    A folder with an `annotations.json` or a single CSV in it stands for that file.

    Args:
        path: a folder, a JSON file or a CSV file.
        photos: the folder that the file's names start from, where it is not the file's own.
        by_class: whether photos are asked for their classes: then COCO's appear once for each class in them, with that
            class's objects, and others must have one class; else all objects of a photo are together.

    Raises:
        DatasetError: there is nothing of these forms, no photo in it, or one photo in two ways.
    """
    try:
        return _opened(path, photos, by_class)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            _("{path} cannot be read ({reason}): {forms}. Check the files and their permissions.").format(
                path=path, reason=error, forms=_(FORMS)
            )
        ) from error


def _opened(path: Path, photos: Path | None, by_class: bool) -> Dataset:
    if not path.exists():
        raise DatasetError(_("{path} does not exist: {forms}. Check the path.").format(path=path, forms=_(FORMS)))
    file = _described_by(path) if path.is_dir() else path
    if file is None:
        return _checked(folders.read(path))
    root = photos or file.parent
    match file.suffix.lower():
        case ".csv":
            return _checked(_together(boxtable.read(file, root), by_class))
        case ".json":
            return _checked(_from_json(file, root, by_class))
        case _:
            raise DatasetError(
                _("{file} is no data set: {forms}. Give one of these.").format(file=file, forms=_(FORMS))
            )


def _described_by(folder: Path) -> Path | None:
    if (named := folder / ANNOTATIONS).is_file():
        return named
    tables = sorted(folder.glob("*.csv"))
    return tables[0] if len(tables) == 1 and boxtable.looks_like_boxes(tables[0]) else None


def _from_json(file: Path, root: Path, by_class: bool) -> Dataset:
    try:
        content: Any = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(
            _("{file} cannot be read as JSON ({error}): {forms}. Correct the file.").format(
                file=file, error=error, forms=_(FORMS)
            )
        ) from error
    if isinstance(content, dict) and "images" in content and "annotations" in content:
        return coco.read(file, root, content, by_class)
    if isinstance(content, list):
        return _together(annotations.read(file, root, content), by_class)
    raise DatasetError(
        _(
            "{file} is JSON of another form: a list of photos with boxes_xyxy, or COCO's images and annotations are "
            "allowed. Bring it into one of these forms."
        ).format(file=file)
    )


def _together(found: Dataset, by_class: bool) -> Dataset:
    """Make one photo of entries that mean the same one; with `by_class` only of those that agree on its class."""
    photos: dict[tuple[object, ...], Sample] = {}
    for sample in found.samples:
        key = (sample.name, sample.size, *((sample.label, sample.class_names) if by_class else ()))
        photos[key] = _joined(photos[key], sample) if key in photos else sample
    return dataclasses.replace(found, samples=tuple(photos.values()))


def _joined(one: Sample, other: Sample) -> Sample:
    marked = tuple(box for sample in (one, other) if sample.truth for box in sample.truth.boxes)
    alike = (one.label, one.class_names) == (other.label, other.class_names)
    label, names = (one.label, one.class_names) if alike else (None, ())
    return dataclasses.replace(one, truth=Truth(marked) if marked else None, label=label, class_names=names)


def _checked(found: Dataset) -> Dataset:
    if not len(found):
        raise DatasetError(_("{path} has no photos: at least one is needed. Check the path.").format(path=found.path))
    names: set[str] = set()
    for sample in found.samples:
        if sample.name in names:
            raise DatasetError(
                _(
                    "{path} lists {name} more than once, with classes or sizes that differ: a photo has one of each. "
                    "Take the others out, or take the model's prediction or a fixed class as the target."
                ).format(path=found.path, name=sample.name)
            )
        names.add(sample.name)
    return found
