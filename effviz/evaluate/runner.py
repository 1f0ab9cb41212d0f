"""Measure maps over a data set, into a folder from which a run that was stopped or killed goes on.

RUN/run.json          what decides the rows; afterwards also thresholds and how long it took
RUN/parts/            rows of some photos each, while the run lasts
RUN/results.parquet   all rows, when it is finished
RUN/.lock             held by the process that measures
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

from effviz import cpu, file_io, optional_packages
from effviz.errors import SettingsError
from effviz.evaluate import run_store
from effviz.evaluate.dataset_samples import Dataset, DatasetSample, printable
from effviz.evaluate.measurements import PreparedPhoto, UnreadablePhoto, measure_prepared, prepare_photo
from effviz.evaluate.run_settings import RunSettings
from effviz.evaluate.run_store import Manifest, MeasuredModel, Measurement
from effviz.explain.engines import choose
from effviz.i18n import _
from effviz.progress import CountProgress, no_progress
from effviz.zoo.loading import load, load_all
from effviz.zoo.model import Model

# What is handed to whoever measures, and what comes back.


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some photos of a run: measured together, written together."""

    start: int  # number of the first one in the run
    samples: tuple[DatasetSample, ...]


MeasuredChunk = tuple[Chunk, list[Measurement]]

# Parts may come back in any order.
MeasureChunks = Callable[[Iterable[Chunk], Manifest], Generator[MeasuredChunk, None, None]]


@dataclass(frozen=True, slots=True, eq=False)
class Workers:
    """Who measures the parts of a run."""

    measure: MeasureChunks
    models: tuple[Model, ...] = ()  # those of the run in its order, where they are loaded already


# This process measures: while the engine and the metrics have one part, threads open the photos of the next.

CHUNKS_AHEAD = 2  # parts with their photos open, the one that is measured among them
MAX_THREADS = 8
_PendingPhotos = list[Future[PreparedPhoto | UnreadablePhoto]]


def local_workers(models: Sequence[Model]) -> Workers:
    """Return this process as a worker with the models of `settings.models`, loaded, in that order.

    Their engines are made ready here, so that the first photos are measured as fast as the others.
    """
    for model in models:
        list(choose(model, model.ref.resolution_px).engine.many(()))
    return Workers(lambda parts, run: _measure_here(models, parts, run.settings), tuple(models))


def _measure_here(
    models: Sequence[Model], parts: Iterable[Chunk], settings: RunSettings
) -> Generator[MeasuredChunk, None, None]:
    pool = ThreadPoolExecutor(min(MAX_THREADS, cpu.available_cores()), thread_name_prefix="photos")
    try:
        for part, opening in _prepare_ahead(parts, settings, pool):
            yield part, measure_prepared([future.result() for future in opening], settings, models)
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare_ahead(
    parts: Iterable[Chunk], settings: RunSettings, pool: ThreadPoolExecutor
) -> Iterator[tuple[Chunk, _PendingPhotos]]:
    refs = settings.refs
    waiting: deque[tuple[Chunk, _PendingPhotos]] = deque()
    for part in parts:
        waiting.append((part, [pool.submit(prepare_photo, sample, refs) for sample in part.samples]))
        if len(waiting) == CHUNKS_AHEAD:
            yield waiting.popleft()
    yield from waiting


PACKAGES: Final = ("numpy", "opencv-python-headless", "openvino", "pillow", "pyarrow", "timm", "torch")  # of run.json


def evaluate(
    dataset: Dataset,
    settings: RunSettings,
    out: Path,
    progress: CountProgress = no_progress,
    workers: Workers | None = None,
) -> Manifest:
    """Measure into a folder, or go on where a run with the same settings was stopped; a finished one is left as it is.

    Args:
        dataset: its photos are opened one by one.
        settings: what to measure.
        out: the run's folder; it is made if it is not there.
        progress: hears how many photos are done; where it raises, the run goes on from there the next time.
        workers: who measures: this process, unless somebody else is named. What models they have is not loaded anew.

    Raises:
        SettingsError: something impossible is asked for, the folder holds a run with other settings, another process
            is measuring into it, or it cannot be written.
        EffVizError: a model cannot be loaded.
    """
    settings.check(dataset)
    by = workers or local_workers(load_all(settings.refs))
    wanted = _describe_run(dataset, settings, by.models)
    run = run_store.find_run(out, wanted)
    if run is None or not run.finished:  # a finished one's folder may be one that can only be read
        with ExitStack() as until_the_end:
            with file_io.reporting_write_errors(out):
                until_the_end.enter_context(run_store.lock_run(out))
                run = run_store.open_run(out, wanted)
            if not run.finished:
                run = _measure_chunks(run, dataset, progress, by.measure)
    run_store.remove_chunks(out)  # also those of a run that was killed just before it did that
    return run


def _measure_chunks(run: Manifest, dataset: Dataset, progress: CountProgress, measure: MeasureChunks) -> Manifest:
    started, total = monotonic(), run.photos
    files, chunks = run_store.chunk_files(run.folder, run.key), _chunk_numbers(run, dataset)
    done = sum(len(numbers) for start, numbers in chunks if start in files)
    progress(done, total)
    pending = (Chunk(start, tuple(dataset.samples[i] for i in some)) for start, some in chunks if start not in files)
    try:
        with closing(measure(pending, run)) as measured:
            for part, rows in measured:
                with file_io.reporting_write_errors(run.folder):
                    run_store.write_chunk(run.folder, part.start, rows, run.key)
                done += len(part.samples)
                progress(done, total)
    finally:
        seconds = run.seconds + monotonic() - started
        if done < total:  # stopped, or something failed, which is said already
            with suppress(OSError):
                run_store.save_manifest(run, seconds=seconds)
    return _finish(run, dataset, seconds)


def _describe_run(dataset: Dataset, settings: RunSettings, models: Sequence[Model]) -> Manifest:

    networks = (
        MeasuredModel(model.ref.label, model.weights_sha256, choose(model, model.ref.resolution_px).engine.name.value)
        for model in models or map(load, settings.refs)  # one after the other
    )
    return Manifest(
        folder=Path(),
        settings=settings,
        dataset=printable(str(dataset.path.resolve())),
        fingerprint=dataset.fingerprint,
        photos=len(dataset.chosen(settings.limit, settings.seed)),
        photos_a_part=settings.photos_a_part,
        networks=tuple(networks),
        versions=optional_packages.versions(*PACKAGES),
    )


def _finish(run: Manifest, dataset: Dataset, seconds: float) -> Manifest:
    files = run_store.chunk_files(run.folder, run.key)
    if missing := sum(start not in files for start, _ in _chunk_numbers(run, dataset)):
        text = _(
            "{missing} of the parts that were measured are gone from {folder}: nothing else may change it "
            "meanwhile. Run the same command again, which measures them anew."
        )
        raise SettingsError(text.format(missing=missing, folder=run.folder / run_store.CHUNKS_FOLDER))
    with file_io.reporting_write_errors(run.folder):
        thresholds = run_store.merge_chunks(run.folder, run.key)
        sealed = {"results_sha256": file_io.file_sha256(run.folder / run_store.RESULTS_FILE)}
        return run_store.save_manifest(run, seconds=seconds, finished=True, thresholds=thresholds, **sealed)


def _chunk_numbers(run: Manifest, dataset: Dataset) -> list[tuple[int, list[int]]]:
    chosen = dataset.chosen(run.settings.limit, run.settings.seed)
    size = run.photos_a_part
    return [(start, list(chosen[start : start + size])) for start in range(0, len(chosen), size)]
