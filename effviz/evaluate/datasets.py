"""Data sets as people have them: a folder, `annotations.json`, COCO, ImageNet's XML, or photos with a table of boxes.

A data set is a list of paths and boxes; photos are opened one by one, when they are measured.
"""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from effviz import file_io
from effviz.errors import DatasetError
from effviz.evaluate import annotations, box_csv, coco, image_folder, voc
from effviz.evaluate.annotations import Annotation, GroupingRules
from effviz.evaluate.dataset_samples import Dataset, printable
from effviz.i18n import _, lazy_gettext

__all__ = ["Dataset", "open_dataset"]
ANNOTATIONS: Final = "annotations.json"
FORMS: Final = lazy_gettext(
    "a folder of photos, an annotations.json, COCO's instances as JSON, ImageNet's boxes as XML, or a CSV of boxes "
    "beside its photos are allowed"
)


def open_dataset(path: Path, photos: Path | None = None, by_class: bool = True) -> Dataset:
    """Find out what lies at a path and list its photos.

    A folder with an `annotations.json`, or with a single CSV or COCO file in it, stands for that file; one with XML
    files in it, or below, for all of them.

    Args:
        path: a folder, or a JSON, CSV or XML file.
        photos: the folder that the file's names start from, where it is not the file's own.
        by_class: whether photos are asked for their classes: then those with several appear once for each class in
            them, with that class's objects; else all objects of a photo are together.

    Raises:
        DatasetError: there is nothing of these forms, or no photo in it.
    """
    try:
        dataset = _opened(path, photos, by_class)
    except UnicodeError as error:
        text = _("{path} cannot be read as text ({reason}): UTF-8 and UTF-16 are allowed. Save it as UTF-8.")
        raise DatasetError(text.format(path=path, reason=error)) from error
    except (OSError, csv.Error) as error:
        text = _("{path} cannot be read ({reason}): {forms}. Check the files and their permissions.")
        raise DatasetError(text.format(path=path, reason=error, forms=_(FORMS))) from error
    if not len(dataset):
        raise DatasetError(_("{path} has no photos: at least one is needed. Check the path.").format(path=dataset.path))
    return dataset


def _opened(path: Path, photos: Path | None, by_class: bool) -> Dataset:
    if not path.exists():
        raise DatasetError(_("{path} does not exist: {forms}. Check the path.").format(path=path, forms=_(FORMS)))
    file = _described_by(path) if path.is_dir() else path
    if file is None:
        return image_folder.read_folder(path)
    if not file.is_dir():
        file_io.open_regular(file).close()  # a pipe would be waited for
    root = photos or (file if file.is_dir() else file.parent)
    form = GroupingRules(annotations.photo_finder(root), by_class)
    match voc.SUFFIX if file.is_dir() else file.suffix.lower():
        case voc.SUFFIX:
            return _marked(file, voc.read(file, root), voc.fingerprint(file), form)
        case ".csv":
            return _marked(file, box_csv.read(file), file_io.file_sha256(file), form)
        case ".json":
            return _from_json(file, root, form)
        case _:
            text = _("{file} is no data set: {forms}. Give one of these.")
            raise DatasetError(text.format(file=file, forms=_(FORMS)))


def _described_by(folder: Path) -> Path | None:
    """Return what says where the objects in a folder's photos are; None where nothing does."""
    if (named := folder / ANNOTATIONS).is_file():
        return named
    for suffix, fits in ((".csv", box_csv.looks_like_boxes), (".json", coco.looks_like_file)):
        files = [file for file in sorted(folder.glob(f"*{suffix}")) if file.is_file()]
        if len(files) == 1 and fits(files[0]):
            return files[0]
    return folder if voc.looks_like_boxes(folder) else None


def _from_json(file: Path, root: Path, form: GroupingRules) -> Dataset:
    try:
        content: Any = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        text = _("{file} cannot be read as JSON ({error}): {forms}. Correct the file.")
        raise DatasetError(text.format(file=file, error=error, forms=_(FORMS))) from error
    whole = file_io.file_sha256(file)
    if isinstance(content, dict) and {"images", "annotations"} <= content.keys():
        named = GroupingRules(coco.finder(file, root, content), form.by_class, always_named=True)
        return _marked(file, coco.read(file, content), f"{whole} {form.by_class} {coco.FORMAT}", named)
    if isinstance(content, list):
        return _marked(file, annotations.read_annotations_json(file, content), whole, form)
    text = _(
        "{file} is JSON of another form: a list of photos with boxes_xyxy, or COCO's images and annotations are "
        "allowed. Bring it into one of these forms."
    )
    raise DatasetError(text.format(file=file))


def _marked(file: Path, entries: Iterable[Annotation], fingerprint: str, form: GroupingRules) -> Dataset:
    """Bring together what a file says; faults of objects count as marks, so that a run tells of them."""
    samples, in_fractions = annotations.detect_fractions(annotations.group_annotations(entries, form))
    note = lazy_gettext(
        "All boxes of {path} lie within 0 to 1: they are taken as fractions of each photo's width and height.",
        path=printable(str(file)),
    )
    return Dataset(
        path=file,
        samples=samples,
        fingerprint=fingerprint,
        annotated=any(sample.boxes or sample.faults or sample.broken for sample in samples),
        labelled=any(sample.label is not None or sample.class_names or sample.broken for sample in samples),
        notes=(note,) if in_fractions else (),
    )
