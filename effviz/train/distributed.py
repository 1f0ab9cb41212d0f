"""Data-parallel training: one process, or several that process parts of each batch and stay in sync."""

from typing import Final, NamedTuple

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Shard(NamedTuple):
    """A worker's share of the data: of `size` workers, worker `rank` (from 0) takes pictures rank, rank + size, ..."""

    rank: int
    size: int


WHOLE_SHARD: Final = Shard(0, 1)


class WorkerGroup:
    """Communication between the processes of a training; this base class is for a single process."""

    part = WHOLE_SHARD  # the shard of this process

    def learner(self, module: nn.Module) -> nn.Module:
        """Return a wrapper to call instead of the module, which averages gradients over all workers."""
        return module

    def align(self, module: nn.Module) -> None:
        """Average batch norm's statistics, which have no gradients, over all workers."""

    def total(self, value: float) -> float:
        """Return the sum of a number over all workers."""
        return value


SINGLE_PROCESS: Final = WorkerGroup()


class TorchProcessGroup(WorkerGroup):
    """All processes of torch's process group, which must already be initialised."""

    def __init__(self) -> None:
        self.part = Shard(dist.get_rank(), dist.get_world_size())

    def learner(self, module: nn.Module) -> nn.Module:
        """Wrap the module in torch's DistributedDataParallel; `align` synchronises the buffers."""
        return DistributedDataParallel(module, forward_sync_buffers=False)

    def align(self, module: nn.Module) -> None:
        """Average all floating-point buffers in one message."""
        buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
        together = torch.cat([buffer.flatten() for buffer in buffers])
        dist.all_reduce(together)
        together /= self.part.size
        for buffer, mean in zip(buffers, torch.split(together, [part.numel() for part in buffers]), strict=True):
            buffer.copy_(mean.view_as(buffer))

    def total(self, value: float) -> float:
        """Sum in one message, in double precision, so that counts stay exact."""
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        number = torch.tensor(value, dtype=torch.float64, device=device)
        dist.all_reduce(number)
        return number.item()
