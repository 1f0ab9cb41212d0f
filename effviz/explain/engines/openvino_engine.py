"""OpenVINO on the CPU, in 32-bit floats: about four times as fast as torch for one photo."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import torch

from effviz import cores
from effviz.explain.engines import network, runtime, store
from effviz.explain.engines.check import check
from effviz.explain.engines.engine import EngineName
from effviz.explain.engines.network import LOGITS, Network
from effviz.explain.engines.requests import Requests
from effviz.explain.results import Floats, Layer
from effviz.zoo.model import Model

FAILURES = (ImportError, RuntimeError)
WHOLE = "whole"
COPIES_A_PART = 3  # of the weights, measured on whole networks from 5 to 24 million parameters
OTHER_PARTS = 2  # beside the network for one photo: what the last slow method needed

_log = logging.getLogger(__name__)


class Hint(StrEnum):
    """What OpenVINO optimises for: all cores on one input, or one input a core."""

    LATENCY = "LATENCY"
    THROUGHPUT = "THROUGHPUT"


@dataclass(frozen=True, slots=True, eq=False)
class OpenVinoEngine:
    """A converted network. Each part of it is compiled when it is asked for, and the last ones are kept."""

    source: "Path | Network"
    name: EngineName = EngineName.OPENVINO
    parts: dict[tuple[str, Hint], Requests] = field(default_factory=dict)
    compiling: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, model: Model, size_px: int) -> Self:
        """Compile a model, converted now or found on disk.

        Raises:
            FAILURES: OpenVINO is missing, or cannot convert this network as torch runs it.
        """
        name = store.key(model, size_px, runtime.openvino().get_version())
        if known := store.find(name):
            try:
                return cls(known)._ready()
            except RuntimeError as error:
                _log.warning("The converted network %s cannot be read (%s); it is made again.", name, error)
                store.drop(name)
        converted = network.convert(model, size_px)
        check(cls(converted), model, size_px)  # before it is kept
        return cls(_saved(converted, name))._ready()

    def run(self, pixels: Floats) -> tuple[Floats, Floats]:
        """Return features after `bn2` (N, C, H, W) and logits (N, K) of inputs (N, 3, S, S), one after the other."""
        outputs = [self.requests.one(photo) for photo in np.asarray(pixels, np.float32)[:, None]]
        features, logits = zip(*outputs, strict=True)
        return _joined(features), _joined(logits)

    def many(self, inputs: Iterable[Floats]) -> Iterator[tuple[Floats, Floats]]:
        """Yield features (1, C, H, W) and logits (1, K) for each input (1, 3, S, S), in order."""
        yield from cast(Iterator[tuple[Floats, Floats]], self._whole(Hint.THROUGHPUT).many(inputs))

    def features_at(self, pixels: Floats, layer: Layer) -> Floats:
        """Return the features (1, C, H, W) at the end of a stage."""
        part = self._part(f"to {layer}", Hint.LATENCY, lambda whole: network.keeping(whole, layer))
        return part.one(pixels)[0]

    def logits_from(self, features: Iterable[Floats], layer: Layer) -> Iterator[Floats]:
        """Yield logits (1, K) from features (1, C, H, W) at a layer, in order."""
        part = self._part(f"from {layer}", Hint.THROUGHPUT, lambda whole: network.after(whole, layer))
        for (logits,) in part.many(features):
            yield logits

    @property
    def copies(self) -> int:
        """How many times it holds the weights."""
        return COPIES_A_PART * len(self.parts)

    @property
    def requests(self) -> Requests:
        """The compiled network behind `run`."""
        return self._whole(Hint.LATENCY)

    def _ready(self) -> Self:
        self._whole(Hint.LATENCY)
        return self

    def _whole(self, hint: Hint) -> Requests:
        return self._part(WHOLE, hint, lambda whole: network.keeping(whole, Layer.LAST, LOGITS))

    def _part(self, name: str, hint: Hint, cut: Callable[[Network], Network]) -> Requests:
        if found := self.parts.get((name, hint)):
            return found
        with self.compiling:
            if (name, hint) not in self.parts:  # another thread may have made it meanwhile
                folder = store.compiled() if name == WHOLE and isinstance(self.source, Path) else None
                part = _compiled(cut(network.own(self.source)), hint, folder)
                others = [key for key in self.parts if key != (WHOLE, Hint.LATENCY)]
                for oldest in others[: len(others) + 1 - OTHER_PARTS] if (name, hint) != (WHOLE, Hint.LATENCY) else ():
                    del self.parts[oldest]
                self.parts[name, hint] = part
            return self.parts[name, hint]


def _joined(arrays: tuple[Floats, ...]) -> Floats:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _saved(converted: Network, name: str) -> "Path | Network":
    """Return the network's path, or the network itself where nothing can be written."""
    save = runtime.openvino().save_model
    try:
        return store.put(name, lambda path: save(converted, path, compress_to_fp16=False))
    except (OSError, RuntimeError) as error:
        _log.warning("The converted network %s cannot be kept (%s); it is made again at the next start.", name, error)
        return converted


def _compiled(part: Network, hint: Hint, cache: Path | None) -> Requests:
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": hint.value,
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),  # which follows OMP_NUM_THREADS
        # Pinned threads take the first cores, which all processes with a share of the machine would then crowd on.
        "ENABLE_CPU_PINNING": torch.get_num_threads() >= cores.available(),
    }
    cores.leave_to_engines()
    if cache:
        settings["CACHE_DIR"] = str(cache)
    return Requests(runtime.core().compile_model(part, "CPU", settings))
