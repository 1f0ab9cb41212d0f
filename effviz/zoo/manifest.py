"""The list of checkpoints in `models/manifest.json`: what each file is, before anything of it is opened."""

import json
import os
import re
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

from effviz.errors import SettingsError, WeightsError
from effviz.scaling import PUBLISHED, Family, Padding, plan
from effviz.words import _
from effviz.zoo import classes as imagenet
from effviz.zoo.model import Arithmetic, arithmetic
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
    top1_pictures: int | None = None  # how many pictures top1_pct was measured on
    dataset: str = ""  # and of which data set, "Imagenette"
    padding: Padding | None = None  # None: Lite's networks are TensorFlow's; others have to say
    epsilon: float | None = None  # of batch norm; None: what goes with the padding

    @property
    def arithmetic(self) -> Arithmetic:
        """What names and shapes of its weights do not tell."""
        usual = arithmetic(self.family, self.padding or Padding.SAME)
        return usual if self.epsilon is None else replace(usual, epsilon=self.epsilon)


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
    except (OSError, ValueError, RecursionError) as error:
        raise _refusal(_("is not JSON: {error}").format(error=error)) from error
    if not isinstance(rows, list):
        raise _refusal(_("is not a list"))
    found = tuple(_entry(row) for row in rows)
    if len({entry.name for entry in found}) < len(found):
        raise _refusal(_("gives one name to two checkpoints"))
    return found


def _entry(row: Any) -> Entry:
    if not isinstance(row, dict) or not isinstance(row.get("name"), str):
        raise _refusal(_("holds an entry without a name"))
    needed = {field.name for field in fields(Entry) if field.default is MISSING}
    if missing := sorted(needed - row.keys()):
        raise _refusal(_("lacks {missing} for {name!r}").format(missing=", ".join(missing), name=row["name"]))
    if unknown := sorted(row.keys() - {field.name for field in fields(Entry)}):
        raise _refusal(
            _("has unknown keys for {name!r}: {unknown}").format(name=row["name"], unknown=", ".join(unknown))
        )
    try:
        entry = _typed(row)
        plan(entry.depth, entry.width, entry.resolution_px, entry.family)
    except (TypeError, ValueError, OverflowError, SettingsError) as error:
        raise _refusal(_("has a wrong value for {name!r}: {error}").format(name=row["name"], error=error)) from error
    _check_told(entry)
    if wrong := [key for key, right in _rules(entry).items() if not right]:
        raise _refusal(_("has a wrong value for {name!r} in {wrong}").format(name=row["name"], wrong=", ".join(wrong)))
    return entry


def _check_told(entry: Entry) -> None:
    """Refuse what has several meanings: `efficientnet_b0` and `tf_efficientnet_b0` have the same names and shapes."""
    if entry.padding is None and entry.family is Family.EFFICIENTNET:
        raise _refusal(
            _(
                'does not say the padding of {name!r}, which weights do not tell: "same" for TensorFlow\'s networks '
                "and timm's tf_efficientnet_b*, \"symmetric\" for timm's other efficientnet_b*"
            ).format(name=entry.name)
        )
    if len(entry.classes) == 1:
        raise _refusal(
            _(
                "gives {name!r} one class, whose softmax is always 100 %: two classes at least are needed; a network "
                "with one logit can get a second one, with weights of 0, for the other class"
            ).format(name=entry.name)
        )


def _typed(row: dict[str, Any]) -> Entry:
    names = imagenet.names() if row["classes"] == "imagenet" else tuple(row["classes"])
    typed: dict[str, Any] = {
        "family": Family(row["family"]),
        "depth": float(row["depth"]),
        "width": float(row["width"]),
        "resolution_px": int(row["resolution_px"]),
        "classes": names,
        "top1_pct": None if row["top1_pct"] is None else float(row["top1_pct"]),
    }
    typed |= {key: float(row[key]) for key in ("crop_pct",) if key in row}
    typed |= {key: int(row[key]) for key in ("top1_pictures",) if row.get(key) is not None}
    typed |= {"padding": Padding(row["padding"])} if row.get("padding") is not None else {}
    typed |= {"epsilon": float(row["epsilon"])} if row.get("epsilon") is not None else {}
    typed |= {"sha256": str(row["sha256"]).lower()}
    typed |= {key: tuple(float(part) for part in row[key]) for key in ("mean", "std") if key in row}
    return Entry(**(row | typed))


def _rules(entry: Entry) -> dict[str, bool]:
    """Return, by key, whether a value that has the right type makes sense."""
    words = (entry.file, entry.licence, entry.origin, entry.top1_source, *entry.classes)
    reserved = entry.name in PUBLISHED or entry.name.startswith("scaled")
    return {
        "name": bool(re.fullmatch(r"[a-z][a-z0-9._-]*", entry.name)) and not reserved,
        "sha256": bool(re.fullmatch(r"[0-9a-f]{64}", str(entry.sha256))),
        "classes, file, licence, origin or top1_source": all(isinstance(word, str) and word for word in words),
        "classes": len(entry.classes) > 0 and len(set(entry.classes)) == len(entry.classes),
        "top1_pct": entry.top1_pct is None or 0 <= entry.top1_pct <= 100,
        "top1_pictures": entry.top1_pictures is None or entry.top1_pictures > 0,
        "dataset": isinstance(entry.dataset, str),
        "epsilon": entry.epsilon is None or 0 < entry.epsilon < 1,
        "crop_pct": 0 < entry.crop_pct <= 1,
        "interpolation": entry.interpolation in ("bilinear", "bicubic"),
        "mean": len(entry.mean) == 3,
        "std": len(entry.std) == 3 and min(entry.std) > 0,
    }


def _refusal(what: str) -> WeightsError:
    return WeightsError(
        _(
            "The list of checkpoints {file} {what}. models/README.md describes the list: mend or remove the entry."
        ).format(file=folder() / "manifest.json", what=what)
    )
