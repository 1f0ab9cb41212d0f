"""Who trains: one process alone, or several that learn from parts of each batch and stay alike after every step."""

from typing import Final, NamedTuple

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Shard(NamedTuple):
    """Which of several workers, counted from 0: worker `rank` takes every `size`-th picture from its own on."""

    rank: int
    size: int


WHOLE_SHARD: Final = Shard(0, 1)


class WorkerGroup:
    """What the loop asks of those who train together. This is one process alone, which has nothing to agree on."""

    part = WHOLE_SHARD  # which one this process is

    def learner(self, module: nn.Module) -> nn.Module:
        """Return what to call instead of the module, so that its gradients become the mean over all workers."""
        return module

    def align(self, module: nn.Module) -> None:
        """Set what gradients do not move, batch norm's statistics, to the mean over all workers."""

    def total(self, value: float) -> float:
        """The sum of a number over all workers."""
        return value


SINGLE_PROCESS: Final = WorkerGroup()


class TorchProcessGroup(WorkerGroup):
    """All processes of torch's process group, which must be there already."""

    def __init__(self) -> None:
        self.part = Shard(dist.get_rank(), dist.get_world_size())

    def learner(self, module: nn.Module) -> nn.Module:
        """Wrap it with torch's DistributedDataParallel; `align` takes care of the buffers."""
        return DistributedDataParallel(module, forward_sync_buffers=False)

    def align(self, module: nn.Module) -> None:
        """Average every buffer that is no count, in one message."""
        buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
        together = torch.cat([buffer.flatten() for buffer in buffers])
        dist.all_reduce(together)
        together /= self.part.size
        for buffer, mean in zip(buffers, torch.split(together, [part.numel() for part in buffers]), strict=True):
            buffer.copy_(mean.view_as(buffer))

    def total(self, value: float) -> float:
        """One message; in double precision, so that counts stay exact."""
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        number = torch.tensor(value, dtype=torch.float64, device=device)
        dist.all_reduce(number)
        return number.item()
