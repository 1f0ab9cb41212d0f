"""Engines that run a network from pixels to features and logits: OpenVINO if possible, torch as the reference.

To add an engine, write a module with a class that has the methods of these two, and extend `Engine` and `_make`.
"""

import logging
import os
import platform
import re
import threading
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Final, TypeAlias
from weakref import WeakKeyDictionary

from effviz import optional_packages, settings
from effviz.errors import SettingsError
from effviz.explain.data_types import EngineName
from effviz.explain.engines.openvino_engine import FAILURES, OpenVinoEngine
from effviz.i18n import _, lazy_gettext
from effviz.zoo.model import Model, Weights

if TYPE_CHECKING:
    from effviz.explain.engines.torch_engine import TorchEngine

# A network ready to run at one input size; any number of threads may call it at once. Inputs are (1, 3, S, S), or
# (N, 3, S, S) for `run`, which minimises latency; `many` and `logits_from` maximise throughput. Results are new float32
# arrays.
Engine: TypeAlias = "OpenVinoEngine | TorchEngine"

# The setting EFFVIZ_ENGINE and this machine's hardware decide which engine runs a model.
#
# The default (`auto`) is a GPU if torch finds one, else OpenVINO, and torch on the CPU if OpenVINO is missing or cannot
# run the network, such as one that no plan describes. Engines live as long as the weights they were built from: when a
# cache drops the weights, it drops the engines too.

# Files show whether this machine has a GPU that torch can use, because importing torch takes seconds.

# Device files of the drivers for NVIDIA, NVIDIA in WSL, and AMD.
DEVICES: Final = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/kfd"))
WINDOWS_DRIVER: Final = Path("System32/nvcuda.dll")  # relative to the Windows folder
_BUILT_FOR = re.compile(r"^(?:cuda|hip)\b[^=]*=\s*['\"]", re.MULTILINE)  # in torch/version.py; None in a build for CPUs


@cache
def present_engines() -> list[EngineName]:
    """Return this machine's engines, fastest first; torch is imported only if there may be a GPU."""
    available = {EngineName.OPENVINO: True, EngineName.TORCH: True}
    if _may_have_gpu():
        import torch

        gpus = {EngineName.CUDA: torch.cuda.is_available(), EngineName.MPS: torch.backends.mps.is_available()}
        available = gpus | available
    return [name for name, present in available.items() if present]


def _may_have_gpu() -> bool:
    file = _version_file()
    if file is None or (platform.system(), platform.machine()) == ("Darwin", "arm64"):
        return file is not None
    windows = os.environ.get("SYSTEMROOT") if platform.system() == "Windows" else None
    devices = (Path(windows) / WINDOWS_DRIVER,) if windows else DEVICES
    return any(device.exists() for device in devices) and bool(_BUILT_FOR.search(file.read_text(encoding="utf-8")))


def _version_file() -> Path | None:
    spec = find_spec("torch")  # imports nothing
    file = Path(spec.origin).with_name("version.py") if spec is not None and spec.origin else None
    return file if file is not None and file.is_file() else None


LONGEST_REASON: Final = 120  # characters
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine of a model, and why it is not a faster one."""

    engine: Engine
    fallback: str = ""  # a sentence for display; empty if the engine is the requested one


ANY_SIZE: Final = 0  # instead of an input size: one compiled network for all sizes


@dataclass(frozen=True, slots=True)
class _Engines:
    """The engines built from a network's weights."""

    # A fast engine, or why there is none, marked for translation. It must not keep the weights alive.
    attempts: "dict[tuple[EngineName, int], Engine | str]" = field(default_factory=dict)  # by name and input size
    building: threading.Lock = field(default_factory=threading.Lock)  # held for a fraction of a second


_engines_of: WeakKeyDictionary[Weights, _Engines] = WeakKeyDictionary()
_lookup = threading.Lock()  # held for microseconds


def choose(model: Model, size_px: int | None = None) -> Choice:
    """Return the engine of a model at an input size (its own by default), or at ANY_SIZE; the first call builds it.

    The engine for all sizes is a little slower than one for a fixed size.

    Raises:
        SettingsError: EFFVIZ_ENGINE is not an allowed value, or requires an engine that cannot run the model.
    """
    setting = settings.ENGINE.value()
    failures: list[str] = []
    size_px = model.ref.resolution_px if size_px is None else size_px
    for name in present_engines() if setting == settings.AUTO else [EngineName(setting)]:
        if name is EngineName.TORCH:
            break
        attempt = _fast(model, name, size_px)
        if not isinstance(attempt, str):
            return Choice(attempt, " ".join(map(_, failures)))
        failures.append(attempt)
    if failures and setting != settings.AUTO:
        text = _("{setting} allows only {engine}, which cannot run this model. Change the setting to auto. {reason}")
        raise SettingsError(text.format(setting=settings.ENGINE.name, engine=setting, reason=_(failures[0])))
    optional_packages.require(*optional_packages.TORCH)
    from effviz.explain.engines.torch_engine import TorchEngine  # imports torch: seconds

    return Choice(TorchEngine.of(model.weights), " ".join(map(_, failures)))


def is_ready(model: Model, size_px: int | None = None) -> bool:
    """Return whether the engine of a model at an input size (its own by default) has been built."""
    if settings.ENGINE.value() == EngineName.TORCH:
        return bool(model.weights.modules)
    size = model.ref.resolution_px if size_px is None else size_px
    return any(px == size for _, px in list(_engines(model.weights).attempts))


def held_bytes(weights: Weights) -> int:
    """Return the current memory use of weights in bytes: their tensors, their module, and their engines' copies."""
    engines = [attempt for attempt in list(_engines(weights).attempts.values()) if not isinstance(attempt, str)]
    written = any(engine.name is EngineName.OPENVINO for engine in engines)  # the network that all sizes share
    copies = int(written) + sum(engine.copies for engine in engines)
    return weights.nbytes + round(copies * weights.tensor_bytes)


def _engines(weights: Weights) -> _Engines:
    with _lookup:
        return _engines_of.setdefault(weights, _Engines())


def _fast(model: Model, name: EngineName, size_px: int) -> "Engine | str":
    engines, key = _engines(model.weights), (name, size_px)
    if engine := engines.attempts.get(key):
        return engine
    with engines.building:
        if key not in engines.attempts:  # another thread may have built it meanwhile
            engines.attempts[key] = _make(model, name, size_px)
        return engines.attempts[key]


def _make(model: Model, name: EngineName, size_px: int) -> "Engine | str":
    weights = model.weights
    try:
        if name is EngineName.OPENVINO:
            return OpenVinoEngine.of(weights, size_px or None)
        from effviz.explain.engines.torch_engine import TorchEngine, check_against_cpu

        engine = TorchEngine.of(weights, name)
        check_against_cpu(engine, weights, size_px or weights.spec.resolution_px)
        return engine
    except FAILURES as error:
        failure = lazy_gettext(
            "{model} does not run on {engine}, which would be faster ({error}).",
            model=f"{model.ref.spec.name}@{size_px or model.ref.resolution_px}",
            engine=name,
            error=_reason(error),
        )
        logger.warning("%s", failure, exc_info=error)
        return failure


def _reason(error: Exception) -> str:
    """Return the first informative line of an error: OpenVINO's errors are long and start with source locations."""
    lines = [line.strip() for line in str(error).splitlines()]
    sentences = [line for line in lines if line and not line.startswith(("Exception from", "Check "))]
    return shorten(sentences[0] if sentences else type(error).__name__, LONGEST_REASON, placeholder=" ...")
