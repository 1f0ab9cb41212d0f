"""The training loop with its log, checkpoints and export; a killed run resumes from its last checkpoint.

A step is a function of the state and of (seed, step): order, crops, dropout and mixup use generators that are reseeded
for every step. So a run that was killed and resumed ends with the same weights as an uninterrupted one.

Training runs in one process or in a group of workers; workers have the same state after every step, and one saves it.
"""

import csv
import io
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from timm.data import Mixup
from timm.utils import ModelEmaV3
from torch import nn

from effviz import file_io
from effviz.errors import DatasetError, SettingsError, WeightsError
from effviz.facts.two_step_search import SearchResult
from effviz.i18n import _
from effviz.progress import no_progress
from effviz.scaling import plan
from effviz.train import batches, network_setup
from effviz.train.data import DataSet, Pictures
from effviz.train.distributed import SINGLE_PROCESS, WHOLE_SHARD, Shard, WorkerGroup
from effviz.train.training_recipe import TrainingRecipe
from effviz.zoo import manifest, state_dicts

# The log: one row per epoch, as CSV and JSON.


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """Progress of a training after an epoch."""

    epoch: int  # from 1
    step: int  # batches so far
    rate: float  # learning rate of the last batch
    loss: float  # mean over the epoch's batches, with label smoothing and mixup
    top1_pct: float | None  # on val/; None if not measured
    seconds: float  # since the start, over all calls


def write_log(folder: Path, epochs: Sequence[EpochRecord]) -> None:
    """Write `log.csv` and `log.json`, each atomically."""
    rows = [asdict(epoch) for epoch in epochs]
    replace_text(folder / "log.json", json.dumps(rows, indent=1) + "\n")
    replace_text(folder / "log.csv", csv_table([column.name for column in fields(EpochRecord)], rows))


def csv_table(columns: Sequence[str], rows: Sequence[dict[str, object]]) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def replace_text(path: Path, text: str) -> None:
    """Write a text file atomically; raise SettingsError if it cannot be written."""
    with file_io.reporting_write_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        file_io.write_text_atomically(path, text)


# Checkpoints: each is written atomically, with its checksum in its name.

CHECKPOINTS_KEPT: Final = 2
DIGEST_DIGITS: Final = 16  # of a checkpoint's sha256, in its name
_CHECKPOINT_NAME: Final = re.compile(r"step-(\d{9})-([0-9a-f]{16})\.pt")
logger = logging.getLogger(__name__)
CheckpointState = dict[str, Any]  # tensors, numbers, text, and lists and dicts of them


def save_checkpoint(folder: Path, step: int, state: CheckpointState) -> Path:
    """Save the state after a step, and keep only the last two; raise SettingsError if the folder is not writable."""
    with file_io.reporting_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / ".new"
        with new.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        path = folder / f"step-{step:09d}-{file_io.file_sha256(new)[:DIGEST_DIGITS]}.pt"
        new.replace(path)
    for old in checkpoint_files(folder)[CHECKPOINTS_KEPT:]:
        old.unlink(missing_ok=True)
    return path


def load_checkpoint(folder: Path, device: torch.device) -> CheckpointState | None:
    """Load the newest intact checkpoint; return None if there is none, raise WeightsError if all are damaged."""
    files = checkpoint_files(folder)
    for path in files:
        if _has_own_digest(path):
            state: CheckpointState = torch.load(path, map_location=device, weights_only=True)
            return state
        logger.warning("%s is damaged: its checksum does not match its name. Trying an older one.", path.name)
    if files:
        text = _(
            "All checkpoints in {folder} are damaged: their checksums do not match those in their names. Remove the "
            "folder to start over."
        )
        raise WeightsError(text.format(folder=folder))
    return None


def checkpoint_files(folder: Path) -> list[Path]:
    """Return a training's checkpoints, newest first."""
    return sorted((path for path in folder.glob("step-*.pt") if _CHECKPOINT_NAME.fullmatch(path.name)), reverse=True)


def _has_own_digest(path: Path) -> bool:
    """Return whether a checkpoint's checksum matches its name."""
    try:
        return file_io.file_sha256(path)[:DIGEST_DIGITS] in path.name
    except OSError:
        return False


_DRAWS: Final = 1 << 30  # separates dropout's seeds from those of the crops

# Returns the batches of an epoch; called as `training_batches`.
BatchSource = Callable[[Pictures, TrainingRecipe, int, int, Shard], Iterator[batches.Batch]]


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How a training runs; the first three affect the result at most by rounding and the number of workers."""

    device: str = "cpu"
    checkpoint_s: float = 45.0  # interval; a kill loses at most this much work, and a step
    crew: WorkerGroup = SINGLE_PROCESS
    source: BatchSource = batches.training_batches  # crops that differ from Pillow's give other weights
    bfloat16: bool = False  # for activations and gradients; weights and optimiser state stay in 32 bits


@dataclass(frozen=True, slots=True)
class TrainingStatus:
    """Progress of a training after a step."""

    step: int
    steps: int  # in the whole training
    loss: float  # of the last batch
    top1_pct: float | None  # the last one measured
    seconds_left: float  # at the pace of this call


@dataclass(frozen=True, slots=True, eq=False)
class TrainedNetwork:
    """The result of a training."""

    module: nn.Module  # in evaluation mode; the moving average if the recipe has one
    correct: int
    pictures: int  # in val/
    epochs: tuple[EpochRecord, ...]
    seconds: float  # of training and evaluation, over all calls

    @property
    def top1_pct(self) -> float:
        """Top-1 accuracy on val/ in percent."""
        return 100 * self.correct / self.pictures


@dataclass(frozen=True, slots=True)
class SeriesStatus:
    """Progress of a series of training runs: a grid search or a family."""

    name: str  # of the training
    done: int  # training runs
    count: int
    status: TrainingStatus | None  # of this training; None when it is finished
    seconds_left: float | None  # of the series; None until there is an estimate
    result: SearchResult | None = None  # of a finished training of a grid search


Report = Callable[[TrainingStatus], None]
SeriesReport = Callable[[SeriesStatus], None]


def train(
    recipe: TrainingRecipe,
    data: DataSet,
    folder: Path,
    options: TrainingOptions = TrainingOptions(),
    report: Report = no_progress,
) -> TrainedNetwork:
    """Train to the recipe's last epoch, from the newest checkpoint in the folder or from the start.

    Raises:
        SettingsError: the folder's checkpoints are of another recipe or other data.
        DatasetError: there are fewer pictures than one batch.
        WeightsError: all checkpoints are damaged.
    """
    run = _TrainingRun(recipe, data, folder, options)
    run.resume()
    while run.step < run.steps:
        run.epoch(report)
    return run.finish()


def is_finished(recipe: TrainingRecipe, data: DataSet, folder: Path) -> bool:
    """Return whether nothing is left to train; raise the same errors as `train` before its first step."""
    run = _TrainingRun(recipe, data, folder, TrainingOptions())
    run.resume()
    return run.step >= run.steps


class _TrainingRun:
    """State of a training."""

    def __init__(self, recipe: TrainingRecipe, data: DataSet, folder: Path, options: TrainingOptions) -> None:
        self.recipe, self.data, self.folder, self.options = recipe, data, folder, options
        self.device, self.crew = torch.device(options.device), options.crew
        self.per_epoch = batches.steps_per_epoch(data.train, recipe)
        self.steps = self.per_epoch * recipe.epochs
        _check_size(recipe, data, self.per_epoch)
        # Channels last, because depthwise convolutions run about twice as fast on a CPU.
        module = network_setup.build_network(recipe, len(data.classes)).to(self.device)
        self.module = module = module.to(memory_format=torch.channels_last)
        self.learner = self.crew.learner(module)
        self.ema = _moving_average(module, recipe)
        self.judged: nn.Module = module if self.ema is None else self.ema.module
        self.optimiser = network_setup.build_optimiser(recipe, module)
        self.set_rate = network_setup.build_schedule(recipe, self.optimiser, self.per_epoch)
        self.loss, self.mixup = _loss(recipe, len(data.classes))
        self.identity = {"recipe": recipe.digest, "data": data.fingerprint}
        self.step = 0
        self.losses = 0.0  # sum over the epoch so far
        self.epochs: list[EpochRecord] = []
        self.seconds = 0.0  # in earlier calls
        self.correct: int | None = None  # of val/, once the training is finished
        self.started = self.saved = time.monotonic()
        self.first = 0  # step at which this call started

    @property
    def elapsed_s(self) -> float:
        return self.seconds + time.monotonic() - self.started

    def resume(self) -> None:
        state = load_checkpoint(self.folder, self.device)
        if state is None:
            return
        for key, ours in self.identity.items():
            if state[key] != ours:
                text = _(
                    "{folder} contains a training run whose {what} differs: it can be resumed only with the same "
                    "recipe and data. Use those again, or choose another folder."
                )
                raise SettingsError(text.format(folder=self.folder, what=key))
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.ema is not None:
            self.ema.module.load_state_dict(state["ema"])
        self.step = self.first = state["step"]
        self.losses, self.seconds, self.correct = state["losses"], state["seconds"], state["correct"]
        self.epochs = [EpochRecord(**row) for row in state["epochs"]]

    def save(self) -> None:
        """Save a checkpoint and the log; in a group, only worker 0 does."""
        if not self.crew.part.rank:
            state = self.identity | {
                "module": self.module.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "ema": self.ema.module.state_dict() if self.ema is not None else {},
                "step": self.step,
                "losses": self.losses,
                "seconds": self.elapsed_s,
                "correct": self.correct,
                "epochs": [asdict(epoch) for epoch in self.epochs],
            }
            save_checkpoint(self.folder, self.step, state)
            write_log(self.folder, self.epochs)
        self.saved = time.monotonic()

    def epoch(self, report: Report) -> None:
        """Train for the rest of the current epoch."""
        number, first = divmod(self.step, self.per_epoch)
        for pictures, labels in self.options.source(self.data.train, self.recipe, number, first, self.crew.part):
            loss = self._learn(pictures, labels)
            if self.step == (number + 1) * self.per_epoch:
                self._end_epoch(number + 1)
            if time.monotonic() - self.saved >= self.options.checkpoint_s or self.step == self.steps:
                self.save()
            report(self._status(loss))

    def _learn(self, pictures: torch.Tensor, labels: torch.Tensor) -> float:
        batches.seed_everything(self.recipe.seed, _DRAWS, self.step, self.crew.part.rank)
        self.set_rate(self.step)
        self.module.train()
        pictures = pictures.to(self.device, memory_format=torch.channels_last)  # (N, 3, H, W)
        targets = labels.to(self.device)
        if self.mixup is not None:
            pictures, targets = self.mixup(pictures, targets)  # targets (N, K)
        self.optimiser.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.bfloat16):
            loss = self.loss(self.learner(pictures), targets)
        loss.backward()
        self.optimiser.step()
        self.crew.align(self.module)
        if self.ema is not None:
            self.ema.update(self.module, self.step + 2)  # see _moving_average
        self.step += 1
        mean = self.crew.total(loss.item()) / self.crew.part.size
        self.losses += mean
        return mean

    def _end_epoch(self, number: int) -> None:
        rate = self.optimiser.param_groups[0]["lr"]
        last = self.step == self.steps
        top1_pct = None
        if last or number % self.recipe.evaluate_every == 0:
            right = right_guesses(self.judged, self.data.val, self.recipe, self.device, self.crew.part)
            correct = int(self.crew.total(int(right.sum())))  # each worker evaluates its part
            top1_pct = 100 * correct / len(self.data.val)
            self.correct = correct if last else None
        loss = self.losses / self.per_epoch
        self.losses = 0.0
        self.epochs.append(EpochRecord(number, self.step, rate, loss, top1_pct, round(self.elapsed_s, 1)))

    def _status(self, loss: float) -> TrainingStatus:
        pace = (time.monotonic() - self.started) / max(self.step - self.first, 1)
        top1_pct = next((epoch.top1_pct for epoch in reversed(self.epochs) if epoch.top1_pct is not None), None)
        return TrainingStatus(self.step, self.steps, loss, top1_pct, pace * (self.steps - self.step))

    def finish(self) -> TrainedNetwork:
        if not self.crew.part.rank:
            write_log(self.folder, self.epochs)
        assert self.correct is not None, "the last epoch counts"
        seconds = self.epochs[-1].seconds
        return TrainedNetwork(self.judged.eval(), self.correct, len(self.data.val), tuple(self.epochs), seconds)


@torch.inference_mode()
def right_guesses(
    module: nn.Module, pictures: Pictures, recipe: TrainingRecipe, device: torch.device | str, part: Shard = WHOLE_SHARD
) -> NDArray[np.bool_]:
    """Return whether the top-1 prediction is right for each picture of a worker's part, (N,)."""
    module.eval()
    right = [np.zeros(0, bool)]  # a worker's part may be empty
    for pixels, labels in batches.evaluation_batches(pictures, recipe.network.resolution_px, part=part):
        logits = module(pixels.to(device, memory_format=torch.channels_last))  # (N, K)
        right.append((logits.argmax(1).cpu() == labels).numpy())
    return np.concatenate(right)


def _check_size(recipe: TrainingRecipe, data: DataSet, per_epoch: int) -> None:
    if per_epoch == 0:
        text = _(
            "{count} training pictures are fewer than one batch of {batch}. Add pictures, or lower batch_size in the "
            "recipe."
        )
        raise DatasetError(text.format(count=len(data.train), batch=recipe.batch_size))


def _moving_average(module: nn.Module, recipe: TrainingRecipe) -> ModelEmaV3 | None:
    """Return timm's moving average, with TensorFlow's warm-up: after n updates, decay is at most (1 + n) / (10 + n)."""
    if not recipe.ema:
        return None
    return ModelEmaV3(module, recipe.ema, use_warmup=True, warmup_gamma=9.0, warmup_power=1.0)


def _loss(recipe: TrainingRecipe, classes: int) -> tuple[nn.Module, Mixup | None]:
    """Return cross entropy with label smoothing, and mixup if the recipe has it, which then smooths the labels."""
    augmentation = recipe.augmentation
    if not augmentation.mixup:
        return nn.CrossEntropyLoss(label_smoothing=augmentation.label_smoothing), None
    mixup = Mixup(augmentation.mixup, label_smoothing=augmentation.label_smoothing, num_classes=classes)
    return nn.CrossEntropyLoss(), mixup


# Output of a finished training: weights, their entry for `models/manifest.json`, a model card, and the outcome, from
# which a series of training runs is resumed.

OUTCOME_FILE: Final = "outcome.json"
MAX_OUTCOME_BYTES: Final = 2**24  # one character for each of ten million photos, and some numbers
WEIGHTS_FILE: Final = "weights.safetensors"
ENTRY_FILE: Final = "entry.json"
CARD_FILE: Final = "README.md"


def keep_outcome(folder: Path, key: str, content: object) -> None:
    """Write the outcome of a training; `key` identifies the training, its recipe and photos."""
    with file_io.reporting_write_errors(folder):
        file_io.write_sealed(folder / OUTCOME_FILE, content, key)


def kept_outcome(folder: Path, key: str) -> Any | None:
    """Return what `keep_outcome` wrote with this key, or None."""
    file = folder / OUTCOME_FILE
    try:
        return file_io.read_sealed(file, MAX_OUTCOME_BYTES, key)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.debug("%s: %s", file, error)
    logger.warning("%s is damaged or from another training: this network is trained again.", file)
    return None


def export_training(recipe: TrainingRecipe, data: DataSet, trained: TrainedNetwork, folder: Path) -> dict[str, object]:
    """Write weights, manifest entry and model card to the folder; return the entry."""
    weights = {name: tensor.cpu().contiguous() for name, tensor in trained.module.state_dict().items()}
    new = folder / f".{WEIGHTS_FILE}.new"
    with file_io.reporting_write_errors(folder):
        save_file(weights, new)
        new.replace(folder / WEIGHTS_FILE)
    entry = _manifest_entry(recipe, data, trained, state_dicts.hash_file(folder / WEIGHTS_FILE))
    replace_text(folder / ENTRY_FILE, json.dumps(entry, indent=2, ensure_ascii=False) + "\n")
    replace_text(folder / CARD_FILE, _model_card(recipe, data, trained))
    return entry


def _manifest_entry(recipe: TrainingRecipe, data: DataSet, trained: TrainedNetwork, sha256: str) -> dict[str, object]:
    network = recipe.network
    return {
        "name": recipe.name.lower(),
        "file": WEIGHTS_FILE,
        "sha256": sha256,
        "family": network.family.value,
        "padding": "same",
        "depth": network.depth,
        "width": network.width,
        "resolution_px": network.resolution_px,
        "classes": list(data.classes),
        "licence": "Apache-2.0",
        "origin": f"trained with `effviz train`, recipe {recipe.name} {recipe.digest}, seed {recipe.seed}, on "
        f"{len(data.train)} pictures of {len(data.classes)} classes",
        "top1_pct": round(trained.top1_pct, 2),
        "top1_pictures": trained.pictures,
        "dataset": data.name,
        "top1_source": f"measured once after the last epoch: {trained.correct} of {trained.pictures} pictures of val/",
        "crop_pct": batches.CROP_PCT,
        "interpolation": "bicubic",
        "mean": list(batches.MEAN),
        "std": list(batches.STD),
    }


def _model_card(recipe: TrainingRecipe, data: DataSet, trained: TrainedNetwork) -> str:
    spec = recipe.network
    network = plan(spec.depth, spec.width, spec.resolution_px, spec.family, len(data.classes))
    low, high = manifest.wilson_interval_pct(trained.correct, trained.pictures)
    return f"""# {recipe.name}

B0 with depth {spec.depth:g} and width {spec.width:g} at {spec.resolution_px} px: {network.params:,} parameters,
{network.macs:,} MACs. Trained with `effviz train` for {recipe.epochs} epochs ({trained.seconds:.0f} s) on
{len(data.train)} pictures of {len(data.classes)} classes; {len(data.train.skipped) + len(data.val.skipped)} files could
not be read and were skipped.

Top-1 on {trained.pictures} pictures that it was not trained on: **{trained.top1_pct:.2f} %**
(95 % interval {low:.1f} to {high:.1f} %).

Recipe (seed {recipe.seed}, digest {recipe.digest}):

```json
{json.dumps(asdict(recipe), indent=2)}
```
"""
