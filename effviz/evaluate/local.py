"""This process measures: while the engine and the metrics have one part, threads open the photos of the next."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from effviz import cores
from effviz.evaluate.opening import Broken, Opened, opened
from effviz.evaluate.parts import Measured, Part, Workers
from effviz.evaluate.rows import rows_from
from effviz.evaluate.settings import Settings
from effviz.explain.engines import choose
from effviz.zoo.model import Model

AHEAD = 2  # parts with their photos open, the one that is measured among them
MOST_THREADS = 8

_Opening = list["Future[Opened | Broken]"]


def workers(models: Sequence[Model]) -> Workers:
    """Return this process as a worker with the models of `settings.models`, loaded, in that order.

    Their engines are made ready here, so that the first photos are measured as fast as the others.
    """
    for model in models:
        list(choose(model, model.ref.resolution_px).engine.many(()))
    return Workers(lambda parts, run: _measured(models, parts, run.settings), tuple(models))


def _measured(models: Sequence[Model], parts: Iterable[Part], settings: Settings) -> Generator[Measured, None, None]:
    pool = ThreadPoolExecutor(min(MOST_THREADS, cores.available()), thread_name_prefix="photos")
    try:
        for part, opening in _ahead(parts, settings, pool):
            yield part, rows_from([future.result() for future in opening], settings, models)
    finally:
        pool.shutdown(cancel_futures=True)


def _ahead(parts: Iterable[Part], settings: Settings, pool: ThreadPoolExecutor) -> Iterator[tuple[Part, _Opening]]:
    refs = settings.refs
    waiting: deque[tuple[Part, _Opening]] = deque()
    for part in parts:
        waiting.append((part, [pool.submit(opened, sample, refs) for sample in part.samples]))
        if len(waiting) == AHEAD:
            yield waiting.popleft()
    yield from waiting
