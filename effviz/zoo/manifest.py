"""The list of checkpoints in `models/manifest.json`: what each file is, before anything of it is opened."""

import json
import os
import re
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from effviz.errors import WeightsError
from effviz.scaling import Family, plan
from effviz.zoo import classes as imagenet
from effviz.zoo.transforms import HALF_STATISTICS, Rgb

FOLDER_VARIABLE = "EFFVIZ_MODELS"  # another folder than the clone's models/


@dataclass(frozen=True, slots=True)
class Entry:
    """One checkpoint: a B0 or Lite0 scaled by depth and width, with its weights file."""

    name: str  # how it is asked for, "imagenette-d1.4"
    file: str  # inside the manifest's folder; .safetensors, or .pth with a plain state dict
    sha256: str
    family: Family
    depth: float
    width: float
    resolution_px: int
    classes: tuple[str, ...]  # in the manifest: a list of names, or "imagenet"
    licence: str
    origin: str  # who trained it, on what
    top1_pct: float | None
    top1_source: str
    crop_pct: float = 0.875
    interpolation: str = "bicubic"
    mean: Rgb = HALF_STATISTICS[0]
    std: Rgb = HALF_STATISTICS[1]


def folder() -> Path:
    """Return the folder of the manifest: `models/` of the clone, or what EFFVIZ_MODELS names."""
    return Path(os.environ.get(FOLDER_VARIABLE) or Path(__file__).parents[2] / "models")


def entries() -> tuple[Entry, ...]:
    """Read the manifest; a folder without one has no checkpoints.

    Raises:
        WeightsError: the manifest is not a list of complete entries; the text says which one to mend.
    """
    path = folder() / "manifest.json"
    if not path.exists():
        return ()
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _refusal(f"is not JSON: {error}") from error
    if not isinstance(rows, list):
        raise _refusal("is not a list")
    found = tuple(_entry(row) for row in rows)
    if len({entry.name for entry in found}) < len(found):
        raise _refusal("gives one name to two checkpoints")
    return found


def _entry(row: Any) -> Entry:
    if not isinstance(row, dict) or not isinstance(row.get("name"), str):
        raise _refusal("holds an entry without a name")
    needed = {field.name for field in fields(Entry) if field.default is MISSING}
    if missing := sorted(needed - row.keys()):
        raise _refusal(f"lacks {', '.join(missing)} for {row['name']!r}")
    if unknown := sorted(row.keys() - {field.name for field in fields(Entry)}):
        raise _refusal(f"has unknown keys for {row['name']!r}: {', '.join(unknown)}")
    try:
        entry = _typed(row)
    except (TypeError, ValueError) as error:
        raise _refusal(f"has a value of the wrong kind for {row['name']!r}: {error}") from error
    if not re.fullmatch(r"[a-z][a-z0-9._-]*", entry.name) or not re.fullmatch(r"[0-9a-f]{64}", entry.sha256):
        raise _refusal(f"needs a lower-case name and a sha256 of 64 hexadecimal digits for {row['name']!r}")
    plan(entry.depth, entry.width, entry.resolution_px, entry.family)  # refuses numbers that are out of range
    return entry


def _typed(row: dict[str, Any]) -> Entry:
    names = imagenet.names() if row["classes"] == "imagenet" else tuple(str(name) for name in row["classes"])
    typed: dict[str, Any] = {
        "family": Family(row["family"]),
        "depth": float(row["depth"]),
        "width": float(row["width"]),
        "resolution_px": int(row["resolution_px"]),
        "classes": names,
        "top1_pct": None if row["top1_pct"] is None else float(row["top1_pct"]),
    }
    typed |= {key: tuple(float(part) for part in row[key]) for key in ("mean", "std") if key in row}
    if "crop_pct" in row:
        typed["crop_pct"] = float(row["crop_pct"])
    words = ("file", "sha256", "licence", "origin", "top1_source")
    typed |= {key: str(row[key]) for key in words}
    return Entry(**(row | typed))


def _refusal(what: str) -> WeightsError:
    return WeightsError(
        f"The list of checkpoints {folder() / 'manifest.json'} {what}. models/README.md describes the list: "
        "mend or remove the entry."
    )
