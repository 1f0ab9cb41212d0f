"""The loop: it learns, and a run that was killed and resumed ends as one that was not."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from effviz.errors import DatasetError, SettingsError
from effviz.train import batches, data, loop
from effviz.train.training_recipe import Augmentation, Optimiser, OptimiserName, Schedule, ScheduleName, TrainingRecipe

SIDE_PX = batches.decoded_side_px(32)


def weights(trained: loop.TrainedNetwork) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in trained.module.state_dict().values()])


def test_it_learns_to_tell_red_from_blue(folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe]) -> None:
    recipe = tiny(epochs=20)
    recipe = replace(recipe, optimiser=replace(recipe.optimiser, rate_for_batch=8))
    trained = loop.train(recipe, data.data_set(folder, SIDE_PX), tmp_path / "run")
    assert trained.epochs[-1].loss < trained.epochs[0].loss
    assert trained.top1_pct == 100 * trained.correct / 10
    assert trained.correct == 10
    assert [row.step for row in trained.epochs] == [3 * number for number in range(1, 21)]  # 24 pictures by eights


def test_the_log_has_a_row_an_epoch(folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe]) -> None:
    loop.train(tiny(), data.data_set(folder, SIDE_PX), tmp_path / "run")
    lines = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,step,rate,loss,top1_pct,seconds"
    assert [line.split(",")[:2] for line in lines[1:]] == [["1", "3"], ["2", "6"]]


class StoppedError(Exception):
    """Raised in the middle of a run, as a kill would stop it."""


# Everything that has a state of its own: moving average, RMSProp's squares, mixup, stochastic depth, AutoAugment.
FULL = {
    "optimiser": Optimiser(OptimiserName.RMSPROP, 0.016),
    "schedule": Schedule(ScheduleName.STAIRCASE, warmup_epochs=1),
    "augmentation": Augmentation(policy="v0", mixup=0.2),
    "ema": 0.9,
}


@pytest.mark.parametrize("stop_at", [1, 3, 4])
@pytest.mark.parametrize("changes", [{}, FULL], ids=["short", "everything"])
def test_a_run_goes_on_to_the_step(
    folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe], stop_at: int, changes: dict[str, object]
) -> None:
    known, recipe = data.data_set(folder, SIDE_PX), tiny(**changes)
    recipe = replace(recipe, network=replace(recipe.network, stochastic_depth=0.2))
    whole = loop.train(recipe, known, tmp_path / "whole")

    def stop(status: loop.TrainingStatus) -> None:
        if status.step == stop_at:
            raise StoppedError

    every_step = loop.TrainingOptions(checkpoint_s=0)
    with pytest.raises(StoppedError):
        loop.train(recipe, known, tmp_path / "cut", every_step, stop)
    steps: list[int] = []
    resumed = loop.train(recipe, known, tmp_path / "cut", every_step, lambda status: steps.append(status.step))
    assert steps == list(range(stop_at + 1, 7))
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
loop.train(tiny, data.data_set(folder, 36), out, loop.TrainingOptions(checkpoint_s=0))
"""


def test_kill_9_loses_nothing_that_was_saved(folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe]) -> None:
    out = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder), str(out), "400"])
    try:
        deadline = time.monotonic() + 120
        while len(list(out.glob("step-*.pt"))) < 2:
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
    finally:
        process.kill()
        process.wait()
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
    with pytest.raises(SettingsError, match="another recipe"):
        loop.train(tiny(seed=1), known, tmp_path / "run")
    loop.train(tiny(), data.data_set(another_folder, SIDE_PX), tmp_path / "run")  # the same pictures elsewhere
    changed = min((another_folder / "train" / "red").iterdir())
    bytes_of = bytearray(changed.read_bytes())
    bytes_of[len(bytes_of) // 2] ^= 1  # of the same name and size
    changed.write_bytes(bytes_of)
    with pytest.raises(SettingsError, match="another data"):
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
