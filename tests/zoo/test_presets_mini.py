"""The mini family is offered when all of it is there, with intervals and learning curves of what was measured."""

import json
from pathlib import Path

import pytest

from effviz import settings
from effviz.zoo import presets
from effviz.zoo.presets import ScalingAxis

RECIPES = Path(__file__).parents[2] / "models" / "mini"
NETWORKS = {  # as in models/mini/*.toml
    ScalingAxis.BASELINE: (0.5, 0.5, 96),
    ScalingAxis.DEPTH: (2.01, 0.5, 96),
    ScalingAxis.WIDTH: (0.5, 1.11, 96),
    ScalingAxis.RESOLUTION: (0.5, 0.5, 192),
    ScalingAxis.COMPOUND: (0.72, 0.605, 127),
}


def entry(role: ScalingAxis, **changes: object) -> dict[str, object]:
    depth, width, px = NETWORKS[role]
    return {
        "name": f"mini-{role}",
        "file": f"mini/{role}.safetensors",
        "sha256": "0" * 64,
        "family": "efficientnet",
        "padding": "same",
        "depth": depth,
        "width": width,
        "resolution_px": px,
        "classes": [f"class {i}" for i in range(10)],
        "licence": "Apache-2.0",
        "origin": "trained in a test",
        "top1_pct": 50.0,
        "top1_source": "a test",
        "top1_pictures": 10,
    } | changes


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(settings.MODELS.name, str(tmp_path))
    (tmp_path / "mini").mkdir()
    return tmp_path


def write(models: Path, *rows: dict[str, object]) -> None:
    (models / "manifest.json").write_text(json.dumps(rows))


def test_the_preset_is_there_with_all_five_and_not_with_four(models: Path) -> None:
    write(models, *(entry(role) for role in list(ScalingAxis)[:4]))
    assert presets.all_presets() == presets.PRESETS
    write(models, *(entry(role) for role in ScalingAxis))
    [added] = [preset for preset in presets.all_presets() if preset not in presets.PRESETS]
    assert added.title == "One baseline, five scalings (trained here)"
    assert added.roles == tuple(ScalingAxis)  # the order of the paper's Figure 7
    assert [ref.label for ref in added.refs] == [
        "mini-baseline@96",
        "mini-depth@96",
        "mini-width@96",
        "mini-resolution@192",
        "mini-compound@127",
    ]


def test_the_roles_are_what_really_differs(models: Path) -> None:
    write(models, *(entry(role) for role in ScalingAxis))
    added = presets.all_presets()[1]
    assert tuple(presets.scaling_axis(ref, added.refs[0]) for ref in added.refs) == added.roles


def test_the_words_name_the_right_cells(models: Path) -> None:
    write(models, *(entry(role) for role in ScalingAxis))
    words = dict(zip(presets.all_presets()[1].roles, presets.all_presets()[1].words, strict=True))
    assert "3 x 3" in words[ScalingAxis.BASELINE]  # 96 / 32
    assert "6 x 6" in words[ScalingAxis.RESOLUTION]  # 192 / 32


def test_an_accuracy_comes_with_its_interval_and_its_learning_curve(models: Path) -> None:
    write(models, entry(ScalingAxis.WIDTH))
    (models / "mini" / "width.csv").write_text(
        "epoch,step,rate,loss,top1_pct,seconds\n1,10,0.1,2.5,30.0,4\n2,20,0.1,2.0,,8\n3,30,0.1,1.5,50.0,12\n"
    )
    [network] = presets.mini_family()
    assert (network.role, network.top1_pct) == (ScalingAxis.WIDTH, 50.0)
    assert network.interval_pct == (pytest.approx(23.66, abs=0.01), pytest.approx(76.34, abs=0.01))  # 5 of 10, Wilson
    assert network.epochs == (presets.EpochResult(1, 30.0, 2.5), presets.EpochResult(3, 50.0, 1.5))


@pytest.mark.parametrize("missing", ["top1_pct", "top1_pictures"])
def test_a_network_without_a_measurement_is_left_out(models: Path, missing: str) -> None:
    write(models, entry(ScalingAxis.DEPTH, **{missing: None}))
    assert presets.mini_family() == ()


def test_the_recipes_are_of_these_networks() -> None:
    from effviz.train import training_recipe as recipes

    for role, (depth, width, px) in NETWORKS.items():
        of = recipes.read_recipe(str(RECIPES / f"{role}.toml")).network
        assert (of.depth, of.width, of.resolution_px) == (depth, width, px)
