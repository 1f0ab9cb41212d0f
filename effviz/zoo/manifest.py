"""The list of checkpoints in `models/manifest.json`: what each file is, before anything of it is opened.

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

SHIPPED_FILES: Final = "mini/"  # where files that come with EffViz lie; setup.py puts no others into the wheel


class Interpolation(StrEnum):
    """How photos are resized."""

    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


# Rules of the entries' values.


@dataclass(frozen=True)
class Distinct(Rule):
    """Some values, no two of them equal."""

    most: int

    def allows(self, value: Any) -> bool:
        """Whether they are that."""
        return 0 < len(value) <= self.most and len(set(value)) == len(value)

    def __str__(self) -> str:
        return _("1 to {most:,} different values").format(most=self.most)


def _text(most: int, least: int = 1) -> Pattern:
    words = lazy_gettext("a text of {least} to {most} characters", least=least, most=most)
    return Pattern(f".{{{least},{most}}}", words)


Text = Annotated[str, _text(2000)]
NAME_PATTERN: Final = r"[a-z][a-z0-9._-]{0,99}"
Name = Annotated[str, Pattern(NAME_PATTERN, lazy_gettext("a name of lower-case letters, digits, '.', '_', '-'"))]
UnitInterval = Annotated[float, Range(0, 1)]  # of a pixel's 0..1
Spread = Annotated[float, Range(1e-3, 10)]  # narrower, a pixel's smallest change would fill the network's range


@dataclass(frozen=True)
class CheckpointEntry:
    """One checkpoint: a B0 or Lite0 scaled by depth and width, with its weights file."""

    name: Name  # how it is asked for, "imagenette-d1.4"
    file: Text  # inside the manifest's folder; .safetensors, or .pth with a plain state dict
    sha256: Annotated[str, Pattern(r"[0-9a-f]{64}", lazy_gettext("a hash of 64 hexadecimal digits"))]
    family: Family
    depth: Annotated[float, Range(DEPTH.low, DEPTH.high)]
    width: Annotated[float, Range(WIDTH.low, WIDTH.high)]
    resolution_px: Annotated[int, Range(RESOLUTION.low, RESOLUTION.high)]
    classes: Annotated[tuple[Text, ...], Distinct(int(CLASSES.high))]  # in the file: a list of names, or "imagenet"
    licence: Text
    origin: Text  # who trained it, on what
    top1_pct: Annotated[float, Range(0, 100)] | None
    top1_source: Text
    crop_pct: Annotated[float, Range(0.1, 1)] = 0.875
    interpolation: Interpolation = Interpolation.BICUBIC
    mean: tuple[UnitInterval, UnitInterval, UnitInterval] = HALF_STATISTICS[0]
    std: tuple[Spread, Spread, Spread] = HALF_STATISTICS[1]
    top1_pictures: Annotated[int, Range(1, 2**53)] | None = None  # how many pictures top1_pct was measured on
    dataset: Annotated[str, _text(200, least=0)] = ""  # "Imagenette"
    padding: Padding | None = None  # None: Lite's networks are TensorFlow's; others have to say
    epsilon: Annotated[float, Range(1e-12, 0.99)] | None = None  # of batch norm; None: what goes with the padding
    channels: Channels = Channels.RGB  # which the file's first convolution wants
    activation: OutputActivation | None = None  # None: softmax, of one logit sigmoid

    @property
    def arithmetic(self) -> Arithmetic:
        """What names and shapes of its weights do not tell."""
        usual = arithmetic(self.family, self.padding or Padding.SAME)
        output = self.activation or (OutputActivation.SIGMOID if len(self.classes) == 1 else OutputActivation.SOFTMAX)
        return replace(usual, epsilon=self.epsilon or usual.epsilon, channels=self.channels, output=output)


def models_folder() -> Path:
    """Return the folder of one's own models: what EFFVIZ_MODELS names, `models/` of the clone, or the user's folder."""
    return settings.MODELS.value()


def locate(file: str) -> Path:
    """Return where a file of the models lies: among one's own, else among those that come with EffViz."""
    places = [folder / file for folder in settings.model_folders()]
    return next((place for place in places if place.exists()), places[0])


def entries() -> tuple[CheckpointEntry, ...]:
    """Read the manifests, one's own first; a folder without one has no checkpoints.

    Raises:
        WeightsError: a manifest is not a list of complete entries; the text says which one to mend.
    """
    by_name: dict[str, CheckpointEntry] = {}
    for folder in settings.model_folders():
        by_name = {entry.name: entry for entry in _listed(folder)} | by_name
    return tuple(by_name.values())


def own_entries() -> tuple[CheckpointEntry, ...]:
    """Read one's own manifest alone; raises as `entries`."""
    return _listed(models_folder())


def folder_of(entry: CheckpointEntry) -> Path:
    """Return the folder whose manifest has this entry."""
    return next(folder for folder in settings.model_folders() if entry in _listed(folder))


def is_shipped(entry: CheckpointEntry) -> bool:
    """Whether a checkpoint comes with EffViz; a clone lists one's own in the same manifest."""
    shipped = (settings.SHIPPED / "models").resolve()
    return entry.file.startswith(SHIPPED_FILES) and folder_of(entry).resolve() == shipped


def find_entry(name: str) -> CheckpointEntry | None:
    """Return a checkpoint's entry; None where the manifests have no such name. Raises as `entries`."""
    return next((entry for entry in entries() if entry.name == name), None)


def replace_entries(changed: Sequence[CheckpointEntry]) -> None:
    """Write one's own manifest anew; entries that stay keep their own words and order.

    Raises as `entries`, and SettingsError where it cannot be written.
    """
    stay = {entry.name for entry in own_entries() if entry in changed}  # nothing broken is written over
    folder = models_folder()
    by_name = {row["name"]: row for row in json.loads(_read(folder) or b"[]")}
    rows = [by_name[entry.name] if entry.name in stay else _as_row(entry) for entry in changed]
    with file_io.reporting_write_errors(folder, lazy_gettext("Set EFFVIZ_MODELS to a folder that you can write to.")):
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
        file_io.write_text_atomically(folder / "manifest.json", text)


def _as_row(entry: CheckpointEntry) -> dict[str, Any]:
    defaults = {each.name: each.default for each in fields(entry)}
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


@lru_cache(maxsize=4)  # asked for again and again, and parsed in milliseconds
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
    """Make an entry of what JSON gave for it; raises SettingsError where a key or a value is not as it has to be."""
    entry = schema.parse(CheckpointEntry, row, repr(str(row.get("name"))[:100]))
    plan(entry.depth, entry.width, entry.resolution_px, entry.family)
    if entry.name in PUBLISHED or entry.name.startswith("scaled"):
        text = _("the name {name!r} belongs to another network: choose a different one")
        raise SettingsError(text.format(name=entry.name))
    if entry.padding is None and entry.family is Family.EFFICIENTNET:  # of the same names and shapes
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


# How sure a measured accuracy is.

_Z: Final = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


def wilson_interval_pct(correct: int, pictures: int) -> tuple[float, float]:
    """Where the share of right guesses lies with 95 % confidence, in percent (Wilson 1927)."""
    share, z2 = correct / pictures, _Z**2
    middle = (share + z2 / (2 * pictures)) / (1 + z2 / pictures)
    spread = _Z * math.sqrt(share * (1 - share) / pictures + z2 / (4 * pictures**2)) / (1 + z2 / pictures)
    return 100 * (middle - spread), 100 * (middle + spread)
