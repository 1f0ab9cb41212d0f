"""Files that a training can go on from: each appears whole or not at all, and its name carries its checksum."""

import hashlib
import logging
import os
import re
from pathlib import Path
from typing import Any, Final

import torch

from effviz import files
from effviz.errors import WeightsError
from effviz.words import _

KEPT: Final = 2
_NAME: Final = re.compile(r"step-(\d{9})-([0-9a-f]{16})\.pt")
_log = logging.getLogger(__name__)

State = dict[str, Any]  # tensors, numbers, text, and lists and dicts of them


def save(folder: Path, step: int, state: State) -> Path:
    """Write the state after a step, then remove all but the last two.

    Raises:
        SettingsError: nothing can be written there.
    """
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / ".new"
        with new.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        path = folder / f"step-{step:09d}-{_digest(new)}.pt"
        new.replace(path)
    for old in _found(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def load(folder: Path, device: torch.device) -> State | None:
    """The newest state whose checksum is right; None when there is none at all.

    Raises:
        WeightsError: there are checkpoints, and all of them are damaged.
    """
    found = _found(folder)
    for path in found:
        if _digest(path) in path.name:
            state: State = torch.load(path, map_location=device, weights_only=True)
            return state
        _log.warning("%s is damaged: its checksum is not that in its name. An older one is tried.", path.name)
    if found:
        raise WeightsError(
            _(
                "All checkpoints in {folder} are damaged: their checksums are not those in their names. "
                "Remove the folder to start anew."
            ).format(folder=folder)
        )
    return None


def exists(folder: Path) -> bool:
    """Whether a training has left anything to go on from."""
    return bool(_found(folder))


def _found(folder: Path) -> list[Path]:
    """Newest first."""
    return sorted((path for path in folder.glob("step-*.pt") if _NAME.fullmatch(path.name)), reverse=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
