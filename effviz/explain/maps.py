"""A class activation map of any class, by any method, at any layer, from one forward pass."""

import numpy as np

from effviz import packages
from effviz.errors import TargetError
from effviz.explain import channelwise, closed, gradientfree
from effviz.explain.channelwise import Progress
from effviz.explain.methods import METHODS, supported
from effviz.explain.results import ActivationMap, Floats, Forward, Layer, Method
from effviz.explain.targets import TOP1, Target, probabilities, resolve
from effviz.words import _

__all__ = ["Progress", "activation_map", "class_maps", "supported"]


def _nobody(_: float) -> None:
    """Nobody wants to know."""


def activation_map(
    forward: Forward,
    target: Target | int = TOP1,
    method: Method = Method.CAM,
    layer: Layer = Layer.LAST,
    progress: Progress = _nobody,
) -> ActivationMap:
    """Return the raw map, neither cut at zero nor stretched to 0..1, with everything that made it.

    At the last layer ten methods take milliseconds (`closed`). Elsewhere the network runs again from the photo to the
    layer, and gradients are taken where the method needs them (`hooked`). Methods that run it hundreds of times tell
    `progress` the share that is done, 0 to 1; an exception from there ends the work and leaves nothing behind.

    Raises:
        TargetError: The model has no such class, or the method no map at this layer; pick another one.
    """
    if not supported(method, layer):
        raise TargetError(
            _(
                "{method} was asked for at {layer}: it exists only at the last layer. "
                "Choose the last layer or another method."
            ).format(method=_(METHODS[method].title), layer=layer.value)
        )
    index = resolve(target, forward)
    with np.errstate(divide="ignore", invalid="ignore"):  # said below, in words
        values = _values(forward, index, method, layer, progress)
    if not np.isfinite(values).all():
        raise TargetError(
            _(
                "{method} at {layer} has no finite map for class {index}: it divides by zero there. "
                "Choose another method or layer."
            ).format(method=_(METHODS[method].title), layer=layer.value, index=index)
        )
    return _labelled(forward, index, method, layer, values)


def class_maps(forward: Forward) -> Floats:
    """Return the CAM of every class as one matrix product, (K, H, W): switching class needs no new pass."""
    return closed.class_maps(forward.features, _rows(forward))


def _values(forward: Forward, index: int, method: Method, layer: Layer, progress: Progress) -> Floats:
    if layer is Layer.LAST and METHODS[method].closed_form:
        return _closed(forward, index, method)
    if method in gradientfree.METHODS:
        return gradientfree.raw_map(forward, method, layer)
    if method in channelwise.METHODS:
        return channelwise.raw_map(forward, index, method, layer, progress)
    packages.need(*packages.GRAD_CAM)
    # Imported here: pytorch-grad-cam takes seconds to load, and the first map of a visit does not need it.
    from effviz.explain import hooked

    return hooked.raw_map(forward, index, method, layer)


def _closed(forward: Forward, index: int, method: Method) -> Floats:
    features, rows = forward.features, _rows(forward)
    row = rows[index]
    match method:
        case Method.CAM:
            return closed.cam(features, row)
        case Method.GRADCAM_PLUS_PLUS:
            return closed.gradcam_plus_plus(features, row)
        case Method.LAYERCAM:
            return closed.layercam(features, row)
        case Method.ELEMENTWISE_GRADCAM:
            return closed.elementwise_gradcam(features, row)
        case Method.ABLATIONCAM:
            return closed.ablationcam(features, row, float(forward.logits[index]))
        case Method.EIGENCAM:
            return closed.eigencam(features)
        case Method.FINERCAM:
            return closed.finercam(features, rows, forward.logits, index)
        case _:
            return closed.gradcam(features, row)


def _rows(forward: Forward) -> Floats:
    """Return the classifier's weights, (K, C)."""
    weights, _ = forward.model.classifier
    return weights


def _labelled(forward: Forward, index: int, method: Method, layer: Layer, values: Floats) -> ActivationMap:
    ref, photo = forward.model.ref, forward.photo
    values.setflags(write=False)
    return ActivationMap(
        values=values,
        bias=float(forward.model.classifier[1][index]) if method is Method.CAM else 0.0,
        method=method,
        layer=layer,
        model=ref.label,
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
