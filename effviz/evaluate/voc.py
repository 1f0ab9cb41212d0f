"""Boxes in the XML format of ImageNet and Pascal VOC, one file per photo.

    <annotation><filename>ILSVRC2012_val_00000001</filename><size><width>500</width><height>375</height></size>
    <object><name>n01751748</name><bndbox><xmin>111</xmin><ymin>108</ymin><xmax>441</xmax><ymax>193</ymax></bndbox>
    </object></annotation>

The photo is named like the XML file or in it, with or without a suffix. Coordinates are used unchanged. Pascal VOC
counts pixels from 1, so its boxes are shifted by one pixel to the lower right.
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
    """Return the XML files at a path in order: the file itself, or all files in a folder and its subfolders."""
    if not path.is_dir():
        return [path]
    return [path / within for within, _entry in image_folder.list_files(path, (SUFFIX,))]


def looks_like_boxes(folder: Path) -> bool:
    """Return whether a folder's first XML file is in this format."""
    first = next(iter(files(folder)), None)
    try:
        return first is not None and ElementTree.parse(first).getroot().tag == "annotation"
    except (ElementTree.ParseError, OSError, ValueError, LookupError):
        return False


def fingerprint(path: Path) -> str:
    """Return a hash of the files' contents and names."""
    digest = hashlib.sha256()
    for file in files(path):
        digest.update(os.fsencode(file.relative_to(path)) + b"\n" + file.read_bytes())
    return digest.hexdigest()


def read(path: Path, root: Path) -> Iterator[Annotation]:
    """Yield the annotations of all XML files at a path, then the photos without a file in the same folders."""
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
            raise ValueError(_("its root element is {tag}, not annotation").format(tag=content.tag[:40]))
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
    """Return a photo's path if it is found, else the name in the XML file, or the XML file's own name."""
    stem = within.with_suffix("").as_posix()
    called = written if written and "%" not in written else PurePosixPath(stem).name  # ImageNet has some "%s"
    for name in dict.fromkeys(((within.parent / called).as_posix(), stem, called, PurePosixPath(stem).name)):
        with suppress(DatasetError):  # ambiguous: the next name may identify one file
            if path := places.within(name):
                return path
    return called


def _fault(file: Path, reason: str) -> str:
    return _(
        "{file} is invalid ({reason}): each object needs a bndbox with xmin, ymin, xmax and ymax. Correct it."
    ).format(file=file.name, reason=reason)
