"""Measure maps over a data set, into a folder from which a run that was stopped or killed goes on.

RUN/run.json          what decides the rows; afterwards also thresholds and how long it took
RUN/parts/            rows of some photos each, while the run lasts
RUN/results.parquet   all rows, when it is finished
RUN/.lock             held by the process that measures
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from time import monotonic
from typing import Final

import effviz
from effviz import files
from effviz.errors import SettingsError
from effviz.evaluate import local, locking, manifest, merging, records
from effviz.evaluate.manifest import Manifest, Network
from effviz.evaluate.parts import Measure, Part, Workers
from effviz.evaluate.samples import Dataset, printable
from effviz.evaluate.settings import Settings
from effviz.explain.engines import choose
from effviz.words import _
from effviz.zoo.loading import load, load_all
from effviz.zoo.model import Model

Progress = Callable[[int, int], None]  # photos done, of how many
Stop = Callable[[], bool]

PACKAGES: Final = ("numpy", "opencv-python-headless", "openvino", "pillow", "pyarrow", "timm", "torch")  # of run.json


def _nobody(_done: int, _total: int) -> None:
    """Nobody wants to know."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on."""

    progress: Progress = _nobody
    stop: Stop = _never  # asked now and then; what is done until then is kept


def evaluate(
    dataset: Dataset, settings: Settings, out: Path, watch: Watch | None = None, workers: Workers | None = None
) -> Manifest:
    """Measure, or go on where a run with the same settings was stopped; a finished one is left as it is.

    Args:
        dataset: its photos are opened one by one.
        settings: what to measure.
        out: the run's folder; it is made if it is not there.
        watch: hears of progress, and may stop the run.
        workers: who measures: this process, unless somebody else is named. What models they have is not loaded anew.

    Returns:
        What `run.json` holds; `finished` is false when the run was stopped.

    Raises:
        SettingsError: something impossible is asked for, the folder holds a run with other settings, another process
            is measuring into it, or it cannot be written.
        EffVizError: a model cannot be loaded.
    """
    settings.check(dataset)
    by = workers or local.workers(load_all(settings.refs))
    wanted = _described(dataset, settings, by.models)
    known = manifest.found(out, wanted)
    if known is not None and known.finished:
        return _over(known)  # its folder may be one that can only be read
    with ExitStack() as until_the_end:
        with files.writing(out):
            until_the_end.enter_context(locking.held(out))
            run = manifest.opened(out, wanted)
        return _over(run) if run.finished else _evaluate(run, dataset, watch or Watch(), by.measure)


def _evaluate(run: Manifest, dataset: Dataset, watch: Watch, measure: Measure) -> Manifest:
    started, total = monotonic(), run.photos
    there = records.parts(run.folder, run.key)
    done = sum(len(numbers) for start, numbers in _parts(run, dataset) if start in there)
    watch.progress(done, total)
    with closing(measure(waiting(run, dataset), run)) as measured:
        for part, rows in measured:
            with files.writing(run.folder):
                records.write_part(run.folder, part.start, rows, run.key)
            done += len(part.samples)
            watch.progress(done, total)
            if watch.stop() and done < total:
                with files.writing(run.folder):
                    return manifest.kept(run, seconds=run.seconds + monotonic() - started)
    return _finished(run, dataset, run.seconds + monotonic() - started)


def _described(dataset: Dataset, settings: Settings, models: Sequence[Model]) -> Manifest:
    return Manifest(
        folder=Path(),
        settings=settings,
        dataset=printable(str(dataset.path.resolve())),
        fingerprint=dataset.fingerprint,
        photos=len(dataset.chosen(settings.limit, settings.seed)),
        photos_a_part=settings.photos_a_part,
        networks=tuple(map(_network, models or map(load, settings.refs))),  # one after the other
        versions={
            "effviz": effviz.__version__,
            "python": platform.python_version(),
            **{name: version for name in PACKAGES if (version := _version(name))},
        },
    )


def _network(model: Model) -> Network:
    engine = choose(model, model.ref.resolution_px).engine
    return Network(model.ref.label, model.weights_sha256, engine.name.value)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def waiting(run: Manifest, dataset: Dataset) -> Iterator[Part]:
    """Yield the parts that are not on disk yet, one part at a time."""
    there = records.parts(run.folder, run.key)
    for start, numbers in _parts(run, dataset):
        if start not in there:
            yield Part(start, tuple(dataset.samples[number] for number in numbers))


def _finished(run: Manifest, dataset: Dataset, seconds: float) -> Manifest:
    there = records.parts(run.folder, run.key)
    if missing := sum(start not in there for start, _ in _parts(run, dataset)):
        raise SettingsError(
            _(
                "{missing} of the parts that were measured are gone from {folder}: nothing else may change it "
                "meanwhile. Run the same command again, which measures them anew."
            ).format(missing=missing, folder=run.folder / records.PARTS)
        )
    with files.writing(run.folder):
        thresholds = merging.merge(run.folder, run.key)
        sealed = {"results_sha256": records.sha256(run.folder / records.RESULTS)}
        done = manifest.kept(run, seconds=seconds, finished=True, thresholds=thresholds, **sealed)
    return _over(done)


def _over(run: Manifest) -> Manifest:
    records.drop_parts(run.folder)  # also those of a run that was killed just before it did that
    return run


def _parts(run: Manifest, dataset: Dataset) -> Iterable[tuple[int, list[int]]]:
    chosen = dataset.chosen(run.settings.limit, run.settings.seed)
    size = run.photos_a_part
    return [(start, list(chosen[start : start + size])) for start in range(0, len(chosen), size)]
