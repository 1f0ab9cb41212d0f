"""Batches of augmented pictures: what comes when depends on seed and epoch alone, so a resumed run gets the same.

Each picture's random crop and colours are drawn from (seed, epoch, position). Nothing has to be saved.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from effviz.train import augment
from effviz.train.data import Pictures
from effviz.train.recipe import TrainingRecipe

Item = tuple[torch.Tensor, int]  # picture (3, H, W), label
Batch = tuple[torch.Tensor, torch.Tensor]  # pictures (N, 3, H, W), labels (N,)


def side_px(resolution_px: int) -> int:
    """How large pictures have to be decoded for a network's input."""
    return int(resolution_px / augment.CROP)


def seed_everything(*parts: int) -> None:
    """Set every generator that augmentation and networks draw from, by a mix of the parts."""
    mixed = int(np.random.SeedSequence(parts).generate_state(1)[0])
    random.seed(mixed)
    np.random.seed(mixed)  # timm draws from the global one
    torch.manual_seed(mixed)


@dataclass(frozen=True, slots=True)
class _Key:
    """Which picture, in which epoch."""

    epoch: int
    position: int


class _Training(Dataset[Item]):
    """Pictures, each augmented by its own seed."""

    def __init__(self, pictures: Pictures, recipe: TrainingRecipe) -> None:
        self.pictures = pictures
        self.seed = recipe.seed
        self.transform = augment.training(recipe)

    def __getitem__(self, key: _Key) -> Item:
        seed_everything(self.seed, key.epoch, key.position)
        picture = Image.fromarray(self.pictures.pixels[key.position])
        return self.transform(picture), int(self.pictures.labels[key.position])


def training(pictures: Pictures, recipe: TrainingRecipe, epoch: int, first: int = 0) -> Iterator[Batch]:
    """The batches of an epoch from the first wanted one on; a last batch that is not full is left out."""
    order = np.random.default_rng([recipe.seed, epoch]).permutation(len(pictures))
    size = recipe.batch_size
    batches = [
        [_Key(epoch, int(position)) for position in order[start : start + size]]
        for start in range(first * size, steps_per_epoch(pictures, recipe) * size, size)
    ]
    yield from DataLoader(_Training(pictures, recipe), batch_sampler=batches)


def steps_per_epoch(pictures: Pictures, recipe: TrainingRecipe) -> int:
    """How many full batches there are."""
    return len(pictures) // recipe.batch_size


def evaluation(pictures: Pictures, resolution_px: int, batch_size: int = 128) -> Iterator[Batch]:
    """All pictures in order, unchanged but for size."""
    transform = augment.evaluation(resolution_px)
    for start in range(0, len(pictures), batch_size):
        pixels = pictures.pixels[start : start + batch_size]
        batch = torch.stack([transform(Image.fromarray(picture)) for picture in pixels])  # (N, 3, H, W)
        yield batch, torch.from_numpy(pictures.labels[start : start + batch_size])
