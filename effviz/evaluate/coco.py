"""COCO's `instances_*.json`: photos with boxes and outlines of many objects each.

Outlines are kept as in the file and drawn as masks only when the photo is measured. If any object of a photo has no
outline with an area, the photo's boxes are used instead. Crowds are skipped: their boxes are not of single objects.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from effviz.errors import DatasetError
from effviz.evaluate import annotations, dataset_samples
from effviz.evaluate.annotations import NO_CLASS, Annotation, ClassName, class_called
from effviz.explain.data_types import Box
from effviz.i18n import _

FORMAT: Final = 2  # version of this reader, a part of the fingerprint: increase it when the samples of a file change


def looks_like_file(file: Path) -> bool:
    """Return whether a JSON file may be in COCO format, without parsing it."""
    text = file.read_bytes()
    return b'"images"' in text and b'"annotations"' in text


def read(file: Path, content: Mapping[str, Any]) -> Iterator[Annotation]:
    """Yield the annotations of a parsed file: its photos and their objects.

    Raises:
        DatasetError: the photos, objects or categories are not lists.
    """
    images, objects, categories = (_list(file, content, key) for key in ("images", "annotations", "categories"))
    names: dict[str, str] = {}  # the photos' file names, by id
    for number, image in enumerate(images):
        yield _image(number, image, names)
    named = [entry for entry in reversed(categories) if isinstance(entry, dict) and entry.get("name")]
    classes = {_key(entry.get("id")): class_called(str(entry["name"])) for entry in named}
    for number, entry in enumerate(objects):
        if isinstance(entry, dict) and str(entry.get("iscrowd") or 0) in ("1", "True"):
            continue
        yield _object(number, entry, names, classes)


def finder(file: Path, root: Path, content: Mapping[str, Any]) -> Callable[[str], Path]:
    """Return a finder of the photos: in the given folder, or in `val2017/` beside `annotations/`, as COCO unpacks."""
    part = file.stem.removeprefix("instances_")
    above = root.parent if root.name == "annotations" else root
    places = (root, root / "images", root / part, above / part, above / "images")
    names = (image.get("file_name") for image in content["images"] if isinstance(image, dict))
    first = next((name for name in names if isinstance(name, str)), "")
    at = next((place for place in places if first and (place / first).is_file()), root)
    return annotations.photo_finder(at, *dict.fromkeys(place for place in (root, above) if place != at))


def _list(file: Path, content: Mapping[str, Any], key: str) -> list[Any]:
    entries = content.get(key) or []
    if not isinstance(entries, list):
        text = _(
            "{file} is not in COCO format ({key} is not a list): images need id, file_name, width and height; "
            "annotations need image_id, category_id and bbox. Correct it."
        )
        raise DatasetError(text.format(file=file, key=key))
    return entries


def _image(number: int, image: Any, names: dict[str, str]) -> Annotation:
    key, name = (_key(image.get("id")), image.get("file_name")) if isinstance(image, dict) else ("", None)
    if not isinstance(name, str) or not name:
        names[key] = f"image {key or number}"
        return Annotation(names[key], fault=_fault(number, "images", _("it has no file_name")), lost=True)
    names.setdefault(key, name)
    try:
        return Annotation(name, size=annotations.read_size(image.get("width"), image.get("height")))
    except ValueError as error:
        return Annotation(name, fault=_fault(number, "images", str(error)), lost=True)


def _object(number: int, entry: Any, names: Mapping[str, str], classes: Mapping[str, ClassName]) -> Annotation:
    if not isinstance(entry, dict):
        fault = _fault(number, "annotations", annotations.no_object(entry))
        return Annotation(f"annotation {number}", fault=fault, lost=True)
    key = _key(entry.get("image_id"))
    if key not in names:
        called = f"image {key}" if key else f"annotation {number}"
        reason = _("images has no entry with the id {id}").format(id=repr(entry.get("image_id"))[:40])
        return Annotation(called, fault=_fault(number, "annotations", reason, entry), lost=True)
    named = classes.get(_key(entry.get("category_id")), NO_CLASS)
    try:
        around = dataset_samples.read_outline(entry.get("segmentation"))
        return Annotation(names[key], _box(entry.get("bbox")), named, around)
    except ValueError as error:
        return Annotation(names[key], named=named, fault=_fault(number, "annotations", str(error), entry))


def _key(value: Any) -> str:
    """Return an id as text, the same for 1, 1.0 and "1"; empty if there is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() if isinstance(value, int | float | str) and not isinstance(value, bool) else ""


def _box(written: Any) -> Box:
    try:
        x, y, width, height = map(float, written if isinstance(written, list) else ())
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(_("{numbers} is not a valid box").format(numbers=repr(written)[:60])) from error
    if width < 0 or height < 0:
        raise ValueError(_("{numbers} has a negative width or height").format(numbers=repr(written)[:60]))
    return annotations.read_box((x, y, x + width, y + height))


def _fault(number: int, where: str, reason: str, entry: Mapping[str, Any] | None = None) -> str:
    own_id = (entry or {}).get("id")
    return _(
        "Entry {number} of {where}{known} is invalid ({reason}): images need id and file_name; annotations need "
        "image_id and a bbox of x, y, width and height. Correct it."
    ).format(number=number, where=where, known="" if own_id is None else f" (id {str(own_id)[:40]})", reason=reason)
