"""Times the closed-form plan beside torch's FlopCounterMode, both for the same networks in the same run."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import timm
import torch
from torch.utils.flop_counter import FlopCounterMode

from effviz.scaling import PUBLISHED, plan

TARGET_RATIO = 300.0
TARGETS_MS = {"b0": 1.0, "b7": 3.0}


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One network: our time, the peer's time, and whether both targets are met."""

    name: str
    ours_ms: float  # median of one plan: every layer's shape, params, MACs, activations and receptive fields
    peer_ms: float  # median of one counted forward pass on meta tensors; building the module is not in it
    target_ms: float
    target_ratio: float = TARGET_RATIO

    @property
    def ratio(self) -> float:
        """How many times faster the plan is."""
        return self.peer_ms / self.ours_ms

    @property
    def target(self) -> str:
        """Both targets, for people."""
        return f"at most {self.target_ms:g} ms, at least {self.target_ratio:g}x"

    @property
    def met(self) -> bool:
        """Whether both targets are met."""
        return self.ours_ms <= self.target_ms and self.ratio >= self.target_ratio


def bench(repeats: int = 9) -> tuple[BenchRow, ...]:
    """Time B0 and B7; one run of each side comes first and is not counted."""
    return tuple(_row(name, target_ms, repeats) for name, target_ms in TARGETS_MS.items())


def _row(name: str, target_ms: float, repeats: int) -> BenchRow:
    network = PUBLISHED[name]
    with torch.device("meta"):
        module = timm.create_model(f"efficientnet_{name}").eval()
        picture = torch.empty(1, 3, network.resolution, network.resolution)  # (N, C, H, W)

    def ours() -> None:  # planned, not remembered
        plan.__wrapped__(network.depth, network.width, network.resolution, network.family)

    def peer() -> None:
        with torch.no_grad(), FlopCounterMode(display=False):
            module(picture)

    return BenchRow(name, _median_ms(ours, repeats), _median_ms(peer, repeats), target_ms)


def _median_ms(run: Callable[[], None], repeats: int) -> float:
    run()
    times_ms = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times_ms.append(1000 * (time.perf_counter() - start))
    return median(times_ms)
