"""Batches of augmented pictures: what comes when depends on seed and epoch alone, so a resumed run gets the same.

Each picture's random crop and colours are drawn from (seed, epoch, position). Nothing has to be saved. Several workers
share the batches of one: each takes its part of every batch.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from effviz.train import augment
from effviz.train.crew import WHOLE, Part
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


def training(
    pictures: Pictures, recipe: TrainingRecipe, epoch: int, first: int = 0, part: Part = WHOLE
) -> Iterator[Batch]:
    """A worker's part of an epoch's batches from the first wanted one on; a last batch that is not full is left out."""
    order = np.random.default_rng([recipe.seed, epoch]).permutation(len(pictures))
    size = recipe.batch_size
    batches = [
        [_Key(epoch, int(position)) for position in order[start + part.rank : start + size : part.size]]
        for start in range(first * size, steps_per_epoch(pictures, recipe) * size, size)
    ]
    yield from DataLoader(_Training(pictures, recipe), batch_sampler=batches)


def steps_per_epoch(pictures: Pictures, recipe: TrainingRecipe) -> int:
    """How many full batches there are."""
    return len(pictures) // recipe.batch_size


def evaluation(pictures: Pictures, resolution_px: int, batch_size: int = 128, part: Part = WHOLE) -> Iterator[Batch]:
    """A worker's part of all pictures in order, unchanged but for size."""
    transform = augment.evaluation(resolution_px)
    pixels, labels = (array[part.rank :: part.size] for array in (pictures.pixels, pictures.labels))
    for start in range(0, len(labels), batch_size):
        batch = [transform(Image.fromarray(picture)) for picture in pixels[start : start + batch_size]]
        yield torch.stack(batch), torch.from_numpy(labels[start : start + batch_size].copy())  # (N, 3, H, W), (N,)
