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
            f"The weights file {path.name} cannot be read ({error.strerror}): it must be a readable file. Put it back."
        ) from error


def check_sha256(path: Path, expected: str) -> str:
    """Return the hash of a file after it was found to be the expected one.

    Raises:
        WeightsError: the file is another one, or damaged; get it again.
    """
    found = sha256(path)
    if found != expected:
        raise WeightsError(
            f"The weights file {path.name} has the sha256 {found[:12]}..., but {expected[:12]}... is expected: it is "
            "damaged or another file. Get it again."
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
        raise _refusal(path, "is damaged or holds code") from error
    if not isinstance(tensors, dict) or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise _refusal(path, "holds something else")
    return tensors


def fit(module: torch.nn.Module, tensors: Tensors, source: str) -> None:
    """Copy tensors into a network after every name and shape was found to match.

    Raises:
        WeightsError: a tensor is missing, left over, of another shape, or not a number everywhere.
    """
    expected = module.state_dict()
    if lone := sorted(expected.keys() ^ tensors.keys()):
        raise _misfit(source, f"{len(lone)} tensors have no partner, the first is {lone[0]}")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise _misfit(source, f"{name} is {tuple(tensor.shape)} instead of {tuple(expected[name].shape)}")
        if not torch.isfinite(tensor).all():
            raise _misfit(source, f"{name} holds numbers that are not finite")
    module.load_state_dict(dict(tensors), strict=True)


def _refusal(path: Path, what: str) -> WeightsError:
    return WeightsError(
        f"The weights file {path.name} {what}: only safetensors files and plain state dicts of tensors are read. "
        "Save it again with safetensors."
    )


def _misfit(source: str, what: str) -> WeightsError:
    return WeightsError(
        f"The weights of {source} do not fit the network: {what}. Every tensor must match in name and shape: "
        "get the right file or correct the architecture."
    )
