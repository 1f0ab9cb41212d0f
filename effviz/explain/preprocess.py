"""A photo to what one model sees: its own evaluation transform, and which part of the photo that is."""

import math

import numpy as np
from PIL import Image

from effviz.explain.results import Box, Photo, Prepared
from effviz.zoo.model import ModelRef


def prepare(photo: Photo, ref: ModelRef) -> Prepared:
    """Resize the short side to S / crop_pct, cut out the S x S centre, and normalise.

    The pixels equal `timm.data.create_transform(..., is_training=False)` bit by bit; written out here because the box
    `seen` needs the same rounded sizes, and so that showing a photo does not load torch.
    """
    return fitted(Image.fromarray(photo.rgb), ref)


def fitted(image: Image.Image, ref: ModelRef) -> Prepared:
    """Do the same with an RGB picture that Pillow has already."""
    size_px = ref.resolution_px
    width, height = _resized(image.width, image.height, math.floor(size_px / ref.spec.crop_pct))
    left, top = round((width - size_px) / 2), round((height - size_px) / 2)
    window = (left, top, left + size_px, top + size_px)
    resampling = Image.Resampling[ref.spec.interpolation.upper()]
    rgb = image.resize((width, height), resampling).crop(window)
    seen = _in_photo(window, image.width / width, image.height / height)
    return Prepared(np.asarray(rgb), ref.spec.mean, ref.spec.std, seen)


def _resized(width: int, height: int, short: int) -> tuple[int, int]:
    """The size with the short side at `short`; torchvision cuts the long side's fraction off."""
    if width <= height:
        return short, int(short * height / width)
    return int(short * width / height), short


def _in_photo(window: tuple[int, int, int, int], scale_x: float, scale_y: float) -> Box:
    """The window of the resized picture in pixels of the photo; the two scales differ by the rounding of the sizes."""
    x0, y0, x1, y1 = window
    return Box(x0 * scale_x, y0 * scale_y, x1 * scale_x, y1 * scale_y)
