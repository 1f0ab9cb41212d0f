"""Measures maps over a data set into a folder, from which a stopped or killed run can be resumed.

RUN/run.json          what determines the rows; at the end also thresholds and duration
RUN/parts/            chunks: the rows of some photos each, until the run is finished
RUN/results.parquet   all rows, once the run is finished
RUN/.lock             held by the measuring process
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

# The interface between a run and its workers.


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some photos of a run that are measured and written together."""

    start: int  # number of the first photo in the run
    samples: tuple[DatasetSample, ...]


MeasuredChunk = tuple[Chunk, list[Measurement]]

# Chunks may be returned in any order.
MeasureChunks = Callable[[Iterable[Chunk], Manifest], Generator[MeasuredChunk, None, None]]


@dataclass(frozen=True, slots=True, eq=False)
class Workers:
    """The workers that measure the chunks of a run."""

    measure: MeasureChunks
    models: tuple[Model, ...] = ()  # the run's models in order, if they are already loaded


# Measuring in this process: while one chunk is measured, threads open the photos of the next.

CHUNKS_AHEAD = 2  # chunks with opened photos, including the one being measured
MAX_THREADS = 8
_PendingPhotos = list[Future[PreparedPhoto | UnreadablePhoto]]


def local_workers(models: Sequence[Model]) -> Workers:
    """Return this process as a worker with the loaded models of `settings.models`, in the same order.

    Build their engines now, so that the first photos are measured as fast as the others.
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


PACKAGES: Final = ("numpy", "opencv-python-headless", "openvino", "pillow", "pyarrow", "timm", "torch")  # in run.json


def evaluate(
    dataset: Dataset,
    settings: RunSettings,
    out: Path,
    progress: CountProgress = no_progress,
    workers: Workers | None = None,
) -> Manifest:
    """Measure into a folder, or resume a stopped run with the same settings; a finished run is left unchanged.

    Args:
        dataset: the photos, opened one by one.
        settings: what to measure.
        out: the run's folder, created if needed.
        progress: called with the number of photos done; if it raises, the next call resumes from there.
        workers: the workers that measure, by default this process. Models that they have loaded are reused.

    Raises:
        SettingsError: the settings are impossible, the folder contains a run with other settings, another process is
            measuring into it, or it is not writable.
        EffVizError: a model cannot be loaded.
    """
    settings.check(dataset)
    by = workers or local_workers(load_all(settings.refs))
    wanted = _describe_run(dataset, settings, by.models)
    run = run_store.find_run(out, wanted)
    if run is None or not run.finished:  # the folder of a finished run may be read-only
        with ExitStack() as until_the_end:
            with file_io.reporting_write_errors(out):
                until_the_end.enter_context(run_store.lock_run(out))
                run = run_store.open_run(out, wanted)
            if not run.finished:
                run = _measure_chunks(run, dataset, progress, by.measure)
    run_store.remove_chunks(out)  # also those of a run that was killed just before this line
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
        if done < total:  # stopped or failed, which is already reported
            with suppress(OSError):
                run_store.save_manifest(run, seconds=seconds)
    return _finish(run, dataset, seconds)


def _describe_run(dataset: Dataset, settings: RunSettings, models: Sequence[Model]) -> Manifest:

    networks = (
        MeasuredModel(model.ref.label, model.weights_sha256, choose(model, model.ref.resolution_px).engine.name.value)
        for model in models or map(load, settings.refs)  # one at a time
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
            "{missing} of the measured chunks are missing from {folder}: nothing else may change this folder during a "
            "run. Run the same command again to measure them anew."
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
