"""The list of checkpoints in `models/manifest.json`, which describes each file before it is opened.

Measured accuracies come with their 95 % intervals.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final

from effviz import file_io, schema, settings
from effviz.errors import SettingsError, WeightsError
from effviz.i18n import _, lazy_gettext
from effviz.scaling import PUBLISHED, Family, Padding, plan
from effviz.scaling.architecture import CLASSES, DEPTH, RESOLUTION, WIDTH
from effviz.schema import Pattern, Range, Rule
from effviz.zoo import imagenet_classes as imagenet
from effviz.zoo.model import HALF_STATISTICS, Arithmetic, Channels, OutputActivation, arithmetic

LARGEST_BYTES: Final = 2**24

SHIPPED_FILES: Final = "mini/"  # folder of files that come with EffViz; setup.py adds no others to the wheel


class Interpolation(StrEnum):
    """How photos are resized."""

    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


# Rules for the values of entries.


@dataclass(frozen=True)
class Distinct(Rule):
    """At least one value, all of them different."""

    most: int

    def allows(self, value: Any) -> bool:
        """Return whether the values are different and not too many."""
        return 0 < len(value) <= self.most and len(set(value)) == len(value)

    def __str__(self) -> str:
        return _("1 to {most:,} different values").format(most=self.most)


def _text(most: int, least: int = 1) -> Pattern:
    words = lazy_gettext("a text of {least} to {most} characters", least=least, most=most)
    return Pattern(f".{{{least},{most}}}", words)


Text = Annotated[str, _text(2000)]
NAME_PATTERN: Final = r"[a-z][a-z0-9._-]{0,99}"
Name = Annotated[str, Pattern(NAME_PATTERN, lazy_gettext("a name of lower-case letters, digits, '.', '_', '-'"))]
UnitInterval = Annotated[float, Range(0, 1)]  # of pixels in 0..1
Spread = Annotated[float, Range(1e-3, 10)]  # any smaller, the smallest pixel change would span the network's range


@dataclass(frozen=True)
class CheckpointEntry:
    """A checkpoint: B0 or Lite0 scaled by depth and width, with its weights file."""

    name: Name  # of the model, "imagenette-d1.4"
    file: Text  # inside the manifest's folder; .safetensors, or .pth with a plain state dict
    sha256: Annotated[str, Pattern(r"[0-9a-f]{64}", lazy_gettext("a hash of 64 hexadecimal digits"))]
    family: Family
    depth: Annotated[float, Range(DEPTH.low, DEPTH.high)]
    width: Annotated[float, Range(WIDTH.low, WIDTH.high)]
    resolution_px: Annotated[int, Range(RESOLUTION.low, RESOLUTION.high)]
    classes: Annotated[tuple[Text, ...], Distinct(int(CLASSES.high))]  # in the JSON: a list of names, or "imagenet"
    licence: Text
    origin: Text  # who trained it, and on which data
    top1_pct: Annotated[float, Range(0, 100)] | None
    top1_source: Text
    crop_pct: Annotated[float, Range(0.1, 1)] = 0.875
    interpolation: Interpolation = Interpolation.BICUBIC
    mean: tuple[UnitInterval, UnitInterval, UnitInterval] = HALF_STATISTICS[0]
    std: tuple[Spread, Spread, Spread] = HALF_STATISTICS[1]
    top1_pictures: Annotated[int, Range(1, 2**53)] | None = None  # how many pictures top1_pct was measured on
    dataset: Annotated[str, _text(200, least=0)] = ""  # "Imagenette"
    padding: Padding | None = None  # None: SAME, only allowed for Lite
    epsilon: Annotated[float, Range(1e-12, 0.99)] | None = None  # of batch norm; None: the default for the padding
    channels: Channels = Channels.RGB  # input of the file's first convolution
    activation: OutputActivation | None = None  # None: softmax, or sigmoid for one logit

    @property
    def arithmetic(self) -> Arithmetic:
        """What the names and shapes of the weights do not determine."""
        usual = arithmetic(self.family, self.padding or Padding.SAME)
        output = self.activation or (OutputActivation.SIGMOID if len(self.classes) == 1 else OutputActivation.SOFTMAX)
        return replace(usual, epsilon=self.epsilon or usual.epsilon, channels=self.channels, output=output)


def models_folder() -> Path:
    """Return the folder of the user's own models: EFFVIZ_MODELS, `models/` of the clone, or the user's data folder."""
    return settings.MODELS.value()


def locate(file: str) -> Path:
    """Return the path of a models file: in the user's own folder, otherwise among those that come with EffViz."""
    places = [folder / file for folder in settings.model_folders()]
    return next((place for place in places if place.exists()), places[0])


def entries() -> tuple[CheckpointEntry, ...]:
    """Read the manifests, the user's own first; a folder without a manifest has no checkpoints.

    Raises:
        WeightsError: a manifest is not a list of complete entries; the text says which one to correct.
    """
    by_name: dict[str, CheckpointEntry] = {}
    for folder in settings.model_folders():
        by_name = {entry.name: entry for entry in _listed(folder)} | by_name
    return tuple(by_name.values())


def own_entries() -> tuple[CheckpointEntry, ...]:
    """Read only the user's own manifest; raises as `entries`."""
    return _listed(models_folder())


def folder_of(entry: CheckpointEntry) -> Path:
    """Return the folder whose manifest contains this entry."""
    return next(folder for folder in settings.model_folders() if entry in _listed(folder))


def is_shipped(entry: CheckpointEntry) -> bool:
    """Return whether a checkpoint comes with EffViz; a clone lists the user's own in the same manifest."""
    shipped = (settings.SHIPPED / "models").resolve()
    return entry.file.startswith(SHIPPED_FILES) and folder_of(entry).resolve() == shipped


def find_entry(name: str) -> CheckpointEntry | None:
    """Return the entry of a checkpoint; None if no manifest has this name. Raises as `entries`."""
    return next((entry for entry in entries() if entry.name == name), None)


def replace_entries(changed: Sequence[CheckpointEntry]) -> None:
    """Rewrite the user's own manifest; unchanged entries keep their JSON and order.

    Raises as `entries`, and SettingsError if the manifest cannot be written.
    """
    stay = {entry.name for entry in own_entries() if entry in changed}  # raises before overwriting a broken manifest
    folder = models_folder()
    by_name = {row["name"]: row for row in json.loads(_read(folder) or b"[]")}
    rows = [by_name[entry.name] if entry.name in stay else _as_row(entry) for entry in changed]
    with file_io.reporting_write_errors(folder, lazy_gettext("Set EFFVIZ_MODELS to a folder that you can write to.")):
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
        file_io.write_text_atomically(folder / "manifest.json", text)


def _as_row(entry: CheckpointEntry) -> dict[str, Any]:
    defaults = {member.name: member.default for member in fields(entry)}
    row = {name: value for name, default in defaults.items() if (value := getattr(entry, name)) != default}
    return row | {"classes": "imagenet"} if entry.classes == imagenet.names() else row


def _listed(folder: Path) -> tuple[CheckpointEntry, ...]:
    text = _read(folder)
    return () if text is None else _entries(text)


def _read(folder: Path) -> bytes | None:
    try:
        return file_io.read_regular(folder / "manifest.json", LARGEST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refusal(_("cannot be read ({reason})").format(reason=error.strerror)) from error


@lru_cache(maxsize=4)  # parsing takes milliseconds, and every page asks several times
def _entries(text: bytes) -> tuple[CheckpointEntry, ...]:
    try:
        rows = file_io.parse_json(text)
    except ValueError as error:
        raise _refusal(_("is not JSON: {error}").format(error=error)) from error
    if not isinstance(rows, list):
        raise _refusal(_("is not a list"))
    entries = tuple(_entry(row) for row in rows)
    if len({entry.name for entry in entries}) < len(entries):
        raise _refusal(_("gives two checkpoints the same name"))
    return entries


def _entry(row: Any) -> CheckpointEntry:
    if not isinstance(row, dict) or not isinstance(row.get("name"), str):
        raise _refusal(_("contains an entry without a name"))
    if row.get("classes") == "imagenet":
        row = row | {"classes": imagenet.names()}
    if isinstance(row.get("sha256"), str):
        row = row | {"sha256": row["sha256"].lower()}
    try:
        return checked_entry(row)
    except SettingsError as error:
        raise _refusal(_("contains an error ({error})").format(error=str(error).rstrip("."))) from error


def checked_entry(row: dict[str, Any]) -> CheckpointEntry:
    """Return the entry of a JSON object; raises SettingsError if a key or a value is invalid."""
    entry = schema.parse(CheckpointEntry, row, repr(str(row.get("name"))[:100]))
    plan(entry.depth, entry.width, entry.resolution_px, entry.family)
    if entry.name in PUBLISHED or entry.name.startswith("scaled"):
        text = _("the name {name!r} belongs to another network: choose a different one")
        raise SettingsError(text.format(name=entry.name))
    if entry.padding is None and entry.family is Family.EFFICIENTNET:  # both paddings have the same names and shapes
        text = _(
            'the padding of {name!r} is missing and cannot be inferred from the weights: give "same" for '
            "TensorFlow's networks and timm's tf_efficientnet_b*, \"symmetric\" for timm's other efficientnet_b*"
        )
        raise SettingsError(text.format(name=entry.name))
    if len(entry.classes) == 1 and entry.activation is OutputActivation.SOFTMAX:
        text = _("{name!r} has one class, so its softmax is always 100 %: omit activation, or set it to sigmoid")
        raise SettingsError(text.format(name=entry.name))
    return entry


def _refusal(what: str) -> WeightsError:
    text = _("The list of checkpoints {file} {what}. Correct or remove the entry, as models/README.md describes.")
    return WeightsError(text.format(file=models_folder() / "manifest.json", what=what))


# Confidence intervals of measured accuracies.

_Z: Final = 1.959964  # 95 % of a normal distribution is within this many standard deviations


def wilson_interval_pct(correct: int, pictures: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of an accuracy, in percent (Wilson 1927)."""
    share, z2 = correct / pictures, _Z**2
    middle = (share + z2 / (2 * pictures)) / (1 + z2 / pictures)
    spread = _Z * math.sqrt(share * (1 - share) / pictures + z2 / (4 * pictures**2)) / (1 + z2 / pictures)
    return 100 * (middle - spread), 100 * (middle + spread)
