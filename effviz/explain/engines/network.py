"""A network as OpenVINO holds it: converted once with every layer as an output, then cut to what is asked for."""

import copy
import warnings
from pathlib import Path
from typing import Any, Final, cast

import torch

from effviz.explain import stages
from effviz.explain.engines import runtime
from effviz.explain.results import Layer
from effviz.zoo.model import Model

LOGITS: Final = "logits"
OUTPUTS: Final = (*stages.STRIDES, Layer.LAST, LOGITS)  # names, in order: stage ends by stride, `bn2`, logits

Network = Any  # openvino.Model, which has no types


class _Layers(torch.nn.Module):
    """A network that returns every layer of OUTPUTS."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(stages.every_layer(cast(stages.Network, self.module), pixels))


def convert(model: Model, size_px: int) -> Network:
    """Trace a private copy: the converter may touch the module, which all visitors share.

    Raises:
        RuntimeError: OpenVINO cannot convert it.
        ImportError: OpenVINO is not installed.
    """
    shape = (1, 3, size_px, size_px)  # fixed: TensorFlow's SAME padding depends on the size
    failures = runtime.conversion_failures()
    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.trace", FutureWarning)  # the converter's choice, not ours
        module = _Layers(copy.deepcopy(model.module)).eval()
        try:
            network = runtime.openvino().convert_model(module, example_input=torch.zeros(shape), input=[shape])
        except failures as error:
            raise RuntimeError(str(error)) from error
    for output, name in zip(network.outputs, OUTPUTS, strict=True):
        output.set_names({str(name)})
    return network


def own(source: "Path | Network") -> Network:
    """Return a network that may be cut: read from its file, or a copy."""
    return runtime.core().read_model(source) if isinstance(source, Path) else source.clone()


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
