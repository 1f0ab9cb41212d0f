"""The loop learns, and a killed and resumed run ends like an uninterrupted one."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from effviz.cli import app
from effviz.errors import DatasetError, SettingsError, WeightsError
from effviz.train import batches, data, loop
from effviz.train.training_recipe import Augmentation, Optimiser, OptimiserName, Schedule, ScheduleName, TrainingRecipe
from effviz.zoo import catalogue, manifest
from effviz.zoo.loading import load

SIDE_PX = batches.decoded_side_px(32)


def weights(trained: loop.TrainedNetwork) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in trained.module.state_dict().values()])


def test_it_learns_to_tell_red_from_blue(folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe]) -> None:
    recipe = tiny(epochs=20, evaluate_every=20)
    recipe = replace(recipe, optimiser=replace(recipe.optimiser, rate_for_batch=8))
    trained = loop.train(recipe, data.data_set(folder, SIDE_PX), tmp_path / "run")
    assert trained.epochs[-1].loss < trained.epochs[0].loss
    assert trained.top1_pct == 100 * trained.correct / 10
    assert trained.correct == 10
    assert [row.step for row in trained.epochs] == [3 * number for number in range(1, 21)]  # 24 images, 8 per batch


def test_the_log_has_a_row_an_epoch(folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe]) -> None:
    loop.train(tiny(), data.data_set(folder, SIDE_PX), tmp_path / "run")
    lines = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,step,rate,loss,top1_pct,seconds"
    assert [line.split(",")[:2] for line in lines[1:]] == [["1", "3"], ["2", "6"]]


class StoppedError(Exception):
    """Raised in the middle of a run to simulate a kill."""


# Everything with a state: moving average, RMSProp's squares, mixup, stochastic depth, AutoAugment.
FULL = {
    "optimiser": Optimiser(OptimiserName.RMSPROP, 0.016),
    "schedule": Schedule(ScheduleName.STAIRCASE, warmup_epochs=1),
    "augmentation": Augmentation(policy="v0", mixup=0.2),
    "ema": 0.9,
}


@pytest.mark.parametrize("changes", [{}, FULL], ids=["short", "everything"])
def test_a_run_goes_on_to_the_step(
    folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe], changes: dict[str, object]
) -> None:
    """Stop within an epoch, at its end and after the next one's first step, and resume each time."""
    known, recipe = data.data_set(folder, SIDE_PX), tiny(**changes)
    recipe = replace(recipe, network=replace(recipe.network, stochastic_depth=0.2))
    whole = loop.train(recipe, known, tmp_path / "whole")
    steps: list[int] = []
    stops = [1, 3, 4]

    def stop(status: loop.TrainingStatus) -> None:
        steps.append(status.step)
        if status.step in stops:
            raise StoppedError

    every_step = loop.TrainingOptions(checkpoint_s=0)
    for _ in stops:
        with pytest.raises(StoppedError):
            loop.train(recipe, known, tmp_path / "cut", every_step, stop)
    resumed = loop.train(recipe, known, tmp_path / "cut", every_step, stop)
    assert steps == [1, 2, 3, 4, 5, 6]
    assert torch.equal(weights(resumed), weights(whole))
    assert [row.loss for row in resumed.epochs] == [row.loss for row in whole.epochs]
    assert [row.rate for row in resumed.epochs] == [row.rate for row in whole.epochs]


def test_another_seed_gives_other_weights_and_the_same_seed_the_same(
    folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe]
) -> None:
    known = data.data_set(folder, SIDE_PX)
    first, same, other = (
        weights(loop.train(tiny(epochs=1, seed=seed), known, tmp_path / name))
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


KILLED = """
import sys
from pathlib import Path
from effviz.train import data, loop, training_recipe
from dataclasses import replace
folder, out, epochs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
tiny = replace(training_recipe.read_recipe("search"), name="tiny", epochs=epochs, batch_size=8).at(0.3, 0.25, 32)
every_step = loop.TrainingOptions(checkpoint_s=0)
loop.train(tiny, data.data_set(folder, 36), out, every_step, lambda status: print(status.step, flush=True))
"""


def test_kill_9_loses_nothing_that_was_saved(folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe]) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, str(folder), str(out), "400"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)] == ["1\n", "2\n"]
        process.kill()
    state = loop.load_checkpoint(out, torch.device("cpu"))
    assert state is not None
    assert 0 < state["step"] < 1200
    known = data.data_set(folder, 36)
    steps: list[int] = []

    def stop(status: loop.TrainingStatus) -> None:
        steps.append(status.step)
        raise StoppedError

    recipe = tiny(epochs=400, evaluate_every=1000)
    with pytest.raises(StoppedError):
        loop.train(recipe, known, out, report=stop)
    assert steps == [state["step"] + 1]


def test_a_finished_run_is_not_trained_again(folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe]) -> None:
    known = data.data_set(folder, SIDE_PX)
    first = loop.train(tiny(), known, tmp_path / "run")
    again = loop.train(tiny(), known, tmp_path / "run", report=lambda status: pytest.fail("trained again"))
    assert torch.equal(weights(first), weights(again))
    assert (again.correct, again.seconds) == (first.correct, first.seconds)


def test_other_recipes_and_other_data_cannot_go_on(
    folder: Path, another_folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe]
) -> None:
    known = data.data_set(folder, SIDE_PX)
    loop.train(tiny(), known, tmp_path / "run")
    with pytest.raises(SettingsError, match="whose recipe differs"):
        loop.train(tiny(seed=1), known, tmp_path / "run")
    loop.train(tiny(), data.data_set(another_folder, SIDE_PX), tmp_path / "run")  # the same images, moved
    changed = min((another_folder / "train" / "red").iterdir())
    bytes_of = bytearray(changed.read_bytes())
    bytes_of[len(bytes_of) // 2] ^= 1  # with the same name and size
    changed.write_bytes(bytes_of)
    with pytest.raises(SettingsError, match="whose data differs"):
        loop.train(tiny(), data.data_set(another_folder, SIDE_PX), tmp_path / "run")


def test_fewer_pictures_than_a_batch_is_one_sentence(
    folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe]
) -> None:
    with pytest.raises(DatasetError, match="24 training pictures are fewer than one batch of 25"):
        loop.train(tiny(batch_size=25), data.data_set(folder, SIDE_PX), tmp_path / "run")


def test_the_moving_average_is_tensorflows(folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe]) -> None:
    # tf.train.ExponentialMovingAverage with num_updates n: decay = min(decay, (1 + n) / (10 + n)), n = 0, 1, ...
    known = data.data_set(folder, SIDE_PX)
    run = loop._TrainingRun(tiny(ema=0.3), known, tmp_path, loop.TrainingOptions())
    assert run.ema is not None
    expected = run.module.classifier.bias.detach().clone()
    for n, (pictures, labels) in enumerate(batches.training_batches(known.train, run.recipe, 0)):
        run._learn(pictures, labels)
        decay = min(0.3, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * run.module.classifier.bias.detach()
    assert torch.allclose(run.ema.module.classifier.bias, expected, atol=1e-7)


# Checkpoints: two are kept, a damaged one is skipped, and half-written files are never visible.

CPU = torch.device("cpu")


def state(step: int) -> loop.CheckpointState:
    return {"step": step, "weights": torch.full((3,), float(step))}


def test_the_last_two_are_kept_and_the_newest_is_loaded(tmp_path: Path) -> None:
    for step in (1, 5, 12):
        loop.save_checkpoint(tmp_path, step, state(step))
    assert [path.name[:14] for path in sorted(tmp_path.glob("*"))] == ["step-000000005", "step-000000012"]
    loaded = loop.load_checkpoint(tmp_path, CPU)
    assert loaded is not None
    assert loaded["step"] == 12
    assert loaded["weights"].tolist() == [12.0] * 3


def test_a_damaged_one_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    loop.save_checkpoint(tmp_path, 1, state(1))
    newest = loop.save_checkpoint(tmp_path, 2, state(2))
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    loaded = loop.load_checkpoint(tmp_path, CPU)
    assert loaded is not None
    assert loaded["step"] == 1
    assert "is damaged" in caplog.text


def test_if_all_are_damaged_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    for step in (1, 2):
        path = loop.save_checkpoint(tmp_path, step, state(step))
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="Remove the folder to start over"):
        loop.load_checkpoint(tmp_path, CPU)


def test_an_interrupted_writing_is_not_taken_for_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.save_checkpoint(tmp_path, 1, state(1))

    def die(what: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", die)
        with pytest.raises(KeyboardInterrupt):
            loop.save_checkpoint(tmp_path, 2, state(2))
    loaded = loop.load_checkpoint(tmp_path, CPU)
    assert loaded is not None
    assert loaded["step"] == 1


def test_a_folder_without_any_has_nothing_to_go_on_from(tmp_path: Path) -> None:
    assert loop.load_checkpoint(tmp_path / "nowhere", CPU) is None
    assert not loop.checkpoint_files(tmp_path)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    loop.save_checkpoint(tmp_path, 1, {"trap": Path("/")})  # any class other than tensors and plain values
    with pytest.raises(Exception, match="Weights only load failed"):
        loop.load_checkpoint(tmp_path, CPU)


@pytest.mark.parametrize("damage", ["flip", "zero", "truncate", "swap", "folder"])
def test_an_outcome_that_was_changed_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str) -> None:
    for key in ("width", "depth"):
        loop.keep_outcome(tmp_path / key, f"{key} of a plan", {"top1_pct": 61.25, "right": [1, 0, 1, 1]})
    assert loop.kept_outcome(tmp_path / "width", "width of a plan") == {"top1_pct": 61.25, "right": [1, 0, 1, 1]}
    file = tmp_path / "width" / "outcome.json"
    known = file.read_bytes()
    match damage:
        case "flip":
            file.write_bytes(known.replace(b"61.25", b"61.26"))
        case "zero":
            file.write_bytes(bytes(len(known)))
        case "truncate":
            file.write_bytes(known[:-9])
        case "swap":
            shutil.copy(tmp_path / "depth" / "outcome.json", file)
        case "folder":
            file.unlink()
            file.mkdir()
    assert loop.kept_outcome(tmp_path / "width", "width of a plan") is None
    assert caplog.messages == [f"{file} is damaged or from another training: this network is trained again."]
    assert loop.kept_outcome(tmp_path / "nothing", "width of a plan") is None
    assert len(caplog.messages) == 1


# The app can load a training's output, which reports the uncertainty of its accuracy.

TOML = """
epochs = 1
batch_size = 8
[network]
depth = 0.3
width = 0.25
resolution_px = 32
[optimiser]
name = "adamw"
rate = 1e-3
epsilon = 1e-8
[schedule]
name = "one-cycle"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mini.toml"
    path.write_text(TOML)
    return path


def run(*words: object, code: int = 0):
    result = CliRunner().invoke(app, ["train", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    # Brown, Cai and DasGupta 2001, and by hand for 5 of 10: (0.5 + 1.9207/10 -+ ...) / 1.38415 = 0.2366, 0.7634.
    low, high = manifest.wilson_interval_pct(5, 10)
    assert (low, high) == (pytest.approx(23.66, abs=0.01), pytest.approx(76.34, abs=0.01))
    assert manifest.wilson_interval_pct(0, 10)[0] == pytest.approx(0)


def test_what_was_trained_is_loaded_by_the_app(
    config: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    shown = run(config, "--data", folder, "--out", out, "--threads", 1).stdout
    assert "mini: top-1" in shown
    entry = json.loads((out / "entry.json").read_text())
    (out / "manifest.json").write_text(json.dumps([entry]))
    monkeypatch.setenv("EFFVIZ_MODELS", str(out))
    model = load(catalogue.parse_model("mini@32"))
    assert (model.ref.spec.classes, model.ref.spec.dataset) == (("blue", "red"), folder.name)
    assert model.weights_sha256 == entry["sha256"]
    assert f"{entry['top1_pct']:.2f}" in shown
    with torch.inference_mode():
        assert model.module(torch.zeros(1, 3, 32, 32)).shape == (1, 2)
    card = (out / "README.md").read_text()
    assert "95 % interval" in card
    assert entry["sha256"] not in card


def test_a_second_run_has_to_say_that_it_goes_on(config: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = run(config, "--data", folder, "--out", out, "--json").stdout
    refused = run(config, "--data", folder, "--out", out, code=1)
    assert "Add --resume to continue it, or choose another --out" in refused.stderr
    assert run(config, "--data", folder, "--out", out, "--resume", "--json").stdout == first


def test_skipped_files_are_named(config: Path, folder: Path, tmp_path: Path) -> None:
    (folder / "val" / "red" / "broken.png").write_bytes(b"")
    result = run(config, "--data", folder, "--out", tmp_path / "run")
    assert "Skipped: red/broken.png is empty" in result.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--device", "tpu"], "The device 'tpu' is not available"),
        (["--data", "nowhere"], "nowhere/train contains 0 class"),
    ],
)
def test_what_a_user_does_wrong_is_one_line(
    config: Path, folder: Path, tmp_path: Path, words: list[str], sentence: str
) -> None:
    result = run(config, "--data", folder, "--out", tmp_path / "run", *words, code=1)
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
