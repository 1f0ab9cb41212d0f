"""Which engine runs a model: by the setting EFFVIZ_ENGINE and by what this machine has.

Left to itself (`auto`) it is a GPU where torch finds one, else OpenVINO, and torch on the CPU where neither gives the
right numbers. Engines live as long as the module that they were made from: when a cache drops a model, they go too.
"""

import logging
import os
import threading
from dataclasses import dataclass
from itertools import chain
from textwrap import shorten
from typing import Final
from weakref import WeakKeyDictionary

import torch

from effviz.errors import SettingsError
from effviz.explain.engines.check import check
from effviz.explain.engines.engine import Engine, EngineName
from effviz.explain.engines.openvino_engine import FAILURES, OpenVinoEngine
from effviz.explain.engines.torch_engine import TorchEngine
from effviz.words import _, later
from effviz.zoo.model import Model

SETTING: Final = "EFFVIZ_ENGINE"
AUTO: Final = "auto"
LONGEST_REASON: Final = 120  # characters

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine of a model, and why it is not a faster one."""

    engine: Engine
    fallback: str = ""  # a sentence for people; empty when the engine is the one asked for


@dataclass(frozen=True, slots=True)
class _Made:
    """A fast engine for one state of a module, or why there is none. It must not hold the module alive."""

    tensors: tuple[torch.Tensor, ...]  # the weights; walking through the module for them at each call takes longer
    state: tuple[int, ...]
    engine: Engine | None
    failure: str  # for `_`


_Key = tuple[EngineName, int]
_made: WeakKeyDictionary[torch.nn.Module, dict[_Key, _Made]] = WeakKeyDictionary()
_lookup = threading.Lock()  # held for microseconds
_building = threading.Lock()  # held while a network is converted: one at a time fits the memory


def choose(model: Model, size_px: int | None = None) -> Choice:
    """Return the engine of a model at an input size (its own by default); the first call makes it.

    Raises:
        SettingsError: EFFVIZ_ENGINE is not one of the words, or asks for an engine that cannot run the model.
    """
    setting = _setting()
    failures: list[str] = []
    for name in present() if setting == AUTO else [EngineName(setting)]:
        if name is EngineName.TORCH:
            break
        made = _fast(model, (name, size_px or model.ref.resolution_px))
        if made.engine is not None:
            return Choice(made.engine, " ".join(map(_, failures)))
        failures.append(made.failure)
    if failures and setting != AUTO:
        raise SettingsError(
            _("{setting} asks for {engine} only, and it cannot run this model: set it to auto. {reason}").format(
                setting=SETTING, engine=setting, reason=_(failures[0])
            )
        )
    return Choice(TorchEngine.of(model), " ".join(map(_, failures)))


def engine_name(model: Model) -> EngineName:
    """Return which engine runs a model at its own size."""
    return choose(model).engine.name


def present() -> list[EngineName]:
    """Return what this machine has, the fastest first."""
    gpus = {EngineName.CUDA: torch.cuda.is_available(), EngineName.MPS: torch.backends.mps.is_available()}
    return [*(name for name, there in gpus.items() if there), EngineName.OPENVINO, EngineName.TORCH]


def _setting() -> str:
    value = os.environ.get(SETTING, AUTO).strip().lower() or AUTO
    if value not in (AUTO, *EngineName):
        raise SettingsError(
            _("{setting} is {value!r}: it must be {allowed}. Correct it, or leave it out.").format(
                setting=SETTING, value=value, allowed=", ".join((AUTO, *EngineName))
            )
        )
    return value


def _fast(model: Model, key: _Key) -> _Made:
    if found := _find(model, key):
        return found
    with _building:
        if found := _find(model, key):  # another thread made it meanwhile
            return found
        made = _make(model, key)
        with _lookup:
            _made.setdefault(model.module, {})[key] = made
        return made


def _find(model: Model, key: _Key) -> _Made | None:
    with _lookup:
        found = _made.get(model.module, {}).get(key)
    return found if found is not None and found.state == _state(found.tensors) else None


def _make(model: Model, key: _Key) -> _Made:
    name, size_px = key
    tensors = tuple(chain(model.module.parameters(), model.module.buffers()))
    state = _state(tensors)
    try:
        return _Made(tensors, state, _engine(model, name, size_px), "")
    except FAILURES as error:
        failure = later(
            "{model} does not run on {engine}, which would be faster ({error}).",
            model=f"{model.ref.spec.name}@{size_px}",
            engine=name,
            error=_reason(error),
        )
        _log.warning("%s", failure, exc_info=error)
        return _Made(tensors, state, None, failure)


def _reason(error: Exception) -> str:
    """The first line of an error that says what is wrong: OpenVINO's begin with places in its source, and are long."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith(("Exception from", "Check "))]
    return shorten(said[0] if said else type(error).__name__, LONGEST_REASON, placeholder=" ...")


def _engine(model: Model, name: EngineName, size_px: int) -> Engine:
    if name is EngineName.OPENVINO:
        return OpenVinoEngine.of(model, size_px)
    engine = TorchEngine.of(model, name)
    check(engine, model, size_px)
    return engine


def _state(tensors: tuple[torch.Tensor, ...]) -> tuple[int, ...]:
    """Count the changes made in place to the weights, as autograd does, and the threads: either needs a new engine."""
    return sum(tensor._version for tensor in tensors), torch.get_num_threads()
