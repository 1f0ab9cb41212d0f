"""The recipes of the mini family: one baseline, four scalings of equal cost, and no other difference."""

from dataclasses import replace
from pathlib import Path

import pytest

from effviz.scaling import plan
from effviz.train import training_recipe as recipes
from effviz.train.training_recipe import TrainingRecipe

FOLDER = Path(__file__).parents[2] / "models" / "mini"
SCALED = ("depth", "width", "resolution", "compound")


def read(name: str) -> TrainingRecipe:
    return recipes.read_recipe(str(FOLDER / f"{name}.toml"))


def macs(of: TrainingRecipe) -> int:
    network = of.network
    return plan(network.depth, network.width, network.resolution_px, network.family, classes=10).macs


@pytest.mark.parametrize("name", SCALED)
def test_each_scaling_costs_four_times_the_baseline_within_five_percent(name: str) -> None:
    assert macs(read(name)) / macs(read("baseline")) == pytest.approx(4, rel=0.05)


def test_the_baseline_costs_what_an_independent_count_says() -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from effviz.zoo import torch_modules

    of = read("baseline").network
    module = torch_modules.build_untrained(of.family, of.depth, of.width, 10).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        module(torch.zeros(1, 3, of.resolution_px, of.resolution_px))
    assert macs(read("baseline")) == counter.get_total_flops() // 2


@pytest.mark.parametrize(
    ("name", "changed"),
    [("depth", {"depth"}), ("width", {"width"}), ("resolution", {"resolution_px"})],
)
def test_a_single_scaling_changes_one_dimension(name: str, changed: set[str]) -> None:
    ours, base = read(name).network, read("baseline").network
    dimensions = ("depth", "width", "resolution_px")
    assert {of for of in dimensions if getattr(ours, of) != getattr(base, of)} == changed


def test_compound_is_the_papers_rule_at_phi_2() -> None:
    ours, base = read("compound").network, read("baseline").network
    assert ours.depth == pytest.approx(base.depth * 1.2**2)
    assert ours.width == pytest.approx(base.width * 1.1**2)
    assert ours.resolution_px == round(base.resolution_px * 1.15**2)


@pytest.mark.parametrize("name", SCALED)
def test_everything_but_the_network_is_the_baselines(name: str) -> None:
    ours, base = read(name), read("baseline")
    assert replace(ours, name=base.name, network=base.network) == base
    of = base.network
    assert replace(ours.network, depth=of.depth, width=of.width, resolution_px=of.resolution_px) == of
