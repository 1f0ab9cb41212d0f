"""Maps that know nothing of the photo: what any measure must be compared with.

Objects are mostly in the middle of photos, and a Gaussian there is hard to beat; a measure that a random map passes
says nothing.
"""

import dataclasses
import hashlib
from enum import StrEnum

import numpy as np

from effviz.evaluate.heat import SIDE, Heat
from effviz.explain.placement import Doubles, linear
from effviz.explain.results import ActivationMap

RANDOM_CELLS = 7  # a side, as in the last layer of B0 at 224 px
SIGMA = 0.25  # of the photo's width and of its height


class Control(StrEnum):
    """Which one; the value stands where a method's name would."""

    RANDOM = "control-random"
    GAUSSIAN = "control-gaussian"
    UNIFORM = "control-uniform"


def control_heat(control: Control, seed: int | str) -> Heat:
    """Return a control over the whole photo; only the random one has use for the seed."""
    match control:
        case Control.RANDOM:
            return random_map(seed)
        case Control.GAUSSIAN:
            return centre_gaussian()
        case Control.UNIFORM:
            return uniform()


def random_map(seed: int | str) -> Heat:
    """Return even random numbers in 7 x 7 cells, drawn out as maps are; the same seed gives the same map."""
    weights = linear((np.arange(SIDE) + 0.5) / SIDE * RANDOM_CELLS, RANDOM_CELLS)
    return _heat(weights @ _random((RANDOM_CELLS, RANDOM_CELLS), seed) @ weights.T)


def centre_gaussian() -> Heat:
    """Return a Gaussian in the photo's middle; its sigma is a quarter of the photo's width and of its height."""
    return _heat(_gaussian((SIDE, SIDE)))


def uniform() -> Heat:
    """Return the same everywhere: its energy is the object's share of the photo, its box is the whole photo."""
    return _heat(np.ones((SIDE, SIDE)))


def in_place_of(entry: ActivationMap, control: Control, seed: int | str) -> ActivationMap:
    """Return a control with the cells of a map and all that it says, for measures that run the model.

    It covers what the model saw and nothing else, as the map does.
    """
    shape = (entry.values.shape[0], entry.values.shape[1])
    match control:
        case Control.RANDOM:
            values = _random(shape, seed)
        case Control.GAUSSIAN:
            values = _gaussian(shape)
        case Control.UNIFORM:
            values = np.ones(shape)
    cells = values.astype(np.float32)
    cells.setflags(write=False)
    return dataclasses.replace(entry, values=cells, bias=0.0)


def _random(shape: tuple[int, int], seed: int | str) -> Doubles:
    digest = hashlib.sha256(str(seed).encode()).digest()
    return np.random.default_rng(list(digest)).random(shape)


def _gaussian(shape: tuple[int, int]) -> Doubles:
    down, across = (np.exp(-((((np.arange(n) + 0.5) / n - 0.5) / SIGMA) ** 2) / 2) for n in shape)
    return np.outer(down, across)


def _heat(values: Doubles) -> Heat:
    values.setflags(write=False)
    return Heat(values)
