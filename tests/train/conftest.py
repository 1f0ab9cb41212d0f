"""A tiny data set of red and blue noise that any network can separate within a few steps."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from effviz.train import batches, loop, training_recipe
from effviz.train.data import DataSet
from effviz.train.training_recipe import TrainingRecipe

COLOURS = {"blue": (40, 40, 200), "red": (200, 40, 40)}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "effviz" / "pictures"


def write_pictures(root: Path, train: int = 12, val: int = 5) -> Path:
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("val", val)):
        for name, colour in COLOURS.items():
            folder = root / part / name
            folder.mkdir(parents=True)
            for position in range(count):
                pixels = np.clip(np.array(colour) + rng.normal(0, 25, (40, 52, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{position:02}.jpg", quality=95)
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "data")


@pytest.fixture
def another_folder(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "another")


@pytest.fixture
def tiny() -> Callable[..., TrainingRecipe]:
    """Return a function that builds the smallest recipe with changes."""

    def make(**changes: object) -> TrainingRecipe:
        known = training_recipe.read_recipe("search")
        small = replace(known, name="tiny", epochs=2, batch_size=8, evaluate_every=1)
        return replace(small.at(0.3, 0.25, 32), **changes)

    return make


@pytest.fixture
def two_by_hand() -> Iterator[Callable[[TrainingRecipe, DataSet], dict[str, torch.Tensor]]]:
    """Return a function that trains like two workers in one process, averaging gradients and statistics."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in each worker

    def train(recipe: TrainingRecipe, known: DataSet) -> dict[str, torch.Tensor]:
        runs = [loop._TrainingRun(recipe, known, Path("unused"), loop.TrainingOptions()) for _ in range(2)]
        for step in range(runs[0].steps):
            epoch, first = divmod(step, runs[0].per_epoch)
            pictures, labels = next(batches.training_batches(known.train, recipe, epoch, first))
            for rank, run in enumerate(runs):
                batches.seed_everything(recipe.seed, loop._DRAWS, step, rank)
                run.set_rate(step)
                run.optimiser.zero_grad()
                seen = pictures[rank::2].to(memory_format=torch.channels_last)
                run.loss(run.module.train()(seen), labels[rank::2]).backward()
            for one, other in zip(*(run.module.parameters() for run in runs), strict=True):
                one.grad = (one.grad + other.grad) / 2
                other.grad = one.grad.clone()
            for run in runs:
                run.optimiser.step()
            for one, other in zip(*(run.module.buffers() for run in runs), strict=True):
                if one.is_floating_point():
                    one.copy_((one + other) / 2)
                    other.copy_(one)
        return runs[0].module.state_dict()

    yield train
    torch.set_num_threads(threads)
