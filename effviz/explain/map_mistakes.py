"""Common mistakes that make a class activation map look wrong, each reproduced next to the correct map.

These questions fill the issue trackers of CAM libraries; all answers are computed on the given photo, without torch.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from effviz.explain.activation_maps import activation_map, class_maps, gradcam
from effviz.explain.data_types import ActivationMap, Box, Floats, Forward, TargetLayer, read_only
from effviz.explain.forward_pass import run_network, stage_features
from effviz.explain.overlay import OverlayStyle, Scale, ScaledMap, rescale
from effviz.explain.placement import RasterOptions
from effviz.explain.targets import Target, TargetKind
from effviz.scaling import Padding
from effviz.zoo.model import HALF_STATISTICS, IMAGENET_STATISTICS, Activation, Model, ModelRef, Weights

PICTURE_PX: Final = 512
UNSEEN_CLASS, OTHER_UNSEEN_CLASS = 859, 717  # toaster; pickup if toaster is the top class
RIVAL: Final = 5  # rank of the guess that serves as a class with little evidence
LIKELY: Final = 100  # top classes to search for one with evidence both for and against it


class MapMistake(StrEnum):
    """The mistakes."""

    LAYER = "layer"  # features read before batch norm and activation
    CROP = "crop"  # map stretched over the whole photo
    RANGE = "range"  # every map on its own range
    UNSEEN = "unseen"  # a class that the network does not see
    NORMALISATION = "normalisation"  # the mean and standard deviation of another recipe
    PADDING = "padding"  # symmetric padding for weights trained with SAME, or vice versa
    RELU = "relu"  # evidence against the class clipped
    SOFTMAX = "softmax"  # the gradient of a probability
    SHARP = "sharp"  # a coarse grid drawn smoothly
    NEGATIVE = "negative"  # a class whose logit is below zero


@dataclass(frozen=True, slots=True, eq=False)
class MapView:
    """A map with its scale and drawing style."""

    scaled: ScaledMap
    style: OverlayStyle


@dataclass(frozen=True, slots=True, eq=False)
class WrongAndRight:
    """A mistake and the correct version, for one photo."""

    wrong: MapView
    right: MapView


def wrong_and_right(mistake: MapMistake, forward: Forward) -> WrongAndRight:
    """Make a mistake with a forward pass; by default, the right map is the CAM of the network's first guess."""
    right = activation_map(forward)
    match mistake:
        case MapMistake.LAYER:
            wrong = _with_values(right, gradcam_before_batch_norm(forward, right.target_index))
        case MapMistake.CROP:
            wrong = replace(right, seen=Box(0, 0, forward.photo.width, forward.photo.height))
        case MapMistake.UNSEEN:
            wrong = activation_map(forward, OTHER_UNSEEN_CLASS if right.target_index == UNSEEN_CLASS else UNSEEN_CLASS)
        case MapMistake.SOFTMAX:
            wrong = _with_values(right, gradcam_of_probability(forward, right.target_index))
        case MapMistake.NORMALISATION | MapMistake.PADDING:  # one range: the pass changes the evidence too
            wrong = activation_map(_wrong_pass(mistake, forward), right.target_index)
            return WrongAndRight(_view(wrong, Scale.SHARED, right), _view(right, Scale.SHARED, wrong))
        case _:
            return _drawn_wrongly(mistake, forward, right)
    return WrongAndRight(_view(wrong), _view(right))


def _drawn_wrongly(mistake: MapMistake, forward: Forward, first: ActivationMap) -> WrongAndRight:
    match mistake:
        case MapMistake.RANGE:
            rival = activation_map(forward, Target(TargetKind.RANK, RIVAL))
            return WrongAndRight(_view(rival), _view(rival, Scale.SHARED, first))
        case MapMistake.RELU:
            right = activation_map(forward, _two_sided(forward))  # clipping the first guess may hide little
            return WrongAndRight(_view(_with_values(right, np.maximum(right.values, 0))), _view(right, Scale.DENSITY))
        case MapMistake.NEGATIVE:
            lowest = activation_map(forward, int(np.argmin(forward.logits)))
            return WrongAndRight(_view(lowest), _view(lowest, Scale.DENSITY))
        case _:
            return WrongAndRight(_view(first), _view(first, cells=True))


def _view(
    activation_map: ActivationMap, scale: Scale = Scale.OWN, *others: ActivationMap, cells: bool = False
) -> MapView:
    """Return the map on a range that it may share with others."""
    view = RasterOptions(cells=cells, longest_px=PICTURE_PX)
    return MapView(rescale([activation_map, *others], scale)[0], OverlayStyle(view=view))


def _with_values(activation_map: ActivationMap, values: Floats) -> ActivationMap:
    return replace(activation_map, values=read_only(np.asarray(values, np.float32)))


def gradcam_before_batch_norm(forward: Forward, index: int) -> Floats:
    """Return Grad-CAM at `conv_head`, (H, W), neither clipped nor normalised.

    With x the output of `conv_head`, y = batch norm of x and f the activation, the logit's gradient at x is
    w_k / n * f'(y) * gamma / sigma; Grad-CAM uses its mean as the weight of x.
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
    return np.tensordot(gradient.mean(axis=(1, 2)), x, axes=1)


def _derivative(y: Floats, activation: Activation) -> Floats:
    """Return the activation's derivative: 1 between 0 and 6 for ReLU6, and that of x * sigmoid(x) for SiLU."""
    if activation is Activation.RELU6:
        return ((y > 0) & (y < 6)).astype(np.float32)
    gate = 1 / (1 + np.exp(-y))
    return np.asarray(gate * (1 + y * (1 - gate)), np.float32)


def _wrong_pass(mistake: MapMistake, forward: Forward) -> Forward:
    """Run the same photo with another recipe's normalisation, or through a network with the other padding."""
    model, prepared = forward.model, forward.prepared
    if mistake is MapMistake.PADDING:
        spec, weights = model.ref.spec, model.weights
        other = Padding.SYMMETRIC if spec.arithmetic.padding is Padding.SAME else Padding.SAME
        changed = replace(spec, arithmetic=replace(spec.arithmetic, padding=other))
        model = Model(ModelRef(changed, model.ref.resolution_px), Weights(changed, weights.tensors, weights.sha256))
    else:
        mean, std = IMAGENET_STATISTICS if (prepared.mean, prepared.std) == HALF_STATISTICS else HALF_STATISTICS
        prepared = replace(prepared, mean=mean, std=std)
    features, logits = run_network(model, prepared.pixels)
    return replace(forward, prepared=prepared, features=features, logits=logits)


def _two_sided(forward: Forward) -> int:
    """Return the class, among the most likely, with the most evidence on its weaker side, for or against."""
    likely = np.argsort(-forward.logits)[:LIKELY]
    maps = class_maps(forward)[likely]
    sides = np.maximum(maps, 0).sum(axis=(1, 2)), np.maximum(-maps, 0).sum(axis=(1, 2))
    return int(likely[np.minimum(*sides).argmax()])


def gradcam_of_probability(forward: Forward, index: int) -> Floats:
    """Return Grad-CAM of a class's softmax probability: the rows of all classes, weighted by dp_c / dz_j."""
    rows = np.asarray(forward.model.classifier[0], np.float64)
    shares = np.exp(np.asarray(forward.logits, np.float64) - forward.logits.max())
    shares /= shares.sum()
    slopes = -shares[index] * shares
    slopes[index] += shares[index]
    return gradcam(forward.features, (slopes @ rows).astype(np.float32))
