"""What a training is: the network and everything that decides its weights, as one immutable value read from TOML."""

import hashlib
import json
import tomllib
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from effviz.errors import SettingsError
from effviz.scaling import Family, plan
from effviz.words import _

FOLDER = Path(__file__).with_name("recipes")
SHIPPED = tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))

T = TypeVar("T")


class OptimiserName(StrEnum):
    """timm's names."""

    RMSPROP = "rmsproptf"  # as TensorFlow computes it, with epsilon inside the root
    ADAMW = "adamw"


class ScheduleName(StrEnum):
    """How the learning rate moves."""

    STAIRCASE = "staircase"  # warm-up, then times `decay` every `decay_epochs`
    ONE_CYCLE = "one-cycle"  # up for a share of the training, then down to almost nothing


@dataclass(frozen=True, slots=True)
class NetworkRecipe:
    """Which network: B0's blocks and channels times depth and width."""

    depth: float
    width: float
    resolution_px: int
    family: Family = Family.EFFICIENTNET
    dropout: float = 0.2  # before the classifier
    stochastic_depth: float = 0.0  # how often the last block is skipped; earlier ones less, in proportion
    norm_momentum: float = 0.1  # of batch norm's statistics, as torch counts: the paper's 0.99 is 0.01
    zero_residual: bool = False  # the last batch norm of each residual branch starts at zero (Goyal et al. 2017, 5.1)


@dataclass(frozen=True, slots=True)
class Optimiser:
    """How weights follow gradients."""

    name: OptimiserName
    rate: float  # the largest learning rate, for batches of `rate_for_batch` pictures
    rate_for_batch: int = 256
    weight_decay: float = 0.0  # of convolutions and the classifier; batch norm and biases have none
    momentum: float = 0.9
    squares: float = 0.9  # RMSProp's decay of mean squares
    epsilon: float = 1e-3


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the learning rate moves over the training."""

    name: ScheduleName
    warmup_epochs: float = 5.0  # staircase
    decay: float = 0.97
    decay_epochs: float = 2.4
    rising: float = 0.3  # one-cycle: the share of steps that go up


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What happens to pictures and labels during training."""

    smallest_crop: float = 0.08  # share of the picture's area
    policy: str = ""  # timm's names: "v0" is AutoAugment as EfficientNet had it, "rand-m9-mstd0.5" RandAugment
    mixup: float = 0.0
    label_smoothing: float = 0.1


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """Everything that decides the weights, except the data.

    Raises:
        SettingsError: a value is out of range, so that no run starts with it.
    """

    name: str
    network: NetworkRecipe
    optimiser: Optimiser
    schedule: Schedule
    epochs: int
    batch_size: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    ema: float = 0.0  # decay of the moving average of the weights; 0: none
    seed: int = 0
    evaluate_every: int = 1  # epochs

    def __post_init__(self) -> None:
        of = self.network
        plan(of.depth, of.width, of.resolution_px, of.family)
        for name, value, low, high in _ranges(self):
            if not low <= value <= high:
                raise SettingsError(
                    _("The recipe {recipe!r} has {name} = {value}: {low:g} to {high:g} is allowed. Change it.").format(
                        recipe=self.name, name=name, value=f"{value}"[:20], low=low, high=high
                    )
                )

    @property
    def rate(self) -> float:
        """The largest learning rate, scaled to this batch size."""
        return self.optimiser.rate * self.batch_size / self.optimiser.rate_for_batch

    @property
    def digest(self) -> str:
        """Names all that is in it: two recipes with one digest train the same network."""
        values = asdict(self)
        if not self.network.zero_residual:  # a later field: recipes without it keep their digests
            del values["network"]["zero_residual"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    def at(self, depth: float, width: float, resolution_px: int) -> "TrainingRecipe":
        """The same training of another network."""
        return replace(self, network=replace(self.network, depth=depth, width=width, resolution_px=resolution_px))


def _ranges(of: TrainingRecipe) -> tuple[tuple[str, float, float, float], ...]:
    return (
        ("epochs", of.epochs, 1, 100_000),
        ("batch_size", of.batch_size, 2, 65_536),  # batch norm needs two
        ("seed", of.seed, 0, 2**31 - 1),
        ("evaluate_every", of.evaluate_every, 1, 100_000),
        ("ema", of.ema, 0, 0.999999),
        ("rate", of.optimiser.rate, 0, 10),
        ("rate_for_batch", of.optimiser.rate_for_batch, 1, 65_536),
        ("weight_decay", of.optimiser.weight_decay, 0, 1),
        ("dropout", of.network.dropout, 0, 0.95),
        ("stochastic_depth", of.network.stochastic_depth, 0, 0.95),
        ("norm_momentum", of.network.norm_momentum, 0, 1),
        ("smallest_crop", of.augmentation.smallest_crop, 0.01, 1),
        ("mixup", of.augmentation.mixup, 0, 10),
        ("label_smoothing", of.augmentation.label_smoothing, 0, 0.9),
        ("decay_epochs", of.schedule.decay_epochs, 0.01, 100_000),
        ("warmup_epochs", of.schedule.warmup_epochs, 0, 100_000),
        ("rising", of.schedule.rising, 0.01, 0.99),
    )


def read(name_or_path: str) -> TrainingRecipe:
    """Read a shipped recipe by its name, or a TOML file by its path.

    Raises:
        SettingsError: there is no such recipe, or it does not say what a recipe has to say.
    """
    path = FOLDER / f"{name_or_path}.toml" if name_or_path in SHIPPED else Path(name_or_path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            _(
                "The recipe {name_or_path} cannot be read: a TOML file or one of {shipped} is allowed. Check the path."
            ).format(name_or_path=name_or_path, shipped=", ".join(SHIPPED))
        ) from error
    try:
        rows = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of TOML, or of a number with thousands of digits
        raise SettingsError(
            _("The recipe {name_or_path} is not TOML ({error}). Mend the file.").format(
                name_or_path=name_or_path, error=error
            )
        ) from error
    return typed(TrainingRecipe, {"name": path.stem} | rows, path.name)


def typed(kind: type[T], rows: dict[str, Any], where: str) -> T:
    """Build a dataclass from a TOML table, with a sentence for whatever does not fit."""
    hints = get_type_hints(kind)
    known = {of.name: of for of in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(rows.keys() - known.keys()):
        raise SettingsError(
            _("{where} has the unknown key {unknown!r}: {known} are allowed. Remove or rename it.").format(
                where=where, unknown=unknown[0], known=", ".join(known)
            )
        )
    needed = {name for name, of in known.items() if of.default is MISSING and of.default_factory is MISSING}
    if missing := sorted(needed - rows.keys()):
        raise SettingsError(
            _("{where} lacks {missing}: a recipe needs {needed}. Add it.").format(
                where=where, missing=", ".join(missing), needed=", ".join(sorted(needed))
            )
        )
    return kind(**{name: _value(hints[name], value, f"{where}, {name}") for name, value in rows.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        return typed(kind, value, where)
    if kind is bool and isinstance(value, bool):
        return value
    try:
        if kind in (int, float) and (
            isinstance(value, bool) or not isinstance(value, int | float) or value != kind(value)
        ):
            raise ValueError
        if kind is not bool and not is_dataclass(kind) and isinstance(value, str | int | float):
            return kind(value)
    except (ValueError, OverflowError):
        pass
    allowed = _("a value of {kind}").format(kind=kind.__name__)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        allowed = ", ".join(kind)
    raise SettingsError(
        _("{where} is {value!r}: {allowed} is allowed. Change it.").format(where=where, value=value, allowed=allowed)
    )
