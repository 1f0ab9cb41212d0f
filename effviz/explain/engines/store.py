"""Converted networks on disk, so that a known model starts in a fraction of a second.

One folder a network, named by all that decides what is in it; it appears whole or not at all.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from effviz.zoo.model import Model

FILE = "network.xml"  # its weights lie beside it, in network.bin
FORMAT = 2  # of what is kept: another number makes every network anew
KEPT = 32  # networks, and as many compiled ones; the oldest go first, and are made again when needed


def folder() -> Path:
    """Return the cache folder of EffViz, by the XDG rules; it may not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "effviz"


def key(model: Model, size_px: int, version: str) -> str:
    """Name a model's network at an input size as an OpenVINO version converts it.

    The tensors themselves are hashed, not the file that they came from: nobody may have changed them since.
    """
    digest = hashlib.sha256(f"{FORMAT} {model.ref.spec.architecture} {size_px} {version}".encode())
    for name, tensor in sorted(model.module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().contiguous().numpy())
    return f"{model.ref.spec.name.replace(':', '_')}-{size_px}-{digest.hexdigest()[:32]}"


def path(name: str) -> Path:
    """Return where a network lies or will lie."""
    return folder() / "openvino" / name / FILE


def compiled() -> Path:
    """Return the folder of OpenVINO's own cache of compiled networks."""
    return folder() / "openvino" / "compiled"


def put(name: str, write: Callable[[Path], None]) -> Path:
    """Write a network beside its place, then move the whole folder there; another process may have been faster.

    Raises:
        OSError: the folder cannot be written.
    """
    target = path(name)
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent.parent, ignore_cleanup_errors=True) as made:
        new = Path(made) / "network"
        new.mkdir()
        write(new / FILE)
        try:
            new.rename(target.parent)
        except OSError:
            if not target.exists():
                raise
    _prune(target.parent.parent, "*-*")
    _prune(compiled(), "*.blob")
    return target


def _prune(parent: Path, pattern: str) -> None:
    """Remove the oldest beyond KEPT; whoever has one open keeps what is open."""
    found = sorted(parent.glob(pattern), key=lambda entry: entry.stat().st_mtime, reverse=True)
    for old in found[KEPT:]:
        if old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.unlink(missing_ok=True)


def drop(name: str) -> None:
    """Remove a damaged network."""
    shutil.rmtree(path(name).parent, ignore_errors=True)
