"""OpenVINO on the CPU, in float32: about four times as fast as torch for one photo.

The network is built from OpenVINO operators using its plan and weights, compiled, and called through idle requests.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import groupby
from queue import Empty, SimpleQueue
from typing import Any, Final, Self, cast
from weakref import WeakKeyDictionary

import numpy as np

from effviz import cpu
from effviz.explain.data_types import STRIDES, EngineName, Floats, TargetLayer
from effviz.scaling import Operator, Padding, Plan
from effviz.zoo.model import Activation, Arithmetic, Weights
from effviz.zoo.state_dicts import NamedLayer, Tensors, named_layers

# Each call takes an idle request or creates one, so threads never share buffers.


@dataclass(frozen=True, slots=True, eq=False)
class InferRequests:
    """Runs a compiled network on arrays; results are copies, because requests reuse their buffers."""

    compiled: Any  # openvino.CompiledModel
    idle: "SimpleQueue[Any]" = field(default_factory=SimpleQueue)

    def one(self, array: Floats) -> tuple[Floats, ...]:
        """Run one input now and return every output."""
        return self._finished(self._started(array))

    def many(self, arrays: Iterable[Floats]) -> Iterator[tuple[Floats, ...]]:
        """Run inputs several at a time and yield their outputs in order."""
        # Twice the optimal number, so that the next input is queued while a result is being read.
        most = 2 * int(self.compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        running: deque[Any] = deque()  # a request that is dropped early finishes by itself
        for array in arrays:
            if len(running) == most:
                yield self._finished(running.popleft())
            running.append(self._started(np.ascontiguousarray(array, np.float32)))
        while running:
            yield self._finished(running.popleft())

    def _started(self, array: Floats) -> Any:
        try:
            request = self.idle.get_nowait()
        except Empty:
            request = self.compiled.create_infer_request()
        request.start_async([array])  # `infer` also builds a table of the outputs, in a fifth of a millisecond
        return request

    def _finished(self, request: Any) -> tuple[Floats, ...]:
        request.wait()
        count = len(self.compiled.outputs)
        arrays = tuple(np.array(request.get_output_tensor(i).data, np.float32) for i in range(count))
        self.idle.put(request)  # skipped after an error, which drops the request
        return arrays


# The only place that imports OpenVINO, with its usage statistics disabled.
# A plain `import openvino` sends an event to Intel's statistics server unless the package `openvino_telemetry` is
# missing. So this module makes it look missing, and OpenVINO falls back to its own stub.

TELEMETRY = "openvino_telemetry"


def import_openvino() -> Any:
    """Return the openvino package, which is untyped; raises ImportError if it is not installed."""
    sys.modules[TELEMETRY] = None  # type: ignore[assignment]  # makes `import` raise ImportError
    import openvino as package

    return package


@cache
def shared_core() -> Any:
    """Return the process's only Core, which threads may share.

    Each Core that compiles sets an alternate signal stack for its thread and removes it when it is destroyed. If a
    second Core outlives the first, the next Ctrl-C finds neither stack and causes a segmentation fault.
    """
    return import_openvino().Core()


# The network in OpenVINO operators.

LOGITS: Final = "logits"
OUTPUTS: Final = (*STRIDES, TargetLayer.LAST, LOGITS)  # names, in order: stage ends by stride, `bn2`, logits
IMAGE_AXES: Final = (2, 3)  # of (1, C, H, W)
OpenVinoNetwork = Any  # openvino.Model, which is untyped
Node = Any  # openvino.Node


def build_network(plan: Plan, tensors: Tensors, arithmetic: Arithmetic) -> OpenVinoNetwork:
    """Build a network whose input (1, C, ?, ?) may have any size, with every layer of OUTPUTS as an output.

    Batch norms are folded into the preceding convolutions. Tensor shapes: `effviz.zoo.state_dicts.tensor_shapes`.
    """
    opset, graph = import_openvino().opset13, _Graph(tensors, arithmetic)
    channels = tensors["conv_stem.weight"].shape[1]  # of a photo
    pixels = opset.parameter(import_openvino().PartialShape([1, channels, -1, -1]), np.float32, name="pixels")
    stem, *blocks, head, classifier = named_layers(plan)
    node = graph.convolution(stem, pixels)
    ends: dict[int, Node] = {}  # by stride; the last block overwrites the earlier ones
    for _, parts in groupby(blocks, lambda part: (part.layer.stage, part.layer.block)):
        block = list(parts)
        node = graph.block(block, node)
        ends[block[-1].layer.field_same.stride] = node
    features = graph.convolution(head, node)
    logits = graph.linear(classifier, opset.reduce_mean(features, np.array(IMAGE_AXES), keep_dims=False))
    outputs = [*(ends[stride] for stride in STRIDES.values()), features, logits]
    return name_outputs(import_openvino().Model([opset.result(node) for node in outputs], [pixels]), OUTPUTS)


def fix_input_size(network: OpenVinoNetwork, size_px: int) -> OpenVinoNetwork:
    """Return a copy for one input size; it shares the weights and runs up to a third faster."""
    copy = network.clone()
    _, channels, *_ = copy.inputs[0].get_partial_shape()
    copy.reshape([1, channels.get_length(), size_px, size_px])
    return copy


def keep_outputs(network: OpenVinoNetwork, *names: str) -> OpenVinoNetwork:
    """Return the part of the network that computes these outputs."""
    results = [output.get_node() for output in network.outputs if output.get_any_name() in names]
    return import_openvino().Model(results, network.get_parameters())


def cut_before(network: OpenVinoNetwork, layer: TargetLayer) -> OpenVinoNetwork:
    """Return the part of the network after a layer, from its features to the logits."""
    package = import_openvino()
    (result,) = [output.get_node() for output in network.outputs if output.get_any_name() == layer]
    features = result.input(0).get_source_output()
    parameter = package.opset13.parameter(list(features.get_shape()), package.Type.f32)
    for consumer in features.get_target_inputs():
        if consumer.get_node().get_type_name() != "Result":
            consumer.replace_source_output(parameter.output(0))
    results = [output.get_node() for output in network.outputs if output.get_any_name() == LOGITS]
    return package.Model(results, [parameter])


class _Graph:
    """Writes a plan's layers as operators."""

    def __init__(self, tensors: Tensors, arithmetic: Arithmetic) -> None:
        self._tensors = tensors
        self._arithmetic = arithmetic
        self._opset = import_openvino().opset13

    def block(self, block: Sequence[NamedLayer], entering: Node) -> Node:
        """Build an MBConv block, with a shortcut if its output has the shape of its input."""
        node = gate = entering
        for part in block:
            match part.layer.operator:
                case Operator.SQUEEZE:
                    means = self._opset.reduce_mean(node, np.array(IMAGE_AXES), keep_dims=True)
                    gate = self.convolution(part, means)
                case Operator.EXCITE:
                    node = self._opset.multiply(node, self._opset.sigmoid(self.convolution(part, gate)))
                case _:
                    node = self.convolution(part, node)
        one_step = all(part.layer.stride == 1 for part in block)
        shortcut = one_step and block[0].layer.in_channels == block[-1].layer.out_channels
        return self._opset.add(node, entering) if shortcut else node

    def convolution(self, part: NamedLayer, node: Node) -> Node:
        """Build a convolution with its batch norm or bias, and an activation unless it ends a block or gate."""
        weight, bias = self._weights(part)
        layer, convolve = part.layer, self._opset.convolution
        if layer.operator is Operator.DEPTHWISE:
            weight, convolve = weight[:, None], self._opset.group_convolution
        strides, zeros, dilations = [layer.stride] * 2, [layer.kernel // 2] * 2, [1, 1]
        same = self._arithmetic.padding is Padding.SAME
        auto_pad = "same_upper" if same else "explicit"  # TensorFlow's SAME pads the extra zero at the end
        node = convolve(node, self._constant(weight), strides, zeros, zeros, dilations, auto_pad)
        node = self._opset.add(node, self._constant(bias[None, :, None, None]))
        if layer.operator in (Operator.PROJECT, Operator.EXCITE):
            return node
        relu6 = self._arithmetic.activation is Activation.RELU6
        return self._opset.clamp(node, 0.0, 6.0) if relu6 else self._opset.swish(node)

    def linear(self, part: NamedLayer, means: Node) -> Node:
        """Build the classifier: (1, C) -> (1, K)."""
        weight, bias = self._weights(part)
        node = self._opset.matmul(means, self._constant(weight), transpose_a=False, transpose_b=True)
        return self._opset.add(node, self._constant(bias[None]))

    def _weights(self, part: NamedLayer) -> tuple[Floats, Floats]:
        """Return a layer's weights and biases, with its batch norm folded in if it has one."""
        weight: Floats = self._tensors[f"{part.name}.weight"]
        if not part.norm:
            return weight, self._tensors[f"{part.name}.bias"]
        scale, shift, mean, variance = (
            self._tensors[f"{part.norm}.{kind}"].astype(np.float64)
            for kind in ("weight", "bias", "running_mean", "running_var")
        )
        scale /= np.sqrt(variance + self._arithmetic.epsilon)
        return weight * scale.astype(np.float32)[:, None, None, None], (shift - mean * scale).astype(np.float32)

    def _constant(self, array: Floats) -> Node:
        return self._opset.constant(np.ascontiguousarray(array))


def name_outputs(network: OpenVinoNetwork, names: Sequence[str]) -> OpenVinoNetwork:
    """Name a network's outputs and return the network."""
    for output, name in zip(network.outputs, names, strict=True):
        output.set_names({str(name)})
    return network


FAILURES = (ImportError, RuntimeError)
WHOLE = "whole"
COPIES_A_PART = 1.8  # of the weights, including a request's buffers: measured for 5 to 30 million parameters
OTHER_PARTS = 2  # kept in addition to the network for one photo: the parts that the last slow method used

# Networks for any input size, by weights; networks for a fixed size are derived from them and share their weights.
_written: "WeakKeyDictionary[Weights, OpenVinoNetwork]" = WeakKeyDictionary()


class Hint(StrEnum):
    """What OpenVINO optimises for: all cores on one input, or one input per core."""

    LATENCY = "LATENCY"
    THROUGHPUT = "THROUGHPUT"


@dataclass(frozen=True, slots=True, eq=False)
class OpenVinoEngine:
    """A network for one input size or for any. Parts are compiled on demand; the most recent ones are kept."""

    source: OpenVinoNetwork
    name: EngineName = EngineName.OPENVINO
    parts: dict[tuple[str, Hint], InferRequests] = field(default_factory=dict)
    compiling: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, weights: Weights, size_px: int | None) -> Self:
        """Build and compile a network for one input size, or None for any; one thread at a time for the same weights.

        Raises:
            FAILURES: OpenVINO is missing, or cannot compile this network.
        """
        if weights.spec.family is None:
            return cls._converted(weights, size_px)
        if weights not in _written:
            _written[weights] = build_network(weights.spec.plan, weights.tensors, weights.spec.arithmetic)
        engine = cls(fix_input_size(_written[weights], size_px) if size_px else _written[weights])
        engine._whole(Hint.LATENCY)
        return engine

    @classmethod
    def _converted(cls, weights: Weights, size_px: int | None) -> Self:
        if size_px is None:
            raise RuntimeError("it is converted for one input size")
        from effviz.explain.engines import torch_engine  # imports torch, whose module OpenVINO converts

        engine = cls(torch_engine.convert(weights, size_px))
        torch_engine.check_against_cpu(engine, weights, size_px, torch_engine.CONVERTED_TOLERANCE)
        return engine

    def run(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return features after `bn2` (N, C, H, W) and logits (N, K) of inputs (N, 3, S, S), run one by one."""
        outputs = [self.requests.one(photo) for photo in np.asarray(pixels, np.float32)[:, None]]
        features, logits = zip(*outputs, strict=True)
        return _joined(features), _joined(logits)

    def many(self, inputs: Iterable[Floats]) -> Iterator[tuple[Floats, Floats]]:
        """Yield features (1, C, H, W) and logits (1, K) for each input (1, 3, S, S), in order."""
        yield from cast(Iterator[tuple[Floats, Floats]], self._whole(Hint.THROUGHPUT).many(inputs))

    def features_at(self, pixels: Floats, layer: TargetLayer) -> Floats:
        """Return the features (1, C, H, W) at the end of a stage."""
        return self._part(f"to {layer}", Hint.LATENCY, lambda whole: keep_outputs(whole, layer)).one(pixels)[0]

    def logits_from(self, features: Iterable[Floats], layer: TargetLayer) -> Iterator[Floats]:
        """Yield logits (1, K) from features (1, C, H, W) at a layer, in order."""
        part = self._part(f"from {layer}", Hint.THROUGHPUT, lambda whole: cut_before(whole, layer))
        for (logits,) in part.many(features):
            yield logits

    @property
    def copies(self) -> float:
        """Number of copies of the weights that the engine holds, apart from the network that all sizes share."""
        return COPIES_A_PART * len(self.parts)

    @property
    def requests(self) -> InferRequests:
        """The compiled network behind `run`."""
        return self._whole(Hint.LATENCY)

    def _whole(self, hint: Hint) -> InferRequests:
        return self._part(WHOLE, hint, lambda whole: keep_outputs(whole, TargetLayer.LAST, LOGITS))

    def _part(self, name: str, hint: Hint, cut: Callable[[OpenVinoNetwork], OpenVinoNetwork]) -> InferRequests:
        if part := self.parts.get((name, hint)):
            return part
        with self.compiling:
            if (name, hint) not in self.parts:  # another thread may have compiled it meanwhile
                part = _compiled(cut(self.source.clone()), hint)
                others = [key for key in self.parts if key != (WHOLE, Hint.LATENCY)]
                for oldest in others[: len(others) + 1 - OTHER_PARTS] if (name, hint) != (WHOLE, Hint.LATENCY) else ():
                    del self.parts[oldest]
                self.parts[name, hint] = part
            return self.parts[name, hint]


def _joined(arrays: tuple[Floats, ...]) -> Floats:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _compiled(part: OpenVinoNetwork, hint: Hint) -> InferRequests:
    threads = cpu.engine_threads()
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": hint.value,
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        # Pinned threads take the first cores, on which all processes that share the machine would then compete.
        "ENABLE_CPU_PINNING": threads >= cpu.available_cores(),
    }
    cpu.limit_numpy_threads()
    return InferRequests(shared_core().compile_model(part, "CPU", settings))
