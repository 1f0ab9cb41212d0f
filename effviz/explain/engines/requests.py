"""A compiled network with its idle requests: each call takes one or makes one, so threads never share buffers."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from effviz.explain.results import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """How arrays go in and come out; results are arrays of their own, since buffers are used again."""

    compiled: Any  # openvino.CompiledModel
    idle: "SimpleQueue[Any]" = field(default_factory=SimpleQueue)

    def one(self, array: Floats) -> tuple[Floats, ...]:
        """Run one input now and return every output."""
        request = self._take()
        request.start_async([array])  # `infer` also builds a table of the outputs, for a fifth of a millisecond
        return self._finished(request)

    def many(self, arrays: Iterable[Floats]) -> Iterator[tuple[Floats, ...]]:
        """Run inputs several at a time and yield their outputs in order."""
        # Twice as many as run at once: while one result is read here, the next input is already there.
        most = 2 * int(self.compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        running: deque[Any] = deque()  # one that is dropped early ends by itself
        for array in arrays:
            if len(running) == most:
                yield self._finished(running.popleft())
            request = self._take()
            request.start_async([np.ascontiguousarray(array, np.float32)])
            running.append(request)
        while running:
            yield self._finished(running.popleft())

    def _take(self) -> Any:
        try:
            return self.idle.get_nowait()
        except Empty:
            return self.compiled.create_infer_request()

    def _finished(self, request: Any) -> tuple[Floats, ...]:
        request.wait()
        return self._outputs(request)

    def _outputs(self, request: Any) -> tuple[Floats, ...]:
        count = len(self.compiled.outputs)
        arrays = tuple(np.array(request.get_output_tensor(i).data, np.float32) for i in range(count))
        self.idle.put(request)  # not reached after an error: that request is dropped
        return arrays
