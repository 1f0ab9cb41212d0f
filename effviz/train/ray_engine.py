"""The loop on several workers under Ray Train.

When one dies, all start anew and go on from the newest checkpoint, which is rank 0's.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from effviz import cluster
from effviz.errors import EffVizError, SettingsError
from effviz.i18n import _
from effviz.progress import no_progress
from effviz.train import batches, data, loop
from effviz.train.distributed import TorchProcessGroup
from effviz.train.training_recipe import TrainingRecipe

RETRIES: Final = 3  # how often workers may die; machines that a cluster takes back on purpose do not count
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class RayTrainingJob:
    """What every worker has to know; its machine must see both folders at the same paths."""

    recipe: TrainingRecipe
    photos: Path  # with train/ and val/
    folder: Path  # where checkpoints and log go, written by rank 0
    options: loop.TrainingOptions


def train(job: RayTrainingJob, ray_cluster: cluster.Cluster, report: loop.Report = no_progress) -> loop.TrainedNetwork:
    """Train as `loop.train` does, each worker on its part of every batch.

    The batches are those of one process, so the number of workers changes batch norm (a worker sees its part alone) and
    dropout's draws, nothing else. With one number of workers the weights are the same each time, killed or not.

    Raises:
        SettingsError: Ray is missing or cannot be reached, batches cannot be parted among so many workers, or these die
            again and again.
        DatasetError, WeightsError: as `loop.train`.
    """
    cluster.require_ray()
    _check(job, ray_cluster)
    job = replace(job, photos=job.photos.resolve(), folder=job.folder.resolve())
    dataset = _pictures(job)
    if not loop.is_finished(job.recipe, dataset, job.folder):
        with cluster.connect(ray_cluster):
            _fit(job, ray_cluster, report)
        if not loop.is_finished(job.recipe, dataset, job.folder):
            raise KeyboardInterrupt  # which Ray turns into an end without an error
    return loop.train(job.recipe, dataset, job.folder)


def work(job: RayTrainingJob, notices: Any) -> None:
    """What each of Ray's workers runs."""
    import ray.train.torch

    crew = TorchProcessGroup()
    options = replace(job.options, device=str(ray.train.torch.get_device()), crew=crew)

    def report(status: loop.TrainingStatus) -> None:
        # Nobody waits for it, and it is plain: a TrainingStatus would bring torch into the queue's process.
        notices.actor.put_nowait.remote(astuple(status))

    loop.train(job.recipe, _pictures(job), job.folder, options, no_progress if crew.part.rank else report)


def _check(job: RayTrainingJob, ray_cluster: cluster.Cluster) -> None:
    size = job.recipe.batch_size
    if size % (2 * ray_cluster.workers):  # mixup mixes pairs, batch norm needs two
        text = _(
            "A batch of {size} pictures cannot be parted among {workers} workers: each needs the same even number. "
            "Choose another --workers, or change batch_size in the recipe."
        )
        raise SettingsError(text.format(size=size, workers=ray_cluster.workers))
    if job.options.device == "mps":
        raise SettingsError(_("Ray's workers cannot share mps: cpu and cuda are allowed. Choose one with --device."))


def _pictures(job: RayTrainingJob) -> data.DataSet:
    return data.data_set(job.photos, batches.decoded_side_px(job.recipe.network.resolution_px))


def _fit(job: RayTrainingJob, ray_cluster: cluster.Cluster, report: loop.Report) -> None:
    from ray.train import FailureConfig, LoggingConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchConfig, TorchTrainer
    from ray.util.queue import Queue

    notices = Queue(actor_options={"num_cpus": 0})
    on_gpu = job.options.device == "cuda"
    resources = {"CPU": ray_cluster.cores} | ({"GPU": 1} if on_gpu else {})
    trainer = TorchTrainer(
        partial(work, job, notices),
        torch_config=TorchConfig(backend="nccl" if on_gpu else "gloo"),
        scaling_config=ScalingConfig(num_workers=ray_cluster.workers, use_gpu=on_gpu, resources_per_worker=resources),
        run_config=RunConfig(
            storage_path=str(job.folder / "ray"),
            failure_config=FailureConfig(max_failures=RETRIES),
            logging_config=LoggingConfig(log_level="ERROR"),
        ),
    )
    with _reporting(notices, report):
        try:
            trainer.fit()
        except TrainingFailedError as error:
            raise _said(error) from error


def _said(error: Any) -> Exception:
    """Return what a user can mend as if it had happened here; a mistake of ours stays as it is."""
    from ray.exceptions import RayActorError
    from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError  # a worker's death, once it works

    failures = [*getattr(error, "worker_failures", {}).values(), getattr(error, "controller_failure", None)]
    for failure in failures:
        if isinstance(failure, EffVizError):
            return failure
    if not any(isinstance(failure, RayActorError | WorkerHealthCheckFailedError) for failure in failures):
        return cast("Exception", error)
    text = _(
        "Workers of the Ray cluster died, and training starts anew {retries} times at most. See to the machines' "
        "memory, or ask for fewer --workers; the same command with --resume then goes on."
    )
    return SettingsError(text.format(retries=RETRIES))


@contextmanager
def _reporting(notices: Any, report: loop.Report) -> Iterator[None]:
    """Pass on what rank 0 tells, while the trainer holds this thread."""
    over = threading.Event()

    def listen() -> None:
        last = False
        while not last:
            last = over.wait(_POLL_S)
            for notice in notices.get_nowait_batch(notices.qsize()):
                report(loop.TrainingStatus(*notice))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield
    finally:
        over.set()
        listener.join()
