"""One forward pass of a photo, without hooks: enough for every class and every closed-form method.

The module is only read, so any number of threads may share one model without a lock.
"""

import time

from effviz.explain.engines import choose
from effviz.explain.preprocess import prepare
from effviz.explain.results import Floats, Forward, Layer, Photo
from effviz.zoo.model import Model


def forward(model: Model, photo: Photo) -> Forward:
    """Prepare the photo as the model wants it and run the model once."""
    prepared = prepare(photo, model.ref)
    pixels = prepared.pixels
    choose(model, prepared.size_px)  # a model is compiled once; that is not part of its time
    started = time.perf_counter()
    features, logits = run(model, pixels)
    forward_ms = 1000 * (time.perf_counter() - started)
    return Forward(model, photo, prepared, features, logits, forward_ms)


def run(model: Model, pixels: Floats) -> tuple[Floats, Floats]:
    """Return the features after `bn2` (C, H, W) and the logits (K,) of one input (1, 3, S, S).

    The only place that runs the network for closed-form maps; `engines` says on what.
    """
    features, logits = choose(model, pixels.shape[-1]).engine.run(pixels)
    return _frozen(features[0]), _frozen(logits[0])


def stage_features(forward: Forward, layer: Layer) -> Floats:
    """Return the features (C, H, W) at the end of a stage; the engine makes the pass again up to there."""
    if layer is Layer.LAST:
        return forward.features
    prepared = forward.prepared
    return _frozen(choose(forward.model, prepared.size_px).engine.features_at(prepared.pixels, layer)[0])


def _frozen(array: Floats) -> Floats:
    array.setflags(write=False)
    return array
