"""Methods that judge one channel at a time by running the network again: slow, but they need no gradients.

pytorch-grad-cam has both. Its Score-CAM holds every masked copy of the photo at once (11 GB for B7), and enlarges
channels from corner to corner, so that a mask lies up to half a cell off the place where its map is then drawn; here
cells lie by their centres, as everywhere else. Its Ablation-CAM swaps a layer of the shared module and puts -1e7 where
a channel can be negative. The rest are the same sums with the engine, which takes as many inputs at once as suits it.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from effviz.explain.closed import Doubles
from effviz.explain.engines import Engine, choose
from effviz.explain.forward import stage_features
from effviz.explain.placement import linear
from effviz.explain.results import Floats, Forward, Layer, Method

METHODS = frozenset({Method.SCORECAM, Method.ABLATIONCAM})

Progress = Callable[[float], None]  # gets the share that is done, 0 to 1; what it raises ends the work


def raw_map(forward: Forward, index: int, method: Method, layer: Layer, progress: Progress) -> Floats:
    """Return the map (H, W) of class `index` at the layer's own grid; `progress` hears of every channel."""
    features = stage_features(forward, layer)
    engine = choose(forward.model, forward.prepared.size_px).engine
    if method is Method.SCORECAM:
        weights = scorecam_weights(engine, forward.prepared.pixels, features, index, progress)
    else:
        weights = ablationcam_weights(engine, features, index, layer, progress)
    values: Floats = np.tensordot(weights, features, axes=1).astype(np.float32)
    return values


def scorecam_weights(engine: Engine, pixels: Floats, features: Floats, index: int, progress: Progress) -> Doubles:
    """Score-CAM (Wang et al. 2020, https://arxiv.org/abs/1910.01279): softmax over the masked photos' logits, (C,).

    Channels that are zero everywhere hide the whole photo: one pass stands for all of them. After a ReLU they are many,
    half of Lite0's.
    """
    silent = ~features.any(axis=(1, 2))
    tried = np.flatnonzero(~silent)
    if silent.any():
        tried = np.append(tried, silent.argmax())
    masked = (pixels * mask for mask in masks(features[tried], pixels.shape[-1]))  # (1, 3, S, S) each
    scores = np.empty(len(features))
    scores[tried] = _logits((logits for _, logits in engine.many(masked)), index, len(tried), progress)
    scores[silent] = scores[tried[-1]]
    exponentials: Doubles = np.exp(scores - scores.max())
    return np.asarray(exponentials / exponentials.sum())


def masks(features: Floats, size_px: int) -> Iterator[Floats]:
    """Enlarge each channel by its cells' centres to the input's size and stretch it to 0..1: (S, S) in turn."""
    rows, columns = (_enlarging(cells, size_px) for cells in features.shape[1:])
    for channel in features:
        large = rows @ channel @ columns.T
        low, high = large.min(), large.max()
        mask: Floats = (large - low) / (high - low + np.float32(1e-8))
        yield mask


def _enlarging(cells: int, size_px: int) -> Floats:
    """Weights of the cells for each pixel, (S, cells): linear between their centres, as maps are drawn."""
    return linear((np.arange(size_px) + 0.5) / size_px * cells, cells).astype(np.float32)


def ablationcam_weights(engine: Engine, features: Floats, index: int, layer: Layer, progress: Progress) -> Doubles:
    """Ablation-CAM (Desai and Ramaswamy 2020, Eq. 3): (y - y_k)/y with channel k set to zero, (C,)."""
    (whole,) = (float(logits[0, index]) for logits in engine.logits_from([features[None]], layer))
    scores = _logits(engine.logits_from(_ablated(features), layer), index, len(features), progress)
    return (whole - scores) / whole


def _ablated(features: Floats) -> Iterator[Floats]:
    for channel in range(len(features)):
        without = features[None].copy()
        without[0, channel] = 0
        yield without


def _logits(passes: Iterable[Floats], index: int, total: int, progress: Progress) -> Doubles:
    """Collect one class's logits, (C,), in float64."""
    scores = np.empty(total)
    for done, logits in enumerate(passes, start=1):
        scores[done - 1] = logits[0, index]
        progress(done / total)
    return scores
