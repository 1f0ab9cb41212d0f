"""A class activation map of any class, by any method, at any layer, from one forward pass.

Also groups methods that give the same map, and reads the evidence in a single cell of the last layer.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from effviz import optional_packages
from effviz.errors import TargetError
from effviz.explain.cam_methods import CAM_METHODS, supported
from effviz.explain.data_types import ActivationMap, Doubles, Floats, Forward, Method, TargetLayer, read_only
from effviz.explain.engines import Engine, choose
from effviz.explain.forward_pass import stage_features
from effviz.explain.placement import linear_weights
from effviz.explain.targets import TOP1, Target, probabilities, resolve_target
from effviz.i18n import _
from effviz.progress import Progress, no_progress


def activation_map(
    forward: Forward,
    target: Target | int = TOP1,
    method: Method = Method.CAM,
    layer: TargetLayer = TargetLayer.LAST,
    progress: Progress = no_progress,
) -> ActivationMap:
    """Return the raw map, neither clipped at zero nor normalised to 0..1, with its provenance.

    At the last layer ten methods take milliseconds. At other layers the network runs again from the photo to the
    layer, and methods that need gradients compute them (`gradient_based`). Methods that run the network hundreds of
    times call `progress` with the fraction done, 0 to 1; an exception raised there stops the work without leaving
    anything behind.

    Raises:
        TargetError: The model has no such class, or the method has no map at this layer; pick another one.
    """
    if not supported(method, layer):
        text = _(
            "{method} is not available at {layer}, only at the last layer. Choose the last layer or another method."
        )
        raise TargetError(text.format(method=_(CAM_METHODS[method].title), layer=layer.value))
    _check_described(forward, method, layer)
    index = resolve_target(target, forward)
    with np.errstate(divide="ignore", invalid="ignore"):  # the check below raises a readable error
        values = _values(forward, index, method, layer, progress)
    if not np.isfinite(values).all():
        text = _(
            "{method} at {layer} has no finite map for class {index}: its formula divides by zero. Choose another "
            "method or layer."
        )
        raise TargetError(text.format(method=_(CAM_METHODS[method].title), layer=layer.value, index=index))
    return _labelled(forward, index, method, layer, values)


def class_maps(forward: Forward) -> Floats:
    """Return the CAMs of all classes, (K, H, W), as one matrix product: switching class needs no new pass."""
    channels, height, width = forward.features.shape
    return (forward.rows @ forward.features.reshape(channels, height * width)).reshape(-1, height, width)


def _values(forward: Forward, index: int, method: Method, layer: TargetLayer, progress: Progress) -> Floats:
    curved = forward.head is not None and method in (Method.ABLATIONCAM, Method.SHAPLEYCAM)  # not just slopes
    if method in _OF_FEATURES:
        return _OF_FEATURES[method](stage_features(forward, layer))
    if method is Method.RANDOMCAM:
        return randomcam(stage_features(forward, layer), f"{forward.photo.sha256} {forward.model.ref.label} {layer}")
    if layer is TargetLayer.LAST and CAM_METHODS[method].closed_form and not curved:
        return _closed(forward, index, method)
    if method in PERTURBATION_METHODS:
        return perturbation_map(forward, index, method, layer, progress)
    optional_packages.require(*optional_packages.GRAD_CAM)
    # Imported here: pytorch-grad-cam takes seconds to load, and the first map of a visit does not need it.
    from effviz.explain import gradient_based

    return gradient_based.gradient_map(forward, index, method, layer)


def _check_described(forward: Forward, method: Method, layer: TargetLayer) -> None:
    """Raise TargetError for maps that need a network's inner structure if no plan describes it."""
    if forward.model.ref.spec.family is None and (layer is not TargetLayer.LAST or method is Method.FULLGRAD):
        text = _(
            "{model} has maps only at its last layer, and none by FullGrad: only scaled B0s can be split at other "
            "layers. Choose the last layer and a method other than FullGrad."
        )
        raise TargetError(text.format(model=forward.model.ref.spec.name))


def _labelled(forward: Forward, index: int, method: Method, layer: TargetLayer, values: Floats) -> ActivationMap:
    ref, photo = forward.model.ref, forward.photo
    return ActivationMap(
        values=read_only(values),
        bias=float(forward.biases[index]) if method is Method.CAM else 0.0,
        method=method,
        layer=layer,
        model=ref.label,
        weights_sha256=forward.model.weights_sha256,
        trained=ref.spec.trained,
        photo=photo.name,
        photo_sha256=photo.sha256,
        photo_size=(photo.width, photo.height),
        target_index=index,
        target_name=ref.spec.classes[index],
        logit=float(forward.logits[index]),
        probability=float(probabilities(forward)[index]),
        seen=forward.prepared.seen,
    )


# Maps of the last layer in closed form: no gradients, no hooks, no second pass.
#
# At the last layer the logit is  b + sum_k w_k mean(A_k),  with A the features (C, H, W) after `bn2`, w and b the
# classifier's row of the class, n = H*W cells and mu_k = mean(A_k). Its gradient is w_k / n in every cell of channel k,
# and substituting that into each paper's definition gives the functions below.
#
# Units: `cam` is a logit density, mean(cam) + b = logit. The other maps have the units of pytorch-grad-cam before it
# clips negative values and normalises the map to 0..1. Single maps are summed in float64.

FINER_ALPHA = 1.0  # weight of the rivals that are subtracted; the authors' default
FINER_RIVALS = 3  # number of rivals; the authors' default


def cam(features: Floats, row: Floats) -> Floats:
    """CAM (Zhou et al. 2016, https://arxiv.org/abs/1512.04150): sum_k w_k A_k.  (C, H, W), (C,) -> (H, W)."""
    return _weighted(features, row.astype(np.float64))


def gradcam(features: Floats, row: Floats) -> Floats:
    """Grad-CAM (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391): CAM / n.

    HiResCAM (Draelos and Carin 2020, https://arxiv.org/abs/2011.08891) and XGrad-CAM (Fu et al. 2020,
    https://arxiv.org/abs/2008.02312) are the same map, because the gradient is the same in every cell of a channel.
    So is ShapleyCAM (Cai 2025, https://arxiv.org/abs/2501.06261), because the logit's Hessian is zero.
    """
    return _weighted(features, row.astype(np.float64) / features[0].size)


def gradcam_plus_plus(features: Floats, row: Floats) -> Floats:
    """Grad-CAM++ (Chattopadhay et al. 2018, https://arxiv.org/abs/1710.11063, Eq. 19).

    The sum over channels of  max(w_k, 0) / (2 + w_k mu_k) A_k.  pytorch-grad-cam adds 1e-6 to the paper's denominator
    2 g^2 + ..., where g^2 = (w_k / n)^2 is often smaller, so its map depends on the input size; this one does not.
    """
    weights, means = row.astype(np.float64), features.mean(axis=(1, 2), dtype=np.float64)
    return _weighted(features, np.maximum(weights, 0) / (2 + weights * means))


def layercam(features: Floats, row: Floats) -> Floats:
    """LayerCAM (Jiang et al. 2021, https://doi.org/10.1109/TIP.2021.3089943): (1/n) sum_k max(w_k, 0) A_k."""
    return _weighted(features, np.maximum(row.astype(np.float64), 0) / features[0].size)


def elementwise_gradcam(features: Floats, row: Floats) -> Floats:
    """Element-wise Grad-CAM (pytorch-grad-cam's `GradCAMElementWise`): (1/n) sum_k max(w_k A_k, 0).

    Equal to LayerCAM where A >= 0 (ReLU6), but not with SiLU, which goes down to -0.278.
    """
    products = row.astype(np.float64)[:, None, None] * features  # (C, H, W)
    return np.asarray(np.maximum(products, 0).sum(axis=0) / features[0].size, dtype=np.float32)


def ablationcam(features: Floats, row: Floats, logit: float) -> Floats:
    """Ablation-CAM (Desai and Ramaswamy 2020, WACV, Eq. 3): sum_k (y - y_k)/y A_k, where y_k is y without channel k.

    Here y - y_k = w_k mu_k. The paper divides by y itself, so the map of a class with a negative logit has its sign
    flipped. pytorch-grad-cam sets a channel that can be negative to about -1e7; this function always sets it to zero.
    """
    return _weighted(features, row.astype(np.float64) * features.mean(axis=(1, 2), dtype=np.float64) / logit)


def finercam(features: Floats, rows: Floats, logits: Floats, index: int) -> Floats:
    """FinerCAM (Zhang et al. 2025, https://arxiv.org/abs/2501.11309): Grad-CAM of  y_c - alpha * sum_j q_j y_j.

    The rivals j are the classes with the closest logits; q is the softmax over the rivals alone, and is differentiated
    too (as in the authors' code): d/dy_j = q_j (1 + y_j - sum_i q_i y_i). These factors sum to 1, so the map is the CAM
    of w_c minus alpha times a weighted mean of the rivals' rows, divided by n. pytorch-grad-cam adds 1e-9 to the
    rivals' probabilities, which changes its map where they are small; here they sum to 1.
    """
    others = rivals(logits, index)
    scores = logits[others].astype(np.float64)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    factors = shares * (1 + scores - shares @ scores)
    weights = rows[index].astype(np.float64) - FINER_ALPHA * (factors @ rows[others].astype(np.float64))
    return _weighted(features, weights / features[0].size)


def rivals(logits: Floats, index: int) -> npt.NDArray[np.intp]:
    """Return the classes whose logits are closest to the logit of class `index`, closest first."""
    distance = np.abs(logits.astype(np.float64) - logits[index])
    distance[index] = np.inf
    return np.argsort(distance, kind="stable")[: min(FINER_RIVALS, len(logits) - 1)]


def eigencam(features: Floats) -> Floats:
    """EigenCAM (Muhammad and Yeasin 2020, https://arxiv.org/abs/2008.00299): cells on the first principal component.

    The mean cell is subtracted first, as in pytorch-grad-cam. The sign of a principal component is arbitrary; it is
    chosen so that the map correlates positively with the sum of all channels, so bright means active.
    """
    cells = features.reshape(features.shape[0], -1).T.astype(np.float64)  # (H*W, C)
    cells = cells - cells.mean(axis=0)
    return aligned(_first_component(cells).reshape(features.shape[1:]), features)


def _first_component(rows: Doubles) -> Doubles:
    """Project rows (N, C) on their first right singular vector, (N,), using the smaller of the two Gram matrices.

    Ten times as fast as a full SVD, with which many simultaneous visitors blocked each other for half a minute.
    """
    if rows.shape[0] <= rows.shape[1]:
        sizes, vectors = np.linalg.eigh(rows @ rows.T)  # ascending squares of the singular values, (N, N)
        return np.asarray(vectors[:, -1] * np.sqrt(max(sizes[-1], 0.0)))
    return np.asarray(rows @ np.linalg.eigh(rows.T @ rows)[1][:, -1])


def aligned(component: Doubles, features: Floats) -> Floats:
    """Choose the sign of a component (H, W) so that it correlates positively with the channels' sum (C, H, W)."""
    total = features.sum(axis=0, dtype=np.float64)
    agrees = np.vdot(component, total - total.mean()) >= 0
    return (component if agrees else -component).astype(np.float32)


def _weighted(features: Floats, weights: Doubles) -> Floats:
    """Sum in float32: converting all features to float64 took longer than the rest of the map."""
    return np.tensordot(weights.astype(np.float32), features, axes=1)


_OF_ONE_ROW = {
    Method.CAM: cam,
    Method.GRADCAM_PLUS_PLUS: gradcam_plus_plus,
    Method.LAYERCAM: layercam,
    Method.ELEMENTWISE_GRADCAM: elementwise_gradcam,
}


def _closed(forward: Forward, index: int, method: Method) -> Floats:
    features, rows = forward.features, forward.rows
    if method is Method.ABLATIONCAM:
        return ablationcam(features, rows[index], float(forward.logits[index]))
    if method is Method.FINERCAM:
        return finercam(features, rows, forward.logits, index)
    return _OF_ONE_ROW.get(method, gradcam)(features, rows[index])  # the others are Grad-CAM here


# Maps at any layer without gradients: from a stage's features alone, or from one run of the network per channel.

KERNEL_CELLS = 4096  # KPCA compares all pairs of cells: 128 MiB for this many cells


def kpcacam(features: Floats) -> Floats:
    """KPCA-CAM (Karmani et al. 2024, https://arxiv.org/abs/2410.00267): the first sigmoid-kernel principal component.

    Its sign is arbitrary and is chosen as in EigenCAM. pytorch-grad-cam starts its solver at random; in this function,
    the same features always give the same map.

    Raises:
        TargetError: The layer has too many cells; a deeper layer has fewer.
    """
    cells = features.shape[1] * features.shape[2]
    if cells > KERNEL_CELLS:
        text = _(
            "KPCA-CAM supports layers of at most {most} cells, and this layer has {cells}. Choose a deeper layer "
            "or EigenCAM."
        )
        raise TargetError(text.format(cells=cells, most=KERNEL_CELLS))
    optional_packages.require("sklearn")
    # Imported here: scikit-learn takes a second, and most maps never need it.
    from sklearn.decomposition import KernelPCA

    points = features.reshape(len(features), cells).T.astype(np.float64)  # (H*W, C)
    solver = KernelPCA(n_components=1, kernel="sigmoid", random_state=0)
    component = solver.fit_transform(points - points.mean(axis=0))
    return aligned(component.reshape(features.shape[1:]), features)


def fem(features: Floats) -> Floats:
    """FEM (Fuad et al. 2020, https://hal.science/hal-02963298): channels weighted by share above mean + 2 sigma."""
    spread = features.mean(axis=(1, 2)) + 2 * features.std(axis=(1, 2))
    shares = (features > spread[:, None, None]).mean(axis=(1, 2))
    return np.tensordot(shares, features, axes=1).astype(np.float32)


_OF_FEATURES = {Method.EIGENCAM: eigencam, Method.KPCACAM: kpcacam, Method.FEM: fem}


def randomcam(features: Floats, seed: str) -> Floats:
    """Weight the channels with random numbers in -1..1, as pytorch-grad-cam does; `seed` determines the map."""
    digest = hashlib.sha256(seed.encode()).digest()
    weights = np.random.default_rng(list(digest)).uniform(-1, 1, size=features.shape[0])
    return np.tensordot(weights, features, axes=1).astype(np.float32)


# Score-CAM and Ablation-CAM evaluate one channel at a time. pytorch-grad-cam's Score-CAM keeps all masked copies of the
# photo in memory at once (11 GB for B7) and upsamples channels with aligned corners, so a mask is up to half a cell off
# its map; here cell centres are aligned. Its Ablation-CAM replaces a layer of the shared module and uses -1e7 where a
# channel can be negative.

PERTURBATION_METHODS = frozenset({Method.SCORECAM, Method.ABLATIONCAM})


def perturbation_map(forward: Forward, index: int, method: Method, layer: TargetLayer, progress: Progress) -> Floats:
    """Return the map (H, W) of class `index` on the layer's own grid; call `progress` after every channel."""
    features = stage_features(forward, layer)
    engine = choose(forward.model, forward.prepared.size_px).engine
    if method is Method.SCORECAM:
        weights = scorecam_weights(engine, forward.prepared.pixels, features, index, progress)
    else:
        weights = ablationcam_weights(engine, features, index, layer, progress)
    return np.tensordot(weights, features, axes=1).astype(np.float32)


def scorecam_weights(engine: Engine, pixels: Floats, features: Floats, index: int, progress: Progress) -> Doubles:
    """Score-CAM (Wang et al. 2020, https://arxiv.org/abs/1910.01279): softmax over the masked photos' logits, (C,).

    Channels that are zero everywhere mask out the whole photo, so one pass serves all of them. After a ReLU there are
    many: half of Lite0's channels.
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
    """Upsample each channel linearly between cell centres, as maps are drawn, and normalise it to 0..1: (S, S)."""
    pixels = (np.arange(size_px) + 0.5) / size_px
    rows, columns = (linear_weights(pixels * cells, cells).astype(np.float32) for cells in features.shape[1:])
    for channel in features:
        large = rows @ channel @ columns.T
        low, high = large.min(), large.max()
        yield (large - low) / (high - low + np.float32(1e-8))


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


# Identical methods: at the last layer, five methods give the same map.

IDENTITY_TOLERANCE = 1e-4  # of the map's largest value: less than an eye or an 8-bit picture can resolve


@dataclass(frozen=True, slots=True)
class IdenticalMethods:
    """Methods with the same map up to a positive factor."""

    methods: tuple[Method, ...]
    difference: float  # largest difference between a member and the first, as a share of the map's largest value


def group_identical(maps: Sequence[ActivationMap]) -> tuple[IdenticalMethods, ...]:
    """Group maps of one photo, model, class and layer that differ only by a positive factor.

    Such maps look the same on every scale that is relative to each map's own magnitude.
    """
    members: list[list[ActivationMap]] = []
    for candidate in maps:
        home = next((group for group in members if map_difference(group[0], candidate) <= IDENTITY_TOLERANCE), None)
        if home is None:
            members.append([candidate])
        else:
            home.append(candidate)
    return tuple(
        IdenticalMethods(tuple(one.method for one in group), max(map_difference(group[0], one) for one in group))
        for group in members
    )


def map_difference(a: ActivationMap, b: ActivationMap) -> float:
    """Return the largest difference between maps divided by their absolute maxima; infinite if their grids differ."""
    if a.values.shape != b.values.shape:
        return float("inf")
    first, second = (entry.values / (np.abs(entry.values).max() or 1) for entry in (a, b))
    return float(np.abs(first - second).max())


# The evidence in a single cell of the last layer's map: its contribution to a class's logit, and its own top classes.
# The classifier is linear and reads the mean over the n = H*W cells, so a logit is a bias plus a sum over the cells,
# and the classifier can be applied to each cell alone.


def cell_evidence(forward: Forward, index: int) -> Floats:
    """Return what each cell adds to the logit of class `index`, (H, W): the sum plus the class's bias is the logit.

    This is (1/n) sum_k w_k A_k, which at this layer is Grad-CAM, in logits. Raises the errors of `activation_map`.
    """
    return activation_map(forward, index, Method.GRADCAM).values


def cell_top_classes(forward: Forward, count: int = 5) -> tuple[npt.NDArray[np.intp], Floats]:
    """Apply the classifier to each cell as if the whole photo looked like it: the logits w_c . A(i,j) + b_c.

    Returns each cell's top classes and their logits, highest first, both (H, W, count) and read-only. The mean of a
    class's logits over the cells is the photo's logit. One matrix product serves all cells and classes. For a model
    with fewer than `count` classes, all classes are returned.
    """
    logits = np.moveaxis(class_maps(forward), 0, -1) + forward.biases  # (H, W, K)
    count = min(count, logits.shape[-1])
    some = np.argpartition(-logits, count - 1, axis=-1)[..., :count]  # sorting all classes takes four times as long
    indices = np.take_along_axis(some, np.argsort(-np.take_along_axis(logits, some, axis=-1), axis=-1), axis=-1)
    return read_only(indices), read_only(np.take_along_axis(logits, indices, axis=-1))
