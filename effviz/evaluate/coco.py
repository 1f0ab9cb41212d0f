"""COCO's `instances_*.json`: photos with boxes and outlines of many objects each.

Outlines become masks with COCO's own code when a photo is measured; what is kept of the file is what it says about each
photo. Crowds are left out: their boxes stand for no single object.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from pycocotools import mask as rle

from effviz.errors import DatasetError
from effviz.evaluate.annotations import boxes, fingerprint
from effviz.evaluate.samples import Dataset, Sample, class_of
from effviz.evaluate.truth import Booleans, Mask, Size, Truth
from effviz.explain.results import Box
from effviz.words import _


@dataclass(frozen=True, slots=True, eq=False)
class _Marked:
    """The objects of a photo, or those of one class in it."""

    path: Path
    name: str
    size: Size
    boxes: tuple[Box, ...]
    outlines: tuple[Any, ...]  # polygons or run lengths, as the file has them; empty where one has none
    label: int | None
    class_names: tuple[str, ...]

    def sample(self) -> Sample:
        mask = Mask.of(_mask(self.outlines, self.size)) if self.outlines else None
        return Sample(self.path, self.name, self.label, Truth(self.boxes, mask), self.class_names, self.size)


class _Samples(Sequence[Sample]):
    """Masks are made when a sample is asked for, and not kept."""

    def __init__(self, marked: Sequence[_Marked]) -> None:
        self._marked = marked

    def __len__(self) -> int:
        return len(self._marked)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> "_Samples": ...

    def __getitem__(self, index: int | slice) -> "Sample | _Samples":
        if isinstance(index, slice):
            return _Samples(self._marked[index])
        return self._marked[index].sample()


def read(file: Path, root: Path, content: dict[str, Any], by_class: bool) -> Dataset:
    """List the photos of a file that is already parsed.

    With `by_class` a photo appears once for each class in it, as the pointing game on COCO has it, else once.

    Raises:
        DatasetError: a photo or an object lacks what COCO's format has.
    """
    try:
        names = {category["id"]: str(category["name"]) for category in content.get("categories", [])}
        photos = {photo["id"]: photo for photo in content["images"]}
        groups: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
        for each in content["annotations"]:
            if not each.get("iscrowd"):
                key = (each["image_id"], each["category_id"] if by_class else None)
                groups.setdefault(key, []).append(each)
        folder = _folder(file, root, next(iter(photos.values()), None))
        marked = [
            _marked(folder, photos[photo], objects, names.get(category, ""))
            for (photo, category), objects in sorted(groups.items(), key=lambda item: str(item[0]))
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            _(
                "{file} is not as COCO writes it ({kind}: {error}): images need id, file_name, width and "
                "height, annotations image_id, category_id and bbox. Correct it."
            ).format(file=file, kind=type(error).__name__, error=error)
        ) from error
    return Dataset(file, _Samples(marked), f"{fingerprint(file)} {by_class}", annotated=True, labelled=by_class)


def _marked(folder: Path, photo: dict[str, Any], objects: list[dict[str, Any]], category: str) -> _Marked:
    label, names = class_of(category) if category else (None, ())
    outlines = tuple(each.get("segmentation") for each in objects)
    return _Marked(
        path=folder / photo["file_name"],
        name=f"{photo['file_name']} [{category}]" if category else str(photo["file_name"]),
        size=(int(photo["width"]), int(photo["height"])),
        boxes=boxes((x, y, x + width, y + height) for x, y, width, height in (each["bbox"] for each in objects)),
        outlines=tuple(map(_packed, outlines)) if all(outlines) else (),
        label=label,
        class_names=names,
    )


def _packed(outline: Any) -> Any:
    """Hold polygons as arrays, which take a quarter of the memory of lists."""
    return outline if isinstance(outline, dict) else tuple(np.array(polygon, np.float64) for polygon in outline)


def _mask(outlines: tuple[Any, ...], size: Size) -> Booleans:
    """Return what all outlines together cover, (H, W)."""
    width, height = size
    parts = []
    for outline in outlines:
        if isinstance(outline, dict):
            packed = outline if isinstance(outline["counts"], (str, bytes)) else rle.frPyObjects(outline, height, width)
            parts.append(packed)
        else:
            parts += rle.frPyObjects([polygon.tolist() for polygon in outline], height, width)
    return np.asarray(rle.decode(rle.merge(parts)), dtype=bool)


def _folder(file: Path, root: Path, first: dict[str, Any] | None) -> Path:
    """Return where the photos lie: in the folder given, or as COCO is unpacked, `val2017/` beside `annotations/`."""
    part = file.stem.removeprefix("instances_")
    places = (root, root / "images", root / part, root.parent / part, root.parent / "images")
    if first is None:
        return root
    return next((place for place in places if (place / first["file_name"]).is_file()), root)
