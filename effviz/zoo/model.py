"""Model types: a named specification, and the loaded network with its evaluation transform and arithmetic."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from effviz import optional_packages
from effviz.scaling import PUBLISHED, Family, Padding, Plan, plan

if TYPE_CHECKING:
    import torch

    from effviz.zoo.state_dicts import Array, Tensors

IMAGENET: Final = "ImageNet"


class WeightsOrigin(StrEnum):
    """Where a model's weights come from."""

    PACKAGE = "package"  # inside a Python package, available offline
    HUB = "hub"  # timm's weights on the Hugging Face hub, available offline once fetched
    CHECKPOINT = "checkpoint"  # a file listed in models/manifest.json
    UNTRAINED = "untrained"  # random weights, so its maps are meaningless


class Activation(StrEnum):
    """The function after each batch norm, except that of a block's last convolution."""

    RELU6 = "relu6"
    SILU = "silu"


class Channels(StrEnum):
    """The colour channels that the first convolution of a weights file expects."""

    RGB = "rgb"
    BGR = "bgr"  # OpenCV's order; converted when the weights are read, so that everything else is RGB
    GREY = "grey"  # one channel; expanded to three when the weights are read, with the same results


class OutputActivation(StrEnum):
    """The function from logits to probabilities."""

    SOFTMAX = "softmax"  # one class is right
    SIGMOID = "sigmoid"  # each class is right or wrong, independently of the others


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """What the names and shapes of weights do not determine, although every logit depends on it."""

    padding: Padding
    epsilon: float  # added to the variance in batch norm
    activation: Activation
    channels: Channels = Channels.RGB
    output: OutputActivation = OutputActivation.SOFTMAX


# tensorflow/tpu `efficientnet_model.py` and timm's `tf_efficientnet_*`; PyTorch's own defaults and timm's others.
TENSORFLOW_EPSILON: Final = 1e-3
PYTORCH_EPSILON: Final = 1e-5


def arithmetic(family: Family, padding: Padding = Padding.SAME) -> Arithmetic:
    """Return timm's arithmetic: `tf_efficientnet_*` pads as TensorFlow does, `efficientnet_*` symmetrically."""
    return Arithmetic(
        padding,
        TENSORFLOW_EPSILON if padding is Padding.SAME else PYTORCH_EPSILON,
        Activation.RELU6 if family is Family.LITE else Activation.SILU,
    )


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A network, its weights, and how it was trained and evaluated, without loading it."""

    name: str  # "lite0", "b3", "scaled-d1.40-w1.20-r300", "timm:resnet50.a1_in1k"
    family: Family | None  # None, like depth and width, for networks that are not scaled from B0
    depth: float | None
    width: float | None
    resolution_px: int  # the input size it was trained (or evaluated) at
    architecture: str  # timm's name with its weights tag, "tf_efficientnet_b0.aa_in1k"
    arithmetic: Arithmetic
    origin: WeightsOrigin
    weights: str  # where the weights come from, in one line, marked for translation
    licence: str
    classes: tuple[str, ...]  # class names in the order of the logits
    top1_pct: float | None  # published top-1 on `dataset` at resolution_px, None if nobody measured it
    top1_source: str  # marked for translation
    crop_pct: float  # evaluation: resize to resolution / crop_pct, then centre crop
    interpolation: str  # "bicubic"
    mean: tuple[float, float, float]  # of pixels in 0..1
    std: tuple[float, float, float]
    dataset: str = IMAGENET  # that top1_pct was measured on; "" if unknown
    sha256: str = ""  # of a checkpoint's file: a different file under the same name is a different model
    one_logit: bool = False  # in the file; after loading, its negative is added as the logit of the second class
    classifier: str = "classifier"  # name of its linear layer

    @property
    def trained(self) -> bool:
        """Whether the weights are trained, not random."""
        return self.origin is not WeightsOrigin.UNTRAINED

    @property
    def plan(self) -> Plan:
        """Plan at the input size of training. Raises RuntimeError for networks that are not scaled from B0."""
        return self.plan_at(self.resolution_px)

    def plan_at(self, resolution_px: int) -> Plan:
        """Return the plan at another input size; raises as `plan`."""
        if self.family is None or self.depth is None or self.width is None:
            raise RuntimeError(f"no plan describes {self.name}")
        return plan(self.depth, self.width, resolution_px, self.family, len(self.classes))


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """Cost of one photo."""

    params: int
    macs: int  # multiply-adds of convolutions and linear layers, the paper's FLOPs
    map_px: int  # cells along one side of the last map
    channels: int  # of the last map
    activations: int  # output elements of all layers
    live: int  # most activation elements in memory at once


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model at an input size: what `lite0@260` means."""

    spec: ModelSpec
    resolution_px: int

    @property
    def label(self) -> str:
        """Short name on every screen and in every file, such as `lite0@260`."""
        return f"{self.spec.name}@{self.resolution_px}"

    @property
    def cost(self) -> NetworkCost:
        """Cost of one photo: in closed form, or counted for networks without a plan."""
        if self.spec.family is None:
            from effviz.zoo import timm_networks  # imported here because it imports this module

            return timm_networks.cost(self.spec.architecture, self.resolution_px)
        plan = self.spec.plan_at(self.resolution_px)
        return NetworkCost(
            params=plan.params,
            macs=plan.macs,
            map_px=plan.stages[-1].out_resolution,
            channels=plan.stages[-1].channels,
            activations=sum(layer.activations for layer in plan.layers),
            live=max(layer.live for layer in plan.layers),
        )

    @property
    def macs(self) -> int:
        """Multiply-adds for one photo."""
        return self.cost.macs


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Weights:
    """The tensors of a network, shared by all visitors and all input sizes.

    Engines read the tensors, and nobody changes them. The torch module is built on first use, for example for
    gradients. Forward passes of the module need no lock; hold `lock` to add a hook or run a backward pass.
    """

    spec: ModelSpec
    tensors: "Tensors"  # float32 by timm's names, read-only
    sha256: str  # of the weights file; "" when untrained
    lock: threading.RLock = field(default_factory=threading.RLock)
    modules: "list[torch.nn.Module]" = field(default_factory=list)  # empty until the module is built

    @property
    def module(self) -> "torch.nn.Module":
        """The network in torch, in evaluation mode, without gradients. Raises SettingsError without torch or timm."""
        if not self.modules:
            optional_packages.require(*optional_packages.TORCH)
            from effviz.zoo import torch_modules  # imports torch, which takes seconds

            with self.lock:
                if not self.modules:  # another thread may have built it meanwhile
                    self.modules.append(torch_modules.build_module(self.spec, self.tensors))
        return self.modules[0]

    @property
    def tensor_bytes(self) -> int:
        """Memory of one copy of the tensors."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    @property
    def nbytes(self) -> int:
        """Memory of the tensors, and of the module if it has been built."""
        return (1 + len(self.modules)) * self.tensor_bytes


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A network with its weights at an input size."""

    ref: ModelRef
    weights: Weights

    @property
    def weights_sha256(self) -> str:
        """Hash of the weights file; "" when untrained."""
        return self.weights.sha256

    @property
    def module(self) -> "torch.nn.Module":
        """The network in torch, built on first use; see `Weights`."""
        return self.weights.module

    @property
    def classifier(self) -> "tuple[Array, Array]":
        """Weights (K, C) and biases (K,) of the linear layer after the average of the last features."""
        name = self.ref.spec.classifier
        return self.weights.tensors[f"{name}.weight"], self.weights.tensors[f"{name}.bias"]


VERSIONED_PACKAGES: Final = ("grad-cam", "numpy", "pillow", "timm", "torch", "torchvision")


def model_settings(models: Sequence[Model]) -> dict[str, object]:
    """Return what is needed to reproduce the models' outputs, for JSON: package versions and each model's settings."""
    of_spec = ("architecture", "depth", "width", "trained", "weights", "crop_pct", "interpolation", "mean", "std")
    facts = [
        {
            "label": model.ref.label,
            "resolution_px": model.ref.resolution_px,
            "weights_sha256": model.weights_sha256,
            **{name: getattr(model.ref.spec, name) for name in of_spec},
        }
        for model in models
    ]
    return {"versions": {**optional_packages.versions(*VERSIONED_PACKAGES)}, "models": facts}


# Evaluation transforms: the settings of timm 1.0.31 as data, so that torch is not needed.

Rgb = tuple[float, float, float]
IMAGENET_STATISTICS: tuple[Rgb, Rgb] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF_STATISTICS: tuple[Rgb, Rgb] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@dataclass(frozen=True, slots=True)
class EvalTransform:
    """Resize the short side to resolution / crop_pct, crop the centre, subtract mean and divide by std."""

    resolution_px: int
    crop_pct: float
    interpolation: str = "bicubic"
    statistics: tuple[Rgb, Rgb] = IMAGENET_STATISTICS  # mean and std of pixels in 0..1


# Crops of Google's networks, each at its published resolution. Among the others, timm's default weights come first.
_GOOGLE_CROPS = {"b0": 0.875, "b1": 0.882, "b2": 0.89, "b3": 0.904, "b4": 0.922, "b5": 0.934, "b6": 0.942, "b7": 0.949}
_OTHER_TRANSFORMS = {
    "tf_efficientnet_lite0.in1k": EvalTransform(224, 0.875, "bicubic", HALF_STATISTICS),
    "tf_efficientnet_lite1.in1k": EvalTransform(240, 0.882, "bicubic", HALF_STATISTICS),
    "tf_efficientnet_lite2.in1k": EvalTransform(260, 0.890, "bicubic", HALF_STATISTICS),
    "tf_efficientnet_lite3.in1k": EvalTransform(300, 0.904, "bilinear", HALF_STATISTICS),
    "tf_efficientnet_lite4.in1k": EvalTransform(380, 0.920, "bilinear", HALF_STATISTICS),
    "efficientnet_lite0.ra_in1k": EvalTransform(224, 0.875),
    "efficientnet_b0.ra_in1k": EvalTransform(224, 0.875),
    "efficientnet_b0.ra4_e3600_r224_in1k": EvalTransform(224, 0.9, "bicubic", HALF_STATISTICS),
    "efficientnet_b1.ra4_e3600_r240_in1k": EvalTransform(240, 0.9, "bicubic", HALF_STATISTICS),
    "efficientnet_b1.ft_in1k": EvalTransform(224, 0.875),
    "efficientnet_b2.ra_in1k": EvalTransform(256, 0.875),
    "efficientnet_b3.ra2_in1k": EvalTransform(288, 0.875),
    "efficientnet_b4.ra2_in1k": EvalTransform(320, 0.875),
}


def eval_transform(architecture: str) -> EvalTransform | None:
    """Return the transform of timm's architecture with its weights tag, `tf_efficientnet_b0.aa_in1k`; None if unlisted.

    Without a tag, it is that of timm's default weights. Google's AdvProp weights expect pixels in -1..1, its other
    weights ImageNet's mean and standard deviation.
    """
    model, _, tag = architecture.partition(".")
    size = model.removeprefix("tf_efficientnet_")
    if model.startswith("tf_") and size in _GOOGLE_CROPS:
        statistics = HALF_STATISTICS if tag == "ap_in1k" else IMAGENET_STATISTICS
        return EvalTransform(PUBLISHED[size].resolution, _GOOGLE_CROPS[size], statistics=statistics)
    listed = (name for name in _OTHER_TRANSFORMS if architecture in (name, name.partition(".")[0]))
    return _OTHER_TRANSFORMS.get(next(listed, ""))
