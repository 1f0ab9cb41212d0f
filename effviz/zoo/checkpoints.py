"""Checkpoints of `models/`: opened only when path, hash, content and shapes are as the manifest says."""

from pathlib import Path

import torch

from effviz.errors import WeightsError
from effviz.zoo import manifest, scaled, tensors

SUFFIXES = (".safetensors", ".pth", ".pt")


def load(name: str) -> tuple[torch.nn.Module, str]:
    """Build a checkpoint's network with its weights; return it with the sha256 of the file.

    Raises:
        WeightsError: the file lies outside the folder, is missing, is another one, holds code, or does not fit.
    """
    entry = next((entry for entry in manifest.entries() if entry.name == name), None)
    if entry is None:
        raise WeightsError(
            f"{name} is not in {manifest.folder() / 'manifest.json'}: only checkpoints listed there are loaded. Add it."
        )
    path = _path(entry)
    sha256 = tensors.check_sha256(path, entry.sha256)
    module = scaled.build(entry.family, entry.depth, entry.width, len(entry.classes))
    tensors.fit(module, tensors.read(path), entry.name)
    return module, sha256


def _path(entry: manifest.Entry) -> Path:
    folder = manifest.folder().resolve()
    path = (folder / entry.file).resolve()  # links are followed first: what they point at counts
    if not path.is_relative_to(folder) or path.suffix not in SUFFIXES:
        raise WeightsError(
            f"The checkpoint {entry.name} names the file {entry.file!r}: it must lie in {folder.name}/ and end in "
            f"{', '.join(SUFFIXES)}. Move it there and correct the manifest."
        )
    return path
