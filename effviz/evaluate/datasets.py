"""Data sets in common formats: a folder, `annotations.json`, COCO, ImageNet's XML, or photos with a table of boxes.

A data set is a list of paths and boxes. Each photo is opened only when it is measured.
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
    "supported are a folder of photos, an annotations.json, COCO instances as JSON, ImageNet boxes as XML, and a CSV "
    "of boxes beside its photos"
)


def open_dataset(path: Path, photos: Path | None = None, by_class: bool = True) -> Dataset:
    """Open a data set, detecting its format.

    A folder with an `annotations.json`, or with a single CSV or COCO file, is read as that file. A folder with XML
    files, also in subfolders, is read as all of them.

    Args:
        path: a folder, or a JSON, CSV or XML file.
        photos: the folder that the photos' names are relative to, if it is not the file's own.
        by_class: if true, a photo with objects of several classes becomes one sample per class, each with the
            objects of that class; if false, one sample has all objects of a photo.

    Raises:
        DatasetError: the path has none of these formats, or contains no photo.
    """
    try:
        dataset = _opened(path, photos, by_class)
    except UnicodeError as error:
        text = _("{path} cannot be read as text ({reason}): the encoding must be UTF-8 or UTF-16. Save it as UTF-8.")
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
        file_io.open_regular(file).close()  # refuses a pipe, which would block
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
            text = _("{file} is not a data set: {forms}. Choose one of these.")
            raise DatasetError(text.format(file=file, forms=_(FORMS)))


def _described_by(folder: Path) -> Path | None:
    """Return the annotation file of a folder, or the folder itself if it has XML files; None if neither."""
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
        "{file} is JSON in an unknown format: it must be a list of photos with boxes_xyxy, or COCO's images and "
        "annotations. Convert it to one of these formats."
    )
    raise DatasetError(text.format(file=file))


def _marked(file: Path, entries: Iterable[Annotation], fingerprint: str, form: GroupingRules) -> Dataset:
    """Build the data set from a file's annotations; faulty objects count as annotated, so that a run reports them."""
    samples, in_fractions = annotations.detect_fractions(annotations.group_annotations(entries, form))
    note = lazy_gettext(
        "All boxes in {path} are between 0 and 1, so they are read as fractions of each photo's width and height.",
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
