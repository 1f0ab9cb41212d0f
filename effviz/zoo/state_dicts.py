"""State dicts: files that are not trusted are hashed, read without running their code, and checked against the network.

Says how timm names the tensors of a plan, and draws random ones for untrained networks.
"""

from collections.abc import Mapping
from math import prod, sqrt
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import safetensors

from effviz import file_io
from effviz.errors import WeightsError
from effviz.i18n import _
from effviz.scaling import Layer, Operator, Plan
from effviz.scaling.architecture import HEAD_STAGE, PICTURE_CHANNELS

# What timm calls the tensors of a planned network, and their shapes.

Shape = tuple[int, ...]

COUNTER: Final = "num_batches_tracked"  # of a batch norm in training; nothing is computed with it

# Names of a layer and of its batch norm in a block; "" where it has a bias instead.
_GATE = {Operator.SQUEEZE: ("se.conv_reduce", ""), Operator.EXCITE: ("se.conv_expand", "")}

_FIRST_STAGE = {**_GATE, Operator.DEPTHWISE: ("conv_dw", "bn1"), Operator.PROJECT: ("conv_pw", "bn2")}

_LATER_STAGE = {
    **_GATE,
    Operator.EXPAND: ("conv_pw", "bn1"),
    Operator.DEPTHWISE: ("conv_dw", "bn2"),
    Operator.PROJECT: ("conv_pwl", "bn3"),
}


class NamedLayer(NamedTuple):
    """A layer of a plan with the names of its tensors."""

    layer: Layer
    name: str  # "blocks.1.0.conv_pw"
    norm: str  # "blocks.1.0.bn1"; "" where the layer has a bias instead

    @property
    def weight_shape(self) -> Shape:
        """Output channels first, as in torch."""
        of = self.layer
        if of.operator is Operator.CLASSIFIER:
            return of.out_channels, of.in_channels
        inputs = 1 if of.operator is Operator.DEPTHWISE else of.in_channels
        return of.out_channels, inputs, of.kernel, of.kernel


def named_layers(plan: Plan) -> tuple[NamedLayer, ...]:
    """Return a plan's layers with timm's names, from the photo to the logits."""
    return tuple(_named_layer(layer) for layer in plan.layers)


def tensor_shapes(plan: Plan, channels: int = PICTURE_CHANNELS) -> dict[str, Shape]:
    """Return every tensor's name and shape in timm's order of layers, counters of batch norms too."""
    found: dict[str, Shape] = {}
    for part in named_layers(plan):
        found[f"{part.name}.weight"] = part.weight_shape
        if not part.norm:
            found[f"{part.name}.bias"] = (part.layer.out_channels,)
            continue
        found |= {f"{part.norm}.{of}": (part.layer.out_channels,) for of in ("weight", "bias")}
        found |= {f"{part.norm}.running_{of}": (part.layer.out_channels,) for of in ("mean", "var")}
        found[f"{part.norm}.{COUNTER}"] = ()
    out, _, *kernel = found["conv_stem.weight"]
    return found | {"conv_stem.weight": (out, channels, *kernel)}


def file_bytes(plan: Plan) -> int:
    """Return how large a file of these tensors is, but for its header: 32-bit floats, and counters of 64 bits."""
    return sum(4 * prod(shape) if shape else 8 for shape in tensor_shapes(plan).values())


def _named_layer(layer: Layer) -> NamedLayer:
    if layer.operator is Operator.CLASSIFIER:
        return NamedLayer(layer, "classifier", "")
    if layer.operator is Operator.CONV:
        return (
            NamedLayer(layer, "conv_head", "bn2")
            if layer.stage == HEAD_STAGE
            else NamedLayer(layer, "conv_stem", "bn1")
        )
    # stage 2 alone does not expand, whatever the scaling
    name, norm = (_FIRST_STAGE if layer.stage == 2 else _LATER_STAGE)[layer.operator]
    block = f"blocks.{layer.stage - 2}.{layer.block}"
    return NamedLayer(layer, f"{block}.{name}", norm and f"{block}.{norm}")


Array = npt.NDArray[Any]

Tensors = Mapping[str, Array]

FIRST_TENSOR: Final = "conv_stem.weight"  # a name that every network of the family has once


def hash_file(path: Path) -> str:
    """Return the hexadecimal hash of a file.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        return file_io.file_sha256(path)
    except OSError as error:
        raise WeightsError(
            _("The weights file {name} cannot be read ({reason}): it must be a readable file. Put it back.").format(
                name=path.name, reason=error.strerror
            )
        ) from error


def check_sha256(path: Path, expected: str) -> str:
    """Return the hash of a file after it was found to be the expected one.

    Raises:
        WeightsError: the file is another one, or damaged; get it again.
    """
    found = hash_file(path)
    if found != expected:
        raise WeightsError(
            _(
                "The weights file {name} has the sha256 {found}..., but {expected}... is expected: it is "
                "damaged or another file. Get it again."
            ).format(name=path.name, found=found[:12], expected=expected[:12])
        )
    return found


def read_safetensors(path: Path) -> Tensors:
    """Read a `.safetensors` file.

    Raises:
        WeightsError: the file holds something else, or is damaged.
    """
    try:
        with safetensors.safe_open(path, "numpy") as file:  # maps it; each tensor is a copy
            kinds = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118 - not a dict
            if "BF16" in kinds.values():  # which numpy has not
                return _with_halves(path)
            return {name: file.get_tensor(name) for name in kinds}
    except (safetensors.SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise damaged_file_error(path) from error


def _with_halves(path: Path) -> Tensors:
    """Read a file with bfloat16 numbers, which are the upper halves of float32 ones."""
    found: dict[str, Array] = {}
    for name, of in safetensors.deserialize(path.read_bytes()):  # type: ignore[no-untyped-call]
        halves = of["dtype"] == "BF16"
        numbers = np.frombuffer(of["data"], np.dtype("<u2") if halves else _NUMPY[of["dtype"]]).reshape(of["shape"])
        found[name] = (numbers.astype(np.uint32) << 16).view(np.float32) if halves else numbers
    return found


_NUMPY = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32}


def fit_to_network(tensors: Tensors, expected: Mapping[str, Shape], source: str) -> Tensors:
    """Return the tensors as float32, read-only and in the network's order, after every name and shape was found right.

    Counters of batch norms may be missing or left over, which nobody reads, and one prefix may stand before every name.

    Raises:
        WeightsError: a tensor is missing, left over, of another shape, or not a number everywhere.
    """
    tensors = without_prefix(tensors)
    lone = sorted(name for name in expected.keys() ^ tensors.keys() if not name.endswith(COUNTER))
    if lone:
        raise _misfit(
            source, _("{count} tensors have no partner, the first is {first}").format(count=len(lone), first=lone[0])
        )
    return {name: _fitted_array(name, tensors.get(name), shape, source) for name, shape in expected.items()}


def without_prefix(tensors: Tensors) -> Tensors:
    """Take off what stands before every name: `module.`, `_orig_mod.` or `model.`, as wrappers of networks leave it."""
    before = {name.removesuffix(FIRST_TENSOR) for name in tensors if name.endswith(FIRST_TENSOR)}
    prefix = next(iter(before)) if len(before) == 1 else ""
    if not prefix.endswith(".") or not all(name.startswith(prefix) for name in tensors):
        return tensors
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _fitted_array(name: str, found: Array | None, shape: Shape, source: str) -> Array:
    if name.endswith(COUNTER):
        array: Array = np.array(0 if found is None or np.size(found) != 1 else np.ravel(found)[0], np.int64)
    else:
        array = np.ascontiguousarray(found, np.float32)
    if array.shape != shape:
        raise _misfit(
            source, _("{name} is {shape} instead of {expected}").format(name=name, shape=array.shape, expected=shape)
        )
    if not np.isfinite(array).all():
        raise _misfit(source, _("{name} holds numbers that are not finite").format(name=name))
    array.setflags(write=False)
    return array


def damaged_file_error(path: Path) -> WeightsError:
    """Return what to say of a file that cannot be read."""
    return _refusal(path, _("is damaged or holds code"))


def unexpected_content_error(path: Path) -> WeightsError:
    """Return what to say of a file that holds something else than tensors."""
    return _refusal(path, _("holds something else"))


def _refusal(path: Path, what: str) -> WeightsError:
    return WeightsError(
        _(
            "The weights file {name} {what}: only safetensors files and plain state dicts of tensors are read. "
            "Save it again with safetensors."
        ).format(name=path.name, what=what)
    )


def _misfit(source: str, what: str) -> WeightsError:
    return WeightsError(
        _(
            "The weights of {source} do not fit the network: {what}. Every tensor must match in name and shape: "
            "get the right file or correct the architecture."
        ).format(source=source, what=what)
    )


# Random weights, drawn as timm draws them when a training begins.

UNTRAINED_SEED = 0  # untrained networks are the same on every run


def draw_untrained(plan: Plan) -> Tensors:
    """Draw a network's weights; the same plan gives the same ones.

    Convolutions are normal with variance 2 / fan-out, the classifier is uniform within 1 / sqrt(fan-out), batch norms
    change nothing (tensorflow/tpu `efficientnet_model.py`; timm's `_init_weight_goog`).
    """
    generator = np.random.default_rng(UNTRAINED_SEED)
    found: dict[str, Array] = {
        name: np.full(shape, name.endswith((".weight", "running_var")), np.float32)
        for name, shape in tensor_shapes(plan).items()
    }
    return found | {f"{part.name}.weight": _drawn_weight(part, generator) for part in named_layers(plan)}


def _drawn_weight(part: NamedLayer, generator: np.random.Generator) -> Array:
    out, _, *kernel = part.weight_shape
    if part.layer.operator is Operator.CLASSIFIER:
        return generator.uniform(-1 / sqrt(out), 1 / sqrt(out), part.weight_shape).astype(np.float32)
    groups = out if part.layer.operator is Operator.DEPTHWISE else 1
    numbers = generator.standard_normal(part.weight_shape, np.float32)
    numbers *= np.float32(sqrt(2 * groups / (prod(kernel) * out)))
    return numbers
