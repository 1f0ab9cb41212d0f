"""A small run, in steps that are short enough to let others go first between them."""

import dataclasses
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Final

from effviz.errors import SettingsError
from effviz.evaluate.settings import AGREEMENT, CASCADE, Metric, Settings
from effviz.ui import cache
from effviz.ui.evaluate import measured
from effviz.ui.evaluate.asking import Asked
from effviz.ui.evaluate.measured import VISIT, Beat, Measured
from effviz.words import _

if TYPE_CHECKING:  # they bring torch, which the page does not need before somebody starts a run
    from effviz.evaluate.manifest import Manifest
    from effviz.evaluate.opening import Broken, Opened
    from effviz.evaluate.parts import Measured as PartRows
    from effviz.evaluate.parts import Part
    from effviz.evaluate.records import Row
    from effviz.evaluate.samples import Dataset, Sample
    from effviz.zoo.model import Model

TOGETHER: Final = (AGREEMENT, CASCADE, frozenset({Metric.DROP, Metric.INCREASE, Metric.GAIN}))

Begin = Callable[[str], Beat]  # gets the name of the next photo; its beat may end the run


@dataclass(frozen=True, slots=True)
class Timed:
    """One photo, timed."""

    asked: Asked
    seconds: tuple[float, ...]  # for each model, with all its methods, controls and metrics

    @property
    def total_s(self) -> float:
        """All photos, if they take as long as this one."""
        return len(self.asked.pictures) * sum(self.seconds)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One photo and model, and one metric or a few that need the same passes."""

    model: str
    rows: "list[Row]"
    seconds: float


def ready(asked: Asked, beat: Beat = lambda _share: None) -> "list[Model]":
    """Return the models with their engines; the first one to ask waits while they are loaded."""
    from effviz.explain.engines import choose

    models = []
    for label in asked.models:
        models.append(cache.model(label))
        list(choose(models[-1], models[-1].ref.resolution_px).engine.many(()))
        beat(0.0)
    return models


def time(asked: Asked, models: "Sequence[Model]", beat: Beat) -> Timed:
    """Measure the first photo once to see how long it takes; what others do meanwhile is not counted."""
    with TemporaryDirectory(prefix="effviz-") as folder:
        sample = _dataset(dataclasses.replace(asked, pictures=asked.pictures[:1]), Path(folder)).samples[0]
        steps = list(_steps(sample, asked.settings, models, beat))
    seconds = [sum(step.seconds for step in steps if step.model == label) for label in asked.models]
    return Timed(asked, tuple(seconds))


def measure(asked: Asked, models: "Sequence[Model]", begin: Begin) -> Measured:
    """Measure everything; the run's folder is gone afterwards, and also when `begin` or its beat ends the run.

    Raises:
        SettingsError: nothing can be written on this server.
    """
    from effviz.evaluate import run
    from effviz.evaluate.parts import Workers

    def parts_measured(parts: "Iterable[Part]", of: "Manifest") -> "Generator[PartRows, None, None]":
        for part in parts:
            rows = [row for sample in part.samples for row in _rows(sample, of.settings, models, begin(sample.name))]
            yield part, rows

    with TemporaryDirectory(prefix="effviz-") as folder:
        out = Path(folder) / "run"
        workers = Workers(parts_measured, tuple(models))
        run.evaluate(_dataset(asked, Path(folder)), asked.settings, out, workers=workers)
        return measured.of_folder(out, (VISIT, uuid.uuid4().hex))


def _rows(sample: "Sample", settings: Settings, models: "Sequence[Model]", beat: Beat) -> "Iterator[Row]":
    said: set[tuple[str | None, ...]] = set()
    for step in _steps(sample, settings, models, beat):
        for row in step.rows:
            reason = (row.model, row.method, row.error)
            if row.metric is not None or reason not in said:  # each step gives the same reasons
                yield row
            if row.metric is None:
                said.add(reason)


def _steps(sample: "Sample", settings: Settings, models: "Sequence[Model]", beat: Beat) -> Iterator[Step]:
    from effviz.evaluate.opening import opened
    from effviz.evaluate.rows import rows_from

    found = opened(sample, settings.refs)
    work = [(number, metrics) for number in range(len(models)) for metrics in _together(settings.metrics, number)]
    for done, (number, metrics) in enumerate(work):
        beat(done / len(work))
        beside = (0, number) if AGREEMENT.issuperset(metrics) else (number,)  # the first model's maps are needed, too
        labels = tuple(settings.models[place] for place in beside)
        with _timed(beat, done / len(work)) as seconds:
            rows = rows_from(
                [_seen(found, beside)],
                dataclasses.replace(settings, models=labels, metrics=metrics),
                [models[place] for place in beside],
            )
        yield Step(labels[-1], rows, seconds())


@contextmanager
def _timed(beat: Beat, share: float) -> Iterator[Callable[[], float]]:
    """Let others go first where a step takes long; the seconds are those of the block without them."""
    from effviz.evaluate.scores import pause

    waited, started = 0.0, perf_counter()

    def wait() -> None:
        nonlocal waited
        since = perf_counter()
        beat(share)
        waited += perf_counter() - since

    before = pause.set(wait)
    try:
        yield lambda: perf_counter() - started - waited
    finally:
        pause.reset(before)


def _together(metrics: Sequence[Metric], number: int) -> list[tuple[Metric, ...]]:
    """Part the metrics of the model with this number: those that need the same passes stay together."""
    found: dict[frozenset[Metric], list[Metric]] = {}
    for metric in metrics:
        if number or metric not in AGREEMENT:  # the first model is not compared with itself
            kind = next((kind for kind in TOGETHER if metric in kind), frozenset({metric}))
            found.setdefault(kind, []).append(metric)
    return [tuple(some) for some in found.values()]


def _seen(found: "Opened | Broken", numbers: Sequence[int]) -> "Opened | Broken":
    """Return a photo as some models see it."""
    from effviz.evaluate.opening import Broken

    if isinstance(found, Broken):
        return found
    return dataclasses.replace(found, prepared=tuple(found.prepared[number] for number in numbers))


def _dataset(asked: Asked, folder: Path) -> "Dataset":
    """Write the photos down: `effviz.evaluate` opens files. No file has a name that a visitor gave."""
    from effviz.evaluate.samples import Dataset, Sample

    photos = folder / "photos"
    try:
        photos.mkdir()
        samples = []
        for number, picture in enumerate(asked.pictures):
            path = photos / f"{number}"
            path.write_bytes(picture.data)
            samples.append(Sample(path, picture.name))
    except OSError as error:
        raise SettingsError(
            _(
                "This server cannot write down the photos ({reason}): measuring needs a temporary folder with space. "
                "Try again later, or with fewer photos."
            ).format(reason=error.strerror)
        ) from error
    fingerprint = "-".join(picture.sha256[:8] for picture in asked.pictures)
    return Dataset(Path(asked.dataset), samples, fingerprint, annotated=False, labelled=False)
