"""The loop: train a recipe's network on a data set, and go on where a killed run stopped, to the step.

A step is a function of the state and of (seed, step): order, crops, dropout and mixup draw from generators that are set
anew for every step. So a run that was killed and resumed ends with the same weights as one that was not.

One process does all of it, or each of a crew its part; then all have the same state after every step, and one saves it.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import torch
from timm.data import Mixup
from timm.utils import ModelEmaV3
from torch import nn

from effviz.errors import DatasetError, SettingsError
from effviz.train import batches, checkpoint, log, network
from effviz.train.crew import ALONE, Crew, Part
from effviz.train.data import DataSet, Pictures
from effviz.train.log import Epoch
from effviz.train.recipe import TrainingRecipe
from effviz.words import _

_DRAWS: Final = 1 << 30  # parts dropout's seeds from those of the crops


# Makes the batches of an epoch: the arguments of `batches.training`.
Source = Callable[[Pictures, TrainingRecipe, int, int, Part], Iterator[batches.Batch]]


@dataclass(frozen=True, slots=True)
class Options:
    """How a training runs. The first three change what comes out by rounding and a crew's size at most."""

    device: str = "cpu"
    checkpoint_s: float = 45.0  # most work that a kill can lose, and a step
    crew: Crew = ALONE
    source: Source = batches.training  # other crops than Pillow's give other weights
    bfloat16: bool = False  # activations and gradients; weights and the optimiser stay in 32 bits


@dataclass(frozen=True, slots=True)
class Status:
    """Where a training stands after a step."""

    step: int
    steps: int  # in the whole training
    loss: float  # of the last batch
    top1_pct: float | None  # measured last
    seconds_left: float  # at the pace of this sitting


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What came out."""

    module: nn.Module  # in evaluation mode; the moving average where the recipe has one
    correct: int
    pictures: int  # in val/
    epochs: tuple[Epoch, ...]
    seconds: float  # of training and evaluation, over all sittings

    @property
    def top1_pct(self) -> float:
        """Share of val/ whose first guess is right."""
        return 100 * self.correct / self.pictures


Report = Callable[[Status], None]


def quiet(_status: Status) -> None:
    """Report to nobody."""


def train(
    recipe: TrainingRecipe,
    data: DataSet,
    folder: Path,
    options: Options = Options(),
    report: Report = quiet,
) -> Trained:
    """Train to the recipe's last epoch, from the newest checkpoint in the folder or from the start.

    Raises:
        SettingsError: the folder's checkpoints are of another recipe or other data.
        DatasetError: there are fewer pictures than one batch.
        WeightsError: all checkpoints are damaged.
    """
    run = _Run(recipe, data, folder, options)
    run.resume()
    while run.step < run.steps:
        run.epoch(report)
    return run.finish()


def is_over(recipe: TrainingRecipe, data: DataSet, folder: Path) -> bool:
    """Whether nothing is left to train; raises what `train` would raise before its first step."""
    run = _Run(recipe, data, folder, Options())
    run.resume()
    return run.step >= run.steps


class _Run:
    """A training in progress."""

    def __init__(self, recipe: TrainingRecipe, data: DataSet, folder: Path, options: Options) -> None:
        self.recipe, self.data, self.folder, self.options = recipe, data, folder, options
        self.device, self.crew = torch.device(options.device), options.crew
        self.per_epoch = batches.steps_per_epoch(data.train, recipe)
        self.steps = self.per_epoch * recipe.epochs
        _check_size(recipe, data, self.per_epoch)
        # Channels last: depthwise convolutions run about twice as fast on a CPU.
        module = network.network(recipe, len(data.classes)).to(self.device)
        self.module = module = module.to(memory_format=torch.channels_last)
        self.learner = self.crew.learner(module)
        self.ema = _moving_average(module, recipe)
        self.optimiser = network.optimiser(recipe, module)
        self.schedule = network.schedule(recipe, self.optimiser, self.per_epoch)
        self.loss, self.mixup = _loss(recipe, len(data.classes))
        self.step = 0
        self.losses = 0.0  # sum over the epoch so far
        self.epochs: list[Epoch] = []
        self.seconds = 0.0  # in earlier sittings
        self.correct: int | None = None  # of val/, once the training is over
        self.started = self.saved = time.monotonic()
        self.first = 0  # step at which this sitting began

    @property
    def elapsed_s(self) -> float:
        return self.seconds + time.monotonic() - self.started

    def resume(self) -> None:
        state = checkpoint.load(self.folder, self.device)
        if state is None:
            return
        for what, ours in self._identity().items():
            if state[what] != ours:
                raise SettingsError(
                    _(
                        "{folder} holds a training with another {what}: only the same recipe and data can go on. "
                        "Give them again, or choose another folder."
                    ).format(folder=self.folder, what=what)
                )
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.ema is not None:
            self.ema.module.load_state_dict(state["ema"])
        self.step = self.first = state["step"]
        self.losses, self.seconds, self.correct = state["losses"], state["seconds"], state["correct"]
        self.epochs = [Epoch(**row) for row in state["epochs"]]

    def _identity(self) -> dict[str, str]:
        return {"recipe": self.recipe.digest, "data": self.data.fingerprint}

    def save(self) -> None:
        """Write where the training stands; one of a crew does it for all."""
        if not self.crew.part.rank:
            checkpoint.save(self.folder, self.step, self._state())
            log.write(self.folder, self.epochs)
        self.saved = time.monotonic()

    def _state(self) -> checkpoint.State:
        return self._identity() | {
            "module": self.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": self.ema.module.state_dict() if self.ema is not None else {},
            "step": self.step,
            "losses": self.losses,
            "seconds": self.elapsed_s,
            "correct": self.correct,
            "epochs": [asdict(epoch) for epoch in self.epochs],
        }

    def epoch(self, report: Report) -> None:
        """What is left of the current epoch."""
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
        self.schedule.advance(self.step)
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
            correct = self._count_correct()
            top1_pct = 100 * correct / len(self.data.val)
            self.correct = correct if last else None
        loss = self.losses / self.per_epoch
        self.losses = 0.0
        self.epochs.append(Epoch(number, self.step, rate, loss, top1_pct, round(self.elapsed_s, 1)))

    @torch.inference_mode()
    def _count_correct(self) -> int:
        """How many pictures of val/ the network puts into their class; each of a crew looks at its part."""
        module, part = self._judged().eval(), self.crew.part
        correct = 0
        for pictures, labels in batches.evaluation(self.data.val, self.recipe.network.resolution_px, part=part):
            logits = module(pictures.to(self.device, memory_format=torch.channels_last))  # (N, K)
            correct += int((logits.argmax(1).cpu() == labels).sum())
        return int(self.crew.total(correct))

    def _judged(self) -> nn.Module:
        if self.ema is None:
            return self.module
        averaged: nn.Module = self.ema.module
        return averaged

    def _status(self, loss: float) -> Status:
        pace = (time.monotonic() - self.started) / max(self.step - self.first, 1)
        measured = [epoch.top1_pct for epoch in self.epochs if epoch.top1_pct is not None]
        return Status(self.step, self.steps, loss, measured[-1] if measured else None, pace * (self.steps - self.step))

    def finish(self) -> Trained:
        if not self.crew.part.rank:
            log.write(self.folder, self.epochs)
        assert self.correct is not None, "the last epoch counts"
        seconds = self.epochs[-1].seconds
        return Trained(self._judged().eval(), self.correct, len(self.data.val), tuple(self.epochs), seconds)


def _check_size(recipe: TrainingRecipe, data: DataSet, per_epoch: int) -> None:
    if per_epoch == 0:
        raise DatasetError(
            _(
                "{count} training pictures are fewer than one batch of {batch}. "
                "Add pictures, or lower batch_size in the recipe."
            ).format(count=len(data.train), batch=recipe.batch_size)
        )


def _moving_average(module: nn.Module, recipe: TrainingRecipe) -> ModelEmaV3 | None:
    """timm's, warmed up as TensorFlow's with `num_updates` n: its decay is at most (1 + n) / (10 + n)."""
    if not recipe.ema:
        return None
    return ModelEmaV3(module, recipe.ema, use_warmup=True, warmup_gamma=9.0, warmup_power=1.0)


def _loss(recipe: TrainingRecipe, classes: int) -> tuple[nn.Module, Mixup | None]:
    """Cross entropy against smoothed labels; mixup smooths them itself."""
    of = recipe.augmentation
    if not of.mixup:
        return nn.CrossEntropyLoss(label_smoothing=of.label_smoothing), None
    return nn.CrossEntropyLoss(), Mixup(of.mixup, label_smoothing=of.label_smoothing, num_classes=classes)
