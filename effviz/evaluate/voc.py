"""Boxes as XML, one file a photo: ImageNet's own, and Pascal VOC's.

    <annotation><filename>ILSVRC2012_val_00000001</filename><size><width>500</width><height>375</height></size>
    <object><name>n01751748</name><bndbox><xmin>111</xmin><ymin>108</ymin><xmax>441</xmax><ymax>193</ymax></bndbox>
    </object></annotation>

A photo has the file's own name or the one in it, with or without a suffix. Numbers are taken as they are: Pascal VOC
counts pixels from 1, so its boxes lie one pixel further to the lower right.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final
from xml.etree import ElementTree

from effviz.errors import DatasetError
from effviz.evaluate import annotations, image_folder
from effviz.evaluate.annotations import Annotation, class_called
from effviz.i18n import _

SUFFIX: Final = ".xml"
EDGES: Final = ("xmin", "ymin", "xmax", "ymax")


def files(path: Path) -> list[Path]:
    """Return the XML files at a path: itself, or all in a folder and below, in order."""
    if not path.is_dir():
        return [path]
    return [path / within for within, _entry in image_folder.list_files(path, (SUFFIX,))]


def looks_like_boxes(folder: Path) -> bool:
    """Tell whether a folder's first XML file is of this form."""
    first = next(iter(files(folder)), None)
    try:
        return first is not None and ElementTree.parse(first).getroot().tag == "annotation"
    except (ElementTree.ParseError, OSError, ValueError, LookupError):
        return False


def fingerprint(path: Path) -> str:
    """Return a hash of all that is written there, and of what the files are called."""
    digest = hashlib.sha256()
    for file in files(path):
        digest.update(os.fsencode(file.relative_to(path)) + b"\n" + file.read_bytes())
    return digest.hexdigest()


def read(path: Path, root: Path) -> Iterator[Annotation]:
    """Yield the marks of all XML files at a path, then the photos beside those that were found, which have none."""
    places = image_folder.PhotoIndex(root)
    photos: set[str] = set()
    for file in files(path):
        within = PurePosixPath(file.relative_to(path).as_posix() if file != path else file.name)
        for mark in _marks(file, within, places):
            photos.add(mark.photo)
            yield mark
    beside = {photo.rpartition("/")[0] for photo in photos.intersection(places.names)}
    for photo in places.names:
        if photo not in photos and photo.rpartition("/")[0] in beside:
            word, deeper, _rest = photo.partition("/")
            yield Annotation(photo, named=class_called(word if deeper else ""))


def _marks(file: Path, within: PurePosixPath, places: image_folder.PhotoIndex) -> Iterator[Annotation]:
    try:
        content = ElementTree.parse(file).getroot()
        if content.tag != "annotation":
            raise ValueError(_("it holds {tag} instead of annotation").format(tag=content.tag[:40]))
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        yield Annotation(_photo(within, "", places), fault=_fault(file, str(error)))
        return
    photo = _photo(within, (content.findtext("filename") or "").strip(), places)
    try:
        size = annotations.read_size(content.findtext("size/width"), content.findtext("size/height"))
    except ValueError as error:
        yield Annotation(photo, fault=_fault(file, str(error)), lost=True)
        return
    yield Annotation(photo, size=size)
    for element in content.iterfind("object"):
        label = class_called((element.findtext("name") or "").strip())
        edges = [element.findtext(f"bndbox/{edge}") for edge in EDGES]
        try:
            yield Annotation(photo, annotations.read_box(edges), label, size=size)
        except ValueError as error:
            yield Annotation(photo, named=label, fault=_fault(file, str(error)))


def _photo(within: PurePosixPath, written: str, places: image_folder.PhotoIndex) -> str:
    """Return what a photo is called: where it lies if it is there, else as the file says, or as the file is called."""
    stem = within.with_suffix("").as_posix()
    called = written if written and "%" not in written else PurePosixPath(stem).name  # ImageNet has some "%s"
    for name in dict.fromkeys(((within.parent / called).as_posix(), stem, called, PurePosixPath(stem).name)):
        with suppress(DatasetError):  # several files fit: another of these may say which
            if path := places.within(name):
                return path
    return called


def _fault(file: Path, reason: str) -> str:
    return _(
        "{file} cannot be used as it is ({reason}): each object needs a bndbox of xmin, ymin, xmax and ymax. "
        "Correct it."
    ).format(file=file.name, reason=reason)
