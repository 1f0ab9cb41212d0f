"""Checkpoints of `models/`: opened only when path, hash, content and shapes are as the manifest says."""

from pathlib import Path
from typing import Final

from effviz.errors import WeightsError
from effviz.scaling import plan
from effviz.words import _
from effviz.zoo import manifest, pickles, tensors
from effviz.zoo.tensors import Tensors

SUFFIXES = (".safetensors", ".pth", ".pt")
# What a training keeps: the weights, their moving average and two moments of gradients, in double precision at most.
BYTES_A_PARAMETER: Final = 4 * 8
OTHER_BYTES: Final = 2**26


def load(name: str) -> tuple[Tensors, str]:
    """Read a checkpoint's tensors; return them with the sha256 of the file.

    Raises:
        WeightsError: the file lies outside the folder, is missing, is another one or holds code.
    """
    entry = next((entry for entry in manifest.entries() if entry.name == name), None)
    if entry is None:
        raise WeightsError(
            _("{name} is not in {file}: only checkpoints listed there are loaded. Add it.").format(
                name=name, file=manifest.folder() / "manifest.json"
            )
        )
    path = _path(entry)
    sha256 = tensors.check_sha256(path, entry.sha256)
    if path.suffix == ".safetensors":
        return tensors.read(path), sha256
    params = plan(entry.depth, entry.width, entry.resolution_px, entry.family, len(entry.classes)).params
    return pickles.read(path, sha256, BYTES_A_PARAMETER * params + OTHER_BYTES), sha256


def _path(entry: manifest.Entry) -> Path:
    folder = manifest.folder().resolve()
    path = (folder / entry.file).resolve()  # links are followed first: what they point at counts
    if not path.is_relative_to(folder) or path.suffix not in SUFFIXES:
        raise WeightsError(
            _(
                "The checkpoint {name} names the file {file!r}: it must lie in {folder}/ and end in "
                "{suffixes}. Move it there and correct the manifest."
            ).format(name=entry.name, file=entry.file, folder=folder.name, suffixes=", ".join(SUFFIXES))
        )
    return path
