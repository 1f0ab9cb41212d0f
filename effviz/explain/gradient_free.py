"""Maps that need no gradients: from the features of a stage alone, or by running the network once a channel."""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

from effviz import optional_packages
from effviz.errors import TargetError
from effviz.explain import closed_form
from effviz.explain.closed_form import Doubles
from effviz.explain.data_types import Floats, Forward, Method, TargetLayer
from effviz.explain.engines import Engine, choose
from effviz.explain.forward_pass import stage_features
from effviz.explain.placement import linear_weights
from effviz.i18n import _
from effviz.progress import Progress

FEATURE_METHODS = frozenset({Method.EIGENCAM, Method.KPCACAM, Method.FEM, Method.RANDOMCAM})

KERNEL_CELLS = 4096  # KPCA compares every cell with every other one: 128 MiB at this many


def feature_map(forward: Forward, method: Method, layer: TargetLayer) -> Floats:
    """Return the map (H, W) at the layer's own grid.

    Raises:
        TargetError: KPCA-CAM at a layer with too many cells; a deeper layer has fewer.
    """
    features = stage_features(forward, layer)
    match method:
        case Method.EIGENCAM:
            return closed_form.eigencam(features)
        case Method.KPCACAM:
            return kpcacam(features)
        case Method.FEM:
            return fem(features)
        case _:
            return randomcam(features, f"{forward.photo.sha256} {forward.model.ref.label} {layer}")


def kpcacam(features: Floats) -> Floats:
    """KPCA-CAM (Karmani et al. 2024, https://arxiv.org/abs/2410.00267): the first sigmoid-kernel principal component.

    Its sign is arbitrary and is chosen as for EigenCAM. pytorch-grad-cam starts its solver at random; here the same
    features always give the same map.
    """
    cells = features.shape[1] * features.shape[2]
    if cells > KERNEL_CELLS:
        raise TargetError(
            _(
                "KPCA-CAM was asked for a layer with {cells} cells: at most {most} are allowed. "
                "Choose a deeper layer or EigenCAM."
            ).format(cells=cells, most=KERNEL_CELLS)
        )
    optional_packages.require("sklearn")
    # Imported here: scikit-learn takes a second, and most maps never need it.
    from sklearn.decomposition import KernelPCA

    points = features.reshape(len(features), cells).T.astype(np.float64)  # (H*W, C)
    solver = KernelPCA(n_components=1, kernel="sigmoid", random_state=0)
    component = solver.fit_transform(points - points.mean(axis=0))
    return closed_form.aligned(component.reshape(features.shape[1:]), features)


def fem(features: Floats) -> Floats:
    """FEM (Fuad et al. 2020, https://hal.science/hal-02963298): a channel counts by its share above mean + 2 sigma."""
    spread = features.mean(axis=(1, 2)) + 2 * features.std(axis=(1, 2))
    shares = (features > spread[:, None, None]).mean(axis=(1, 2))
    return np.tensordot(shares, features, axes=1).astype(np.float32)


def randomcam(features: Floats, seed: str) -> Floats:
    """Weight the channels at random in -1..1, as pytorch-grad-cam does; the same seed text gives the same map."""
    digest = hashlib.sha256(seed.encode()).digest()
    weights = np.random.default_rng(list(digest)).uniform(-1, 1, size=features.shape[0])
    return np.tensordot(weights, features, axes=1).astype(np.float32)


# Score-CAM and Ablation-CAM judge one channel at a time. pytorch-grad-cam's Score-CAM holds every masked copy of the
# photo at once (11 GB for B7), and enlarges channels from corner to corner, so that a mask lies up to half a cell off
# its map; here cells lie by their centres. Its Ablation-CAM swaps a layer of the shared module and puts -1e7 where a
# channel can be negative.

PERTURBATION_METHODS = frozenset({Method.SCORECAM, Method.ABLATIONCAM})


def perturbation_map(forward: Forward, index: int, method: Method, layer: TargetLayer, progress: Progress) -> Floats:
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
    return linear_weights((np.arange(size_px) + 0.5) / size_px * cells, cells).astype(np.float32)


def ablationcam_weights(
    engine: Engine, features: Floats, index: int, layer: TargetLayer, progress: Progress
) -> Doubles:
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
