"""One layer of a plan, one stage of it, and what a cell of a layer's map can see of the picture."""

from enum import StrEnum
from typing import NamedTuple


class Operator(StrEnum):
    """What a layer does; each convolution includes its batch norm and activation function."""

    CONV = "conv"  # the stem and the head
    EXPAND = "expand"  # 1x1
    DEPTHWISE = "depthwise"
    SQUEEZE = "squeeze"  # 1x1 on the average of the map, with a bias
    EXCITE = "excite"  # 1x1 on the squeezed average, with a bias
    PROJECT = "project"  # 1x1, no activation function
    CLASSIFIER = "classifier"  # linear, with a bias


class Padding(StrEnum):
    """Where the zeros go around a map."""

    SYMMETRIC = "symmetric"  # the same on both sides: PyTorch, timm's `efficientnet_*`
    SAME = "same"  # TensorFlow's SAME, the odd zero last: timm's `tf_efficientnet_*`


class ReceptiveField(NamedTuple):
    """What of the picture a cell can see through convolutions alone, along one axis.

    Squeeze-and-excitation, pooling and the classifier mix the whole map, so they are left out of the field:
    their layers carry the field of the map that they read.
    """

    size: int  # px
    stride: int  # px between neighbouring cells
    start: int  # px from the middle of the picture's first pixel to the middle of the first cell's field

    def grown(self, kernel: int, stride: int, zeros_before: int) -> "ReceptiveField":
        """The field behind one more convolution (Araujo et al., Distill 2019)."""
        reach = (kernel - 1) * self.stride
        return ReceptiveField(
            self.size + reach, self.stride * stride, self.start + reach // 2 - zeros_before * self.stride
        )

    def span(self, cell: int) -> tuple[float, float]:
        """Edges of what a cell can see, in px from the picture's edge; they may lie outside the picture."""
        middle = self.start + 0.5 + self.stride * cell
        return middle - self.size / 2, middle + self.size / 2


def same_zeros_before(size: int, kernel: int, stride: int) -> int:
    """Zeros that TensorFlow's SAME padding puts before a map of this size.

    Source: tensorflow.org/api_docs/python/tf/nn, "Notes on padding"; an odd zero goes to the end.
    """
    return max((-(-size // stride) - 1) * stride + kernel - size, 0) // 2


class Layer(NamedTuple):
    """One convolution or linear layer. Maps are square; both paddings give ceil(size / stride)."""

    stage: int  # 1 to 9, as in Table 1
    block: int  # from 0 within the stage
    operator: Operator
    kernel: int
    stride: int
    in_channels: int
    out_channels: int
    in_size: int  # cells along one side
    out_size: int
    params: int  # of the convolution and its batch norm's scale and shift
    macs: int  # multiply-adds of the convolution or linear layer
    activations: int  # elements of its output
    live: int  # activation elements in memory while it runs: input, output and what waits for a later use
    field_symmetric: ReceptiveField
    field_same: ReceptiveField

    def field(self, padding: Padding) -> ReceptiveField:
        """What a cell of the output can see."""
        return self.field_same if padding is Padding.SAME else self.field_symmetric


class StagePlan(NamedTuple):
    """One row of Table 1, with its cost."""

    stage: int
    operator: str  # as in Table 1: "Conv3x3", "MBConv6, k5x5"
    kernel: int
    stride: int
    channels: int
    layers: int  # blocks, the paper's "#Layers"
    in_resolution: int  # the paper's "Resolution"
    out_resolution: int
    params: int
    macs: int
    activations: int
