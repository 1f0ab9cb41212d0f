"""COCO's `instances_*.json`: photos with boxes and outlines of many objects each.

Outlines become masks when a photo is measured; until then they are kept as the file has them. Where one of a photo's
objects has none that has an area, its boxes do. Crowds are left out: their boxes stand for no single object.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from effviz.errors import DatasetError
from effviz.evaluate import outlines
from effviz.evaluate.annotations import boxes, fingerprint
from effviz.evaluate.samples import Dataset, Sample, class_of, printable
from effviz.evaluate.truth import Truth
from effviz.words import _


def read(file: Path, root: Path, content: dict[str, Any], by_class: bool) -> Dataset:
    """List the photos of a file that is already parsed.

    With `by_class` a photo appears once for each class in it, as the pointing game on COCO has it, else once.

    Raises:
        DatasetError: a photo or an object lacks what COCO's format has.
    """
    try:
        names = {category["id"]: str(category["name"]) for category in content.get("categories", [])}
        photos = {photo["id"]: photo for photo in content["images"]}
        category_of, photo_of = _first_alike(names), _first_alike({key: _file(photo) for key, photo in photos.items()})
        groups: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
        for each in content["annotations"]:
            if not each.get("iscrowd"):
                category = category_of.get(each["category_id"]) if by_class else None
                groups.setdefault((photo_of[each["image_id"]], category), []).append(each)
        folder = _folder(file, root, next(iter(photos.values()), None))
        samples = tuple(
            _sample(folder, photos[photo], objects, names.get(category, ""))
            for (photo, category), objects in sorted(groups.items(), key=lambda item: str(item[0]))
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise DatasetError(
            _(
                "{file} is not as COCO writes it ({kind}: {error}): images need id, file_name, width and "
                "height, annotations image_id, category_id and bbox. Correct it."
            ).format(file=file, kind=type(error).__name__, error=error)
        ) from error
    return Dataset(file, samples, f"{fingerprint(file)} {by_class}", annotated=True, labelled=by_class)


def _first_alike(named: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return for each id the first one that is named the same: what is listed twice is one photo, or one class."""
    first: dict[Any, Any] = {}
    return {key: first.setdefault(name, key) for key, name in named.items()}


def _file(photo: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(photo.get(key) for key in ("file_name", "width", "height"))


def _sample(folder: Path, photo: dict[str, Any], objects: list[dict[str, Any]], category: str) -> Sample:
    label, names = class_of(category) if category else (None, ())
    around = [outlines.read(each.get("segmentation")) for each in objects]
    return Sample(
        path=folder / photo["file_name"],
        name=printable(f"{photo['file_name']} [{category}]" if category else str(photo["file_name"])),
        label=label,
        truth=Truth(boxes((x, y, x + width, y + height) for x, y, width, height in (each["bbox"] for each in objects))),
        class_names=names,
        size=(int(photo["width"]), int(photo["height"])),
        outlines=tuple(each for each in around if each is not None) if None not in around else (),
    )


def _folder(file: Path, root: Path, first: dict[str, Any] | None) -> Path:
    """Return where the photos lie: in the folder given, or as COCO is unpacked, `val2017/` beside `annotations/`."""
    part = file.stem.removeprefix("instances_")
    places = (root, root / "images", root / part, root.parent / part, root.parent / "images")
    if first is None:
        return root
    return next((place for place in places if (place / first["file_name"]).is_file()), root)
