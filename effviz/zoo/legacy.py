"""State dicts as torch wrote them before 1.6, read without torch and with nothing of them run.

The layout (torch/serialization.py, `_legacy_save`): five pickles, which are a magic number, a version, facts about the
machine, the state dict with its storages named by key, and the keys in order; then each storage, its length first.

A pickle can name any function of any module. This reader knows four names and refuses every other one; none of the four
does more than hold its arguments.
"""

import io
import pickle
import struct
from collections import OrderedDict
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np

from effviz.zoo import tensors
from effviz.zoo.tensors import Array, Tensors

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


def read(path: Path) -> Tensors:
    """Read a file's tensors, in its order and under its names.

    Raises:
        WeightsError: it is damaged, has another layout or names anything else.
    """
    try:
        return _tensors(io.BytesIO(path.read_bytes()))
    except UNREADABLE as error:
        raise tensors.damaged(path) from error


def _tensors(file: io.BytesIO) -> dict[str, Array]:
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
