"""Batches of augmented pictures: what comes when depends on seed and epoch alone, so a resumed run gets the same.

Each picture's random crop and colours are drawn from (seed, epoch, position). Nothing has to be saved. Several workers
share the batches of one: each takes its part of every batch. Batches are made by timm's transforms, or on the device.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import chain
from math import log
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from timm.data import auto_augment, create_transform
from timm.data.auto_augment import AutoAugment, RandAugment

from effviz.explain.data_types import Bytes
from effviz.train.data import Pictures
from effviz.train.distributed import WHOLE_SHARD, Shard
from effviz.train.training_recipe import TrainingRecipe
from effviz.zoo.model import HALF_STATISTICS

# timm's transforms for training, and one of its operations mended.

MEAN, STD = HALF_STATISTICS
CROP_PCT = 0.875  # evaluation sees the middle of the picture, training random parts of it
_create_transform = partial(create_transform, interpolation="bicubic", mean=MEAN, std=STD)


def training_transform(recipe: TrainingRecipe) -> Any:
    """A random part of a picture, perhaps mirrored and recoloured, as a tensor (3, H, W)."""
    transform = _create_transform(
        recipe.network.resolution_px,
        is_training=True,
        scale=(recipe.augmentation.smallest_crop, 1.0),
        auto_augment=recipe.augmentation.policy or None,
        color_jitter=None,
    )
    for part in transform.transforms:
        mend_posterize(part)
    return transform


def mend_posterize(part: Any) -> None:
    """Let timm's policies posterize to 0 bits, which is black.

    The v0 policy, EfficientNet's own, and low magnitudes ask for 0 bits; today's Pillow refuses that.
    """
    groups = part.policy if isinstance(part, AutoAugment) else [part.ops] if isinstance(part, RandAugment) else []
    for operation in chain.from_iterable(groups):
        if operation.aug_fn is auto_augment.posterize:
            operation.aug_fn = _posterize


def _posterize(picture: Image.Image, bits: int, **options: Any) -> Image.Image:
    black = Image.new(picture.mode, picture.size)
    return black if bits < 1 else auto_augment.posterize(picture, bits, **options)


# AutoAugment as EfficientNet's training has it, drawn with a seed of its own and told step by step.
# timm draws from Python's shared generator, which other visitors' threads move too; the operations here are timm's,
# only the drawing is ours.

POLICY_NAME = "v0"  # timm's name of the policy in tensorflow/tpu's `autoaugment.py`
POLICY_FILL = (128, 128, 128)  # where a picture was moved away

# timm gives these a random sign.
_SIGNED_OPERATIONS = {"Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY", "TranslateXRel", "TranslateYRel"}


@dataclass(frozen=True, slots=True)
class PolicyOperation:
    """One operation of a pair."""

    name: str  # timm's: "Rotate", "SolarizeAdd"
    level: float | None  # degrees, threshold, factor...; None: the operation has no strength
    done: bool  # each operation has a probability of its own


@dataclass(frozen=True, slots=True, eq=False)
class AugmentedPicture:
    """A picture as the network may see it in training."""

    picture: Bytes  # (H, W, 3)
    steps: tuple[PolicyOperation, ...]


def draw(picture: Bytes, seed: int) -> AugmentedPicture:
    """Pick one of the policy's pairs and apply it, all by the seed."""
    chance = Random(seed)
    image = Image.fromarray(picture)
    steps = []
    for operation in chance.choice(_policy_pairs()):
        done = chance.random() <= operation.prob
        level = _operation_level(operation, chance)
        if done:
            image = operation.aug_fn(image, *(() if level is None else (level,)), **operation.kwargs)
        steps.append(PolicyOperation(operation.name, level, done))
    pixels: Bytes = np.asarray(image)  # (H, W, 3)
    pixels.setflags(write=False)
    return AugmentedPicture(pixels, tuple(steps))


@cache
def _policy_pairs() -> list[list[auto_augment.AugmentOp]]:
    hparams = {"img_mean": POLICY_FILL, "interpolation": Image.Resampling.BICUBIC}
    policy = auto_augment.auto_augment_transform(POLICY_NAME, hparams)
    mend_posterize(policy)
    pairs: list[list[auto_augment.AugmentOp]] = policy.policy
    return pairs


def _operation_level(operation: auto_augment.AugmentOp, chance: Random) -> float | None:
    if operation.level_fn is None:
        return None
    level: float = operation.level_fn(operation.magnitude, operation.hparams)[0]
    # Not timm's own sign, which comes from the shared generator.
    return chance.choice((-1, 1)) * abs(level) if operation.name in _SIGNED_OPERATIONS else level


Batch = tuple[torch.Tensor, torch.Tensor]  # pictures (N, 3, H, W), labels (N,)


def decoded_side_px(resolution_px: int) -> int:
    """How large pictures have to be decoded for a network's input."""
    return int(resolution_px / CROP_PCT)


def seed_everything(*parts: int) -> None:
    """Set every generator that augmentation and networks draw from, by a mix of the parts."""
    mixed = int(np.random.SeedSequence(parts).generate_state(1)[0])
    random.seed(mixed)
    np.random.seed(mixed)  # timm draws from the global one
    torch.manual_seed(mixed)


def training_batches(
    pictures: Pictures, recipe: TrainingRecipe, epoch: int, first: int = 0, part: Shard = WHOLE_SHARD
) -> Iterator[Batch]:
    """A worker's part of an epoch's batches from the first wanted one on; a last batch that is not full is left out."""
    order, transform = _epoch_order(pictures, recipe, epoch), training_transform(recipe)
    for batch in _batch_slices(pictures, recipe, first, part):
        augmented = []
        for position in order[batch].tolist():
            seed_everything(recipe.seed, epoch, position)
            augmented.append(transform(Image.fromarray(pictures.pixels[position])))
        yield torch.stack(augmented), torch.from_numpy(pictures.labels[order[batch]])


def _epoch_order(pictures: Pictures, recipe: TrainingRecipe, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([recipe.seed, epoch]).permutation(len(pictures))


def _batch_slices(pictures: Pictures, recipe: TrainingRecipe, first: int, part: Shard) -> Iterator[slice]:
    """Where in an epoch's order a worker's part of each batch stands."""
    for step in range(first, steps_per_epoch(pictures, recipe)):
        yield slice(step * recipe.batch_size + part.rank, (step + 1) * recipe.batch_size, part.size)


def steps_per_epoch(pictures: Pictures, recipe: TrainingRecipe) -> int:
    """How many full batches there are."""
    return len(pictures) // recipe.batch_size


def evaluation_batches(
    pictures: Pictures, resolution_px: int, batch_size: int = 128, part: Shard = WHOLE_SHARD
) -> Iterator[Batch]:
    """A worker's part of all pictures in order, unchanged but for size."""
    transform = _create_transform(resolution_px, is_training=False, crop_pct=CROP_PCT)
    pixels, labels = (array[part.rank :: part.size] for array in (pictures.pixels, pictures.labels))
    for start in range(0, len(labels), batch_size):
        batch = [transform(Image.fromarray(picture)) for picture in pixels[start : start + batch_size]]
        yield torch.stack(batch), torch.from_numpy(labels[start : start + batch_size].copy())  # (N, 3, H, W), (N,)


# Training batches made where the network is. Cropping and resizing are linear along each axis, so a batch is `rows @
# pixels @ columns`, with one small matrix a picture and axis. The weights are those of Pillow's antialiased bicubic
# filter (a = -0.5); a mirrored picture has its columns in reverse. The same code runs on a processor and on a GPU,
# where all decoded pictures stay in memory.

BICUBIC_SUPPORT = 2.0  # input pixels on either side of a bicubic filter
CROP_RATIOS = (3 / 4, 4 / 3)  # width over height of a crop, torchvision's RandomResizedCrop
CROP_TRIES = 10  # of a crop that fits, before the largest one in the middle is taken
_DRAWS = 1 << 29  # parts the crops' seeds from those of the order


@dataclass(slots=True)
class DeviceBatches:
    """Makes batches on a device; call it as `training_batches`.

    What comes when depends on seed and epoch alone. The recipe's `policy` of colours needs single pictures and is not
    done here.
    """

    device: torch.device
    _pixels: dict[int, torch.Tensor] = field(default_factory=dict)  # on the device, by the pictures' identity

    def __call__(
        self, pictures: Pictures, recipe: TrainingRecipe, epoch: int, first: int = 0, part: Shard = WHOLE_SHARD
    ) -> Iterator[Batch]:
        """Yield a worker's part of an epoch's batches: (N, 3, S, S) normalised floats and labels (N,)."""
        order = _epoch_order(pictures, recipe, epoch)
        height, width = pictures.pixels[0].shape[:2]
        crops = random_crops(len(order), (height, width), recipe.augmentation.smallest_crop, [recipe.seed, epoch])
        for batch in _batch_slices(pictures, recipe, first, part):
            pixels = self._on_device(pictures, order[batch])
            yield (
                normalise_pixels(crop_and_resize(pixels, crops[batch], recipe.network.resolution_px)),
                torch.from_numpy(pictures.labels[order[batch]]),
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
    area = draw.uniform(smallest, 1, (CROP_TRIES, count)) * high * wide
    ratio = np.exp(draw.uniform(log(CROP_RATIOS[0]), log(CROP_RATIOS[1]), (CROP_TRIES, count)))
    widths, heights = np.round(np.sqrt(area * ratio)), np.round(np.sqrt(area / ratio))
    fits = (widths <= wide) & (heights <= high) & (widths > 0) & (heights > 0)
    chosen = np.where(fits.any(0), fits.argmax(0), -1)
    positions = np.arange(count)
    height = np.where(chosen < 0, min(high, round(wide / CROP_RATIOS[0])), heights[chosen, positions])
    width = np.where(chosen < 0, min(wide, round(high * CROP_RATIOS[1])), widths[chosen, positions])
    top = np.floor(draw.uniform(0, 1, count) * (high - height + 1))
    left = np.floor(draw.uniform(0, 1, count) * (wide - width + 1))
    return np.stack([top, left, height, width, draw.uniform(0, 1, count) < 0.5], axis=1)


def crop_and_resize(pixels: torch.Tensor, crops: NDArray[np.float64], side: int) -> torch.Tensor:
    """Crop, mirror and resize pictures (N, H, W, 3) of bytes to (N, 3, side, side) floats from 0 to 255."""
    high, wide = pixels.shape[1:3]
    boxes = torch.from_numpy(crops).to(pixels.device, torch.float32)
    rows = filter_weights(boxes[:, 0], boxes[:, 2], high, side)  # (N, side, H)
    columns = filter_weights(boxes[:, 1], boxes[:, 3], wide, side)  # (N, side, W)
    columns = torch.where(boxes[:, 4, None, None] > 0, columns.flip(1), columns)
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
    return torch.where(distance < 1, near, torch.where(distance < BICUBIC_SUPPORT, far, 0))


def normalise_pixels(pixels: torch.Tensor) -> torch.Tensor:
    """From 0..255 to the statistics that the networks are evaluated with."""
    mean, std = (torch.tensor(part, device=pixels.device)[:, None, None] * 255 for part in (MEAN, STD))
    return (pixels - mean) / std
