"""The list of checkpoints in `models/manifest.json`: what each file is, before anything of it is opened.

Measured accuracies come with their 95 % intervals.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final

from effviz import file_io, schema, settings
from effviz.errors import SettingsError, WeightsError
from effviz.i18n import _, lazy_gettext
from effviz.scaling import PUBLISHED, Family, Padding, plan
from effviz.scaling.limits import CLASSES, DEPTH, RESOLUTION, WIDTH
from effviz.schema import Distinct, Pattern, Range
from effviz.zoo import imagenet_classes as imagenet
from effviz.zoo.model import HALF_STATISTICS, Arithmetic, arithmetic

LARGEST_BYTES: Final = 2**24


class Interpolation(StrEnum):
    """How photos are resized."""

    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


Text = Annotated[str, Pattern(r".{1,2000}", lazy_gettext("a text of 1 to 2000 characters"))]

Name = Annotated[
    str, Pattern(r"[a-z][a-z0-9._-]{0,99}", lazy_gettext("a name of lower-case letters, digits, '.', '_', '-'"))
]

UnitInterval = Annotated[float, Range(0, 1)]  # of a pixel's 0..1

Spread = Annotated[float, Range(1e-3, 10)]  # narrower, a pixel's smallest change would fill the network's range


@dataclass(frozen=True, slots=True)
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
    dataset: Annotated[str, Pattern(r".{0,200}", lazy_gettext("a text of at most 200 characters"))] = ""  # "Imagenette"
    padding: Padding | None = None  # None: Lite's networks are TensorFlow's; others have to say
    epsilon: Annotated[float, Range(1e-12, 0.99)] | None = None  # of batch norm; None: what goes with the padding

    @property
    def arithmetic(self) -> Arithmetic:
        """What names and shapes of its weights do not tell."""
        usual = arithmetic(self.family, self.padding or Padding.SAME)
        return usual if self.epsilon is None else replace(usual, epsilon=self.epsilon)


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
    found: dict[str, CheckpointEntry] = {}
    for folder in settings.model_folders():
        found = {entry.name: entry for entry in _listed(folder)} | found
    return tuple(found.values())


def folder_of(entry: CheckpointEntry) -> Path:
    """Return the folder whose manifest has this entry."""
    return next(folder for folder in settings.model_folders() if entry in _listed(folder))


def _listed(folder: Path) -> tuple[CheckpointEntry, ...]:
    try:
        return _entries(file_io.read_regular(folder / "manifest.json", LARGEST_BYTES))
    except FileNotFoundError:
        return ()
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
    found = tuple(_entry(row) for row in rows)
    if len({entry.name for entry in found}) < len(found):
        raise _refusal(_("gives one name to two checkpoints"))
    return found


def _entry(row: Any) -> CheckpointEntry:
    if not isinstance(row, dict) or not isinstance(name := row.get("name"), str):
        raise _refusal(_("holds an entry without a name"))
    if row.get("classes") == "imagenet":
        row = row | {"classes": imagenet.names()}
    if isinstance(row.get("sha256"), str):
        row = row | {"sha256": row["sha256"].lower()}
    try:
        entry = schema.parse(CheckpointEntry, row, repr(name[:100]))
        plan(entry.depth, entry.width, entry.resolution_px, entry.family)
    except SettingsError as error:
        raise _refusal(_("has a mistake ({error})").format(error=str(error).rstrip("."))) from error
    if name in PUBLISHED or name.startswith("scaled"):
        raise _refusal(_("calls a checkpoint {name!r}, which is another network's name").format(name=name))
    _check_told(entry)
    return entry


def _check_told(entry: CheckpointEntry) -> None:
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


def _refusal(what: str) -> WeightsError:
    return WeightsError(
        _(
            "The list of checkpoints {file} {what}. models/README.md describes the list: mend or remove the entry."
        ).format(file=models_folder() / "manifest.json", what=what)
    )


# How sure a measured accuracy is.

_Z: Final = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


def wilson_interval_pct(correct: int, pictures: int) -> tuple[float, float]:
    """Where the share of right guesses lies with 95 % confidence, in percent (Wilson 1927)."""
    share, z2 = correct / pictures, _Z**2
    middle = (share + z2 / (2 * pictures)) / (1 + z2 / pictures)
    spread = _Z * math.sqrt(share * (1 - share) / pictures + z2 / (4 * pictures**2)) / (1 + z2 / pictures)
    return 100 * (middle - spread), 100 * (middle + spread)
