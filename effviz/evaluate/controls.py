"""Maps that know nothing of the photo: what any measure must be compared with.

Objects are mostly in the middle of photos, and a Gaussian there is hard to beat; a measure that a random map passes
says nothing. A network's map cannot leave the crop that it saw, and objects are mostly in there: so the controls that
a map must beat are those inside the same crop.
"""

import dataclasses
import hashlib
from enum import StrEnum
from typing import Final

import numpy as np

from effviz.evaluate.heat import CENTRES, SIDE, Heat, within
from effviz.evaluate.truth import Size
from effviz.explain.placement import Doubles, linear
from effviz.explain.results import ActivationMap, Box

RANDOM_CELLS = 7  # a side, as in the last layer of B0 at 224 px
SIGMA = 0.25  # of the width and of the height of what the map covers


class Control(StrEnum):
    """Which one; the value stands where a method's name would."""

    CROP_GAUSSIAN = "control-crop-gaussian"
    CROP_RANDOM = "control-crop-random"
    CROP_UNIFORM = "control-crop-uniform"
    GAUSSIAN = "control-gaussian"
    RANDOM = "control-random"
    UNIFORM = "control-uniform"


IN_CROP: Final = (Control.CROP_GAUSSIAN, Control.CROP_RANDOM, Control.CROP_UNIFORM)  # of measures of place
WHOLE: Final = (Control.RANDOM, Control.GAUSSIAN, Control.UNIFORM)  # of place: over the photo; else: what a model saw
GAUSSIANS: Final = frozenset({Control.CROP_GAUSSIAN, Control.GAUSSIAN})
UNIFORMS: Final = frozenset({Control.CROP_UNIFORM, Control.UNIFORM})


def control_heat(control: Control, seed: int | str, seen: Box, photo_size: Size) -> Heat:
    """Return a control over the whole photo, or over what a model saw; only the random ones have use for the seed."""
    width, height = photo_size
    box = seen if control in IN_CROP else Box(0, 0, width, height)
    x, y = ((CENTRES * side - start) / (end - start) for side, start, end in _sides(box, photo_size))
    rows, columns = within(box.y0 / height, box.y1 / height), within(box.x0 / width, box.x1 / width)
    values = np.zeros((SIDE, SIDE))
    part = np.s_[slice(*rows), slice(*columns)]
    values[part] = _values(control, seed, y, x)[part]
    values.setflags(write=False)
    return Heat(values, rows, columns)


def in_place_of(entry: ActivationMap, control: Control, seed: int | str) -> ActivationMap:
    """Return a control with the cells of a map and all that it says, for measures that run the model.

    It covers what the model saw and nothing else, as the map does.
    """
    rows, columns = entry.values.shape
    if control is Control.RANDOM:
        values = _random((rows, columns), seed)
    else:
        values = _values(control, seed, (np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns)
    cells = values.astype(np.float32)
    cells.setflags(write=False)
    return dataclasses.replace(entry, values=cells, bias=0.0)


def _sides(box: Box, photo_size: Size) -> tuple[tuple[int, float, float], tuple[int, float, float]]:
    return (photo_size[0], box.x0, box.x1), (photo_size[1], box.y0, box.y1)


def _values(control: Control, seed: int | str, y: Doubles, x: Doubles) -> Doubles:
    """Return a control at fractions of what it covers, (Y, X): random numbers are those of 7 x 7 cells, drawn out."""
    if control in GAUSSIANS:
        down, across = (np.exp(-(((places - 0.5) / SIGMA) ** 2) / 2) for places in (y, x))
        return np.outer(down, across)
    if control in UNIFORMS:
        return np.ones((len(y), len(x)))
    down, across = (linear(places * RANDOM_CELLS, RANDOM_CELLS) for places in (y, x))
    return np.asarray(down @ _random((RANDOM_CELLS, RANDOM_CELLS), seed) @ across.T)


def _random(shape: tuple[int, int], seed: int | str) -> Doubles:
    digest = hashlib.sha256(str(seed).encode()).digest()
    return np.random.default_rng(list(digest)).random(shape)
