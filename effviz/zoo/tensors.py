"""Weights files that are not trusted: hashed, read without running their code, and checked against the network."""

import hashlib
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

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
    if not isinstance(tensors, dict) or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise _refusal(path, _("holds something else"))
    return tensors


def fit(module: torch.nn.Module, tensors: Tensors, source: str) -> None:
    """Copy tensors into a network after every name and shape was found to match.

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
        if not torch.isfinite(tensor).all():
            raise _misfit(source, _("{name} holds numbers that are not finite").format(name=name))
    module.load_state_dict(dict(tensors), strict=True)


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
