"""The plan of the mini family, its training from start to finish, and its verdict."""

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from effviz.cli import app, train
from effviz.errors import SettingsError
from effviz.evaluate import intervals
from effviz.scaling import plan as network_plan
from effviz.train import data, family_training, training_recipe
from effviz.train.family_training import FamilyOutcome, PlannedNetwork

PLAN = Path(__file__).parents[2] / "models" / "mini" / "plan.toml"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return the shipped plan with the smallest networks."""
    text = PLAN.read_text(encoding="utf-8")
    for name, old in (("epochs", 40), ("batch_size", 64), ("evaluate_every", 10), ("held_out", 1000), ("seeds", 3)):
        text = text.replace(f"{name} = {old}", f"{name} = {({'epochs': 1, 'batch_size': 8}).get(name, 2)}")
    for side, less in ((256, 64), (176, 40), (160, 40), (144, 40), (128, 32)):
        text = text.replace(f"resolution_px = {side}", f"resolution_px = {less}")
    for depth in (2.51, 1.01, 0.72, 0.6):
        text = text.replace(f"depth = {depth} ", "depth = 0.3 ").replace(f"depth = {depth},", "depth = 0.3,")
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_plan_has_the_networks_that_were_written_down() -> None:
    of = family_training.read_plan(PLAN)
    costs = {network.name: of.macs(network, 10) for network in of.networks}
    # Counted by `effviz plan` and, for the baseline, by torch's FlopCounterMode when the plan was made.
    assert {name: round(macs / 1e6, 2) for name, macs in costs.items()} == {
        "baseline": 14.42,
        "depth": 57.45,
        "width": 57.04,
        "resolution": 57.53,
        "compound": 57.18,
    }
    scaled = [macs for name, macs in costs.items() if name != "baseline"]
    assert all(abs(macs / costs["baseline"] / 4 - 1) < 0.03 for macs in scaled)
    assert network_plan(2.51, 0.35, 128, classes=10).layers[-3].block >= 0
    at_twice = {(of.depth, of.width, of.resolution_px) for of in of.step1}
    assert at_twice == {
        *((0.5, 0.35, 176), (0.5, 0.55, 128), (1.01, 0.35, 128)),
        *((0.5, 0.42, 160), (0.6, 0.35, 160), (0.6, 0.385, 144)),
    }
    assert (of.seeds, of.step1_seeds, of.held_out, of.recipe.epochs) == (3, 2, 1000, 40)
    assert of.recipe.network.stochastic_depth == 0.2
    assert of.recipe.network.zero_residual


@pytest.mark.parametrize("rule", family_training.read_plan(PLAN).step1, ids=lambda rule: rule.name)
def test_a_rule_of_step_1_is_scaled_to_four_times_the_cost_in_its_own_proportions(rule: PlannedNetwork) -> None:
    of = family_training.read_plan(PLAN)
    base, own = of.network("baseline"), of.at_final_cost(rule, 10)
    assert of.macs(own, 10) / of.macs(base, 10) == pytest.approx(4, rel=0.07)  # whole numbers of channels and pixels
    names = ("depth", "width")
    grown = {name for name in names if getattr(own, name) != getattr(base, name)}
    assert grown == {name for name in names if getattr(rule, name) != getattr(base, name)}


def test_photos_are_held_out_once_and_val_is_not_among_them(folder: Path) -> None:
    known = data.data_set(folder, 36)
    train, held_out, val = family_training.split_photos(known, 5)
    assert (len(train), len(held_out), len(val)) == (19, 5, 10)
    pixels = [{np.asarray(of.pixels[row]).tobytes() for row in range(len(of))} for of in (train, held_out, val)]
    assert not pixels[0] & pixels[1]
    assert not (pixels[0] | pixels[1]) & pixels[2]
    assert len(pixels[0] | pixels[1]) == 24
    again = family_training.split_photos(known, 5)[1]
    assert np.array_equal(again.labels, held_out.labels)
    for row in range(5):  # labels stay with their photos
        picture = np.asarray(held_out.pixels[row]).mean((0, 1))
        assert (picture[0] > picture[2]) == (known.classes[held_out.labels[row]] == "red")
    with pytest.raises(SettingsError, match="Holding out 24 of 24 photos leaves none"):
        family_training.split_photos(known, 24)


def test_the_whole_chain_runs_stops_and_goes_on(folder: Path, small: Path, tmp_path: Path) -> None:
    command = ["train", "family", str(small), "--data", str(folder), "--out", str(tmp_path / "out")]
    command += ["--device", "cpu", "--epochs", "1", "--photos", "16", "--seeds", "1"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    rows = [line.split(",") for line in (tmp_path / "out" / "results.csv").read_text().splitlines()[1:]]
    runs = [(row[0], row[1]) for row in rows]
    finals = ["baseline", "depth", "width", "resolution", "compound"]
    step1 = ["resolution", "width", "depth", "width-resolution", "depth-resolution", "paper"]
    assert runs[:11] == [*(("final", name) for name in finals), *(("step1", name) for name in step1)]
    assert runs[11:] in ([], [("final", "compound-step1")])
    right = json.loads((tmp_path / "out" / "final-width-s0" / "outcome.json").read_text())["content"]["right"]
    assert float(rows[2][11]) == pytest.approx(100 * np.mean(right))
    entry = json.loads((tmp_path / "out" / "final-depth-s0" / "entry.json").read_text())
    assert (entry["name"], entry["top1_pictures"]) == ("mini-depth", len(right))
    judged = json.loads((tmp_path / "out" / "judgement.json").read_text())
    assert [row["single"] for row in judged["comparisons"]] == ["depth", "width", "resolution"]
    assert "undecided" in judged["verdict"]  # one seed, and no network has learnt its photos
    assert judged["verdict"] in result.output
    assert "plotly" in (tmp_path / "out" / "figure.html").read_text()
    weights = [tmp_path / "out" / f"final-{name}-s0" / "weights.safetensors" for name in finals]
    written = [file.stat().st_mtime_ns for file in weights]
    table = (tmp_path / "out" / "results.csv").read_text()
    (tmp_path / "out" / "results.csv").write_text(table.replace(".", ",", 1))  # the code does not read it
    assert CliRunner().invoke(app, command).exit_code == 0  # nothing is retrained
    assert [file.stat().st_mtime_ns for file in weights] == written
    assert (tmp_path / "out" / "results.csv").read_text() == table
    shutil.copy(weights[0].with_name("outcome.json"), weights[2].with_name("outcome.json"))  # baseline's as width's
    assert CliRunner().invoke(app, command).exit_code == 0
    assert [file.stat().st_mtime_ns == old for file, old in zip(weights, written, strict=True)] == [1, 1, 0, 1, 1]
    again = json.loads(weights[2].with_name("outcome.json").read_text())["content"]
    assert (again["network"], again["right"]) == ("width", right)
    other = CliRunner().invoke(app, [*command[:-1], "2"])
    assert other.exit_code == 1
    assert "another plan" in " ".join(other.output.split())


def test_the_final_network_of_every_seed_has_an_entry_of_its_own() -> None:
    made = {"name": "mini-depth", "file": "weights.safetensors"}
    runs = (("final", 0), ("final", 1), ("step1", 0))
    rows = tuple(SimpleNamespace(part=part, network="depth", seed=seed, entry=made) for part, seed in runs)
    entries = json.loads(train._manifest_entries(cast("tuple[FamilyOutcome, ...]", rows)))
    assert [(entry["name"], entry["file"]) for entry in entries] == [
        ("mini-depth", "final-depth-s0/weights.safetensors"),
        ("mini-depth-s1", "final-depth-s1/weights.safetensors"),
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("width = {", "broad = {"), "has no network 'width'"),
        (("held_out = 1000", ""), "plan.toml lacks held_out"),
        (("smallest_crop", 'policy = "v0"\nsmallest_crop'), "sets the policy 'v0'"),
        (("seeds = 3", "seeds = 0"), "seeds is 0. Allowed: 1 to 1000"),
        (("seeds = 3", "seeds = 2.5"), "seeds is 2.5"),
        (("held_out", "holds_out"), "unknown key 'holds_out'"),
        (("depth = 2.51", "depth = nan"), "depth is nan"),
        (("depth = 2.51", "depth = 1e9"), "depth"),
        (("width = 0.80", 'width = "0.8"'), "width is '0.8'"),
        (("[recipe.network]\n", "[recipe.network]\nwidth = 1\n[other]\n"), "unknown key 'other'"),
        (("name =", "name"), "cannot be read"),
    ],
)
def test_a_plan_that_does_not_fit_is_one_sentence(tmp_path: Path, change: tuple[str, str], sentence: str) -> None:
    (tmp_path / "plan.toml").write_text(PLAN.read_text(encoding="utf-8").replace(*change, 1), encoding="utf-8")
    with pytest.raises(SettingsError, match=sentence):
        family_training.read_plan(tmp_path / "plan.toml")


def right(shares: list[float], photos: int = 500, seed: int = 0) -> np.ndarray:
    """Return seeds that are right on these shares of the photos."""
    draw = np.random.default_rng(seed)
    return np.stack([draw.permutation(photos) < round(share * photos) for share in shares])


def test_intervals_and_corrections_are_scipys_and_holms() -> None:
    values = np.array([1.2, 0.4, 2.5, 1.9])
    expected = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    assert family_training.t_interval(values) == pytest.approx(expected)
    # Holm (1979): the smallest of three counts three times, the next twice, and never less than the previous one.
    assert intervals.holm_p_values([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])


def test_the_crossed_bootstrap_has_the_spread_of_independent_photos() -> None:
    # Seeds that agree on every photo: only photos vary, and the spread is that of a difference of paired proportions.
    one, other = right([0.8], seed=1), right([0.7], seed=2)
    both = [np.repeat(of, 4, 0) for of in (one, other)]
    differences = one[0].astype(int) - other[0].astype(int)
    half = 100 * 1.96 * differences.std() / np.sqrt(500)
    low, high = family_training.crossed_interval(*both)
    assert (low, high) == pytest.approx((10 - half, 10 + half), abs=0.2)


def test_the_sentence_follows_from_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(family_training, "crossed_interval", partial(family_training.crossed_interval, draws=1000))
    compound = right([0.85, 0.852, 0.848])
    worse, better = right([0.75, 0.752, 0.747], seed=3), right([0.92, 0.921, 0.923], seed=4)
    noisy = right([0.80, 0.89, 0.86], seed=5)

    def verdict(untrained: tuple[str, ...] = (), **singles: np.ndarray) -> str:
        return family_training.verdict(family_training.compare(compound, singles), untrained)

    assert verdict(depth=worse, width=worse, resolution=worse) == "reproduced at this scale"
    assert verdict(depth=worse, width=worse, resolution=better).startswith(
        "not reproduced: resolution is better by 7.1"
    )
    undecided = verdict(depth=worse, width=worse, resolution=noisy)
    half = family_training.compare(compound, {"resolution": noisy})[0].half_width
    assert undecided == f"undecided within ±{half:.1f} points"
    assert verdict(("depth",), depth=better, width=worse, resolution=worse) == (
        "reproduced at this scale (depth untrained: not judged)"
    )
    assert verdict(("compound",), depth=worse).startswith("undecided: too few")
    one_seed = family_training.compare(compound[:1], {"depth": worse[:1]})
    assert family_training.verdict(one_seed).startswith("undecided within ±inf")


def test_a_residual_branch_starts_at_zero_and_old_recipes_keep_their_digests(tiny) -> None:
    import torch

    from effviz.train import network_setup

    recipe = tiny()
    changed = replace(recipe, network=replace(recipe.network, zero_residual=True, depth=0.6))
    module = network_setup.build_network(changed, 2).eval()
    shortcuts = [block for block in network_setup.mbconv_blocks(module) if block.has_skip]
    assert shortcuts
    for block in shortcuts:
        features = torch.randn(1, block.bn1.num_features if not hasattr(block, "conv_pw") else _entering(block), 8, 8)
        assert torch.equal(block(features), features)
    assert changed.digest != recipe.digest
    assert training_recipe.read_recipe(str(PLAN.parent / "compound.toml")).digest in (
        PLAN.parent / "README.md"
    ).read_text() + (PLAN.parents[1] / "manifest.json").read_text(encoding="utf-8")


def _entering(block) -> int:
    convolution = block.conv_pw if hasattr(block, "conv_pwl") else block.conv_dw
    return convolution.in_channels
