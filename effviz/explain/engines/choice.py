"""Which engine runs a model: by the setting EFFVIZ_ENGINE (auto, openvino or torch) and by what works here.

Compiled networks live as long as the module that they were made from: when a cache drops a model, its engine goes too.
"""

import logging
import os
import threading
from dataclasses import dataclass
from itertools import chain
from typing import Final
from weakref import WeakKeyDictionary

import torch

from effviz.errors import SettingsError
from effviz.explain.engines.engine import Engine, EngineName
from effviz.explain.engines.openvino_engine import FAILURES, OpenVinoEngine
from effviz.explain.engines.torch_engine import TorchEngine
from effviz.zoo.model import Model

SETTING: Final = "EFFVIZ_ENGINE"
AUTO: Final = "auto"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine of a model, and why it is not the fast one."""

    engine: Engine
    fallback: str = ""  # a sentence for people; empty when the engine is the one asked for


@dataclass(frozen=True, slots=True)
class _Made:
    """OpenVINO's engine for one state of a module, or why there is none. It must not hold the module alive."""

    state: tuple[int, ...]
    engine: OpenVinoEngine | None
    fallback: str


_made: WeakKeyDictionary[torch.nn.Module, dict[int, _Made]] = WeakKeyDictionary()
_lookup = threading.Lock()  # held for microseconds
_building = threading.Lock()  # held while a network is converted: one at a time fits the memory


def choose(model: Model, size_px: int | None = None) -> Choice:
    """Return the engine of a model at an input size (its own by default); the first call compiles it.

    Raises:
        SettingsError: EFFVIZ_ENGINE is not one of the three words, or asks for openvino and it cannot run the model.
    """
    setting = _setting()
    if setting == EngineName.TORCH:
        return Choice(TorchEngine(model))
    made = _openvino(model, size_px or model.ref.resolution_px)
    if made.engine is not None:
        return Choice(made.engine)
    if setting == EngineName.OPENVINO:
        raise SettingsError(
            f"{SETTING} asks for openvino only, and it cannot run this model: set it to auto. {made.fallback}"
        )
    return Choice(TorchEngine(model), made.fallback)


def engine_name(model: Model) -> EngineName:
    """Return which engine runs a model at its own size."""
    return choose(model).engine.name


def _setting() -> str:
    value = os.environ.get(SETTING, AUTO).strip().lower() or AUTO
    if value not in (AUTO, *EngineName):
        raise SettingsError(
            f"{SETTING} is {value!r}: it must be {AUTO}, {' or '.join(EngineName)}. Correct it, or leave it out."
        )
    return value


def _openvino(model: Model, size_px: int) -> _Made:
    state = _state(model.module)
    if found := _find(model, size_px, state):
        return found
    with _building:
        if found := _find(model, size_px, state):  # another thread made it meanwhile
            return found
        made = _make(model, size_px, state)
        with _lookup:
            _made.setdefault(model.module, {})[size_px] = made
        return made


def _find(model: Model, size_px: int, state: tuple[int, ...]) -> _Made | None:
    with _lookup:
        found = _made.get(model.module, {}).get(size_px)
    return found if found is not None and found.state == state else None


def _make(model: Model, size_px: int, state: tuple[int, ...]) -> _Made:
    try:
        return _Made(state, OpenVinoEngine.of(model, size_px), "")
    except FAILURES as error:
        label = f"{model.ref.spec.name}@{size_px}"
        fallback = f"{label} runs on torch, more slowly: OpenVINO cannot run it ({error})."
        _log.warning("%s", fallback)
        return _Made(state, None, fallback)


def _state(module: torch.nn.Module) -> tuple[int, ...]:
    """Count the changes made in place to the weights, as autograd does, and the threads: either needs a new engine."""
    changes = sum(tensor._version for tensor in chain(module.parameters(), module.buffers()))
    return changes, torch.get_num_threads()
