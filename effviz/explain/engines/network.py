"""A network in OpenVINO's own operators, written from its plan and its weights."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from effviz.explain.engines import runtime
from effviz.explain.results import STRIDES, Floats, Layer
from effviz.scaling import Layer as PlanLayer
from effviz.scaling import Operator, Padding, Plan
from effviz.zoo.layout import Part, parts
from effviz.zoo.model import Activation, Arithmetic
from effviz.zoo.tensors import Tensors

LOGITS: Final = "logits"
OUTPUTS: Final = (*STRIDES, Layer.LAST, LOGITS)  # names, in order: stage ends by stride, `bn2`, logits
IMAGE_AXES: Final = (2, 3)  # of (1, C, H, W)

Network = Any  # openvino.Model, which has no types
Node = Any  # openvino.Node


def build(plan: Plan, tensors: Tensors, arithmetic: Arithmetic) -> Network:
    """Write a network whose input (1, C, ?, ?) may have any size, with every layer of OUTPUTS as an output.

    Batch norms are folded into the weights and biases of the convolutions before them. Shapes of the tensors are those
    of `effviz.zoo.layout.shapes`; the first convolution tells how many channels a photo has.
    """
    opset, graph = _opset(), _Graph(tensors, arithmetic)
    channels = tensors["conv_stem.weight"].shape[1]
    pixels = opset.parameter(runtime.openvino().PartialShape([1, channels, -1, -1]), np.float32, name="pixels")
    stem, *blocks, head, classifier = parts(plan)
    node = graph.convolution(stem, pixels)
    ends: dict[int, Node] = {}  # by stride: what is written last stays
    for of in _by_block(blocks):
        node = graph.block(of, node)
        ends[of[-1].layer.field_same.stride] = node
    features = graph.convolution(head, node)
    logits = graph.linear(classifier, opset.reduce_mean(features, np.array(IMAGE_AXES), keep_dims=False))
    return _named([*(ends[stride] for stride in STRIDES.values()), features, logits], pixels)


def sized(network: Network, size_px: int) -> Network:
    """Return a copy for one input size, which shares the weights and runs up to a third faster."""
    copy = network.clone()
    _, channels, *_ = copy.inputs[0].get_partial_shape()
    copy.reshape([1, channels.get_length(), size_px, size_px])
    return copy


def keeping(network: Network, *names: str) -> Network:
    """Cut away what these outputs do not need."""
    results = [output.get_node() for output in network.outputs if output.get_any_name() in names]
    return runtime.openvino().Model(results, network.get_parameters())


def after(network: Network, layer: Layer) -> Network:
    """Cut away what comes before a layer: its features go in, the logits come out."""
    package = runtime.openvino()
    (result,) = [output.get_node() for output in network.outputs if output.get_any_name() == layer]
    features = result.input(0).get_source_output()
    given = package.opset13.parameter(list(features.get_shape()), package.Type.f32)
    for consumer in features.get_target_inputs():
        if consumer.get_node().get_type_name() != "Result":
            consumer.replace_source_output(given.output(0))
    results = [output.get_node() for output in network.outputs if output.get_any_name() == LOGITS]
    return package.Model(results, [given])


class _Graph:
    """Writes a plan's layers as operators."""

    def __init__(self, tensors: Tensors, arithmetic: Arithmetic) -> None:
        self._tensors = tensors
        self._arithmetic = arithmetic
        self._opset = _opset()

    def block(self, block: Sequence[Part], entering: Node) -> Node:
        """An MBConv block, with a shortcut where its output has the shape of its input."""
        node = gate = entering
        for part in block:
            match part.layer.operator:
                case Operator.SQUEEZE:
                    gate = self._opset.reduce_mean(node, np.array(IMAGE_AXES), keep_dims=True)
                    gate = self._active(self._dense(part, gate))
                case Operator.EXCITE:
                    node = self._opset.multiply(node, self._opset.sigmoid(self._dense(part, gate)))
                case _:
                    node = self.convolution(part, node)
        return self._opset.add(node, entering) if _has_shortcut(block) else node

    def convolution(self, part: Part, node: Node) -> Node:
        """A convolution, its batch norm, and the activation function but after a block's last one."""
        weight, bias = self._folded(part)
        if part.layer.operator is Operator.DEPTHWISE:
            node = self._opset.group_convolution(node, self._constant(weight[:, None]), **self._geometry(part.layer))
        else:
            node = self._opset.convolution(node, self._constant(weight), **self._geometry(part.layer))
        node = self._opset.add(node, self._constant(bias[None, :, None, None]))
        return node if part.layer.operator is Operator.PROJECT else self._active(node)

    def linear(self, part: Part, means: Node) -> Node:
        """The classifier: (1, C) -> (1, K)."""
        weight, bias = self._tensors[f"{part.name}.weight"], self._tensors[f"{part.name}.bias"]
        node = self._opset.matmul(means, self._constant(weight), transpose_a=False, transpose_b=True)
        return self._opset.add(node, self._constant(bias[None]))

    def _dense(self, part: Part, node: Node) -> Node:
        """A 1 x 1 convolution with a bias, on a map of one cell."""
        weight, bias = self._tensors[f"{part.name}.weight"], self._tensors[f"{part.name}.bias"]
        node = self._opset.convolution(node, self._constant(weight), **self._geometry(part.layer))
        return self._opset.add(node, self._constant(bias[None, :, None, None]))

    def _folded(self, part: Part) -> tuple[Floats, Floats]:
        """Return the weights and biases that do what a convolution and its batch norm do."""
        scale, shift, mean, variance = (
            self._tensors[f"{part.norm}.{of}"].astype(np.float64)
            for of in ("weight", "bias", "running_mean", "running_var")
        )
        scale /= np.sqrt(variance + self._arithmetic.epsilon)
        weight: Floats = self._tensors[f"{part.name}.weight"] * scale.astype(np.float32)[:, None, None, None]
        return weight, (shift - mean * scale).astype(np.float32)

    def _geometry(self, layer: PlanLayer) -> dict[str, Any]:
        zeros = [layer.kernel // 2] * 2
        same = self._arithmetic.padding is Padding.SAME
        return {
            "strides": [layer.stride] * 2,
            "pads_begin": zeros,
            "pads_end": zeros,
            "dilations": [1, 1],
            "auto_pad": "same_upper" if same else "explicit",  # TensorFlow's SAME: the odd zero goes last
        }

    def _active(self, node: Node) -> Node:
        if self._arithmetic.activation is Activation.RELU6:
            return self._opset.clamp(node, 0.0, 6.0)
        return self._opset.swish(node)

    def _constant(self, array: Floats) -> Node:
        return self._opset.constant(np.ascontiguousarray(array))


def _opset() -> Any:
    return runtime.openvino().opset13


def _by_block(blocks: Sequence[Part]) -> list[list[Part]]:
    found: dict[tuple[int, int], list[Part]] = {}
    for part in blocks:
        found.setdefault((part.layer.stage, part.layer.block), []).append(part)
    return list(found.values())


def _has_shortcut(block: Sequence[Part]) -> bool:
    stride = max(part.layer.stride for part in block)
    return stride == 1 and block[0].layer.in_channels == block[-1].layer.out_channels


def _named(nodes: Sequence[Node], pixels: Node) -> Network:
    package = runtime.openvino()
    network = package.Model([package.opset13.result(node) for node in nodes], [pixels])
    for output, name in zip(network.outputs, OUTPUTS, strict=True):
        output.set_names({str(name)})
    return network
