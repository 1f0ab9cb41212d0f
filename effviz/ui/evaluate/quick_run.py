"""Measure a few photos on this server: how long it will take, then the work in short steps, with a way to stop."""

import dataclasses
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Final

import streamlit as st

from effviz.errors import SettingsError
from effviz.evaluate.run_settings import AGREEMENT_METRICS, CASCADE_METRICS, Metric, RunSettings
from effviz.i18n import _, ngettext
from effviz.ui import cache, job_costs
from effviz.ui.evaluate import quick_run_form, runs
from effviz.ui.evaluate.quick_run_form import PhotoChoice, QuickRunRequest
from effviz.ui.evaluate.run_picker import DONE, HERE, NEXT
from effviz.ui.evaluate.runs import VISIT, Beat, MeasuredRun
from effviz.ui.job_progress import JobProgress, resume, stopped
from effviz.ui.outputs import duration, plain

# A small run, in steps that are short enough to let others go first between them.

if TYPE_CHECKING:  # they bring torch, which the page does not need before somebody starts a run
    from effviz.evaluate.dataset_samples import Dataset, DatasetSample
    from effviz.evaluate.prepare import PreparedPhoto, UnreadablePhoto
    from effviz.evaluate.run_store import Manifest, Measurement
    from effviz.evaluate.runner import Chunk
    from effviz.evaluate.runner import MeasuredChunk as PartRows
    from effviz.zoo.model import Model

TOGETHER: Final = (AGREEMENT_METRICS, CASCADE_METRICS, frozenset({Metric.DROP, Metric.INCREASE, Metric.GAIN}))

Begin = Callable[[str], Beat]  # gets the name of the next photo; its beat may end the run


@dataclass(frozen=True, slots=True)
class PassTiming:
    """One photo, timed."""

    asked: QuickRunRequest
    seconds: tuple[float, ...]  # for each model, with all its methods, controls and metrics

    @property
    def total_s(self) -> float:
        """All photos, if they take as long as this one."""
        return len(self.asked.pictures) * sum(self.seconds)


@dataclass(frozen=True, slots=True, eq=False)
class QuickRunStep:
    """One photo and model, and one metric or a few that need the same passes."""

    model: str
    rows: "list[Measurement]"
    seconds: float


def ready(asked: QuickRunRequest, beat: Beat = lambda _share: None) -> "list[Model]":
    """Return the models with their engines; the first one to ask waits while they are loaded."""
    from effviz.explain.engines import choose

    models = []
    for label in asked.models:
        models.append(cache.model(label))
        list(choose(models[-1], models[-1].ref.resolution_px).engine.many(()))
        beat(0.0)
    return models


def time_passes(asked: QuickRunRequest, models: "Sequence[Model]", beat: Beat) -> PassTiming:
    """Measure the first photo once to see how long it takes; what others do meanwhile is not counted."""
    with TemporaryDirectory(prefix="effviz-") as folder:
        sample = _dataset(dataclasses.replace(asked, pictures=asked.pictures[:1]), Path(folder)).samples[0]
        steps = list(_steps(sample, asked.settings, models, beat))
    seconds = [sum(step.seconds for step in steps if step.model == label) for label in asked.models]
    return PassTiming(asked, tuple(seconds))


def measure(asked: QuickRunRequest, models: "Sequence[Model]", begin: Begin) -> MeasuredRun:
    """Measure everything; the run's folder is gone afterwards, and also when `begin` or its beat ends the run.

    Raises:
        SettingsError: nothing can be written on this server.
    """
    from effviz.evaluate import runner
    from effviz.evaluate.runner import Workers

    def parts_measured(parts: "Iterable[Chunk]", of: "Manifest") -> "Generator[PartRows, None, None]":
        for part in parts:
            rows = [row for sample in part.samples for row in _rows(sample, of.settings, models, begin(sample.name))]
            yield part, rows

    with TemporaryDirectory(prefix="effviz-") as folder:
        out = Path(folder) / "run"
        workers = Workers(parts_measured, tuple(models))
        runner.evaluate(_dataset(asked, Path(folder)), asked.settings, out, workers=workers)
        return runs.open_folder(out, (VISIT, uuid.uuid4().hex))


def _rows(
    sample: "DatasetSample", settings: RunSettings, models: "Sequence[Model]", beat: Beat
) -> "Iterator[Measurement]":
    said: set[tuple[str | None, ...]] = set()
    for step in _steps(sample, settings, models, beat):
        for row in step.rows:
            reason = (row.model, row.method, row.error)
            if row.metric is not None or reason not in said:  # each step gives the same reasons
                yield row
            if row.metric is None:
                said.add(reason)


def _steps(
    sample: "DatasetSample", settings: RunSettings, models: "Sequence[Model]", beat: Beat
) -> Iterator[QuickRunStep]:
    from effviz.evaluate.measurements import measure_prepared
    from effviz.evaluate.prepare import prepare_photo

    found = prepare_photo(sample, settings.refs)
    work = [(number, metrics) for number in range(len(models)) for metrics in _together(settings.metrics, number)]
    for done, (number, metrics) in enumerate(work):
        beat(done / len(work))
        beside = (
            (0, number) if AGREEMENT_METRICS.issuperset(metrics) else (number,)
        )  # the first model's maps are needed, too
        labels = tuple(settings.models[place] for place in beside)
        with _timed(beat, done / len(work)) as seconds:
            rows = measure_prepared(
                [_seen(found, beside)],
                dataclasses.replace(settings, models=labels, metrics=metrics),
                [models[place] for place in beside],
            )
        yield QuickRunStep(labels[-1], rows, seconds())


@contextmanager
def _timed(beat: Beat, share: float) -> Iterator[Callable[[], float]]:
    """Let others go first where a step takes long; the seconds are those of the block without them."""
    from effviz.evaluate.measurements import pause_callback

    waited, started = 0.0, perf_counter()

    def wait() -> None:
        nonlocal waited
        since = perf_counter()
        beat(share)
        waited += perf_counter() - since

    before = pause_callback.set(wait)
    try:
        yield lambda: perf_counter() - started - waited
    finally:
        pause_callback.reset(before)


def _together(metrics: Sequence[Metric], number: int) -> list[tuple[Metric, ...]]:
    """Part the metrics of the model with this number: those that need the same passes stay together."""
    found: dict[frozenset[Metric], list[Metric]] = {}
    for metric in metrics:
        if number or metric not in AGREEMENT_METRICS:  # the first model is not compared with itself
            kind = next((kind for kind in TOGETHER if metric in kind), frozenset({metric}))
            found.setdefault(kind, []).append(metric)
    return [tuple(some) for some in found.values()]


def _seen(found: "PreparedPhoto | UnreadablePhoto", numbers: Sequence[int]) -> "PreparedPhoto | UnreadablePhoto":
    """Return a photo as some models see it."""
    from effviz.evaluate.prepare import UnreadablePhoto

    if isinstance(found, UnreadablePhoto):
        return found
    return dataclasses.replace(found, prepared=tuple(found.prepared[number] for number in numbers))


def _dataset(asked: QuickRunRequest, folder: Path) -> "Dataset":
    """Write the photos down: `effviz.evaluate` opens files. No file has a name that a visitor gave."""
    from effviz.evaluate.dataset_samples import Dataset, DatasetSample

    photos = folder / "photos"
    try:
        photos.mkdir()
        samples = []
        for number, picture in enumerate(asked.pictures):
            path = photos / f"{number}"
            path.write_bytes(picture.data)
            samples.append(DatasetSample(path, picture.name))
    except OSError as error:
        raise SettingsError(
            _(
                "This server cannot write down the photos ({reason}): measuring needs a temporary folder with space. "
                "Try again later, or with fewer photos."
            ).format(reason=error.strerror)
        ) from error
    fingerprint = "-".join(picture.sha256[:8] for picture in asked.pictures)
    return Dataset(Path(asked.dataset), samples, fingerprint, annotated=False, labelled=False)


START: Final = "start"  # the button

TIMED: Final = "evaluate-timed"  # in the session: the last estimate

LONGEST_S: Final = 600.0


def show() -> None:
    """Show the choices, the estimate and the button that starts."""
    asked = quick_run_form.ask()
    if asked is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        wanted = st.button(_("Estimate the time"), icon=":material/timer:", key="estimate")
        place = st.empty()
    timed: PassTiming | None = st.session_state.get(TIMED)
    if timed is not None and timed.asked != asked:
        timed = None
    # What is started without an estimate gets one first: only then the button knows whether it may be pressed.
    if wanted or (timed is None and st.session_state.get(START)):
        timed = st.session_state[TIMED] = _time(asked)
    if timed:
        st.markdown(_estimate(timed))
    else:
        st.caption(_("One photo is measured first, to tell how long all of them will take."))
    short = timed is None or timed.total_s <= LONGEST_S
    if place.button(_("Start"), icon=":material/play_arrow:", type="primary", key=START, disabled=not short) and short:
        st.session_state[HERE] = _measure(asked)
        st.session_state[NEXT], st.session_state[DONE] = VISIT, True
        st.rerun()
    if stopped(("evaluate", asked)):
        st.caption(_("Stopped: nothing of it is kept."))


def _time(asked: QuickRunRequest) -> PassTiming:
    with JobProgress(1, "estimate").shown(("estimate", asked), may_stop=True) as work:
        work.next(_("{photo}: timed with every model").format(photo=_named(asked.pictures[0])))
        with work.turn(job_costs.quick_run_effort(asked.settings.refs)) as progress:
            return time_passes(asked, ready(asked, progress), progress)


def _measure(asked: QuickRunRequest) -> MeasuredRun:
    resume(("evaluate", asked))
    work = JobProgress(1 + len(asked.pictures))
    names = {picture.name: _named(picture) for picture in asked.pictures}

    def begin(photo: str) -> Beat:
        work.next(_("{photo}: measured with every model").format(photo=names[photo]))
        return progress

    with work.shown(("evaluate", asked), may_stop=True):
        work.next(_("Models are loaded"))
        with work.turn(job_costs.quick_run_effort(asked.settings.refs)) as progress:
            return measure(asked, ready(asked, progress), begin)


def _named(picture: PhotoChoice) -> str:
    return picture.title or plain(picture.name)


def _estimate(timed: PassTiming) -> str:
    models = [
        _("{seconds:.1f} s with {model}").format(seconds=seconds, model=plain(model))
        for model, seconds in zip(timed.asked.models, timed.seconds, strict=True)
    ]
    count = len(timed.asked.pictures)
    text = ngettext(
        "**About {total}** for {count} photo: one took {models}, timed just now. It takes longer while others use this "
        "server.",
        "**About {total}** for {count} photos: one took {models}, timed just now. It takes longer while others use "
        "this server.",
        count,
    ).format(total=duration(timed.total_s), count=count, models=", ".join(models))
    if timed.total_s > LONGEST_S:
        limit = _("At most {most} are allowed here: take fewer photos, models or measures, or run `effviz evaluate`.")
        return f"{text} {limit.format(most=duration(LONGEST_S))}"
    return text
