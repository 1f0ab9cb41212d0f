"""What a training is: the network and everything that decides its weights, as one immutable value read from TOML."""

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from effviz import regular_files, schema
from effviz.errors import SettingsError
from effviz.scaling import Family, plan
from effviz.schema import Range
from effviz.words import _

FOLDER = Path(__file__).with_name("recipes")
SHIPPED = tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))
LARGEST_BYTES: Final = 2**20

Share = Annotated[float, Range(0, 1)]
Skipped = Annotated[float, Range(0, 0.95)]
Epochs = Annotated[int, Range(1, 100_000)]


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
    dropout: Skipped = 0.2  # before the classifier
    stochastic_depth: Skipped = 0.0  # how often the last block is skipped; earlier ones less, in proportion
    norm_momentum: Share = 0.1  # of batch norm's statistics, as torch counts: the paper's 0.99 is 0.01
    zero_residual: bool = False  # the last batch norm of each residual branch starts at zero (Goyal et al. 2017, 5.1)


@dataclass(frozen=True, slots=True)
class Optimiser:
    """How weights follow gradients."""

    name: OptimiserName
    rate: Annotated[float, Range(0, 10)]  # the largest learning rate, for batches of `rate_for_batch` pictures
    rate_for_batch: Annotated[int, Range(1, 65_536)] = 256
    weight_decay: Share = 0.0  # of convolutions and the classifier; batch norm and biases have none
    momentum: Share = 0.9
    squares: Share = 0.9  # RMSProp's decay of mean squares
    epsilon: Annotated[float, Range(1e-12, 1)] = 1e-3


@dataclass(frozen=True, slots=True)
class Schedule:
    """How the learning rate moves over the training."""

    name: ScheduleName
    warmup_epochs: Annotated[float, Range(0, 100_000)] = 5.0  # staircase
    decay: Share = 0.97
    decay_epochs: Annotated[float, Range(0.01, 100_000)] = 2.4
    rising: Annotated[float, Range(0.01, 0.99)] = 0.3  # one-cycle: the share of steps that go up


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What happens to pictures and labels during training."""

    smallest_crop: Annotated[float, Range(0.01, 1)] = 0.08  # share of the picture's area
    policy: str = ""  # timm's names: "v0" is AutoAugment as EfficientNet had it, "rand-m9-mstd0.5" RandAugment
    mixup: Annotated[float, Range(0, 10)] = 0.0
    label_smoothing: Annotated[float, Range(0, 0.9)] = 0.1


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
    epochs: Epochs
    batch_size: Annotated[int, Range(2, 65_536)]  # batch norm needs two
    augmentation: Augmentation = field(default_factory=Augmentation)
    ema: Annotated[float, Range(0, 0.999999)] = 0.0  # decay of the moving average of the weights; 0: none
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0
    evaluate_every: Epochs = 1  # epochs

    def __post_init__(self) -> None:
        of = self.network
        plan(of.depth, of.width, of.resolution_px, of.family)
        schema.check(self, _("The recipe {recipe!r}").format(recipe=self.name))

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


def read(name_or_path: str) -> TrainingRecipe:
    """Read a shipped recipe by its name, or a TOML file by its path.

    Raises:
        SettingsError: there is no such recipe, or it does not say what a recipe has to say.
    """
    path = FOLDER / f"{name_or_path}.toml" if name_or_path in SHIPPED else Path(name_or_path)
    try:
        text = regular_files.read(path, LARGEST_BYTES).decode()
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
    return schema.parse(TrainingRecipe, {"name": path.stem} | rows, path.name)
