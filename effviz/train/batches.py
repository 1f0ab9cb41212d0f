"""Batches of augmented pictures, which depend only on seed and epoch, so that a resumed run gets the same ones.

Each picture's crop and colours are drawn from (seed, epoch, position), so no state has to be saved. Several workers
share the batches of one process: each takes its part of every batch. Batches come from timm's transforms or the device.
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

# timm's training transforms, with a fix for one of its operations.

MEAN, STD = HALF_STATISTICS
CROP_PCT = 0.875  # evaluation uses the centre crop, training random crops
_create_transform = partial(create_transform, interpolation="bicubic", mean=MEAN, std=STD)


def training_transform(recipe: TrainingRecipe) -> Any:
    """Return a transform to a tensor (3, H, W): a random crop, randomly mirrored and recoloured."""
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
    """Patch timm's policies so that posterizing to 0 bits gives black.

    EfficientNet's policy v0 and low magnitudes posterize to 0 bits, which current versions of Pillow reject.
    """
    groups = part.policy if isinstance(part, AutoAugment) else [part.ops] if isinstance(part, RandAugment) else []
    for operation in chain.from_iterable(groups):
        if operation.aug_fn is auto_augment.posterize:
            operation.aug_fn = _posterize


def _posterize(picture: Image.Image, bits: int, **options: Any) -> Image.Image:
    black = Image.new(picture.mode, picture.size)
    return black if bits < 1 else auto_augment.posterize(picture, bits, **options)


# AutoAugment as in EfficientNet's training, with its own seed and a record of each step. The operations are timm's, but
# not the sampling: timm draws from Python's global generator, which the threads of other visitors also advance.

POLICY_NAME = "v0"  # timm's name for the policy in tensorflow/tpu's `autoaugment.py`
POLICY_FILL = (128, 128, 128)  # fills the area that a shifted picture leaves empty

# Operations whose level gets a random sign in timm.
_SIGNED_OPERATIONS = {"Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY", "TranslateXRel", "TranslateYRel"}


@dataclass(frozen=True, slots=True)
class PolicyOperation:
    """One operation of a pair."""

    name: str  # timm's: "Rotate", "SolarizeAdd"
    level: float | None  # degrees, threshold, factor...; None: the operation has no strength
    done: bool  # each operation is applied with its own probability


@dataclass(frozen=True, slots=True, eq=False)
class AugmentedPicture:
    """A picture as the network may see it in training."""

    picture: Bytes  # (H, W, 3)
    steps: tuple[PolicyOperation, ...]


def draw(picture: Bytes, seed: int) -> AugmentedPicture:
    """Apply one of the policy's pairs of operations, chosen by the seed."""
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
    # Not timm's sign, which comes from the global generator.
    return chance.choice((-1, 1)) * abs(level) if operation.name in _SIGNED_OPERATIONS else level


Batch = tuple[torch.Tensor, torch.Tensor]  # pictures (N, 3, H, W), labels (N,)


def decoded_side_px(resolution_px: int) -> int:
    """Return the side at which to decode pictures for a network's input."""
    return int(resolution_px / CROP_PCT)


def seed_everything(*parts: int) -> None:
    """Seed all generators that augmentation and networks use with a mix of the parts."""
    mixed = int(np.random.SeedSequence(parts).generate_state(1)[0])
    random.seed(mixed)
    np.random.seed(mixed)  # timm uses the global generator
    torch.manual_seed(mixed)


def training_batches(
    pictures: Pictures, recipe: TrainingRecipe, epoch: int, first: int = 0, part: Shard = WHOLE_SHARD
) -> Iterator[Batch]:
    """Yield a worker's part of an epoch's batches, starting at batch `first`; an incomplete last batch is dropped."""
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
    """Yield the slices of an epoch's order that are a worker's parts of the batches."""
    for step in range(first, steps_per_epoch(pictures, recipe)):
        yield slice(step * recipe.batch_size + part.rank, (step + 1) * recipe.batch_size, part.size)


def steps_per_epoch(pictures: Pictures, recipe: TrainingRecipe) -> int:
    """Return the number of full batches in an epoch."""
    return len(pictures) // recipe.batch_size


def evaluation_batches(
    pictures: Pictures, resolution_px: int, batch_size: int = 128, part: Shard = WHOLE_SHARD
) -> Iterator[Batch]:
    """Yield a worker's part of all pictures in order, only resized and centre-cropped."""
    transform = _create_transform(resolution_px, is_training=False, crop_pct=CROP_PCT)
    pixels, labels = (array[part.rank :: part.size] for array in (pictures.pixels, pictures.labels))
    for start in range(0, len(labels), batch_size):
        batch = [transform(Image.fromarray(picture)) for picture in pixels[start : start + batch_size]]
        yield torch.stack(batch), torch.from_numpy(labels[start : start + batch_size].copy())  # (N, 3, H, W), (N,)


# Training batches computed on the network's device. Cropping and resizing are linear along each axis, so a batch is
# `rows @ pixels @ columns`, with one small matrix per picture and axis. The weights are those of Pillow's antialiased
# bicubic filter (a = -0.5); for a mirrored picture, the columns are reversed. The same code runs on a CPU and on a GPU,
# where all decoded pictures stay in memory.

BICUBIC_SUPPORT = 2.0  # radius of the bicubic filter in input pixels
CROP_RATIOS = (3 / 4, 4 / 3)  # width over height of a crop, as in torchvision's RandomResizedCrop
CROP_TRIES = 10  # attempts at a crop that fits, before falling back to the largest centre crop
_DRAWS = 1 << 29  # separates the crops' seeds from those of the order


@dataclass(slots=True)
class DeviceBatches:
    """Computes batches on a device; has the same call signature as `training_batches`.

    Batches depend only on seed and epoch. The recipe's augmentation `policy` works on single pictures and is not
    applied.
    """

    device: torch.device
    _pixels: dict[int, torch.Tensor] = field(default_factory=dict)  # on the device, by id of the pictures

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
        """Return decoded pictures (N, H, W, 3); a GPU receives all of them once and keeps them."""
        if self.device.type == "cpu":
            return torch.from_numpy(np.stack([pictures.pixels[position] for position in positions]))
        if id(pictures) not in self._pixels:
            self._pixels.clear()
            self._pixels[id(pictures)] = torch.from_numpy(np.ascontiguousarray(pictures.pixels[:])).to(self.device)
        return self._pixels[id(pictures)][torch.from_numpy(positions).to(self.device)]


def random_crops(count: int, size: tuple[int, int], smallest: float, seed: list[int]) -> NDArray[np.float64]:
    """Draw a crop for each picture, as torchvision's RandomResizedCrop: rows of (top, left, height, width, mirrored).

    A crop's share of the picture's area is uniform from `smallest` to 1, its aspect ratio log-uniform from 3/4 to 4/3.
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
    """Return Pillow's bicubic weights (N, side, pixels) that resize `length` pixels from `start` on to `side`.

    Pixels outside the crop have weight 0, and each row sums to 1.
    """
    scale = (length / side)[:, None, None]  # (N, 1, 1)
    places = torch.arange(side, device=start.device)[None, :, None] + 0.5  # (1, side, 1)
    at = torch.arange(pixels, device=start.device)[None, None, :] + 0.5  # (1, 1, pixels)
    begin, end = start[:, None, None], (start + length)[:, None, None]
    distance = (at - begin - places * scale).abs() / scale.clamp(min=1)
    weights = torch.where((at > begin) & (at < end), _bicubic(distance), 0)
    return weights / weights.sum(2, keepdim=True)


def _bicubic(distance: torch.Tensor) -> torch.Tensor:
    """Return Keys' cubic with a = -0.5 (Keys 1981, eq. 15)."""
    near = (1.5 * distance - 2.5) * distance * distance + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance < 1, near, torch.where(distance < BICUBIC_SUPPORT, far, 0))


def normalise_pixels(pixels: torch.Tensor) -> torch.Tensor:
    """Normalise pixels in 0..255 by the mean and standard deviation with which the networks are evaluated."""
    mean, std = (torch.tensor(part, device=pixels.device)[:, None, None] * 255 for part in (MEAN, STD))
    return (pixels - mean) / std
