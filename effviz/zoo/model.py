"""What a model is: a named specification, and the loaded network with what is needed to use and label it."""

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from effviz.scaling import plan
from effviz.scaling.family import Family

if TYPE_CHECKING:
    import torch

IMAGENET: Final = "ImageNet"


class WeightsOrigin(StrEnum):
    """Where a model's weights come from."""

    PACKAGE = "package"  # inside a Python package: there without a network
    HUB = "hub"  # Hugging Face hub, through timm; once fetched, there without a network
    CHECKPOINT = "checkpoint"  # a file named in models/manifest.json
    UNTRAINED = "untrained"  # random weights: its maps mean nothing


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A network, its weights and how it was trained and evaluated; nothing is loaded yet."""

    name: str  # "lite0", "b3", "scaled-d1.40-w1.20-r300"
    family: Family
    depth: float
    width: float
    resolution_px: int  # the input size it was trained (or evaluated) at
    architecture: str  # timm's name with its weights tag, "tf_efficientnet_b0.aa_in1k"
    origin: WeightsOrigin
    weights: str  # one line for people, for `_`: where the weights come from
    licence: str
    classes: tuple[str, ...]  # class names in the order of the logits
    top1_pct: float | None  # published top-1 on `dataset` at resolution_px, None when nobody measured it
    top1_source: str  # for `_`
    crop_pct: float  # evaluation: resize to resolution / crop_pct, then centre crop
    interpolation: str  # "bicubic"
    mean: tuple[float, float, float]  # of pixels in 0..1
    std: tuple[float, float, float]
    dataset: str = IMAGENET  # whose pictures top1_pct is of; "" when nobody says

    @property
    def trained(self) -> bool:
        """False when the weights are random."""
        return self.origin is not WeightsOrigin.UNTRAINED


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model at an input size: what `lite0@260` means."""

    spec: ModelSpec
    resolution_px: int

    @property
    def label(self) -> str:
        """The short name used on every screen and in every file, `lite0@260`."""
        return f"{self.spec.name}@{self.resolution_px}"

    @property
    def macs(self) -> int:
        """Multiply-adds of one photo, in closed form."""
        spec = self.spec
        return plan(spec.depth, spec.width, self.resolution_px, spec.family, len(spec.classes)).macs


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A loaded network in evaluation mode, shared by all visitors.

    Reading forward passes need no lock. Whoever adds a hook or runs a backward pass holds `lock`.
    """

    ref: ModelRef
    module: "torch.nn.Module"
    weights_sha256: str  # of the weights file; "" when untrained
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def weight_bytes(self) -> int:
        """Memory that the weights take once."""
        return sum(tensor.nbytes for tensor in (*self.module.parameters(), *self.module.buffers()))
