"""OpenVINO on the CPU, in 32-bit floats: about four times as fast as torch for one photo."""

import copy
import logging
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Self, cast

import numpy as np
import torch

from effviz.explain import stages
from effviz.explain.engines import runtime, store
from effviz.explain.engines.engine import EngineName
from effviz.explain.engines.torch_engine import TorchEngine
from effviz.explain.results import Floats
from effviz.zoo.model import Model

TOLERANCE = 1e-3  # relative to torch's largest value
FAILURES = (ImportError, RuntimeError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class OpenVinoEngine:
    """A compiled network. Each call takes an idle request or makes one, so threads never share buffers."""

    compiled: Any  # openvino.CompiledModel
    name: EngineName = EngineName.OPENVINO
    idle: "SimpleQueue[Any]" = field(default_factory=SimpleQueue)

    @classmethod
    def of(cls, model: Model, size_px: int) -> Self:
        """Compile a model, converted now or found on disk.

        Raises:
            FAILURES: OpenVINO is missing, or cannot convert this network as torch runs it.
        """
        version = runtime.openvino().get_version()
        name = store.key(model, size_px, version)
        if (known := store.path(name)).exists():
            try:
                return cls(_compile(known))
            except RuntimeError as error:
                _log.warning("The converted network %s cannot be read (%s); it is made again.", name, error)
                store.drop(name)
        network = _convert(model, size_px)
        _check(cls(_compile(network)), model, size_px)  # before it is kept
        return cls(_compile(_saved(network, name)))

    def run(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return features after `bn2` (N, C, H, W) and logits (N, K) of inputs (N, 3, S, S), one after the other."""
        request = self._request()
        outputs = [_infer(request, photo) for photo in np.asarray(pixels, np.float32)[:, None]]
        self.idle.put(request)  # not reached after an error: that request is dropped
        if len(outputs) == 1:
            return outputs[0]
        return np.concatenate([features for features, _ in outputs]), np.concatenate([logits for _, logits in outputs])

    def _request(self) -> Any:
        try:
            return self.idle.get_nowait()
        except Empty:
            return self.compiled.create_infer_request()


class _Both(torch.nn.Module):
    """A network that returns what the engine needs."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        net = cast(stages.Network, self.module)
        features = net.forward_features(pixels)  # (1, C, H, W)
        return features, net.forward_head(features)


def _infer(request: Any, photo: Floats) -> tuple[Floats, Floats]:
    request.infer([photo])
    features, logits = (np.array(request.get_output_tensor(i).data, np.float32) for i in range(2))
    return features, logits


def _convert(model: Model, size_px: int) -> Any:
    """Trace a private copy: the converter may touch the module, which all visitors share."""
    shape = (1, 3, size_px, size_px)  # fixed: TensorFlow's SAME padding depends on the size
    failures = runtime.conversion_failures()
    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.trace", FutureWarning)  # the converter's choice, not ours
        module = _Both(copy.deepcopy(model.module)).eval()
        try:
            return runtime.openvino().convert_model(module, example_input=torch.zeros(shape), input=[shape])
        except failures as error:
            raise RuntimeError(str(error)) from error


def _saved(network: Any, name: str) -> Any:
    """Return the network's path, or the network itself where nothing can be written."""
    save = runtime.openvino().save_model
    try:
        return store.put(name, lambda path: save(network, path, compress_to_fp16=False))
    except (OSError, RuntimeError) as error:
        _log.warning("The converted network %s cannot be kept (%s); it is made again at the next start.", name, error)
        return network


def _compile(network: Any) -> Any:
    core = runtime.openvino().Core()
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),  # which follows OMP_NUM_THREADS
    }
    if isinstance(network, Path):
        settings["CACHE_DIR"] = str(store.compiled())
    return core.compile_model(network, "CPU", settings)


def _check(engine: OpenVinoEngine, model: Model, size_px: int) -> None:
    """Run a fresh conversion once beside torch, on a smooth picture: on noise some networks lose all digits."""
    ramp = np.linspace(-1, 1, size_px, dtype=np.float32)
    pixels = np.stack([*np.meshgrid(ramp, ramp), np.outer(ramp, ramp)])[None]  # (1, 3, S, S)
    for ours, expected in zip(engine.run(pixels), TorchEngine(model).run(pixels), strict=True):
        if not np.abs(ours - expected).max() <= TOLERANCE * np.abs(expected).max():
            raise RuntimeError("the converted network gives other numbers than torch")
