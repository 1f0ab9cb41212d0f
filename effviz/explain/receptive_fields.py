"""The largest part of the photo that a cell of the last layer can see, and the part that matters to it.

The first is its theoretical receptive field, the second its effective receptive field.
"""

from itertools import combinations

import numpy as np

from effviz import optional_packages
from effviz.errors import TargetError
from effviz.explain.data_types import Box, Doubles, Floats, Forward, TargetLayer, read_only
from effviz.explain.targets import resolve_target
from effviz.i18n import _, lazy_gettext
from effviz.scaling.architecture import Limit
from effviz.zoo.model import ModelRef


def theoretical_box(ref: ModelRef, seen: Box, row: int, column: int) -> Box:
    """Return the part of the photo that reaches a cell through convolutions, clipped to what the model saw.

    `seen` is `Prepared.seen` or `ActivationMap.seen`. In a Lite network, nothing outside the box changes the cell. The
    B networks have squeeze-and-excitation, which scales channels by their mean over the whole map. So every pixel seen
    has some influence on every cell there, and the box bounds only what arrives through convolutions.

    The box says what a cell can see, not where the cell lies (see `placement`) or what matters to it (see
    `gradient_energy`).

    Raises:
        TargetError: The model's map has no such cell; pick one inside the map.
    """
    if ref.spec.family is None:
        return seen  # unknown architecture: no tighter bound
    last = ref.spec.plan_at(ref.resolution_px).layers[-2]  # before the classifier
    check_cell(row, column, (last.out_size, last.out_size))
    field, size_px = last.field(ref.spec.arithmetic.padding), ref.resolution_px
    edges = (*field.span(column), *field.span(row))
    left, right, top, bottom = (min(max(edge, 0.0), float(size_px)) for edge in edges)
    scale_x, scale_y = (seen.x1 - seen.x0) / size_px, (seen.y1 - seen.y0) / size_px
    return Box(seen.x0 + scale_x * left, seen.y0 + scale_y * top, seen.x0 + scale_x * right, seen.y0 + scale_y * bottom)


def check_cell(row: int, column: int, shape: tuple[int, int]) -> None:
    """Raise TargetError if a map of shape (H, W) has no such cell."""
    height, width = shape
    if not (0 <= row < height and 0 <= column < width):
        text = _(
            "Cell ({row}, {column}) does not exist: this map has rows 0 to {last_row} and columns 0 to "
            "{last_column}. Pick a cell of the map."
        )
        raise TargetError(text.format(row=row, column=column, last_row=height - 1, last_column=width - 1))


# The effective receptive field is much smaller than the theoretical one (Luo et al. 2016,
# https://arxiv.org/abs/1701.04128). Their measure is the gradient of the cell with respect to the picture. This module
# differentiates the cell's evidence for one class instead; the squared gradient says how strongly a small change of
# each pixel moves it.

GRID = 56
SHARE = Limit(lazy_gettext("share of the energy"), 0, 1)


def gradient_energy(forward: Forward, index: int, row: int, column: int, grid: int = GRID) -> Floats:
    """Return the share of the gradient's energy in each part of what the model saw: (grid, grid), sum 1, read-only.

    The energy of a pixel is the squared gradient of  sum_k w_k A_k(row, column)  with respect to it, summed over the
    colour channels of the model's input. The energy of a grid cell is the sum over its area; a pixel on a border is
    divided between cells. All values are zero if no small change of the photo moves the evidence.

    Takes one forward and one backward pass through the whole network, one call at a time per model.

    Raises:
        TargetError: The model has no such class or cell, or its gradient is not finite; pick another one.
    """
    resolve_target(index, forward)
    check_cell(row, column, (forward.features.shape[1], forward.features.shape[2]))
    squares = np.square(_gradient(forward, index, row, column), dtype=np.float64).sum(axis=0)  # (S, S)
    pooling = _pooling(len(squares), grid)
    pooled = pooling @ squares @ pooling.T
    total = pooled.sum()
    if not np.isfinite(total):
        text = _(
            "The gradient of class {index} at cell ({row}, {column}) is not finite and cannot be shown. Choose "
            "another model."
        )
        raise TargetError(text.format(index=index, row=row, column=column))
    shares: Floats = (pooled / total if total > 0 else pooled).astype(np.float32)
    return read_only(shares)


def area_holding(energy: Floats, share: float = 0.9) -> float:
    """Return the smallest fraction of the area, 0 to 1, that holds `share` of the energy; cells may count partly.

    Raises:
        SettingsError: The share is outside 0 to 1.
    """
    SHARE.check(share)
    held = np.concatenate([[0.0], np.cumsum(np.sort(energy, axis=None)[::-1], dtype=np.float64)])
    cut = share * held[-1]
    if cut == 0:
        return 0.0
    whole = int(np.searchsorted(held, cut)) - 1  # cells that count in full
    return float((whole + (cut - held[whole]) / (held[whole + 1] - held[whole])) / energy.size)


def box_holding(energy: Floats, share: float, seen: Box) -> Box:
    """Return the smallest axis-aligned rectangle of grid cells that holds `share` of the energy, in photo pixels.

    If there is no energy, the rectangle is empty. Raises the errors of `area_holding`.
    """
    SHARE.check(share)
    top, bottom, left, right = _smallest_holding(energy, share)
    height, width = energy.shape
    scale_x, scale_y = (seen.x1 - seen.x0) / width, (seen.y1 - seen.y0) / height
    return Box(seen.x0 + scale_x * left, seen.y0 + scale_y * top, seen.x0 + scale_x * right, seen.y0 + scale_y * bottom)


def _smallest_holding(energy: Floats, share: float) -> tuple[int, int, int, int]:
    """Return that rectangle's (top, bottom, left, right) by finding the narrowest window in each band of rows."""
    height, width = energy.shape
    above = np.zeros((height + 1, width + 1))  # energy above and left of each corner
    above[1:, 1:] = energy.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    cut, lefts = share * above[-1, -1], np.arange(width + 1)
    least, smallest = height * width, (0, height, 0, width)
    for top, bottom in combinations(range(height + 1), 2):
        band = above[bottom] - above[top]
        rights = np.maximum(np.searchsorted(band, band + cut), lefts)  # first right border that encloses enough
        areas = np.where(rights <= width, (bottom - top) * (rights - lefts), height * width)
        left = int(areas.argmin())
        if areas[left] < least:
            least, smallest = int(areas[left]), (top, bottom, left, int(rights[left]))
    return smallest


def _gradient(forward: Forward, index: int, row: int, column: int) -> Floats:
    """Return the gradient of the cell's evidence with respect to the model's input, (3, S, S)."""
    optional_packages.require(*optional_packages.TORCH)
    import torch

    from effviz.explain import network_stages

    # In a caller's inference mode or no_grad there would be no gradients; this exits both.
    with forward.model.weights.lock, torch.inference_mode(False):
        pixels = torch.tensor(forward.prepared.pixels, requires_grad=True)
        features = network_stages.features_at(forward.model.module, pixels, TargetLayer.LAST)  # (1, C, H, W)
        score = features[0, :, row, column] @ torch.tensor(forward.rows[index])
        (gradient,) = torch.autograd.grad(score, pixels)  # unlike backward(), leaves no .grad
    return np.asarray(gradient[0].numpy(), dtype=np.float32)


def _pooling(pixels: int, cells: int) -> Doubles:
    """Return how much of each pixel lies in each cell along one axis, (cells, pixels); a whole pixel counts `cells`.

    In these units all borders are integers, so pixels and cells that do not overlap get exactly 0.
    """
    cell, pixel = np.arange(cells)[:, None], np.arange(pixels)[None, :]
    overlap = np.minimum((cell + 1) * pixels, (pixel + 1) * cells) - np.maximum(cell * pixels, pixel * cells)
    return np.asarray(np.maximum(overlap, 0), dtype=np.float64)
