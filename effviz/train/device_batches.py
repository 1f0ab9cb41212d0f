"""Training batches made where the network is: crops, flips and resizing as two matrix products a batch.

Cropping and resizing are linear along each axis, so a batch is `rows @ pixels @ columns`, with one small matrix a
picture and axis. The weights are those of Pillow's antialiased bicubic filter (a = -0.5); a mirrored picture has its
columns in reverse. The same code runs on a processor and on a GPU, where all decoded pictures stay in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log

import numpy as np
import torch
from numpy.typing import NDArray

from effviz.train import augment
from effviz.train.batches import Batch, steps_per_epoch
from effviz.train.crew import WHOLE, Part
from effviz.train.data import Pictures
from effviz.train.recipe import TrainingRecipe

SUPPORT = 2.0  # input pixels on either side of a bicubic filter
RATIOS = (3 / 4, 4 / 3)  # width over height of a crop, torchvision's RandomResizedCrop
TRIES = 10  # of a crop that fits, before the largest one in the middle is taken
_DRAWS = 1 << 29  # parts the crops' seeds from those of the order


@dataclass(slots=True)
class DeviceBatches:
    """Makes batches on a device; call it as `batches.training`.

    What comes when depends on seed and epoch alone. The recipe's `policy` of colours needs single pictures and is not
    done here.
    """

    device: torch.device
    _pixels: dict[int, torch.Tensor] = field(default_factory=dict)  # on the device, by the pictures' identity

    def __call__(
        self, pictures: Pictures, recipe: TrainingRecipe, epoch: int, first: int = 0, part: Part = WHOLE
    ) -> Iterator[Batch]:
        """Yield a worker's part of an epoch's batches: (N, 3, S, S) normalised floats and labels (N,)."""
        order = np.random.default_rng([recipe.seed, epoch]).permutation(len(pictures))
        height, width = pictures.pixels[0].shape[:2]
        crops = random_crops(len(order), (height, width), recipe.augmentation.smallest_crop, [recipe.seed, epoch])
        for step in range(first, steps_per_epoch(pictures, recipe)):
            of = slice(step * recipe.batch_size + part.rank, (step + 1) * recipe.batch_size, part.size)
            pixels = self._on_device(pictures, order[of])
            yield (
                normalised(cropped(pixels, crops[of], recipe.network.resolution_px)),
                torch.from_numpy(pictures.labels[order[of]]),
            )

    def _on_device(self, pictures: Pictures, positions: NDArray[np.int64]) -> torch.Tensor:
        """The decoded pictures (N, H, W, 3): on a GPU all of them were moved there once."""
        if self.device.type == "cpu":
            return torch.from_numpy(np.stack([pictures.pixels[position] for position in positions]))
        if id(pictures) not in self._pixels:
            self._pixels.clear()
            self._pixels[id(pictures)] = torch.from_numpy(np.ascontiguousarray(pictures.pixels[:])).to(self.device)
        return self._pixels[id(pictures)][torch.from_numpy(positions).to(self.device)]


def random_crops(count: int, size: tuple[int, int], smallest: float, seed: list[int]) -> NDArray[np.float64]:
    """Draw a crop for each picture, as torchvision's RandomResizedCrop: rows of (top, left, height, width, mirrored).

    A crop has `smallest` to all of the picture's area and a ratio of 3/4 to 4/3, on a logarithmic scale.
    """
    draw = np.random.default_rng([*seed, _DRAWS])
    high, wide = size
    area = draw.uniform(smallest, 1, (TRIES, count)) * high * wide
    ratio = np.exp(draw.uniform(log(RATIOS[0]), log(RATIOS[1]), (TRIES, count)))
    widths, heights = np.round(np.sqrt(area * ratio)), np.round(np.sqrt(area / ratio))
    fits = (widths <= wide) & (heights <= high) & (widths > 0) & (heights > 0)
    chosen = np.where(fits.any(0), fits.argmax(0), -1)
    each = np.arange(count)
    height = np.where(chosen < 0, min(high, round(wide / RATIOS[0])), heights[chosen, each])
    width = np.where(chosen < 0, min(wide, round(high * RATIOS[1])), widths[chosen, each])
    top = np.floor(draw.uniform(0, 1, count) * (high - height + 1))
    left = np.floor(draw.uniform(0, 1, count) * (wide - width + 1))
    return np.stack([top, left, height, width, draw.uniform(0, 1, count) < 0.5], axis=1)


def cropped(pixels: torch.Tensor, crops: NDArray[np.float64], side: int) -> torch.Tensor:
    """Crop, mirror and resize pictures (N, H, W, 3) of bytes to (N, 3, side, side) floats from 0 to 255."""
    high, wide = pixels.shape[1:3]
    of = torch.from_numpy(crops).to(pixels.device, torch.float32)
    rows = filter_weights(of[:, 0], of[:, 2], high, side)  # (N, side, H)
    columns = filter_weights(of[:, 1], of[:, 3], wide, side)  # (N, side, W)
    columns = torch.where(of[:, 4, None, None] > 0, columns.flip(1), columns)
    narrow = torch.einsum("nyh,nhwc->nywc", rows, pixels.float())
    return torch.einsum("nxw,nywc->ncyx", columns, narrow).clamp(0, 255)


def filter_weights(start: torch.Tensor, length: torch.Tensor, pixels: int, side: int) -> torch.Tensor:
    """Weights (N, side, pixels) that resize `length` pixels from `start` on to `side`, as Pillow's bicubic filter.

    Only pixels of the crop count, and each row sums to 1.
    """
    scale = (length / side)[:, None, None]  # (N, 1, 1)
    places = torch.arange(side, device=start.device)[None, :, None] + 0.5  # (1, side, 1)
    at = torch.arange(pixels, device=start.device)[None, None, :] + 0.5  # (1, 1, pixels)
    begin, end = start[:, None, None], (start + length)[:, None, None]
    distance = (at - begin - places * scale).abs() / scale.clamp(min=1)
    weights = torch.where((at > begin) & (at < end), _bicubic(distance), 0)
    return weights / weights.sum(2, keepdim=True)


def _bicubic(distance: torch.Tensor) -> torch.Tensor:
    """Keys' cubic with a = -0.5 (Keys 1981, eq. 15)."""
    near = (1.5 * distance - 2.5) * distance * distance + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance < 1, near, torch.where(distance < SUPPORT, far, 0))


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """From 0..255 to the statistics that the networks are evaluated with."""
    mean = torch.tensor(augment.MEAN, device=pixels.device)[:, None, None] * 255
    std = torch.tensor(augment.STD, device=pixels.device)[:, None, None] * 255
    return (pixels - mean) / std
