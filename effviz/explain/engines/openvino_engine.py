"""OpenVINO on the CPU, in 32-bit floats: about four times as fast as torch for one photo."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self, cast
from weakref import WeakKeyDictionary

import numpy as np

from effviz import cores
from effviz.explain.engines import network, runtime
from effviz.explain.engines.engine import EngineName
from effviz.explain.engines.network import LOGITS, Network
from effviz.explain.engines.requests import Requests
from effviz.explain.results import Floats, Layer
from effviz.zoo.model import Weights

FAILURES = (ImportError, RuntimeError)
WHOLE = "whole"
COPIES_A_PART = 1.8  # of the weights, with a request's buffers: measured from 5 to 30 million parameters
OTHER_PARTS = 2  # beside the network for one photo: what the last slow method needed

# Networks of any size by their weights: those of one size are cut from them, and share their numbers.
_written: "WeakKeyDictionary[Weights, Network]" = WeakKeyDictionary()


class Hint(StrEnum):
    """What OpenVINO optimises for: all cores on one input, or one input a core."""

    LATENCY = "LATENCY"
    THROUGHPUT = "THROUGHPUT"


@dataclass(frozen=True, slots=True, eq=False)
class OpenVinoEngine:
    """A network for one input size. Each part of it is compiled when it is asked for, and the last ones are kept."""

    source: Network
    name: EngineName = EngineName.OPENVINO
    parts: dict[tuple[str, Hint], Requests] = field(default_factory=dict)
    compiling: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, weights: Weights, size_px: int) -> Self:
        """Write and compile a network; one thread at a time for the same weights.

        Raises:
            FAILURES: OpenVINO is missing, or does not compile this network.
        """
        if weights not in _written:
            _written[weights] = network.build(weights.spec.plan, weights.tensors, weights.spec.arithmetic)
        made = cls(network.sized(_written[weights], size_px))
        made._whole(Hint.LATENCY)
        return made

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
    def copies(self) -> float:
        """How many times it holds the weights, beside the network that other sizes share."""
        return COPIES_A_PART * len(self.parts)

    @property
    def requests(self) -> Requests:
        """The compiled network behind `run`."""
        return self._whole(Hint.LATENCY)

    def _whole(self, hint: Hint) -> Requests:
        return self._part(WHOLE, hint, lambda whole: network.keeping(whole, Layer.LAST, LOGITS))

    def _part(self, name: str, hint: Hint, cut: Callable[[Network], Network]) -> Requests:
        if found := self.parts.get((name, hint)):
            return found
        with self.compiling:
            if (name, hint) not in self.parts:  # another thread may have made it meanwhile
                part = _compiled(cut(self.source.clone()), hint)
                others = [key for key in self.parts if key != (WHOLE, Hint.LATENCY)]
                for oldest in others[: len(others) + 1 - OTHER_PARTS] if (name, hint) != (WHOLE, Hint.LATENCY) else ():
                    del self.parts[oldest]
                self.parts[name, hint] = part
            return self.parts[name, hint]


def _joined(arrays: tuple[Floats, ...]) -> Floats:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _compiled(part: Network, hint: Hint) -> Requests:
    threads = cores.threads()
    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": hint.value,
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        # Pinned threads take the first cores, which all processes with a share of the machine would then crowd on.
        "ENABLE_CPU_PINNING": threads >= cores.available(),
    }
    cores.leave_to_engines()
    return Requests(runtime.core().compile_model(part, "CPU", settings))
