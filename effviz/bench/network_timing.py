"""Times networks without the app: forward passes on one core, and the closed-form plan against torch's FlopCounterMode.

torch's number of threads applies to the whole process, so a server never calls `measure_network` itself: it starts
`effviz bench latency` as a separate process, see `effviz.evaluate.single_core_latency`.
"""

import platform
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import timm
import torch
from timm.models import get_pretrained_cfg
from torch.utils.flop_counter import FlopCounterMode

from effviz.bench.benchmark import PeerRow, run_ms
from effviz.errors import SettingsError
from effviz.evaluate.single_core_latency import DEFAULT_RUNS, Latency, cores_of_others, cpu_seconds, machine
from effviz.i18n import _
from effviz.progress import CountProgress, no_progress
from effviz.scaling import PUBLISHED, plan
from effviz.zoo import catalogue, torch_modules
from effviz.zoo.state_dicts import UNTRAINED_SEED

LARGEST_PX: Final = 1024  # for timm's networks; the catalogue has its own limit
PAUSE_S: Final = 0.05  # after a longer pause, other work has used the caches
MIN_CPU_SHARE: Final = 0.9  # share of a run's time in which its thread computed
TRIES: Final = 2  # repeats that are allowed, per run
Clock = Callable[[], float]


def build_network(name: str) -> tuple[str, int, torch.nn.Module]:
    """Build a network by name: `b1`, `lite0@260`, `scaled-d1.4-w1.2@300` as everywhere, else a network of timm.

    Return its name without the size, its input size, and the module. Weights are random; nothing is downloaded.

    Raises:
        SettingsError: there is no such network, or it is too large.
    """
    wanted, at, size = name.strip().lower().partition("@")
    if wanted in catalogue.NAMES or wanted.startswith("scaled"):
        ref = catalogue.parse_model(name)
        spec = ref.spec
        return spec.name, ref.resolution_px, torch_modules.build_for(spec).eval()
    if wanted not in timm.list_models():
        text = _(
            "There is no network {name!r}. Use b0 to b7, lite0 to lite4, scaled-dDEPTH-wWIDTH, or one of the "
            "{count} names that timm.list_models() returns."
        )
        raise SettingsError(text.format(name=wanted[:60], count=len(timm.list_models())))
    return wanted, _size(wanted, size) if at else _own_size(wanted), _of_timm(wanted).eval()


def _own_size(name: str) -> int:
    config = get_pretrained_cfg(name)
    return int(config.input_size[-1]) if config else 224


def _size(name: str, text: str) -> int:
    if not re.fullmatch(r"\d{2,4}", text) or not 32 <= int(text) <= LARGEST_PX:
        sentence = _(
            "The input size {size!r} in {name}@{size} is not allowed: use 32 to {most} px, or leave out the size "
            "to use the network's own."
        )
        raise SettingsError(sentence.format(name=name, size=text[:20], most=LARGEST_PX))
    return int(text)


def _of_timm(name: str) -> torch.nn.Module:
    with torch.device("meta"):  # takes no memory
        params = _params(timm.create_model(name, pretrained=False))
    if params > catalogue.LARGEST_PARAMS:
        text = _(
            "{name} has {params:.0f} million parameters, more than the {most:.0f} million allowed. Choose a "
            "smaller network."
        )
        raise SettingsError(text.format(name=name, params=params / 1e6, most=catalogue.LARGEST_PARAMS / 1e6))
    torch.manual_seed(UNTRAINED_SEED)
    module: torch.nn.Module = timm.create_model(name, pretrained=False)
    return module


def _params(module: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in module.parameters())


def measure_network(name: str, runs: int = DEFAULT_RUNS, ready: CountProgress = no_progress) -> Latency:
    """Measure a network by the paper's protocol, on one thread of this process.

    Raises:
        SettingsError: there is no such network, it is too large, or it does not accept this input size.
    """
    torch.set_num_threads(1)
    # Random weights can produce numbers that are almost zero, on which processors are many times slower.
    torch.set_flush_denormal(True)
    model, px, module = build_network(name)
    picture = torch.rand(1, 3, px, px, generator=torch.Generator().manual_seed(UNTRAINED_SEED))
    with torch.inference_mode():
        _try(model, module, picture)
        before = cpu_seconds()
        times = time_runs(lambda: module(picture), runs, ready)
        load = cores_of_others(before)
    return Latency(
        model=model,
        resolution_px=px,
        runs_ms=times,
        params=_params(module),
        machine=machine(),
        software=f"torch {torch.__version__.partition('+')[0]}, Python {platform.python_version()}",
        threads=torch.get_num_threads(),
        load=load,
        measured_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
    )


def _try(model: str, module: torch.nn.Module, picture: torch.Tensor) -> None:
    try:
        module(picture)
    except (RuntimeError, AssertionError, ValueError) as error:  # timm's networks refuse a size in these three ways
        reason = " ".join(str(error).split())[:120]
        text = _("{name} does not accept inputs of {px} px ({reason}): its own size is {own} px. Leave out the size.")
        sentence = text.format(name=model, px=picture.shape[-1], reason=reason, own=_own_size(model))
        raise SettingsError(sentence) from error


def time_runs(
    run: Callable[[], object],
    runs: int,
    ready: CountProgress,
    clocks: tuple[Clock, Clock] = (time.perf_counter, time.thread_time),
) -> tuple[float, ...]:
    """Return the milliseconds of each run; after a pause, one run is untimed, because other work has used the caches.

    `clocks` are the wall clock and this thread's. A run is repeated if this thread did not have its core all the time,
    because other work used it or the process was stopped. If that happens too often, the run counts as it is.
    """
    clock, own_clock = clocks
    times: list[float] = []
    spare = TRIES * runs
    while len(times) < runs:
        asked = clock()
        ready(len(times), runs)
        if clock() - asked > PAUSE_S:
            run()
        start, own = clock(), own_clock()
        run()
        took, had = clock() - start, own_clock() - own
        if had >= MIN_CPU_SHARE * took or spare == 0:
            times.append(1000 * took)
        else:
            spare -= 1
    return tuple(times)


# Times the closed-form plan against torch's FlopCounterMode, both for the same networks in the same run.

TARGET_RATIO = 300.0
TARGETS_MS = {"b0": 1.0, "b7": 3.0}


def bench_scaling(repeats: int = 9) -> tuple[PeerRow, ...]:
    """Time B0 and B7, after one untimed run of each side.

    Our side is one plan: every layer's shape, params, MACs, activations and receptive fields. The peer's is one counted
    forward pass on meta tensors, without building the module.
    """
    return tuple(_time_network(name, target_ms, repeats) for name, target_ms in TARGETS_MS.items())


def _time_network(name: str, target_ms: float, repeats: int) -> PeerRow:
    network = PUBLISHED[name]
    with torch.device("meta"):
        module = timm.create_model(f"efficientnet_{name}").eval()
        picture = torch.empty(1, 3, network.resolution, network.resolution)  # (N, C, H, W)

    def ours() -> None:  # computed, not taken from the cache
        plan.__wrapped__(network.depth, network.width, network.resolution, network.family)

    def peer() -> None:
        with torch.no_grad(), FlopCounterMode(display=False):
            module(picture)

    target = f"at most {target_ms:g} ms, at least {TARGET_RATIO:g}x"
    ours_ms, peer_ms = (tuple(run_ms(side) for _run in range(repeats + 1))[1:] for side in (ours, peer))
    return PeerRow(name, ours_ms, peer_ms, TARGET_RATIO, target, target_ms)
