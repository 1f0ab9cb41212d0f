"""The values that flow through `effviz.explain`: each carries its provenance, so that no screen can mislabel it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from effviz.zoo.model import Model

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]


Array = TypeVar("Array", bound=npt.NDArray[Any])


def read_only(array: Array) -> Array:
    """Make an array read-only, so that nobody changes it by accident, and return it."""
    array.setflags(write=False)
    return array


class Method(StrEnum):
    """How features become a map. `effviz.explain.cam_methods` describes each method."""

    CAM = "cam"
    GRADCAM = "gradcam"
    HIRESCAM = "hirescam"
    XGRADCAM = "xgradcam"
    GRADCAM_PLUS_PLUS = "gradcam++"
    LAYERCAM = "layercam"
    ELEMENTWISE_GRADCAM = "elementwise-gradcam"
    ABLATIONCAM = "ablationcam"
    EIGENCAM = "eigencam"
    FINERCAM = "finercam"
    SCORECAM = "scorecam"
    FULLGRAD = "fullgrad"
    KPCACAM = "kpcacam"
    EIGENGRADCAM = "eigengradcam"
    SHAPLEYCAM = "shapleycam"
    SEGEIGENCAM = "segeigencam"
    FEM = "fem"
    RANDOMCAM = "randomcam"


class TargetLayer(StrEnum):
    """Where the features are read: the last layer (`bn2`), or the end of a stage, named by its stride."""

    LAST = "last"  # stride 32, after the head's activation
    STRIDE_32 = "stride32"  # end of the last MBConv stage
    STRIDE_16 = "stride16"
    STRIDE_8 = "stride8"
    STRIDE_4 = "stride4"
    STRIDE_2 = "stride2"


# Ends of stages, in forward order.
STRIDES = {TargetLayer(f"stride{stride}"): stride for stride in (2, 4, 8, 16, 32)}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright photo; x to the right, y downwards; it may extend beyond the photo."""

    x0: float
    y0: float
    x1: float
    y1: float

    def scaled(self, x: float, y: float) -> "Box":
        """Return the box in a picture that is x times as wide and y times as high."""
        return Box(self.x0 * x, self.y0 * y, self.x1 * x, self.y1 * y)


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """An upright RGB picture."""

    rgb: Bytes  # (H, W, 3), read-only
    sha256: str  # of the bytes that were read
    name: str  # file name, for display
    notes: tuple[str, ...] = ()  # changes on reading, marked for translation: "Transparent areas are shown on white."

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.rgb.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A photo as one model sees it. Stored in 8 bits, a quarter of the size of floats; a lookup table restores them."""

    rgb: Bytes  # (S, S, 3), resized and cropped
    mean: tuple[float, float, float]  # of pixels in 0..1
    std: tuple[float, float, float]
    seen: Box  # the part of the photo that the S x S input covers

    @property
    def size_px(self) -> int:
        """S, the side of the input."""
        return int(self.rgb.shape[0])

    @property
    def pixels(self) -> Floats:
        """The network's input, (1, 3, S, S), normalised; read-only."""
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        levels = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
        table = ((levels - mean) / std).T.copy()  # the value of each of 256 levels in each channel, (3, 256)
        batch = np.empty((1, 3, self.size_px, self.size_px), np.float32)
        for plane, becomes, pixels in zip(cv2.split(self.rgb), table, batch[0], strict=True):
            cv2.LUT(plane, becomes, pixels)
        return read_only(batch)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """First-order approximation of a nonlinear head at one photo's features."""

    rows: Floats  # (K, C): the gradient of each logit with respect to each channel's mean; read-only
    biases: Floats  # (K,): the remainder of the logits


class ForwardArrays(NamedTuple):
    """The arrays of a forward pass, for caches: they keep neither the model nor the photo in memory."""

    prepared: Prepared
    features: Floats  # (C, H, W)
    logits: Floats  # (K,)
    forward_ms: float
    head: Head | None

    @property
    def nbytes(self) -> int:
        """Memory use in bytes."""
        head = 0 if self.head is None else self.head.rows.nbytes
        return self.prepared.rgb.nbytes + self.features.nbytes + self.logits.nbytes + head


@dataclass(frozen=True, slots=True, eq=False)
class Forward:
    """One forward pass at the last layer: enough for every class and every closed-form method."""

    model: Model
    photo: Photo
    prepared: Prepared
    features: Floats  # (C, H, W): output of bn2, after the activation; read-only
    logits: Floats  # (K,), read-only
    forward_ms: float
    head: Head | None = None  # None: the average of the features goes straight into the linear classifier

    @property
    def rows(self) -> Floats:
        """Effect of each channel's mean on each logit, (K, C): the classifier's weights, or the head's gradients."""
        return self.model.classifier[0] if self.head is None else self.head.rows

    @property
    def biases(self) -> Floats:
        """The part of the logits that does not depend on the features, (K,)."""
        return self.model.classifier[1] if self.head is None else self.head.biases

    @property
    def arrays(self) -> ForwardArrays:
        """The arrays to cache; `Forward(model, photo, *arrays)` restores the pass with the same model and photo."""
        return ForwardArrays(self.prepared, self.features, self.logits, self.forward_ms, self.head)


@dataclass(frozen=True, slots=True, eq=False)
class ActivationMap:
    """A raw class activation map with its provenance."""

    values: Floats  # (H, W), not normalised, read-only
    bias: float  # CAM only: mean(values) + bias = logit; else 0
    method: Method
    layer: TargetLayer
    model: str  # label, "lite0@224"
    weights_sha256: str  # of the model's file, to tell models of the same name apart; "" if untrained
    trained: bool  # False: the weights are random and the map is meaningless
    photo: str
    photo_sha256: str
    photo_size: tuple[int, int]  # (width, height) in pixels of the upright photo
    target_index: int
    target_name: str
    logit: float
    probability: float  # softmax over all classes, or sigmoid of the logit
    seen: Box


class EngineName(StrEnum):
    """The engines that run networks."""

    OPENVINO = "openvino"
    TORCH = "torch"
    CUDA = "cuda"  # torch on an NVIDIA or AMD GPU
    MPS = "mps"  # torch on an Apple GPU
