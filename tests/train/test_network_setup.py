"""Networks, optimisers and learning rates of recipes match the paper's formulas and torch's scheduler."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from effviz.scaling import plan
from effviz.train import network_setup, training_recipe
from effviz.train.training_recipe import OptimiserName, TrainingRecipe


def test_the_network_is_the_planned_one(tiny: Callable[..., TrainingRecipe]) -> None:
    module = network_setup.build_network(tiny(), 10)
    assert sum(part.numel() for part in module.parameters()) == plan(0.3, 0.25, 32, classes=10).params


def test_weights_follow_the_seed_and_leave_the_callers_generator_alone(tiny: Callable[..., TrainingRecipe]) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first, same, other = (network_setup.build_network(tiny(seed=seed), 10).conv_stem.weight for seed in (0, 0, 1))
    assert torch.equal(torch.rand(2), expected)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_stochastic_depth_rises_to_the_papers_value() -> None:
    # tensorflow/tpu efficientnet_model.py: block i of n is dropped with rate * i / n; B0 has 16 blocks.
    module = network_setup.build_network(training_recipe.read_recipe("paper"), 10)
    rates = [block.drop_path.drop_prob for block in network_setup.mbconv_blocks(module)]
    assert rates == pytest.approx([0.2 * position / 16 for position in range(16)])
    assert module.drop_rate == 0.2
    assert module.bn1.momentum == 0.01


def test_batch_norm_and_biases_do_not_decay() -> None:
    of = training_recipe.read_recipe("paper")
    made = network_setup.build_optimiser(of, network_setup.build_network(of, 10))
    assert type(made).__name__ == "RMSpropTF"
    without, with_decay = sorted(made.param_groups, key=lambda group: group["weight_decay"])
    assert (without["weight_decay"], with_decay["weight_decay"]) == (0, 1e-5)
    assert all(tensor.ndim == 1 for tensor in without["params"])
    assert all(tensor.ndim > 1 for tensor in with_decay["params"])
    assert (with_decay["alpha"], with_decay["momentum"], with_decay["eps"]) == (0.9, 0.9, 1e-3)


def rates(of: training_recipe.TrainingRecipe, steps_per_epoch: int) -> list[float]:
    moved = network_setup.build_optimiser(of, torch.nn.Linear(2, 2))
    set_rate = network_setup.build_schedule(of, moved, steps_per_epoch)
    found = []
    for step in range(of.epochs * steps_per_epoch):
        set_rate(step)
        found.append(moved.param_groups[0]["lr"])
    return found


def test_the_papers_rate_warms_up_and_falls_in_stairs() -> None:
    of = replace(training_recipe.read_recipe("paper"), epochs=20, batch_size=4096)
    found = rates(of, steps_per_epoch=10)
    assert found[:50] == pytest.approx([0.256 * step / 50 for step in range(50)])  # 5 epochs of 10 steps
    # 0.256 * 0.97^floor(epochs / 2.4), counted from the start as in the official code
    assert found[50:] == pytest.approx([0.256 * 0.97 ** math.floor(step / 24 + 1e-9) for step in range(50, 200)])


def test_one_cycle_is_torchs_own(tiny: Callable[..., TrainingRecipe]) -> None:
    of = tiny(epochs=4)
    assert of.optimiser.name is OptimiserName.ADAMW
    moved = torch.optim.SGD([torch.zeros(1)], lr=1)
    peer = torch.optim.lr_scheduler.OneCycleLR(moved, of.rate, total_steps=40, pct_start=0.3, cycle_momentum=False)
    expected = []
    for _ in range(40):
        expected.append(moved.param_groups[0]["lr"])
        moved.step()
        if len(expected) < 40:
            peer.step()
    assert rates(of, 10) == pytest.approx(expected)
    assert max(expected) == pytest.approx(of.rate, rel=0.01)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_the_shortest_trainings_have_a_rate_too(steps: int) -> None:
    assert len(network_setup.one_cycle(0.1, steps, 0.25)) == steps
    assert all(0 < rate <= 0.1 for rate in network_setup.one_cycle(0.1, steps, 0.25))
