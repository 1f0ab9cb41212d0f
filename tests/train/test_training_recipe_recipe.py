"""Recipes: the paper's numbers, and a sentence for every mistake in a file."""

from pathlib import Path

import pytest

from effviz.errors import SettingsError
from effviz.train import training_recipe
from effviz.train.training_recipe import OptimiserName, ScheduleName


def test_the_papers_recipe_has_the_papers_numbers() -> None:
    # Tan & Le 2019, section 5.2, and tensorflow/tpu main.py: facts, section 9.
    of = training_recipe.read_recipe("paper")
    assert (of.network.depth, of.network.width, of.network.resolution_px) == (1.0, 1.0, 224)
    assert of.optimiser.name is OptimiserName.RMSPROP
    assert (of.optimiser.squares, of.optimiser.momentum, of.optimiser.epsilon) == (0.9, 0.9, 0.001)
    assert of.optimiser.weight_decay == 1e-5
    assert of.schedule.name is ScheduleName.STAIRCASE
    assert (of.schedule.decay, of.schedule.decay_epochs, of.schedule.warmup_epochs) == (0.97, 2.4, 5)
    assert of.rate == pytest.approx(0.128)  # 0.016 * 2048 / 256
    assert (of.ema, of.augmentation.label_smoothing) == (0.9999, 0.1)
    assert (of.network.dropout, of.network.stochastic_depth, of.network.norm_momentum) == (0.2, 0.2, 0.01)
    assert of.augmentation.policy == "v0"


def test_the_rate_of_a_batch_of_4096_is_the_papers_0256() -> None:
    from dataclasses import replace

    assert replace(training_recipe.read_recipe("paper"), batch_size=4096).rate == pytest.approx(0.256)


@pytest.mark.parametrize("name", training_recipe.SHIPPED_RECIPES)
def test_every_shipped_recipe_is_complete_and_has_its_own_digest(name: str) -> None:
    of = training_recipe.read_recipe(name)
    assert of.name == name
    assert [
        other for other in training_recipe.SHIPPED_RECIPES if training_recipe.read_recipe(other).digest == of.digest
    ] == [name]


GOOD = """
epochs = 2
batch_size = 8
[network]
depth = 1
width = 0.5
resolution_px = 64
[optimiser]
name = "adamw"
rate = 1e-3
[schedule]
name = "one-cycle"
"""


def test_a_file_of_ones_own_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    of = training_recipe.read_recipe(str(path))
    assert (of.name, of.network.depth, of.epochs) == ("mine", 1.0, 2)
    assert isinstance(of.network.depth, float)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("epochs = 2", "epochs = 0", "epochs is 0: 1 to 100000 is allowed"),
        ("epochs = 2", "epochs = 2.5", "epochs is 2.5: a value of int is allowed"),
        ("epochs = 2", "epochs = true", "epochs is True"),
        ("epochs = 2", "epochs = inf", "epochs is inf"),
        ("epochs = 2", "epochs = nan", "epochs is nan"),
        ("epochs = 2", "epochs = " + "9" * 400, "epochs is 999"),
        ("epochs = 2", "epochs = " + "9" * 5000, "is not TOML"),
        ("epochs = 2", "", "lacks epochs"),
        ("epochs = 2", "epoch = 2", "unknown key 'epoch'"),
        ("epochs = 2", "epochs = = 2", "is not TOML"),
        ('"adamw"', '"adam"', "name is 'adam': rmsproptf, adamw is allowed"),
        ("rate = 1e-3", 'rate = "high"', "rate is 'high': a value of float is allowed"),
        ("rate = 1e-3", "rate = nan", "rate is nan"),
        ("rate = 1e-3", "rate = 1e-3\nepsilon = 1e-300", "epsilon is 1e-300: 1e-12 to 1 is allowed"),
        ("epochs = 2", "epochs = 2\nname = 7", "name is 7: a value of str is allowed"),
        ("epochs = 2", "x = " + "[" * 100_000, "is not TOML"),
        ("resolution_px = 64", "resolution_px = 7", "32 to 2048 px"),
        ("[network]", "network = 3\n[other]", "unknown key 'other'"),
    ],
)
def test_a_mistake_in_a_file_is_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(SettingsError) as error:
        training_recipe.read_recipe(str(path))
    assert sentence in str(error.value)


def test_a_table_where_a_value_belongs_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace("epochs = 2", "") + "\n[epochs]\nmany = 3\n")
    with pytest.raises(SettingsError, match="epochs is"):
        training_recipe.read_recipe(str(path))


def test_a_recipe_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(SettingsError, match="nowhere cannot be read: a TOML file or one of paper, search, short"):
        training_recipe.read_recipe("nowhere")


def test_every_value_changes_the_digest() -> None:
    from dataclasses import replace

    of = training_recipe.read_recipe("search")
    assert replace(of, seed=1).digest != of.digest
    assert of.at(0.6, 0.45, 65).digest != of.digest
    assert of.at(0.6, 0.45, 64).digest == of.digest
