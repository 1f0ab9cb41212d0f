"""A photo to what one model sees: its own evaluation transform, and which part of the photo that is."""

import math

import numpy as np
from PIL import Image

from effviz.explain.resizing import ResizeCrop, Size
from effviz.explain.results import Box, Bytes, Photo, Prepared
from effviz.zoo.model import ModelRef


def prepare(photo: Photo, ref: ModelRef) -> Prepared:
    """Resize the short side to S / crop_pct, cut out the S x S centre, and normalise.

    The pixels equal `timm.data.create_transform(..., is_training=False)` bit by bit; written out here because the box
    `seen` needs the same rounded sizes, and so that showing a photo does not load torch.
    """
    image = Image.fromarray(photo.rgb)
    return prepared(np.asarray(transform(ref).apply(image, image.size)), ref, image.size)


def transform(ref: ModelRef) -> ResizeCrop:
    """What a model's evaluation does to a photo."""
    short_px = math.floor(ref.resolution_px / ref.spec.crop_pct)
    return ResizeCrop(short_px, ref.resolution_px, Image.Resampling[ref.spec.interpolation.upper()])


def prepared(pixels: Bytes, ref: ModelRef, size: Size) -> Prepared:
    """Say what the pixels are that the transform made of a photo of this size."""
    of = transform(ref)
    width, height = of.resized(size)
    return Prepared(pixels, ref.spec.mean, ref.spec.std, _in_photo(of.window(size), size[0] / width, size[1] / height))


def _in_photo(window: tuple[int, int, int, int], scale_x: float, scale_y: float) -> Box:
    """The window of the resized picture in pixels of the photo; the two scales differ by the rounding of the sizes."""
    x0, y0, x1, y1 = window
    return Box(x0 * scale_x, y0 * scale_y, x1 * scale_x, y1 * scale_y)
