"""A sample's file to what each model sees of it; the photo itself is not kept."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from effviz.errors import DatasetError, ImageError
from effviz.evaluate import dataset_samples
from effviz.evaluate.dataset_samples import DatasetSample, GroundTruth, Size
from effviz.explain import decoding, images
from effviz.explain.data_types import Box, Photo, Prepared
from effviz.explain.forward_pass import label_prepared, resize_crop
from effviz.i18n import _
from effviz.zoo.model import ModelRef


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPhoto:
    """A photo ready for every model: some hundred kilobytes each, whatever the photo's size."""

    sample: DatasetSample
    photo: Photo  # its pixels are gone: all black, in no memory
    prepared: tuple[Prepared, ...]  # for each model, in their order
    truth: GroundTruth | None  # None where no part of an object lies in the photo
    share: float | None  # of the photo's area that the object covers
    off_centre: bool | None  # small and off-centre, as `GroundTruth.small_and_off_centre` says


@dataclass(frozen=True, slots=True)
class UnreadablePhoto:
    """A photo that cannot be measured, and why."""

    sample: DatasetSample
    reason: str


def prepare_photo(sample: DatasetSample, refs: Sequence[ModelRef]) -> PreparedPhoto | UnreadablePhoto:
    """Read, decode and prepare a photo; what is wrong with it is an answer, not an error."""
    if sample.broken:
        return UnreadablePhoto(sample, sample.broken)
    try:
        data = _read_file(sample)
        found = decoding.cropped(data, sample.name, [resize_crop(ref) for ref in refs])
        size = found.size
        _check_size(sample, size)
        black = np.broadcast_to(np.uint8(0), (*size[::-1], 3))  # one byte stands for all pixels
        photo = Photo(black, hashlib.sha256(data).hexdigest(), sample.name, found.notes)
        seen = zip(found.pictures, refs, strict=True)
        return _with_ground_truth(sample, photo, tuple(label_prepared(pixels, ref, size) for pixels, ref in seen))
    except (ImageError, DatasetError) as error:
        return UnreadablePhoto(sample, " ".join(str(error).split()))


def _read_file(sample: DatasetSample) -> bytes:
    try:
        return images.from_file(sample.path, sample.name)
    except OSError as error:
        raise ImageError(
            _("{name} cannot be read ({reason}): every photo must be a readable file. Check its path.").format(
                name=sample.name, reason=error.strerror
            )
        ) from error


def _check_size(sample: DatasetSample, size: Size) -> None:
    if sample.size is not None and sample.size != size:
        raise DatasetError(
            _(
                "{name} has {width} x {height} pixels when it is upright, and its annotations are for "
                "{known_width} x {known_height}: boxes must be in pixels of the photo. Correct the annotations."
            ).format(
                name=sample.name,
                width=size[0],
                height=size[1],
                known_width=sample.size[0],
                known_height=sample.size[1],
            )
        )


def _with_ground_truth(sample: DatasetSample, photo: Photo, prepared: tuple[Prepared, ...]) -> PreparedPhoto:
    size = (photo.width, photo.height)
    truth = _ground_truth(sample, size)
    share = truth.share(size) if truth else 0.0
    if truth is None or share == 0:
        return PreparedPhoto(sample, photo, prepared, None, None, None)
    return PreparedPhoto(sample, photo, prepared, truth, share, truth.small_and_off_centre(size))


def _ground_truth(sample: DatasetSample, size: Size) -> GroundTruth | None:
    boxes = sample.truth.boxes if sample.truth else ()
    if sample.fractions:
        boxes = tuple(Box(of.x0 * size[0], of.y0 * size[1], of.x1 * size[0], of.y1 * size[1]) for of in boxes)
    if not boxes or not sample.outlines:
        return GroundTruth(boxes) if boxes else None
    try:
        return GroundTruth(boxes, dataset_samples.draw_outlines(sample.outlines, size, in_fractions=sample.fractions))
    except ValueError as error:
        raise DatasetError(
            _(
                "An outline in {name} cannot be drawn ({reason}): polygons and run lengths must be for the upright "
                "photo. Correct the annotations, or leave the outline out."
            ).format(name=sample.name, reason=error)
        ) from error
