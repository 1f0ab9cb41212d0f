"""Presets compare what they claim to compare."""

import json
from pathlib import Path

import pytest

from effviz import settings
from effviz.explain import sample_photos
from effviz.scaling import plan
from effviz.zoo import presets
from effviz.zoo.catalogue import parse_model
from effviz.zoo.imagenet_classes import names
from effviz.zoo.presets import PRESETS, ScalingAxis, axis_among, scaling_axis

BY_NAME = {preset.name: preset for preset in PRESETS}


def labels(name):
    return [ref.label for ref in BY_NAME[name].refs]


def test_presets_are_those_of_the_app():
    assert [preset.title for preset in PRESETS] == [
        "Scaling axes",
        "Compound family",
        "B0 to B7",
        "B0's scaling axes",
        "Families",
        "Custom",
    ]
    assert labels("compound-family") == ["lite0@224", "lite1@240", "lite2@260"]
    sizes = (224, 240, 260, 300, 380, 456, 528, 600)  # the paper's
    assert labels("b0-to-b7") == [f"b{i}@{size}" for i, size in enumerate(sizes)]
    assert labels("custom") == []


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_model_has_a_role_and_words(preset):
    assert len(preset.refs) == len(preset.roles) == len(preset.words)
    assert all(preset.words)
    assert preset.roles[:1] in ((ScalingAxis.BASELINE,), ())


def network(label):
    ref = next(ref for ref in BY_NAME["scaling-axes"].refs if ref.label == label)
    found = plan(ref.spec.depth, ref.spec.width, ref.resolution_px, ref.spec.family)
    return [s.layers for s in found.stages], [s.channels for s in found.stages], found.resolution


def test_scaling_axes_change_one_dimension_at_a_time():
    axes = BY_NAME["scaling-axes"]
    assert dict(zip((ref.label for ref in axes.refs), axes.roles, strict=True)) == {
        "lite0@224": ScalingAxis.BASELINE,
        "lite1@224": ScalingAxis.DEPTH,
        "lite2@224": ScalingAxis.WIDTH,
        "lite0@260": ScalingAxis.RESOLUTION,
        "lite2@260": ScalingAxis.COMPOUND,
    }

    def changed(before, after):
        return [a != b for a, b in zip(network(before), network(after), strict=True)]  # blocks, channels, pixels

    assert changed("lite0@224", "lite1@224") == [True, False, False]
    assert changed("lite1@224", "lite2@224") == [False, True, False]
    assert changed("lite0@224", "lite0@260") == [False, False, True]
    assert changed("lite0@224", "lite2@260") == [True, True, True]


def test_the_scaling_axes_say_which_sizes_their_weights_were_trained_at():
    # README of the official Lite models: resolutions of 224, 240 and 260
    assert "Lite0's weights were trained at 224 px, Lite1's at 240, Lite2's at 260:" in BY_NAME["scaling-axes"].summary
    assert [parse_model(name).resolution_px for name in ("lite0", "lite1", "lite2")] == [224, 240, 260]


def test_words_name_the_right_numbers_of_blocks_and_cells():
    axes = BY_NAME["scaling-axes"]
    words = dict(zip((ref.label for ref in axes.refs), axes.words, strict=True))
    deeper, baseline = (sum(network(label)[0]) - 2 for label in ("lite1@224", "lite0@224"))  # without stem and head
    assert f"{deeper} blocks instead of {baseline}" in words["lite1@224"]
    assert "9 x 9 cells instead of 7 x 7" in words["lite0@260"]  # 260 / 32 and 224 / 32, rounded up


@pytest.mark.parametrize(
    ("ref", "baseline", "expected"),
    [
        # the coefficients of the official code: lite1 is deeper than lite0, lite2 deeper and wider
        ("lite0@224", "lite0@224", ScalingAxis.BASELINE),
        ("lite1@224", "lite0@224", ScalingAxis.DEPTH),
        ("lite2@224", "lite1@224", ScalingAxis.WIDTH),  # the same 20 blocks
        ("lite0@260", "lite0@224", ScalingAxis.RESOLUTION),
        ("scaled-d1-w1.5@224", "b0@224", ScalingAxis.WIDTH),
        ("lite2@260", "lite0@224", ScalingAxis.COMPOUND),
        ("lite2@224", "lite0@224", None),  # two of the three
        ("b0@224", "lite0@224", None),  # another family
    ],
)
def test_role_is_the_dimension_that_differs(ref: str, baseline: str, expected: ScalingAxis | None) -> None:
    assert scaling_axis(parse_model(ref), parse_model(baseline)) is expected


def test_the_mini_family_begins_with_a_photo_of_one_of_its_classes():
    (mini,) = (preset for preset in presets.all_presets() if preset.name == "mini")
    ours = {names()[label] for label in sample_photos.find(mini.sample).labels}
    assert all(ours & set(ref.spec.classes) for ref in mini.refs)


def test_a_model_has_one_axis_wherever_it_is_compared():
    """Lite2 at 224 px differs from Lite0 in depth and width, and from Lite1 only in width."""
    run = [parse_model(name) for name in ("lite0@224", "lite1@224", "lite2@224", "lite0@260", "lite2@260")]
    found = [axis_among(ref, run[:place]) for place, ref in enumerate(run)]
    assert found == list(PRESETS[0].roles)


def test_b0s_axes_are_the_twin_of_the_lite_networks_and_come_first_where_their_weights_are(monkeypatch):
    twin, lite = BY_NAME["b0-scaling-axes"], BY_NAME["scaling-axes"]
    assert [ref.label.replace("b", "lite") for ref in twin.refs] == [ref.label for ref in lite.refs]
    assert twin.roles == lite.roles
    deeper, baseline = (sum(of.layers for of in twin.refs[place].spec.plan.stages[1:-1]) for place in (1, 0))
    assert f"{deeper} blocks instead of {baseline}" in twin.words[1]
    assert {ref.spec.architecture.partition(".")[2] for ref in twin.refs} == {"aa_in1k"}
    assert "b0 21 MB, b1 31 MB, b2 37 MB" in twin.summary  # 5.3, 7.9 and 9.2 million numbers of 4 bytes
    assert presets.first_comparison() == lite  # nothing from the hub is local
    ready = presets.hub.Availability(True, "")
    monkeypatch.setattr(presets.hub, "availability", lambda spec: ready)
    assert presets.first_comparison() == twin


# The mini family is offered if it is complete, with measured intervals and learning curves.

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
