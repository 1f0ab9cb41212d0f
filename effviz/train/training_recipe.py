"""Training recipes, read from TOML, and the formulas of their parts, without torch."""

import hashlib
import json
import math
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from effviz import file_io, schema
from effviz.errors import SettingsError
from effviz.i18n import _
from effviz.scaling import Family, Operator, Plan, plan
from effviz.schema import Count, Range

RECIPES_FOLDER = Path(__file__).with_name("recipes")
SHIPPED_RECIPES = tuple(sorted(file.stem for file in RECIPES_FOLDER.glob("*.toml")))
MAX_RECIPE_BYTES: Final = 2**20
Share = Annotated[float, Range(0, 1)]
Skipped = Annotated[float, Range(0, 0.95)]
Epochs = Annotated[int, Range(1, 100_000)]


class OptimiserName(StrEnum):
    """timm's names."""

    RMSPROP = "rmsproptf"  # as in TensorFlow, with epsilon inside the square root
    ADAMW = "adamw"


class ScheduleName(StrEnum):
    """Shapes of the learning rate schedule."""

    STAIRCASE = "staircase"  # warm-up, then times `decay` every `decay_epochs`
    ONE_CYCLE = "one-cycle"  # up for a share of the training, then down to almost 0


@dataclass(frozen=True, slots=True)
class NetworkRecipe:
    """The network: B0 with its blocks and channels multiplied by depth and width."""

    depth: float
    width: float
    resolution_px: Count
    family: Family = Family.EFFICIENTNET
    dropout: Skipped = 0.2  # before the classifier
    stochastic_depth: Skipped = 0.0  # probability of skipping the last block; proportionally lower for earlier ones
    norm_momentum: Share = 0.1  # of batch norm's statistics, in torch's convention: the paper's 0.99 is 0.01
    zero_residual: bool = False  # the last batch norm of each residual branch starts at zero (Goyal et al. 2017, 5.1)


@dataclass(frozen=True, slots=True)
class Optimiser:
    """The optimiser and its settings."""

    name: OptimiserName
    rate: Annotated[float, Range(0, 10)]  # the largest learning rate, for batches of `rate_for_batch` pictures
    rate_for_batch: Annotated[int, Range(1, 65_536)] = 256
    weight_decay: Share = 0.0  # for convolutions and the classifier, not for batch norm and biases
    momentum: Share = 0.9
    squares: Share = 0.9  # RMSProp's decay of the mean square
    epsilon: Annotated[float, Range(1e-12, 1)] = 1e-3


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rate schedule and its settings."""

    name: ScheduleName
    warmup_epochs: Annotated[float, Range(0, 100_000)] = 5.0  # staircase
    decay: Share = 0.97
    decay_epochs: Annotated[float, Range(0.01, 100_000)] = 2.4
    rising: Annotated[float, Range(0.01, 0.99)] = 0.3  # one-cycle: the share of steps with a rising rate


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Augmentation of pictures and labels."""

    smallest_crop: Annotated[float, Range(0.01, 1)] = 0.08  # share of the picture's area
    policy: str = ""  # timm's names: "v0" is EfficientNet's AutoAugment, "rand-m9-mstd0.5" RandAugment
    mixup: Annotated[float, Range(0, 10)] = 0.0
    label_smoothing: Annotated[float, Range(0, 0.9)] = 0.1


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """Everything that determines the weights, except the data; raises SettingsError if a value is out of range."""

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
        network = self.network
        plan(network.depth, network.width, network.resolution_px, network.family)
        schema.check(self, _("The recipe {recipe!r}").format(recipe=self.name))

    @property
    def rate(self) -> float:
        """The largest learning rate, scaled to this batch size."""
        return self.optimiser.rate * self.batch_size / self.optimiser.rate_for_batch

    @property
    def digest(self) -> str:
        """Hash of the recipe: two recipes with the same digest train the same network."""
        values = asdict(self)
        if not self.network.zero_residual:  # added later, so that older recipes keep their digests
            del values["network"]["zero_residual"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    def at(self, depth: float, width: float, resolution_px: int) -> "TrainingRecipe":
        """Return this recipe for a network of another size."""
        return replace(self, network=replace(self.network, depth=depth, width=width, resolution_px=resolution_px))


def read_recipe(name_or_path: str) -> TrainingRecipe:
    """Read a shipped recipe by name, or a TOML file by path; raise SettingsError if it is not a valid recipe."""
    path = RECIPES_FOLDER / f"{name_or_path}.toml" if name_or_path in SHIPPED_RECIPES else Path(name_or_path)
    try:
        text = file_io.read_regular(path, MAX_RECIPE_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        sentence = _(
            "The recipe {name_or_path} cannot be read: it must be a TOML file or one of {shipped}. Check the path."
        )
        raise SettingsError(sentence.format(name_or_path=name_or_path, shipped=", ".join(SHIPPED_RECIPES))) from error
    try:
        rows = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # invalid TOML, or a number with thousands of digits
        sentence = _("The recipe {name_or_path} is not valid TOML ({error}). Correct the file.")
        raise SettingsError(sentence.format(name_or_path=name_or_path, error=error)) from error
    return schema.parse(TrainingRecipe, {"name": path.stem} | rows, path.name)


# Formulas of the parts of a recipe, without torch, so that a page can plot them at once. Training itself uses timm and
# torch (`effviz.train.network_setup`); tests compare the two.

# An epoch's steps are computed from all 1,281,167 training pictures of ImageNet, as in tensorflow/tpu's main.py.
IMAGENET_PHOTOS = 1_281_167


def learning_rate(highest: float, schedule: Schedule, epoch: float) -> float:
    """Return the learning rate after `epoch` epochs of a staircase.

    A linear warm-up from 0 to the highest rate, then times `decay` every `decay_epochs`. The decays are counted from
    the start, so the highest rate is barely reached (`build_learning_rate` of tensorflow/tpu's utils.py).

    Raises:
        SettingsError: the schedule is not a staircase.
    """
    if schedule.name is not ScheduleName.STAIRCASE:
        text = _("There is a formula only for the schedule {known}, not for {name}. Choose a recipe with it.")
        raise SettingsError(text.format(name=schedule.name, known=ScheduleName.STAIRCASE))
    if epoch < schedule.warmup_epochs:
        return highest * epoch / schedule.warmup_epochs
    return highest * schedule.decay ** count_decays(schedule, epoch)


def count_decays(schedule: Schedule, epoch: float) -> int:
    """Return how often the rate has decayed; a small tolerance includes a decay at `epoch` despite rounding of 2.4."""
    return math.floor(epoch / schedule.decay_epochs + 1e-9)


def schedule_corners(highest: float, schedule: Schedule, epochs: float) -> Iterator[tuple[float, float]]:
    """Yield (epoch, rate) at both ends of the warm-up and of every stair; joined by lines, they give the curve."""
    if schedule.warmup_epochs > 0:
        yield 0.0, 0.0
        yield schedule.warmup_epochs, highest
    start = schedule.warmup_epochs
    while start < epochs:
        end = min((count_decays(schedule, start) + 1) * schedule.decay_epochs, epochs)
        rate = learning_rate(highest, schedule, start)
        yield start, rate
        yield end, rate
        start = end


def scaled_dropout(least: float, most: float, position: int, count: int) -> float:
    """Return dropout interpolated linearly from the first of `count` networks (position 0) to the last."""
    return least + (most - least) * position / (count - 1)


def survival_probability(last: float, block: int, count: int) -> float:
    """Return the survival probability of block `block` (from 0) of `count`: `1 - (1 - last) * block / count`.

    The paper's 0.8 would be for a block after the last one (`efficientnet_model.py` of tensorflow/tpu).
    """
    return 1 - (1 - last) * block / count


def has_shortcuts(network: Plan) -> tuple[bool, ...]:
    """Return whether each MBConv block has a shortcut; only such blocks can be skipped."""
    shortcuts = []
    for stage in network.stages[1:-1]:
        for block in range(stage.layers):
            parts = [layer for layer in network.layers if (layer.stage, layer.block) == (stage.stage, block)]
            depthwise = next(part for part in parts if part.operator is Operator.DEPTHWISE)
            shortcuts.append(depthwise.stride == 1 and parts[0].in_channels == parts[-1].out_channels)
    return tuple(shortcuts)


def average_weight(decay: float, steps: float) -> float:
    """Return the share of the last `steps` steps in a moving average."""
    return 1 - math.pow(decay, steps)


def sigmoid(x: float) -> float:
    """Return the logistic sigmoid, `1 / (1 + e^-x)`."""
    return 1 / (1 + math.exp(-x))


def silu(x: float) -> float:
    """Return SiLU, or Swish-1: `x * sigmoid(x)` (Elfwing et al. 2017, Ramachandran et al. 2017)."""
    return x * sigmoid(x)


def silu_slope(x: float) -> float:
    """Return the derivative of SiLU."""
    gate = sigmoid(x)
    return gate * (1 + x * (1 - gate))


def relu(x: float) -> float:
    """Return ReLU, `max(x, 0)`."""
    return max(x, 0.0)


def relu_slope(x: float) -> float:
    """Return the derivative of ReLU; it is undefined at 0, where frameworks use 0."""
    return 1.0 if x > 0 else 0.0
