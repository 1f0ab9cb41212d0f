"""A class activation map of any class, by any method, at any layer, from one forward pass.

Also which methods give the same map there, and what one cell of the last layer says by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from effviz import optional_packages
from effviz.errors import TargetError
from effviz.explain import closed_form, gradient_free
from effviz.explain.cam_methods import CAM_METHODS, supported
from effviz.explain.data_types import ActivationMap, Floats, Forward, Method, TargetLayer
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
    """Return the raw map, neither cut at zero nor stretched to 0..1, with everything that made it.

    At the last layer ten methods take milliseconds (`closed_form`). Elsewhere the network runs again from the photo to
    the layer, and gradients are taken where the method needs them (`gradient_based`). Methods that run it hundreds of
    times tell `progress` the share that is done, 0 to 1; an exception from there ends the work and leaves nothing
    behind.

    Raises:
        TargetError: The model has no such class, or the method no map at this layer; pick another one.
    """
    if not supported(method, layer):
        raise TargetError(
            _(
                "{method} was asked for at {layer}: it exists only at the last layer. "
                "Choose the last layer or another method."
            ).format(method=_(CAM_METHODS[method].title), layer=layer.value)
        )
    _check_described(forward, method, layer)
    index = resolve_target(target, forward)
    with np.errstate(divide="ignore", invalid="ignore"):  # said below, in words
        values = _values(forward, index, method, layer, progress)
    if not np.isfinite(values).all():
        raise TargetError(
            _(
                "{method} at {layer} has no finite map for class {index}: it divides by zero there. "
                "Choose another method or layer."
            ).format(method=_(CAM_METHODS[method].title), layer=layer.value, index=index)
        )
    return _labelled(forward, index, method, layer, values)


def class_maps(forward: Forward) -> Floats:
    """Return the CAM of every class as one matrix product, (K, H, W): switching class needs no new pass."""
    return closed_form.class_maps(forward.features, forward.rows)


def _values(forward: Forward, index: int, method: Method, layer: TargetLayer, progress: Progress) -> Floats:
    curved = forward.head is not None and method in (Method.ABLATIONCAM, Method.SHAPLEYCAM)  # more than a slope
    if layer is TargetLayer.LAST and CAM_METHODS[method].closed_form and not curved:
        return _closed(forward, index, method)
    if method in gradient_free.FEATURE_METHODS:
        return gradient_free.feature_map(forward, method, layer)
    if method in gradient_free.PERTURBATION_METHODS:
        return gradient_free.perturbation_map(forward, index, method, layer, progress)
    optional_packages.require(*optional_packages.GRAD_CAM)
    # Imported here: pytorch-grad-cam takes seconds to load, and the first map of a visit does not need it.
    from effviz.explain import gradient_based

    return gradient_based.gradient_map(forward, index, method, layer)


def _check_described(forward: Forward, method: Method, layer: TargetLayer) -> None:
    """Refuse what needs to know a network's inside, where no plan describes it."""
    if forward.model.ref.spec.family is None and (layer is not TargetLayer.LAST or method is Method.FULLGRAD):
        raise TargetError(
            _(
                "{model} has maps at its last layer alone, by all methods but FullGrad: only scaled B0s can be cut "
                "elsewhere. Choose the last layer and another method."
            ).format(model=forward.model.ref.spec.name)
        )


def _closed(forward: Forward, index: int, method: Method) -> Floats:
    features, rows = forward.features, forward.rows
    row = rows[index]
    match method:
        case Method.CAM:
            return closed_form.cam(features, row)
        case Method.GRADCAM_PLUS_PLUS:
            return closed_form.gradcam_plus_plus(features, row)
        case Method.LAYERCAM:
            return closed_form.layercam(features, row)
        case Method.ELEMENTWISE_GRADCAM:
            return closed_form.elementwise_gradcam(features, row)
        case Method.ABLATIONCAM:
            return closed_form.ablationcam(features, row, float(forward.logits[index]))
        case Method.EIGENCAM:
            return closed_form.eigencam(features)
        case Method.FINERCAM:
            return closed_form.finercam(features, rows, forward.logits, index)
        case _:
            return closed_form.gradcam(features, row)


def _labelled(forward: Forward, index: int, method: Method, layer: TargetLayer, values: Floats) -> ActivationMap:
    ref, photo = forward.model.ref, forward.photo
    values.setflags(write=False)
    return ActivationMap(
        values=values,
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


# Identical methods: at the last layer five names stand for one map.

IDENTITY_TOLERANCE = 1e-4  # of the map's largest value: no eye and no 8-bit picture can tell


@dataclass(frozen=True, slots=True)
class IdenticalMethods:
    """Methods with the same map up to a positive factor."""

    methods: tuple[Method, ...]
    difference: float  # largest one between a member and the first, as a share of the map's largest value


def identical_methods(
    forward: Forward, target: Target | int, methods: Sequence[Method]
) -> tuple[tuple[Method, ...], ...]:
    """Group methods whose maps at the last layer are the same; slower ones than the closed forms are left out."""
    quick = [method for method in methods if CAM_METHODS[method].closed_form]
    found = group_identical([activation_map(forward, target, method, TargetLayer.LAST) for method in quick])
    return tuple(group.methods for group in found)


def group_identical(maps: Sequence[ActivationMap]) -> tuple[IdenticalMethods, ...]:
    """Group maps of one photo, model, class and layer that differ by a positive factor only.

    Such maps look the same on every scale that starts from each map's own size.
    """
    members: list[list[ActivationMap]] = []
    for candidate in maps:
        home = next((group for group in members if map_difference(group[0], candidate) <= IDENTITY_TOLERANCE), None)
        if home is None:
            members.append([candidate])
        else:
            home.append(candidate)
    return tuple(_identical_methods(group) for group in members)


def map_difference(a: ActivationMap, b: ActivationMap) -> float:
    """Return the largest difference after each map is divided by its largest absolute value; infinite between grids."""
    if a.values.shape != b.values.shape:
        return float("inf")
    return float(np.abs(_scaled_to_unit(a.values) - _scaled_to_unit(b.values)).max())


def _identical_methods(maps: Sequence[ActivationMap]) -> IdenticalMethods:
    return IdenticalMethods(
        tuple(entry.method for entry in maps), max(map_difference(maps[0], entry) for entry in maps)
    )


def _scaled_to_unit(values: Floats) -> Floats:
    size = float(np.abs(values).max())
    return values / size if size > 0 else values


# What one cell of the last layer's map says by itself: its part of a class's logit, and its own favourite classes.
# The classifier is linear and reads the mean over the n = H*W cells, so a logit is a bias plus a sum over the cells,
# and the classifier can be asked about each cell alone.

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class CellTopClasses:
    """The classes that each cell alone would choose, the highest logit first."""

    indices: Indices  # (H, W, count), read-only
    logits: Floats  # (H, W, count), read-only; the mean over the cells of a class's logits is the photo's logit


def cell_evidence(forward: Forward, index: int) -> Floats:
    """Return what each cell adds to the logit of class `index`, (H, W): the sum plus the class's bias is the logit.

    This is (1/n) sum_k w_k A_k, which at this layer is Grad-CAM, in logits.

    Raises:
        TargetError: The model has no such class; pick another one.
    """
    return activation_map(forward, index, Method.GRADCAM).values


def cell_top_classes(forward: Forward, count: int = 5) -> CellTopClasses:
    """Ask the classifier about each cell as if the whole photo looked like it: the logits w_c . A(i,j) + b_c.

    One matrix product serves all cells and classes. A model with fewer than `count` classes gives all it has.
    """
    logits = np.moveaxis(class_maps(forward), 0, -1) + forward.biases  # (H, W, K)
    found = _highest(logits, min(count, logits.shape[-1]))
    best = np.take_along_axis(logits, found, axis=-1)
    for array in (found, best):
        array.setflags(write=False)
    return CellTopClasses(found, best)


def _highest(logits: Floats, count: int) -> Indices:
    """The indices of the `count` highest of the last axis, in order; sorting all of them takes four times as long."""
    some = np.argpartition(-logits, count - 1, axis=-1)[..., :count]
    order = np.argsort(-np.take_along_axis(logits, some, axis=-1), axis=-1)
    return np.take_along_axis(some, order, axis=-1)
