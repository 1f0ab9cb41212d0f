"""The training loop on several workers with Ray Train.

If a worker dies, all restart from the newest checkpoint, which rank 0 writes.
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

RETRIES: Final = 3  # how often workers may die; machines that the cluster removes on purpose do not count
_POLL_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class RayTrainingJob:
    """Arguments of every worker; all machines must see both folders at the same paths."""

    recipe: TrainingRecipe
    photos: Path  # with train/ and val/
    folder: Path  # for checkpoints and log, written by rank 0
    options: loop.TrainingOptions


def train(job: RayTrainingJob, ray_cluster: cluster.Cluster, report: loop.Report = no_progress) -> loop.TrainedNetwork:
    """Train as `loop.train` does, each worker on its part of every batch.

    The batches are those of one process, so the number of workers affects only batch norm (each worker sees only its
    part) and dropout's random numbers. With the same number of workers, the weights are reproducible, killed or not.

    Raises:
        SettingsError: Ray is missing or not reachable, batches cannot be divided among the workers, or workers keep
            dying.
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
            raise KeyboardInterrupt  # Ray handles an interrupt by ending without an error
    return loop.train(job.recipe, dataset, job.folder)


def work(job: RayTrainingJob, notices: Any) -> None:
    """Train on one Ray worker."""
    import ray.train.torch

    crew = TorchProcessGroup()
    options = replace(job.options, device=str(ray.train.torch.get_device()), crew=crew)

    def report(status: loop.TrainingStatus) -> None:
        # Not awaited. Sent as a tuple, because a TrainingStatus would import torch in the queue's process.
        notices.actor.put_nowait.remote(astuple(status))

    loop.train(job.recipe, _pictures(job), job.folder, options, no_progress if crew.part.rank else report)


def _check(job: RayTrainingJob, ray_cluster: cluster.Cluster) -> None:
    size = job.recipe.batch_size
    if size % (2 * ray_cluster.workers):  # mixup works on pairs, and batch norm needs two pictures
        text = _(
            "A batch of {size} pictures cannot be divided among {workers} workers: each needs the same even number. "
            "Change --workers, or batch_size in the recipe."
        )
        raise SettingsError(text.format(size=size, workers=ray_cluster.workers))
    if job.options.device == "mps":
        raise SettingsError(_("Ray workers cannot share mps. Choose cpu or cuda with --device."))


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
    """Return the EffVizError behind a failure, or a SettingsError if workers died; else the failure itself."""
    from ray.exceptions import RayActorError
    from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError  # raised if a running worker dies

    failures = [*getattr(error, "worker_failures", {}).values(), getattr(error, "controller_failure", None)]
    for failure in failures:
        if isinstance(failure, EffVizError):
            return failure
    if not any(isinstance(failure, RayActorError | WorkerHealthCheckFailedError) for failure in failures):
        return cast("Exception", error)
    text = _(
        "Workers of the Ray cluster died, and training restarts at most {retries} times. Check the machines' memory or "
        "use fewer --workers, then run the same command with --resume to continue."
    )
    return SettingsError(text.format(retries=RETRIES))


@contextmanager
def _reporting(notices: Any, report: loop.Report) -> Iterator[None]:
    """Pass on progress from rank 0 while the trainer blocks this thread."""
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
