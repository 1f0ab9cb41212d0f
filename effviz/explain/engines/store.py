"""Converted networks on disk, so that a known model starts in a fraction of a second.

One folder a network, named by all that decides what is in it; it appears whole or not at all.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from effviz.zoo.model import Model

FILE = "network.xml"  # its weights lie beside it, in network.bin
FORMAT = 2  # of what is kept: another number makes every network anew
MOST_BYTES = 2 * 2**30  # of networks and compiled ones; the longest unused go first, and are made again when needed


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
    with suppress(FileNotFoundError):  # another process may be pruning, too
        _prune()
    return target


def find(name: str) -> Path | None:
    """Return where a network lies, and note that it is in use; None where there is none."""
    known = path(name)
    if not known.exists():
        return None
    with suppress(OSError):  # a folder that can only be read
        os.utime(known.parent)
    return known


def _prune() -> None:
    """Remove the longest unused beyond MOST_BYTES; whoever has one open keeps what is open."""
    networks = (folder() / "openvino").glob("*-*")
    total = 0
    for entry in sorted([*networks, *compiled().glob("*.blob")], key=_used, reverse=True):
        total += sum(file.stat().st_size for file in (entry.iterdir() if entry.is_dir() else [entry]))
        if total > MOST_BYTES:
            _remove(entry)


def _used(entry: Path) -> float:
    """When it was last written, or read where the file system keeps that: OpenVINO opens its own files itself."""
    return max(entry.stat().st_mtime, entry.stat().st_atime if entry.is_file() else 0)


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def drop(name: str) -> None:
    """Remove a damaged network."""
    shutil.rmtree(path(name).parent, ignore_errors=True)
