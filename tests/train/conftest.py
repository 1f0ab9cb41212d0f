"""A tiny data set: red and blue noise, which any network tells apart within a few steps."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effviz.train import recipe
from effviz.train.recipe import TrainingRecipe

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
    """Return a maker of the smallest recipe, with changes."""

    def make(**changes: object) -> TrainingRecipe:
        known = recipe.read("search")
        small = replace(known, name="tiny", epochs=2, batch_size=8, evaluate_every=1)
        return replace(small.at(0.3, 0.25, 32), **changes)

    return make
