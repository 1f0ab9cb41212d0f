"""AutoAugment as EfficientNet's training has it, drawn with a seed of its own and told step by step.

timm draws from Python's shared generator, which other visitors' threads move too; the operations here are timm's, only
the drawing is ours.
"""

from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
from PIL import Image
from timm.data import auto_augment

from effviz.explain.results import Bytes
from effviz.train.augment import mend

NAME = "v0"  # timm's name of the policy in tensorflow/tpu's `autoaugment.py`
FILL = (128, 128, 128)  # where a picture was moved away
# timm gives these a random sign.
_SIGNED = {"Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY", "TranslateXRel", "TranslateYRel"}


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a pair."""

    name: str  # timm's: "Rotate", "SolarizeAdd"
    level: float | None  # degrees, threshold, factor...; None: the operation has no strength
    done: bool  # each operation has a probability of its own


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """A picture as the network may see it in training."""

    picture: Bytes  # (H, W, 3)
    steps: tuple[Step, ...]


def draw(picture: Bytes, seed: int) -> Draw:
    """Pick one of the policy's pairs and apply it, all by the seed."""
    chance = Random(seed)
    image = Image.fromarray(picture)
    steps = []
    for operation in chance.choice(_pairs()):
        done = chance.random() <= operation.prob
        level = _level(operation, chance)
        if done:
            image = operation.aug_fn(image, *(() if level is None else (level,)), **operation.kwargs)
        steps.append(Step(operation.name, level, done))
    made: Bytes = np.asarray(image)  # (H, W, 3)
    made.setflags(write=False)
    return Draw(made, tuple(steps))


@cache
def _pairs() -> tuple[tuple[auto_augment.AugmentOp, ...], ...]:
    hparams = {"img_mean": FILL, "interpolation": Image.Resampling.BICUBIC}
    policy = auto_augment.auto_augment_transform(NAME, hparams)
    mend(policy)
    return tuple(tuple(pair) for pair in policy.policy)


def _level(operation: auto_augment.AugmentOp, chance: Random) -> float | None:
    if operation.level_fn is None:
        return None
    level: float = operation.level_fn(operation.magnitude, operation.hparams)[0]
    # Not timm's own sign, which comes from the shared generator.
    return chance.choice((-1, 1)) * abs(level) if operation.name in _SIGNED else level
