"""Weights files that are not trusted: hashed, read without running their code, and checked against the network."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import safetensors

from effviz import regular_files
from effviz.errors import WeightsError
from effviz.words import _
from effviz.zoo import layout

Array = npt.NDArray[Any]
Tensors = Mapping[str, Array]

FIRST: Final = "conv_stem.weight"  # a name that every network of the family has once


def sha256(path: Path) -> str:
    """Return the hexadecimal hash of a file.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        with regular_files.opened(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
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
    found = sha256(path)
    if found != expected:
        raise WeightsError(
            _(
                "The weights file {name} has the sha256 {found}..., but {expected}... is expected: it is "
                "damaged or another file. Get it again."
            ).format(name=path.name, found=found[:12], expected=expected[:12])
        )
    return found


def read(path: Path) -> Tensors:
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
        raise damaged(path) from error


def _with_halves(path: Path) -> Tensors:
    """Read a file with bfloat16 numbers, which are the upper halves of float32 ones."""
    found: dict[str, Array] = {}
    for name, of in safetensors.deserialize(path.read_bytes()):  # type: ignore[no-untyped-call]
        halves = of["dtype"] == "BF16"
        numbers = np.frombuffer(of["data"], np.dtype("<u2") if halves else _NUMPY[of["dtype"]]).reshape(of["shape"])
        found[name] = (numbers.astype(np.uint32) << 16).view(np.float32) if halves else numbers
    return found


_NUMPY = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32}


def fitted(tensors: Tensors, expected: Mapping[str, layout.Shape], source: str) -> Tensors:
    """Return the tensors as float32, read-only and in the network's order, after every name and shape was found right.

    Counters of batch norms may be missing or left over, which nobody reads, and one prefix may stand before every name.

    Raises:
        WeightsError: a tensor is missing, left over, of another shape, or not a number everywhere.
    """
    tensors = without_prefix(tensors)
    lone = sorted(name for name in expected.keys() ^ tensors.keys() if not name.endswith(layout.COUNTER))
    if lone:
        raise _misfit(
            source, _("{count} tensors have no partner, the first is {first}").format(count=len(lone), first=lone[0])
        )
    return {name: _fitted(name, tensors.get(name), shape, source) for name, shape in expected.items()}


def without_prefix(tensors: Tensors) -> Tensors:
    """Take off what stands before every name: `module.`, `_orig_mod.` or `model.`, as wrappers of networks leave it."""
    before = {name.removesuffix(FIRST) for name in tensors if name.endswith(FIRST)}
    prefix = next(iter(before)) if len(before) == 1 else ""
    if not prefix.endswith(".") or not all(name.startswith(prefix) for name in tensors):
        return tensors
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def _fitted(name: str, found: Array | None, shape: layout.Shape, source: str) -> Array:
    if name.endswith(layout.COUNTER):
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


def damaged(path: Path) -> WeightsError:
    """Return what to say of a file that cannot be read."""
    return _refusal(path, _("is damaged or holds code"))


def other(path: Path) -> WeightsError:
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
