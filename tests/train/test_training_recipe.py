"""The recipe's formulas match the official code by hand, timm's scheduler and blocks, and torch's functions."""

import math
from pathlib import Path

import pytest
import torch

from effviz.errors import SettingsError
from effviz.scaling import plan
from effviz.train import network_setup, training_recipe
from effviz.train.training_recipe import OptimiserName, ScheduleName

PAPER = training_recipe.read_recipe("paper")


@pytest.mark.parametrize(
    ("epoch", "rate"),
    [
        (0, 0.0),  # tensorflow/tpu utils.py, build_learning_rate: initial_lr * step / warmup_steps
        (2.5, 0.128),
        (5, 0.256 * 0.97**2),  # stairs count from the start: two of them end at 2.4 and 4.8
        (7.19, 0.256 * 0.97**2),
        (7.2, 0.256 * 0.97**3),
        (12, 0.256 * 0.97**5),
        (31 * 2.4, 0.256 * 0.97**31),  # floats round it to just before the end of the step
        (348, 0.256 * 0.97**145),
        (349.9, 0.256 * 0.97**145),
    ],
)
def test_the_rate_is_the_official_codes(epoch: float, rate: float) -> None:
    assert training_recipe.learning_rate(0.256, PAPER.schedule, epoch) == pytest.approx(rate, rel=1e-12)


def test_the_rate_is_the_one_that_trains() -> None:
    """Compare with timm's scheduler in `effviz train`, at each step of 20 epochs."""
    moved = network_setup.build_optimiser(PAPER, torch.nn.Linear(2, 2))
    steps = 10  # per epoch; the rate changes every 24 steps
    set_rate = network_setup.build_schedule(PAPER, moved, steps)
    for step in range(20 * steps):
        set_rate(step)
        expected = training_recipe.learning_rate(PAPER.rate, PAPER.schedule, step / steps)
        assert moved.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-9), step


def test_the_corners_draw_the_whole_curve() -> None:
    found = list(training_recipe.schedule_corners(0.256, PAPER.schedule, 12))
    flat = [0.256 * 0.97**stair for stair in (2, 3, 4)]
    assert [x for x, _ in found] == pytest.approx([0, 5, 5, 7.2, 7.2, 9.6, 9.6, 12])
    assert [y for _, y in found] == pytest.approx([0, 0.256, *(rate for rate in flat for _ in range(2))])


def test_one_cycle_has_no_stairs() -> None:
    short = training_recipe.read_recipe("short")
    with pytest.raises(SettingsError, match="formula only for the schedule staircase"):
        training_recipe.learning_rate(1.0, short.schedule, 1)


def test_dropout_is_linear() -> None:
    assert [round(training_recipe.scaled_dropout(0.2, 0.5, at, 8), 4) for at in (0, 3, 7)] == [
        0.2,
        0.3286,
        0.5,
    ]  # 0.2 + 0.9 / 7


@pytest.mark.parametrize(
    ("depth", "width", "blocks", "skippable"),
    [
        (1.0, 1.0, 16, 9),  # seven stages open with new channels
        (1.4, 1.2, 26, 19),  # B3
        (1.0, 0.2, 16, 10),  # stages 1 to 4 have 8 channels: stage 2 has a shortcut, 3 and 4 halve the map
    ],
)
def test_stochastic_depth_is_that_of_the_trained_network(
    depth: float, width: float, blocks: int, skippable: int
) -> None:
    """timm's blocks have their rate and shortcut as attributes; the counts are by hand from Table 1."""
    built = list(network_setup.mbconv_blocks(network_setup.build_network(PAPER.at(depth, width, 64), 10)))
    assert len(built) == blocks
    shortcuts = training_recipe.has_shortcuts(plan(depth, width, 64))
    assert shortcuts == tuple(block.has_skip for block in built)
    assert sum(shortcuts) == skippable
    for number, block in enumerate(built):
        assert training_recipe.survival_probability(0.8, number, blocks) == pytest.approx(1 - block.drop_path.drop_prob)


def test_half_of_the_average_is_a_half_life_old() -> None:
    steps = math.log(2) / -math.log(0.9999)  # 6931 steps
    assert training_recipe.average_weight(0.9999, steps) == pytest.approx(0.5)
    assert training_recipe.average_weight(0.9999, 0) == 0


def test_silu_and_relu_are_torchs() -> None:
    x = torch.linspace(-6, 6, 49, dtype=torch.float64, requires_grad=True)
    for function, slope, theirs in (
        (training_recipe.silu, training_recipe.silu_slope, torch.nn.functional.silu),
        (training_recipe.relu, training_recipe.relu_slope, torch.nn.functional.relu),
    ):
        out = theirs(x)
        (gradient,) = torch.autograd.grad(out.sum(), x)
        assert [function(value) for value in x.tolist()] == pytest.approx(out.tolist())
        assert [slope(value) for value in x.tolist()] == pytest.approx(gradient.tolist())


def test_silu_is_least_where_its_authors_say() -> None:
    assert training_recipe.silu(-1.2784645) == pytest.approx(
        -0.2784645, abs=1e-6
    )  # Elfwing et al. 2017: about -0.28 at -1.28
    assert training_recipe.silu_slope(-1.2784645) == pytest.approx(0, abs=1e-6)


# Recipes: the paper's numbers, and an error message for every mistake in a file.


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
    path.write_text(GOOD.replace("resolution_px = 64", "resolution_px = 64.0"))  # also a whole number
    of = training_recipe.read_recipe(str(path))
    assert repr(of.network.resolution_px) == "64"
    assert (of.name, of.network.depth, of.epochs) == ("mine", 1.0, 2)
    assert isinstance(of.network.depth, float)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("epochs = 2", "epochs = 0", "epochs is 0. Allowed: 1 to 100000"),
        ("epochs = 2", "epochs = 2.5", "epochs is 2.5. Allowed: a value of type int"),
        ("epochs = 2", "epochs = true", "epochs is True"),
        ("epochs = 2", "epochs = inf", "epochs is inf"),
        ("epochs = 2", "epochs = nan", "epochs is nan"),
        ("epochs = 2", "epochs = " + "9" * 400, "epochs is 999"),
        ("epochs = 2", "epochs = " + "9" * 5000, "is not valid TOML"),
        ("epochs = 2", "epochs = 2020-01-01", "epochs is {'date': '2020-01-01'}. Allowed: a value of type int"),
        ("resolution_px = 64", "resolution_px = " + "9" * 400, "network, resolution_px is 999"),
        ("epochs = 2", "", "lacks epochs"),
        ("epochs = 2", "epoch = 2", "unknown key 'epoch'"),
        ("epochs = 2", "epochs = = 2", "is not valid TOML"),
        ('"adamw"', '"adam"', "name is 'adam'. Allowed: rmsproptf, adamw"),
        ("rate = 1e-3", 'rate = "high"', "rate is 'high'. Allowed: a value of type float"),
        ("rate = 1e-3", "rate = nan", "rate is nan"),
        ("rate = 1e-3", "rate = 1e-3\nepsilon = 1e-300", "epsilon is 1e-300. Allowed: 1e-12 to 1"),
        ("epochs = 2", "epochs = 2\nname = 7", "name is 7. Allowed: a value of type str"),
        ("epochs = 2", "x = " + "[" * 100_000, "is not valid TOML"),
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
    with pytest.raises(
        SettingsError, match="nowhere cannot be read: it must be a TOML file or one of paper, search, short"
    ):
        training_recipe.read_recipe("nowhere")


def test_every_value_changes_the_digest() -> None:
    from dataclasses import replace

    of = training_recipe.read_recipe("search")
    assert replace(of, seed=1).digest != of.digest
    assert of.at(0.6, 0.45, 65).digest != of.digest
    assert of.at(0.6, 0.45, 64).digest == of.digest
