"""Export a network to ONNX, with preprocessing and classes in the metadata, checked with another engine."""

import io
import json
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

import effviz
from effviz import file_io, optional_packages
from effviz.errors import WeightsError
from effviz.i18n import _, lazy_gettext
from effviz.zoo.model import Model, ModelRef

MOST_DIFFERENCE: Final = 1e-4  # of the largest logit
INPUT, OUTPUT = "pixels", "logits"
_PICTURES: Final = 2  # batch size of the check, because the file's batch size is dynamic


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """The file written, and how far its logits are from the network's."""

    file: Path
    size_bytes: int
    difference: float  # the largest, as a share of the largest logit


def export_onnx(model: Model, file: Path) -> OnnxFile:
    """Write a network with its weights for one input size and any batch size.

    Before the file is moved into place, onnxruntime loads it, and its logits are compared with torch's.

    Raises:
        SettingsError: torch, onnx or onnxruntime is not installed, or the file cannot be written.
        WeightsError: the logits differ by more than 1e-4 of the largest; nothing is written.
    """
    optional_packages.require(*optional_packages.TORCH)
    optional_packages.require(*optional_packages.ONNX, extra="onnx")
    data = _graph(model)
    difference = _difference(model, data)
    if difference > MOST_DIFFERENCE:
        text = _(
            "The logits of {model}'s ONNX file differ from the network's by {difference:.1e} of the largest. At most "
            "{most:.0e} is allowed, so nothing was written. Report this with the versions of torch and onnx."
        )
        raise WeightsError(text.format(model=model.ref.label, difference=difference, most=MOST_DIFFERENCE))
    with file_io.reporting_write_errors(file, lazy_gettext("Choose another file with --onnx.")):
        file_io.write_atomically(file, lambda out: out.write(data))
    return OnnxFile(file, len(data), difference)


def metadata(ref: ModelRef) -> dict[str, str]:
    """Return the file's metadata; values that are not text are JSON."""
    spec = ref.spec
    preprocessing = {
        "resize_short_side_px": math.floor(ref.resolution_px / spec.crop_pct),
        "interpolation": spec.interpolation,
        "centre_crop_px": ref.resolution_px,
        "channels": "RGB",
        "scale": "pixels / 255",
        "mean": list(spec.mean),
        "std": list(spec.std),
    }
    return {
        "model": ref.label,
        "effviz": effviz.__version__,
        "weights": _(spec.weights),
        "trained": json.dumps(spec.trained),
        "licence": spec.licence,
        "preprocessing": json.dumps(preprocessing),
        "probabilities": spec.arithmetic.output.value,
        "classes": json.dumps(list(spec.classes), ensure_ascii=False),
    }


def _graph(model: Model) -> bytes:
    import onnx
    import torch

    side, buffer = model.ref.resolution_px, io.BytesIO()
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning), model.weights.lock:
        torch.onnx.export(
            model.module,
            (torch.zeros(1, 3, side, side),),
            buffer,  # type: ignore[arg-type]  # the exporter accepts buffers, too
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={name: {0: "pictures"} for name in (INPUT, OUTPUT)},
            dynamo=False,  # tracing takes 1 to 6 s for B0's family; the dynamo exporter took 35 to 87 s
        )
    graph = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(graph, metadata(model.ref))
    return bytes(graph.SerializeToString())


def _difference(model: Model, data: bytes) -> float:
    import onnxruntime
    import torch

    side = model.ref.resolution_px
    pixels = np.random.default_rng(0).standard_normal((_PICTURES, 3, side, side), np.float32)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    logits: npt.NDArray[np.float32] = session.run([OUTPUT], {INPUT: pixels})[0]
    with model.weights.lock, torch.inference_mode():
        expected = model.module(torch.from_numpy(pixels)).numpy()
    return float(np.abs(logits - expected).max() / np.abs(expected).max())
