"""What the parts of a training recipe compute, in plain numbers: no torch, so that a page can draw them at once.

The trainings themselves run on timm's and torch's parts (`effviz.train.network`); tests hold both against each other.
"""

import math
from collections.abc import Iterator

from effviz.errors import SettingsError
from effviz.scaling import Operator, Plan
from effviz.train.recipe import Schedule, ScheduleName
from effviz.words import _

# Steps of an epoch are counted over all 1,281,167 training pictures of ImageNet, as tensorflow/tpu's main.py does.
IMAGENET_PICTURES = 1_281_167


def learning_rate(highest: float, of: Schedule, epoch: float) -> float:
    """The rate after `epoch` epochs of a staircase.

    A line up from 0 to the highest rate, then times `decay` every `decay_epochs`. The stairs count from the start, so
    the highest rate is hardly reached (`build_learning_rate` of tensorflow/tpu's utils.py).

    Raises:
        SettingsError: the schedule is no staircase.
    """
    if of.name is not ScheduleName.STAIRCASE:
        raise SettingsError(
            _("The schedule {name} has no formula here: only {known} has one. Pick a recipe with it.").format(
                name=of.name, known=ScheduleName.STAIRCASE
            )
        )
    if epoch < of.warmup_epochs:
        return highest * epoch / of.warmup_epochs
    return highest * of.decay ** stairs(of, epoch)


def stairs(of: Schedule, epoch: float) -> int:
    """How often the rate has fallen; a stair that ends right here has ended, whatever floats make of 2.4."""
    return math.floor(epoch / of.decay_epochs + 1e-9)


def corners(highest: float, of: Schedule, epochs: float) -> Iterator[tuple[float, float]]:
    """(epoch, rate) at both ends of the warm-up and of every stair: joined by lines, the whole curve."""
    if of.warmup_epochs > 0:
        yield 0.0, 0.0
        yield of.warmup_epochs, highest
    start = of.warmup_epochs
    while start < epochs:
        end = min((stairs(of, start) + 1) * of.decay_epochs, epochs)
        rate = learning_rate(highest, of, start)
        yield start, rate
        yield end, rate
        start = end


def dropout(least: float, most: float, position: int, of: int) -> float:
    """Linear from the first of `of` networks (position 0) to the last."""
    return least + (most - least) * position / (of - 1)


def survival(last: float, block: int, of: int) -> float:
    """How often block number `block` (from 0) of `of` runs in training: `1 - (1 - last) * block / of`.

    The paper's 0.8 belongs to a block behind the last one (`efficientnet_model.py` of tensorflow/tpu).
    """
    return 1 - (1 - last) * block / of


def shortcuts(network: Plan) -> tuple[bool, ...]:
    """For every MBConv block, whether a shortcut leads past it: only such blocks can be skipped."""
    found = []
    for stage in network.stages[1:-1]:
        for block in range(stage.layers):
            parts = [layer for layer in network.layers if (layer.stage, layer.block) == (stage.stage, block)]
            depthwise = next(part for part in parts if part.operator is Operator.DEPTHWISE)
            found.append(depthwise.stride == 1 and parts[0].in_channels == parts[-1].out_channels)
    return tuple(found)


def remembered(decay: float, steps: float) -> float:
    """The share of a moving average that stems from the last `steps` steps."""
    return 1 - math.pow(decay, steps)


def sigmoid(x: float) -> float:
    """`1 / (1 + e^-x)`."""
    return 1 / (1 + math.exp(-x))


def silu(x: float) -> float:
    """SiLU, or Swish-1: `x * sigmoid(x)` (Elfwing et al. 2017, Ramachandran et al. 2017)."""
    return x * sigmoid(x)


def silu_slope(x: float) -> float:
    """The derivative of SiLU."""
    gate = sigmoid(x)
    return gate * (1 + x * (1 - gate))


def relu(x: float) -> float:
    """ReLU: nothing below 0."""
    return max(x, 0.0)


def relu_slope(x: float) -> float:
    """The derivative of ReLU; at 0 it has none, and frameworks take 0."""
    return 1.0 if x > 0 else 0.0
