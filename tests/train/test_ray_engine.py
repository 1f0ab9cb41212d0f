"""Ray Train with two workers on this machine, one of which is killed."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from effviz import cluster
from effviz.cli import app
from effviz.cluster import Cluster
from effviz.errors import SettingsError, WeightsError
from effviz.train import batches, data, loop, ray_engine
from effviz.train.ray_engine import RayTrainingJob
from effviz.train.training_recipe import TrainingRecipe

EPOCHS = 6
TINY = """
epochs = 1
batch_size = 8
network = {depth = 0.3, width = 0.25, resolution_px = 32}
optimiser = {name = "adamw", rate = 6e-3, rate_for_batch = 32, epsilon = 1e-8}
schedule = {name = "one-cycle"}
"""


@pytest.mark.ray
@pytest.mark.usefixtures("one_ray")
def test_a_killed_worker_changes_nothing(
    folder: Path,
    tmp_path: Path,
    tiny: Callable[..., TrainingRecipe],
    two_by_hand: Callable[..., dict[str, torch.Tensor]],
    descendants: Callable[[bytes], list[int]],
) -> None:
    recipe = tiny(epochs=EPOCHS, evaluate_every=1000)
    expected = two_by_hand(recipe, data.data_set(folder, batches.decoded_side_px(32)))
    steps: list[int] = []
    before: list[int] = []
    after: list[int] = []

    def kill(status: loop.TrainingStatus) -> None:
        steps.append(status.step)
        after[:] = descendants(b"RayTrainWorker") or after
        if not before:
            before.extend(after)
            os.kill(before[0], signal.SIGKILL)

    job = RayTrainingJob(recipe, folder, tmp_path / "run", loop.TrainingOptions(checkpoint_s=0))
    trained = ray_engine.train(job, Cluster(2), kill)
    assert len(before) == 2
    assert before[0] not in after
    assert steps == sorted(set(steps))  # no step ran twice: training continued from the last one
    assert steps[-1] == 3 * EPOCHS
    assert [row.step for row in trained.epochs] == [3 * number for number in range(1, EPOCHS + 1)]
    assert all(torch.equal(trained.module.state_dict()[name], tensor) for name, tensor in expected.items())
    assert ray_engine.train(job, Cluster(2), lambda status: pytest.fail("trained again")).correct == trained.correct


def dies() -> Callable[[], None]:
    """Return a worker that the machine kills, defined in a function so that Ray sends it by value."""

    def worker() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    return worker


@pytest.mark.ray
@pytest.mark.usefixtures("one_ray")
def test_workers_that_die_are_one_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Callable[..., TrainingRecipe]
) -> None:
    monkeypatch.setattr(ray_engine, "partial", lambda *_work: dies())  # without the job, whose class imports timm
    monkeypatch.setattr(ray_engine, "RETRIES", 0)
    job = RayTrainingJob(tiny(), folder, tmp_path / "run", loop.TrainingOptions())
    with pytest.raises(SettingsError, match=r"^Workers .* at most 0 times\..* --workers, .* --resume to continue\.$"):
        ray_engine.train(job, Cluster(1))


def test_what_a_user_can_mend_on_a_worker_is_one_sentence_here() -> None:
    """Do what Ray does, in this process: the worker's thread, the poll, and the transfer between processes."""
    from ray import cloudpickle
    from ray.train import TrainingFailedError
    from ray.train.v2._internal.execution.worker_group.poll import WorkerGroupPollStatus, WorkerStatus
    from ray.train.v2._internal.execution.worker_group.thread_runner import ThreadRunner

    def fail() -> None:
        raise WeightsError("Weights are gone.")

    worker = ThreadRunner()
    worker.run(fail)
    worker._thread.join()
    status = cloudpickle.loads(cloudpickle.dumps(WorkerStatus(running=False, error=worker.get_error())))
    error = cloudpickle.loads(cloudpickle.dumps(WorkerGroupPollStatus({0: status}).get_worker_group_error()))
    assert isinstance(error, TrainingFailedError)  # the exception that is caught
    mended = ray_engine._said(error)
    assert isinstance(mended, WeightsError)
    assert str(mended) == "Weights are gone."


def test_workers_that_die_are_told_from_mistakes_of_ours() -> None:
    from ray.exceptions import ActorDiedError
    from ray.train import ControllerError, WorkerGroupError
    from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError

    dead = WorkerHealthCheckFailedError("dead", ActorDiedError())
    beside = RuntimeError("Connection reset by peer")  # what the other workers then report
    for error in (WorkerGroupError("", {0: beside, 1: dead}), ControllerError(ActorDiedError())):
        assert isinstance(ray_engine._said(error), SettingsError)
    for mistake in (WorkerGroupError("", {0: ZeroDivisionError()}), ControllerError(ZeroDivisionError())):
        assert ray_engine._said(mistake) is mistake


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--engine", "ray"), Cluster(2)),
        (("--engine", "ray", "--workers", "3", "--threads", "2", "--address", "head:6379"), Cluster(3, "head:6379", 2)),
        ((), None),
    ],
)
def test_the_command_hands_the_work_to_a_cluster(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], expected: Cluster | None
) -> None:
    asked: list[Cluster] = []

    def train(job: RayTrainingJob, of: Cluster, report: loop.Report) -> loop.TrainedNetwork:
        asked.append(of)
        return loop.train(
            job.recipe, data.data_set(job.photos, batches.decoded_side_px(32)), job.folder, job.options, report
        )

    monkeypatch.setattr(ray_engine, "train", train)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    (tmp_path / "tiny.toml").write_text(TINY)
    given = [
        "train",
        str(tmp_path / "tiny.toml"),
        "--data",
        str(folder),
        "--out",
        str(tmp_path / "run"),
        "--json",
        *words,
    ]
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["classes"] == ["blue", "red"]
    assert asked == ([] if expected is None else [expected])


def test_without_ray_one_sentence_says_how_it_comes_here(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Callable[..., TrainingRecipe]
) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    job = RayTrainingJob(tiny(), folder, tmp_path / "run", loop.TrainingOptions())
    with pytest.raises(SettingsError, match=r"pip install -e '\.\[ray\]'"):
        ray_engine.train(job, Cluster(2))


@pytest.mark.parametrize(("workers", "batch"), [(3, 8), (8, 8), (2, 10)])
def test_batches_that_cannot_be_parted_are_one_sentence(
    folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe], workers: int, batch: int
) -> None:
    job = RayTrainingJob(tiny(batch_size=batch), folder, tmp_path / "run", loop.TrainingOptions())
    with pytest.raises(SettingsError, match=f"A batch of {batch} pictures cannot be divided among {workers} workers"):
        ray_engine.train(job, Cluster(workers))


def test_mps_cannot_be_shared(folder: Path, tmp_path: Path, tiny: Callable[..., TrainingRecipe]) -> None:
    with pytest.raises(SettingsError, match="Choose cpu or cuda"):
        ray_engine.train(RayTrainingJob(tiny(), folder, tmp_path / "run", loop.TrainingOptions("mps")), Cluster(2))


def test_a_cluster_without_workers_is_one_sentence() -> None:
    with pytest.raises(SettingsError, match="0 workers with 1 cores each are too few"):
        Cluster(0)
