"""Prepare a photo for one model and run one forward pass, without hooks.

One pass serves every class and every closed-form method. The pass only reads the module, so any number of threads can
share a model without a lock.
"""

import math
import time
from typing import Final

import numpy as np
from PIL import Image

from effviz import optional_packages
from effviz.errors import WeightsError
from effviz.explain.data_types import Box, Bytes, Floats, Forward, Head, Photo, Prepared, TargetLayer, read_only
from effviz.explain.engines import ANY_SIZE, choose
from effviz.explain.images import ResizeCrop, Size
from effviz.i18n import _
from effviz.zoo.model import Model, ModelRef

# A model's evaluation transform turns a photo into its input; the part of the photo that it covers is recorded.


def prepare(photo: Photo, ref: ModelRef) -> Prepared:
    """Resize the short side to S / crop_pct, crop the S x S centre, and normalise.

    The pixels equal `timm.data.create_transform(..., is_training=False)` bit by bit. The transform is reimplemented
    because the box `seen` needs the same rounded sizes, and because showing a photo should not load torch.
    """
    image = Image.fromarray(photo.rgb)
    return label_prepared(np.asarray(resize_crop(ref).apply(image, image.size)), ref, image.size)


def resize_crop(ref: ModelRef) -> ResizeCrop:
    """Return the geometry of a model's evaluation transform."""
    short_px = math.floor(ref.resolution_px / ref.spec.crop_pct)
    return ResizeCrop(short_px, ref.resolution_px, Image.Resampling[ref.spec.interpolation.upper()])


def label_prepared(pixels: Bytes, ref: ModelRef, size: Size) -> Prepared:
    """Label the pixels that the transform produced from a photo of this size."""
    crop = resize_crop(ref)
    width, height = crop.resized(size)
    seen = Box(*crop.window(size)).scaled(size[0] / width, size[1] / height)  # rounding makes the scales differ
    return Prepared(pixels, ref.spec.mean, ref.spec.std, seen)


def forward(model: Model, photo: Photo, any_size: bool = False) -> Forward:
    """Prepare the photo for the model and run it once, on the engine for its input size or for `any_size`."""
    engine = choose(model, ANY_SIZE if any_size else None).engine  # compiled once; not included in forward_ms
    prepared = prepare(photo, model.ref)
    pixels = prepared.pixels
    started = time.perf_counter()
    features, logits = engine.run(pixels)
    forward_ms = 1000 * (time.perf_counter() - started)
    features, logits = read_only(features[0]), read_only(logits[0])
    return Forward(model, photo, prepared, features, logits, forward_ms, head_at(model, features, logits))


def run_network(model: Model, pixels: Floats) -> tuple[Floats, Floats]:
    """Return the features after `bn2` (C, H, W) and the logits (K,) of one input (1, 3, S, S)."""
    features, logits = choose(model, pixels.shape[-1]).engine.run(pixels)
    return read_only(features[0]), read_only(logits[0])


# Largest difference between the classifier's and the network's logits, relative to the largest, that counts as equal.
SAME_LOGITS: Final = 1e-4


def head_at(model: Model, features: Floats, logits: Floats) -> Head | None:
    """Return None if the classifier on the features' means gives the logits; else a first-order model of the head.

    All scaled B0s and ResNets end in such a classifier; for networks that no plan describes, each photo is checked.
    Other networks have layers between the average and the classifier: gradients of the logits then replace its weights.

    Raises:
        WeightsError: The head does not begin with an average over the map, so no map is a sum over its cells.
    """
    if model.ref.spec.family is not None:
        return None
    rows, biases = model.classifier
    means, largest = features.mean(axis=(1, 2), dtype=np.float64), np.abs(logits).max()
    if rows.shape[1] == len(means) and np.abs(rows @ means + biases - logits).max() <= SAME_LOGITS * largest:
        return None
    optional_packages.require(*optional_packages.TORCH)
    from effviz.explain import network_stages  # imports torch

    gradients, without_places = network_stages.head_gradients(model, features)
    if not np.abs(without_places - logits).max() <= SAME_LOGITS * largest:
        text = _(
            "{model} cannot be explained: its head does more than average the last layer. Choose another "
            "convolutional network."
        )
        raise WeightsError(text.format(model=model.ref.spec.name))
    return Head(read_only(gradients), read_only((logits - gradients @ means).astype(np.float32)))


def stage_features(forward: Forward, layer: TargetLayer) -> Floats:
    """Return the features (C, H, W) at the end of a stage; the engine reruns the network up to there."""
    if layer is TargetLayer.LAST:
        return forward.features
    prepared = forward.prepared
    return read_only(choose(forward.model, prepared.size_px).engine.features_at(prepared.pixels, layer)[0])
