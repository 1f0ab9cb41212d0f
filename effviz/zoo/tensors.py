"""Weights files that are not trusted: hashed, read without running their code, and checked against the network."""

import hashlib
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch

from effviz.errors import WeightsError
from effviz.words import _

Tensors = Mapping[str, torch.Tensor]


def sha256(path: Path) -> str:
    """Return the hexadecimal hash of a file.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
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
    """Read a `.safetensors` file or a plain state dict saved by torch; code in a pickle never runs.

    Raises:
        WeightsError: the file holds more than tensors, or is damaged.
    """
    try:
        if path.suffix == ".safetensors":
            tensors = safetensors.torch.load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except (
        pickle.UnpicklingError,
        safetensors.SafetensorError,
        zipfile.BadZipFile,
        RuntimeError,
        ValueError,
        EOFError,
        LookupError,
        AttributeError,
        OSError,
    ) as error:
        raise _refusal(path, _("is damaged or holds code")) from error
    if not isinstance(tensors, dict) or not all(map(_is_array, tensors.values())):
        raise _refusal(path, _("holds something else"))
    return tensors


def _is_array(value: object) -> bool:
    """Tell whether something is a tensor of real numbers in memory; files may hold other kinds, too."""
    return (
        isinstance(value, torch.Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and not (value.is_nested or value.is_quantized or value.is_complex())
    )


def unfilled() -> torch.device:
    """Return where to build a network whose tensors `fit` brings: random ones would be made in vain.

    `with unfilled():` around its construction.
    """
    return torch.device("meta")


def fit(module: torch.nn.Module, tensors: Tensors, source: str) -> None:
    """Give copies of tensors to a network after every name and shape was found to match; its types of numbers stay.

    Raises:
        WeightsError: a tensor is missing, left over, of another shape, or not a number everywhere.
    """
    expected = module.state_dict()
    if lone := sorted(expected.keys() ^ tensors.keys()):
        raise _misfit(
            source, _("{count} tensors have no partner, the first is {first}").format(count=len(lone), first=lone[0])
        )
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise _misfit(
                source,
                _("{name} is {shape} instead of {expected}").format(
                    name=name, shape=tuple(tensor.shape), expected=tuple(expected[name].shape)
                ),
            )
        # By numpy: torch's threads would take longer to meet than to look.
        if not np.isfinite(_copy(tensor, torch.float32).numpy()).all():
            raise _misfit(source, _("{name} holds numbers that are not finite").format(name=name))
    owned = {name: _copy(tensor, expected[name].dtype) for name, tensor in tensors.items()}
    module.load_state_dict(owned, strict=True, assign=True)


def _copy(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Numbers alone, without gradients, in memory of their own: a file may be mapped into it, and change."""
    return tensor.detach().to(dtype, copy=True)


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
