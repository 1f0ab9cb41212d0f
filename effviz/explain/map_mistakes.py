"""Common mistakes that make a class activation map look wrong, each made on purpose beside the right map.

The questions fill public trackers of CAM libraries; all answers here are computed on the photo at hand, without torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np

from effviz.explain import closed_form
from effviz.explain.activation_maps import activation_map, class_maps
from effviz.explain.data_types import ActivationMap, Box, Floats, Forward, TargetLayer
from effviz.explain.forward_pass import run_network, stage_features
from effviz.explain.overlay import OverlayStyle, Scale, ScaledMap, rescale
from effviz.explain.placement import RasterOptions
from effviz.explain.targets import Target, TargetKind
from effviz.scaling import Padding
from effviz.zoo.model import HALF_STATISTICS, IMAGENET_STATISTICS, Activation, Model, ModelRef, Weights

PICTURE_PX: Final = 512
UNSEEN_CLASS, OTHER_UNSEEN_CLASS = 859, 717  # toaster; pickup, where the photo is taken for a toaster
RIVAL: Final = 5  # which guess stands for a class with little evidence
LIKELY: Final = 100  # classes among which one with evidence on both sides is looked for


class MapMistake(StrEnum):
    """What was done wrong."""

    LAYER = "layer"  # read before batch norm and activation
    CROP = "crop"  # stretched over the whole photo
    RANGE = "range"  # every map on its own range
    UNSEEN = "unseen"  # a class that the network does not see
    NORMALISATION = "normalisation"  # the mean and deviation of another recipe
    PADDING = "padding"  # symmetric, where the weights were trained with SAME
    RELU = "relu"  # what speaks against the class cut off
    SOFTMAX = "softmax"  # the gradient of a probability
    SHARP = "sharp"  # a coarse grid drawn smoothly
    NEGATIVE = "negative"  # a class whose logit is below zero


@dataclass(frozen=True, slots=True, eq=False)
class MapView:
    """A map as it is looked at."""

    scaled: ScaledMap
    style: OverlayStyle


@dataclass(frozen=True, slots=True, eq=False)
class WrongAndRight:
    """The mistake and what it should have been, of one photo."""

    wrong: MapView
    right: MapView


def wrong_and_right(mistake: MapMistake, forward: Forward) -> WrongAndRight:
    """Make a mistake with a forward pass; the right map is CAM of the network's first guess where nothing else is."""
    return _MAKERS[mistake](forward)


def _right(forward: Forward) -> ActivationMap:
    return activation_map(forward)


def _view(activation_map: ActivationMap, scale: Scale = Scale.OWN, cells: bool = False) -> MapView:
    return _beside(activation_map, (), scale, cells)


def _beside(
    activation_map: ActivationMap, others: tuple[ActivationMap, ...], scale: Scale = Scale.SHARED, cells: bool = False
) -> MapView:
    """The map on a range that it shares with others."""
    view = RasterOptions(cells=cells, longest_px=PICTURE_PX)
    return MapView(rescale([activation_map, *others], scale)[0], OverlayStyle(view=view))


def _with_values(activation_map: ActivationMap, values: Floats) -> ActivationMap:
    kept = np.asarray(values, np.float32)
    kept.setflags(write=False)
    return replace(activation_map, values=kept)


def _layer(forward: Forward) -> WrongAndRight:
    right = _right(forward)
    wrong = _with_values(right, gradcam_before_batch_norm(forward, right.target_index))
    return WrongAndRight(_view(wrong), _view(right))


def gradcam_before_batch_norm(forward: Forward, index: int) -> Floats:
    """Grad-CAM at `conv_head`: (H, W), neither cut nor stretched.

    With x the output of `conv_head`, y = batch norm of x and f the activation, the logit's gradient at x is
    w_k / n * f'(y) * gamma / sigma; Grad-CAM takes its mean as the weight of x.
    """
    model = forward.model
    tensors, arithmetic = model.weights.tensors, model.ref.spec.arithmetic
    deep = stage_features(forward, TargetLayer.STRIDE_32)  # (C, H, W)
    head = np.asarray(tensors["conv_head.weight"])[:, :, 0, 0]  # (K, C)
    x = np.tensordot(head, deep, axes=1)  # (K, H, W)
    slope = np.asarray(tensors["bn2.weight"]) / np.sqrt(np.asarray(tensors["bn2.running_var"]) + arithmetic.epsilon)
    shift = np.asarray(tensors["bn2.bias"]) - slope * np.asarray(tensors["bn2.running_mean"])
    y = slope[:, None, None] * x + shift[:, None, None]
    row = model.classifier[0][index]
    gradient = row[:, None, None] / y[0].size * _derivative(y, arithmetic.activation) * slope[:, None, None]
    values: Floats = np.tensordot(gradient.mean(axis=(1, 2)), x, axes=1)
    return values


def _derivative(y: Floats, activation: Activation) -> Floats:
    """The activation's slope: 1 between the ends of ReLU6, and x * sigmoid(x) differentiated for SiLU."""
    if activation is Activation.RELU6:
        return ((y > 0) & (y < 6)).astype(np.float32)
    gate = 1 / (1 + np.exp(-y))
    return np.asarray(gate * (1 + y * (1 - gate)), np.float32)


def _crop(forward: Forward) -> WrongAndRight:
    right = _right(forward)
    whole = Box(0, 0, forward.photo.width, forward.photo.height)
    return WrongAndRight(_view(replace(right, seen=whole)), _view(right))


def _range(forward: Forward) -> WrongAndRight:
    first, rival = _right(forward), activation_map(forward, Target(TargetKind.RANK, RIVAL))
    return WrongAndRight(_view(rival), _beside(rival, (first,)))


def _unseen(forward: Forward) -> WrongAndRight:
    first = _right(forward)
    other = OTHER_UNSEEN_CLASS if first.target_index == UNSEEN_CLASS else UNSEEN_CLASS
    return WrongAndRight(_view(activation_map(forward, other)), _view(first))


def _normalisation(forward: Forward) -> WrongAndRight:
    statistics = forward.prepared.mean, forward.prepared.std
    mean, std = IMAGENET_STATISTICS if statistics == HALF_STATISTICS else HALF_STATISTICS
    prepared = replace(forward.prepared, mean=mean, std=std)
    features, logits = run_network(forward.model, prepared.pixels)
    return _passed_wrongly(forward, replace(forward, prepared=prepared, features=features, logits=logits))


def _padding(forward: Forward) -> WrongAndRight:
    features, logits = run_network(_padded_wrongly(forward.model), forward.prepared.pixels)
    return _passed_wrongly(forward, replace(forward, features=features, logits=logits))


def _padded_wrongly(model: Model) -> Model:
    """The same weights in a network that pads the other way."""
    spec, weights = model.ref.spec, model.weights
    other = Padding.SYMMETRIC if spec.arithmetic.padding is Padding.SAME else Padding.SAME
    changed = replace(spec, arithmetic=replace(spec.arithmetic, padding=other))
    return Model(ModelRef(changed, model.ref.resolution_px), Weights(changed, weights.tensors, weights.sha256))


def _passed_wrongly(forward: Forward, wrong: Forward) -> WrongAndRight:
    """One class for both: that of the right pass; on one range, since the pass changes the evidence, too."""
    right = _right(forward)
    wrong_map = activation_map(wrong, right.target_index)
    return WrongAndRight(_beside(wrong_map, (right,)), _beside(right, (wrong_map,)))


def _relu(forward: Forward) -> WrongAndRight:
    right = activation_map(forward, _two_sided(forward))  # of the first guess, little may be hidden
    return WrongAndRight(_view(_with_values(right, np.maximum(right.values, 0))), _view(right, Scale.DENSITY))


def _two_sided(forward: Forward) -> int:
    """The class, of the likeliest, with most evidence on the weaker of its two sides, for and against."""
    likely = np.argsort(-forward.logits)[:LIKELY]
    maps = class_maps(forward)[likely]
    sides = np.maximum(maps, 0).sum(axis=(1, 2)), np.maximum(-maps, 0).sum(axis=(1, 2))
    return int(likely[np.minimum(*sides).argmax()])


def _softmax(forward: Forward) -> WrongAndRight:
    right = _right(forward)
    wrong = _with_values(right, gradcam_of_probability(forward, right.target_index))
    return WrongAndRight(_view(wrong), _view(right))


def gradcam_of_probability(forward: Forward, index: int) -> Floats:
    """Grad-CAM whose target is the softmax of a class: the rows of all classes, weighed by dp_c / dz_j."""
    rows = np.asarray(forward.model.classifier[0], np.float64)
    shares = np.exp(np.asarray(forward.logits, np.float64) - forward.logits.max())
    shares /= shares.sum()
    slopes = -shares[index] * shares
    slopes[index] += shares[index]
    return closed_form.gradcam(forward.features, (slopes @ rows).astype(np.float32))


def _sharp(forward: Forward) -> WrongAndRight:
    right = _right(forward)
    return WrongAndRight(_view(right), _view(right, cells=True))


def _negative(forward: Forward) -> WrongAndRight:
    lowest = activation_map(forward, int(np.argmin(forward.logits)))
    return WrongAndRight(_view(lowest), _view(lowest, Scale.DENSITY))


_MAKERS: Final[Mapping[MapMistake, Callable[[Forward], WrongAndRight]]] = MappingProxyType(
    {
        MapMistake.LAYER: _layer,
        MapMistake.CROP: _crop,
        MapMistake.RANGE: _range,
        MapMistake.UNSEEN: _unseen,
        MapMistake.NORMALISATION: _normalisation,
        MapMistake.PADDING: _padding,
        MapMistake.RELU: _relu,
        MapMistake.SOFTMAX: _softmax,
        MapMistake.SHARP: _sharp,
        MapMistake.NEGATIVE: _negative,
    }
)
