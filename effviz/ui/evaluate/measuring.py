"""A small run, in steps that are short enough to let others go first between them."""

import dataclasses
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from effviz.errors import SettingsError
from effviz.evaluate.settings import Settings
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
    """One photo, model and metric."""

    model: str
    rows: "list[Row]"
    seconds: float


def ready(asked: Asked) -> "list[Model]":
    """Return the models with their engines; the first one to ask waits while they are loaded."""
    from effviz.explain.engines import choose

    models = [cache.model(label) for label in asked.models]
    for model in models:
        list(choose(model, model.ref.resolution_px).engine.many(()))
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
            if row.metric is not None or reason not in said:  # each metric's step gives the same reasons
                yield row
            if row.metric is None:
                said.add(reason)


def _steps(sample: "Sample", settings: Settings, models: "Sequence[Model]", beat: Beat) -> Iterator[Step]:
    from effviz.evaluate.opening import opened
    from effviz.evaluate.rows import rows_from

    found = opened(sample, settings.refs)
    work = [(number, metric) for number in range(len(models)) for metric in settings.metrics]
    for done, (number, metric) in enumerate(work):
        beat(done / len(work))
        one = dataclasses.replace(settings, models=settings.models[number : number + 1], metrics=(metric,))
        started = perf_counter()
        rows = rows_from([_seen(found, number)], one, models[number : number + 1])
        yield Step(settings.models[number], rows, perf_counter() - started)


def _seen(found: "Opened | Broken", number: int) -> "Opened | Broken":
    """Return a photo as one model sees it."""
    from effviz.evaluate.opening import Broken

    if isinstance(found, Broken):
        return found
    return dataclasses.replace(found, prepared=found.prepared[number : number + 1])


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
