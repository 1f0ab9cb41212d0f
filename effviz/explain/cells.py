"""What one cell of the last layer's map says by itself: its part of a class's logit, and its own favourite classes.

The classifier is linear and reads the mean over the n = H*W cells, so a logit is a bias plus a sum over the cells, and
the classifier can be asked about each cell alone.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from effviz.explain.maps import activation_map, class_maps
from effviz.explain.results import Floats, Forward, Method

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class TopClasses:
    """The classes that each cell alone would choose, the highest logit first."""

    indices: Indices  # (H, W, count), read-only
    logits: Floats  # (H, W, count), read-only; the mean over the cells of a class's logits is the photo's logit


def evidence(forward: Forward, index: int) -> Floats:
    """Return what each cell adds to the logit of class `index`, (H, W): the sum plus the class's bias is the logit.

    This is (1/n) sum_k w_k A_k, which at this layer is Grad-CAM, in logits.

    Raises:
        TargetError: The model has no such class; pick another one.
    """
    return activation_map(forward, index, Method.GRADCAM).values


def top_classes(forward: Forward, count: int = 5) -> TopClasses:
    """Ask the classifier about each cell as if the whole photo looked like it: the logits w_c . A(i,j) + b_c.

    One matrix product serves all cells and classes. A model with fewer than `count` classes gives all it has.
    """
    _, bias = forward.model.classifier
    logits = np.moveaxis(class_maps(forward), 0, -1) + bias  # (H, W, K)
    found = _highest(logits, min(count, logits.shape[-1]))
    best = np.take_along_axis(logits, found, axis=-1)
    for array in (found, best):
        array.setflags(write=False)
    return TopClasses(found, best)


def _highest(logits: Floats, count: int) -> Indices:
    """The indices of the `count` highest of the last axis, in order; sorting all of them takes four times as long."""
    some = np.argpartition(-logits, count - 1, axis=-1)[..., :count]
    order = np.argsort(-np.take_along_axis(logits, some, axis=-1), axis=-1)
    return np.take_along_axis(some, order, axis=-1)
