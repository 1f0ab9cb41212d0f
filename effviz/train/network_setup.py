"""A recipe's network, initialised from its seed, with optimiser and schedule, from timm and torch."""

from collections.abc import Callable
from functools import partial

import torch
from timm.layers import DropPath
from timm.models._efficientnet_builder import efficientnet_init_weights
from timm.optim import create_optimizer_v2
from timm.scheduler.step_lr import StepLRScheduler
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from effviz.train.training_recipe import NetworkRecipe, OptimiserName, ScheduleName, TrainingRecipe
from effviz.zoo import torch_modules


def build_network(recipe: TrainingRecipe, classes: int) -> nn.Module:
    """Build a recipe's network with initial weights that depend on the recipe's seed."""
    network = recipe.network
    module = torch_modules.build_untrained(network.family, network.depth, network.width, classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        efficientnet_init_weights(module)
    module.drop_rate = network.dropout  # type: ignore[assignment]  # timm reads it before the classifier
    _set_residuals(mbconv_blocks(module), network)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = network.norm_momentum
    return module


def mbconv_blocks(module: nn.Module) -> list[nn.Module]:
    """Return all MBConv blocks in order."""
    return [block for stage in module.blocks for block in stage]  # type: ignore[union-attr]


def _set_residuals(blocks: list[nn.Module], network: NetworkRecipe) -> None:
    """Skip block i of n with probability rate * i / n (tensorflow/tpu `efficientnet_model.py`)."""
    for position, block in enumerate(blocks):
        if network.stochastic_depth > 0:
            block.drop_path = DropPath(network.stochastic_depth * position / len(blocks))
        if network.zero_residual and getattr(block, "has_skip", False):  # the block starts as an identity
            norm = block.bn3 if hasattr(block, "bn3") else block.bn2  # the first stage's blocks have two
            nn.init.zeros_(norm.weight)  # type: ignore[union-attr,arg-type]


def build_optimiser(recipe: TrainingRecipe, module: nn.Module) -> torch.optim.Optimizer:
    """Build the recipe's optimiser, without weight decay on batch norm and biases."""
    settings = recipe.optimiser
    extra = {"alpha": settings.squares} if settings.name is OptimiserName.RMSPROP else {}
    optimiser: torch.optim.Optimizer = create_optimizer_v2(
        module,
        settings.name.value,
        lr=recipe.rate,
        weight_decay=settings.weight_decay,
        momentum=settings.momentum,
        eps=settings.epsilon,
        **extra,
    )
    return optimiser


def build_schedule(
    recipe: TrainingRecipe, moved: torch.optim.Optimizer, steps_per_epoch: int
) -> Callable[[int], object]:
    """Return a function to call before each step, with the step's number from 0, that sets the learning rate."""
    schedule = recipe.schedule
    if schedule.name is ScheduleName.ONE_CYCLE:
        # torch's scheduler can only advance one step at a time, and a resumed run starts midway.
        return partial(_set_rate, moved, one_cycle(recipe.rate, recipe.epochs * steps_per_epoch, schedule.rising))
    # The paper's schedule: a linear warm-up, then times `decay` every `decay_epochs`, counted from the start.
    update: Callable[[int], object] = StepLRScheduler(
        moved,
        decay_t=schedule.decay_epochs * steps_per_epoch,
        decay_rate=schedule.decay,
        warmup_t=round(schedule.warmup_epochs * steps_per_epoch),
        warmup_prefix=False,
        t_in_epochs=False,
    ).step_update
    return update


def _set_rate(moved: torch.optim.Optimizer, rates: tuple[float, ...], step: int) -> None:
    for group in moved.param_groups:
        group["lr"] = rates[step]


def one_cycle(rate: float, steps: int, rising: float) -> tuple[float, ...]:
    """Return the learning rate of every step: from a 25th of the maximum up to it, then down (Smith & Topin 2018)."""
    if steps < 2:
        return (rate,) * steps
    stand_in = torch.optim.SGD([torch.zeros(1)], lr=rate)
    rising = max(rising, 1.001 / steps)  # torch divides by the number of rising steps minus one
    cycle = OneCycleLR(stand_in, rate, total_steps=steps, pct_start=rising, cycle_momentum=False)
    rates = [float(cycle.get_last_lr()[0])]
    for _ in range(steps - 1):
        stand_in.step()
        cycle.step()
        rates.append(float(cycle.get_last_lr()[0]))
    return tuple(rates)
