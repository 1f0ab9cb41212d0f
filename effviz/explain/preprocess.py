"""A photo to what one model sees: its own evaluation transform, and which part of the photo that is."""

import math

import numpy as np
from PIL import Image

from effviz.explain.results import Box, Floats, Photo, Prepared
from effviz.zoo.model import ModelRef


def prepare(photo: Photo, ref: ModelRef) -> Prepared:
    """Resize the short side to S / crop_pct, cut out the S x S centre, and normalise.

    The pixels equal `timm.data.create_transform(..., is_training=False)` bit by bit; written out here because the box
    `seen` needs the same rounded sizes, and so that showing a photo does not load torch.
    """
    size_px = ref.resolution_px
    width, height = _resized(photo.width, photo.height, math.floor(size_px / ref.spec.crop_pct))
    left, top = round((width - size_px) / 2), round((height - size_px) / 2)
    window = (left, top, left + size_px, top + size_px)
    resampling = Image.Resampling[ref.spec.interpolation.upper()]
    rgb = Image.fromarray(photo.rgb).resize((width, height), resampling).crop(window)
    return Prepared(_normalised(rgb, ref), _in_photo(window, photo.width / width, photo.height / height))


def _resized(width: int, height: int, short: int) -> tuple[int, int]:
    """The size with the short side at `short`; torchvision cuts the long side's fraction off."""
    if width <= height:
        return short, int(short * height / width)
    return int(short * width / height), short


def _normalised(rgb: Image.Image, ref: ModelRef) -> Floats:
    mean: Floats = np.array(ref.spec.mean, dtype=np.float32)
    std: Floats = np.array(ref.spec.std, dtype=np.float32)
    pixels: Floats = (np.asarray(rgb, dtype=np.float32) / np.float32(255) - mean) / std  # (S, S, 3)
    batch = np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis])  # (1, 3, S, S)
    batch.setflags(write=False)
    return batch


def _in_photo(window: tuple[int, int, int, int], scale_x: float, scale_y: float) -> Box:
    """The window of the resized picture in pixels of the photo; the two scales differ by the rounding of the sizes."""
    x0, y0, x1, y1 = window
    return Box(x0 * scale_x, y0 * scale_y, x1 * scale_x, y1 * scale_y)
