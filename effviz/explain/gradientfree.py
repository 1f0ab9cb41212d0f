"""Maps made from the features of a stage alone: no gradient, and the same for every class."""

import hashlib

import numpy as np

from effviz import packages
from effviz.errors import TargetError
from effviz.explain import closed
from effviz.explain.forward import stage_features
from effviz.explain.results import Floats, Forward, Layer, Method
from effviz.words import _

METHODS = frozenset({Method.EIGENCAM, Method.KPCACAM, Method.FEM, Method.RANDOMCAM})
KERNEL_CELLS = 4096  # KPCA compares every cell with every other one: 128 MiB at this many


def raw_map(forward: Forward, method: Method, layer: Layer) -> Floats:
    """Return the map (H, W) at the layer's own grid.

    Raises:
        TargetError: KPCA-CAM at a layer with too many cells; a deeper layer has fewer.
    """
    features = stage_features(forward, layer)
    match method:
        case Method.EIGENCAM:
            return closed.eigencam(features)
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
    packages.need("sklearn")
    # Imported here: scikit-learn takes a second, and most maps never need it.
    from sklearn.decomposition import KernelPCA

    points = features.reshape(len(features), cells).T.astype(np.float64)  # (H*W, C)
    solver = KernelPCA(n_components=1, kernel="sigmoid", random_state=0)
    component = solver.fit_transform(points - points.mean(axis=0))
    return closed.aligned(component.reshape(features.shape[1:]), features)


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
