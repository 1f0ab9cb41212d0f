"""Measure a few photos on this server: estimate the time, then work in short steps that can be stopped."""

import hashlib
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Final

import streamlit as st

from effviz.errors import EffVizError, SettingsError
from effviz.evaluate import display_names, run_settings
from effviz.evaluate.masking import MaskBaseline, Masking
from effviz.evaluate.run_settings import AGREEMENT_METRICS, CASCADE_METRICS, PREDICTION, Metric, RunSettings
from effviz.explain import sample_photos
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import Method
from effviz.i18n import _, ngettext
from effviz.progress import Progress, no_progress
from effviz.ui import cache, job_queue, photo_shelf
from effviz.ui.evaluate import runs
from effviz.ui.evaluate.runs import DONE, HERE, NEXT, VISIT, MeasuredRun
from effviz.ui.guard import guard
from effviz.ui.job_progress import JobProgress, resume, stopped
from effviz.ui.outputs import amount, duration, plain
from effviz.ui.session import MODELS
from effviz.zoo import catalogue, hub, imagenet_classes
from effviz.zoo.model import ModelRef

if TYPE_CHECKING:  # these import torch, which the page needs only when somebody starts a run
    from effviz.evaluate.dataset_samples import Dataset, DatasetSample
    from effviz.evaluate.measurements import PreparedPhoto, UnreadablePhoto
    from effviz.evaluate.run_store import Manifest, Measurement
    from effviz.evaluate.runner import Chunk, MeasuredChunk
    from effviz.zoo.model import Model

# What to measure: few enough photos, models and methods for a shared server.

OWN: Final = "measure-own"  # the upload box

PHOTOS, NETWORKS, METHOD, METRIC, TARGET, CLASS, BASELINE = (
    f"measure-{name}" for name in ("photos", "models", "methods", "metrics", "target", "class", "baseline")
)

ONE_CLASS: Final = "class"
MOST_PHOTOS: Final = 32  # with fewer than 30, results say that the sample is small
MOST_MODELS: Final = 4
MOST_METHODS: Final = 3
LARGEST_MACS: Final = 2e9  # of a model, so that one step delays other visitors by a few seconds at most

# Localisation needs boxes, which these photos do not have.
OFFERED: Final = tuple(metric for metric in Metric if metric not in run_settings.LOCALISATION_METRICS)

FIRST: Final = (Metric.DELETION, Metric.INSERTION)


@dataclass(frozen=True, slots=True)
class PhotoChoice:
    """A photo's file and name."""

    name: str  # unique in the run
    sha256: str
    data: bytes = field(compare=False, repr=False)
    title: str = field(default="", compare=False)  # shown in the list; "" to show the file name


@dataclass(frozen=True, slots=True)
class QuickRunRequest:
    """The settings of a small run; equal requests give the same numbers."""

    pictures: tuple[PhotoChoice, ...]
    models: tuple[str, ...]  # labels
    methods: tuple[Method, ...]
    metrics: tuple[Metric, ...]
    dataset: str = field(compare=False)  # description of the photos
    targets: str = PREDICTION  # or the name of a single class
    baseline: MaskBaseline = MaskBaseline.MEAN

    @property
    def settings(self) -> RunSettings:
        """The settings in the form that `effviz.evaluate` takes."""
        return RunSettings(self.models, self.methods, self.metrics, self.targets, masking=Masking(self.baseline))


def ask() -> QuickRunRequest | None:
    """Show the choices and return the request, or None while it is incomplete."""
    left, right = st.columns(2, gap="large")
    with left:
        bundled, own = _bundled(), _own_photos()
        targets = _targets()
    with right:
        models = _models()
        methods = _methods()
        metrics = _possible(_metrics(), models)
        baseline = _baseline()
    text = _(
        "At most {photos} photos, {models} models and {methods} methods. Deletion and insertion use {steps} "
        "steps, and the random control uses seed {seed}. Localisation needs boxes around the objects, which "
        "these photos do not have: measure it with `effviz evaluate` on photos that do."
    )
    most = {"photos": MOST_PHOTOS, "models": MOST_MODELS, "methods": MOST_METHODS}
    st.caption(text.format(**most, steps=Masking().steps, seed=RunSettings(()).seed))
    pictures = _unlike([*bundled, *own])[:MOST_PHOTOS]
    if not (pictures and models and methods and metrics):
        st.info(_("Choose at least one photo, one model, one method and one metric."))
        return None
    words = [_("bundled samples")] * bool(bundled) + [_("own photos")] * bool(own)
    return QuickRunRequest(pictures, models, methods, metrics, ", ".join(words), targets, baseline)


def _bundled() -> list[PhotoChoice]:
    samples = {sample.name: sample for sample in sample_photos.samples()}
    titles = {name: sample.title for name, sample in samples.items()}
    label, first = _("Sample photos"), list(titles)[:3]
    chosen = st.multiselect(label, titles, first, titles.__getitem__, PHOTOS, max_selections=MOST_PHOTOS)
    photos = [(samples[name], samples[name].path.read_bytes()) for name in chosen]
    return [PhotoChoice(photo.path.name, hashlib.sha256(data).hexdigest(), data, photo.title) for photo, data in photos]


def _own_photos() -> list[PhotoChoice]:
    photo_shelf.show(OWN)
    held = photo_shelf.files()
    return [PhotoChoice(photo.name, photo.sha256, held[photo.sha256]) for photo in photo_shelf.shelf().used]


def _models() -> tuple[str, ...]:
    options = list(dict.fromkeys(_fit()))
    names = st.multiselect(
        _("Models to measure"),
        options,
        default=options[:2],
        key=NETWORKS,
        max_selections=MOST_MODELS,
        select_all=False,
        accept_new_options=True,
        help=_("NAME or NAME@PIXELS, such as lite0@320."),
    )
    labels: dict[str, None] = {}
    for name in names:
        with guard():
            labels[_allowed(catalogue.parse_model(name)).label] = None
    return tuple(labels)


def _fit() -> Iterator[str]:
    """Yield the labels of the models that can be measured: those of the comparison first, then all others."""
    labels = (f"{spec.name}@{spec.resolution_px}" for spec in catalogue.catalogue())
    for name in (*MODELS.get(), *labels):
        try:
            yield _allowed(catalogue.parse_model(name)).label
        except EffVizError:
            continue  # the reason is shown only if a visitor enters such a model


def _allowed(ref: ModelRef) -> ModelRef:
    """Return the model if it is trained, available and small enough; otherwise raise a SettingsError."""
    if not ref.spec.trained:
        text = _("{model} is not trained, so its maps are meaningless. Choose a trained model from the list.")
        raise SettingsError(text.format(model=ref.label))
    availability = hub.availability(ref.spec)
    if not availability.available:
        raise SettingsError(availability.sentence)
    if ref.macs > LARGEST_MACS:
        text = _(
            "{model} needs {macs} MACs per photo: at most {most} are allowed here, because other visitors have to "
            "wait. Choose a smaller model, or measure this one with `effviz evaluate`."
        )
        raise SettingsError(text.format(model=ref.label, macs=amount(ref.macs), most=amount(LARGEST_MACS)))
    return ref


def _methods() -> tuple[Method, ...]:
    titles = {method.value: _(fact.title) for method, fact in CAM_METHODS.items() if fact.closed_form}
    help = _("Methods that need one pass through the network. The controls are always measured as well.")
    label, first = _("Methods to measure"), list(titles)[:1]
    chosen = st.multiselect(label, titles, first, titles.__getitem__, METHOD, help, max_selections=MOST_METHODS)
    return tuple(map(Method, chosen))


def _metrics() -> tuple[Metric, ...]:
    help = _(
        "Most metrics hide or reveal parts of the photo and run the model again. Others compare a map with the "
        "first model's, or with a map made with random weights. ROAD and random weights take longest."
    )
    titles = {metric.value: display_names.metric(metric) for metric in OFFERED}
    first = [metric.value for metric in FIRST]
    chosen = st.multiselect(_("Metrics"), titles, first, titles.__getitem__, METRIC, help)
    return tuple(metric for metric in OFFERED if metric.value in chosen)


def _targets() -> str:
    """Show the choice of the class that the maps explain."""
    names = {PREDICTION: _("Each model's own first guess"), ONE_CLASS: _("One class for all")}
    kind = st.segmented_control(
        _("Class to measure"), list(names), default=PREDICTION, format_func=names.__getitem__, key=TARGET, required=True
    )
    if kind != ONE_CLASS:
        return PREDICTION
    name = st.selectbox(_("Class"), imagenet_classes.names(), None, key=CLASS, placeholder=_("Search 1000 classes"))
    return name or PREDICTION


def _baseline() -> MaskBaseline:
    """Show the choice of what replaces hidden parts of a photo."""
    help = _("What replaces the hidden parts of the photo. ROAD fills them in from neighbouring pixels instead.")
    titles = {baseline.value: _(title) for baseline, title in display_names.BASELINES.items()}
    chosen = st.selectbox(_("Masked with"), list(titles), 0, titles.__getitem__, BASELINE, help)
    return MaskBaseline(chosen)


def _possible(metrics: tuple[Metric, ...], models: Sequence[str]) -> tuple[Metric, ...]:
    """Leave out metrics that compare models if there is only one."""
    lonely = [metric for metric in metrics if metric in AGREEMENT_METRICS and len(models) < 2]
    if lonely:
        text = _("{metric} is left out: it compares each model with the first. Choose a second model to measure it.")
        st.info(text.format(metric=display_names.metric(lonely[0])))
    return tuple(metric for metric in metrics if metric not in lonely)


def _unlike(pictures: Sequence[PhotoChoice]) -> tuple[PhotoChoice, ...]:
    """Give each photo a unique name; duplicates are measured once."""
    by_name: dict[str, PhotoChoice] = {}
    for picture in {picture.sha256: picture for picture in pictures}.values():
        name, count = picture.name, 1
        while name in by_name:
            count += 1
            name = f"{count} {picture.name}"
        by_name[name] = replace(picture, name=name)
    return tuple(by_name.values())


# The run, in steps short enough that other visitors can take turns between them.

TOGETHER: Final = (AGREEMENT_METRICS, CASCADE_METRICS, frozenset({Metric.DROP, Metric.INCREASE, Metric.GAIN}))
Begin = Callable[[str], Progress]  # takes the name of the next photo; the progress callback may end the run


@dataclass(frozen=True, slots=True)
class PassTiming:
    """The time that one photo took."""

    request: QuickRunRequest
    seconds: tuple[float, ...]  # per model, with all methods, controls and metrics

    @property
    def total_s(self) -> float:
        """The time for all photos if each takes as long as this one."""
        return len(self.request.pictures) * sum(self.seconds)


def ready(request: QuickRunRequest, beat: Progress = no_progress) -> "list[Model]":
    """Load the models and their engines, or take them from the cache."""
    from effviz.explain.engines import choose

    models = []
    for label in request.models:
        models.append(cache.model(label))
        list(choose(models[-1], models[-1].ref.resolution_px).engine.many(()))
        beat(0.0)
    return models


def time_passes(request: QuickRunRequest, models: "Sequence[Model]", beat: Progress) -> PassTiming:
    """Measure the first photo once and time it; waiting for other visitors is not counted."""
    from effviz.evaluate.measurements import prepare_photo

    waited = 0.0

    def wait(share: float) -> None:
        nonlocal waited
        since = perf_counter()
        beat(share)
        waited += perf_counter() - since

    with TemporaryDirectory(prefix="effviz-") as folder:
        sample = _dataset(replace(request, pictures=request.pictures[:1]), Path(folder)).samples[0]
        photo = prepare_photo(sample, request.settings.refs)
        seconds, before = dict.fromkeys(request.models, 0.0), perf_counter()
        for label, _rows in _steps(photo, request.settings, models, wait):
            now = perf_counter() - waited
            seconds[label] += now - before
            before = now
    return PassTiming(request, tuple(seconds.values()))


def measure(request: QuickRunRequest, models: "Sequence[Model]", begin: Begin) -> MeasuredRun:
    """Measure everything; the run's folder is always deleted, even if `begin` or its callback ends the run.

    Raises:
        SettingsError: The server cannot write files.
    """
    from effviz.evaluate import runner
    from effviz.evaluate.runner import Workers

    def parts_measured(parts: "Iterable[Chunk]", manifest: "Manifest") -> "Generator[MeasuredChunk, None, None]":
        for part in parts:
            rows = [
                row for sample in part.samples for row in _rows(sample, manifest.settings, models, begin(sample.name))
            ]
            yield part, rows

    with TemporaryDirectory(prefix="effviz-") as folder:
        out = Path(folder) / "run"
        workers = Workers(parts_measured, tuple(models))
        runner.evaluate(_dataset(request, Path(folder)), request.settings, out, workers=workers)
        return runs.open_folder(out, (VISIT, uuid.uuid4().hex))


def _rows(
    sample: "DatasetSample", settings: RunSettings, models: "Sequence[Model]", beat: Progress
) -> "list[Measurement]":
    from effviz.evaluate.measurements import prepare_photo

    rows: dict[tuple[str | None, ...], Measurement] = {}
    for _label, measured in _steps(prepare_photo(sample, settings.refs), settings, models, beat):
        for row in measured:  # every step repeats the reasons for missing values
            rows.setdefault((row.model, row.method, row.metric, row.error), row)
    return list(rows.values())


def _steps(
    photo: "PreparedPhoto | UnreadablePhoto", settings: RunSettings, models: "Sequence[Model]", beat: Progress
) -> "Iterator[tuple[str, list[Measurement]]]":
    """Yield the model and rows of each metric, or of metrics that share passes; long metrics also offer their turn."""
    from effviz.evaluate.measurements import UnreadablePhoto, measure_prepared, pause_callback

    work = [(number, metrics) for number in range(len(models)) for metrics in _together(settings.metrics, number)]
    for done, (number, metrics) in enumerate(work):
        beat(done / len(work))
        beside = (0, number) if AGREEMENT_METRICS.issuperset(metrics) else (number,)  # agreement needs the first's maps
        seen = photo  # as prepared for these models
        if not isinstance(photo, UnreadablePhoto):
            seen = replace(photo, prepared=tuple(photo.prepared[place] for place in beside))
        labels = tuple(settings.models[place] for place in beside)
        asked = replace(settings, models=labels, metrics=metrics)
        before = pause_callback.set(partial(beat, done / len(work)))
        try:
            rows = measure_prepared([seen], asked, [models[place] for place in beside])
        finally:
            pause_callback.reset(before)
        yield labels[-1], rows


def _together(metrics: Sequence[Metric], number: int) -> list[tuple[Metric, ...]]:
    """Group the metrics of the model with this number by the passes that they share."""
    groups: dict[frozenset[Metric], list[Metric]] = {}
    for metric in metrics:
        if number or metric not in AGREEMENT_METRICS:  # the first model is not compared with itself
            kind = next((kind for kind in TOGETHER if metric in kind), frozenset({metric}))
            groups.setdefault(kind, []).append(metric)
    return [tuple(some) for some in groups.values()]


def _dataset(request: QuickRunRequest, folder: Path) -> "Dataset":
    """Write the photos to files, which `effviz.evaluate` reads; file names never come from a visitor."""
    from effviz.evaluate.dataset_samples import Dataset, DatasetSample

    photos = folder / "photos"
    try:
        photos.mkdir()
        samples = [DatasetSample(photos / f"{number}", photo.name) for number, photo in enumerate(request.pictures)]
        for sample, picture in zip(samples, request.pictures, strict=True):
            sample.path.write_bytes(picture.data)
    except OSError as error:
        text = _(
            "This server cannot store the photos ({reason}): measuring needs a temporary folder with free space. "
            "Try again later, or with fewer photos."
        )
        raise SettingsError(text.format(reason=error.strerror)) from error
    fingerprint = "-".join(picture.sha256[:8] for picture in request.pictures)
    return Dataset(Path(request.dataset), samples, fingerprint, annotated=False, labelled=False)


START: Final = "start"  # key of the button
TIMED: Final = "evaluate-timed"  # in the session: the last estimate
LONGEST_S: Final = 600.0


def show() -> None:
    """Show the choices, the estimate and the Start button."""
    request = ask()
    if request is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        wanted = st.button(_("Estimate the time"), icon=":material/timer:", key="estimate")
        place = st.empty()
    last: PassTiming | None = st.session_state.get(TIMED)
    timed = last if last and last.request == request else None
    # Without an estimate, Start makes one first, because only then it is known whether the run is short enough.
    if wanted or (timed is None and st.session_state.get(START)):
        timed = st.session_state[TIMED] = _time(request)
    if timed:
        st.markdown(_estimate(timed))
    else:
        st.caption(_("One photo is measured first to estimate the total time."))
    short = timed is None or timed.total_s <= LONGEST_S
    if place.button(_("Start"), icon=":material/play_arrow:", type="primary", key=START, disabled=not short) and short:
        st.session_state[HERE] = _measure(request)
        st.session_state[NEXT], st.session_state[DONE] = VISIT, True
        st.rerun()
    if stopped(("evaluate", request)):
        st.caption(_("Stopped. No results were kept."))


def _time(request: QuickRunRequest) -> PassTiming:
    with JobProgress(1, "estimate").shown(("estimate", request), may_stop=True) as work:
        work.next(_("Timing {photo} with every model").format(photo=_named(request.pictures[0])))
        with work.turn(job_queue.quick_run_effort(request.settings.refs)) as progress:
            return time_passes(request, ready(request, progress), progress)


def _measure(request: QuickRunRequest) -> MeasuredRun:
    resume(("evaluate", request))
    work = JobProgress(1 + len(request.pictures))
    names = {picture.name: _named(picture) for picture in request.pictures}

    def begin(photo: str) -> Progress:
        work.next(_("Measuring {photo} with every model").format(photo=names[photo]))
        return progress

    with work.shown(("evaluate", request), may_stop=True):
        work.next(_("Loading the models"))
        with work.turn(job_queue.quick_run_effort(request.settings.refs)) as progress:
            return measure(request, ready(request, progress), begin)


def _named(picture: PhotoChoice) -> str:
    return picture.title or plain(picture.name)


def _estimate(timed: PassTiming) -> str:
    models = [
        _("{seconds:.1f} s with {model}").format(seconds=seconds, model=plain(model))
        for model, seconds in zip(timed.request.models, timed.seconds, strict=True)
    ]
    count = len(timed.request.pictures)
    text = ngettext(
        "**About {total}** for {count} photo: one photo took {models} just now. It takes longer while others "
        "use this server.",
        "**About {total}** for {count} photos: one photo took {models} just now. It takes longer while others use this "
        "server.",
        count,
    ).format(total=duration(timed.total_s), count=count, models=", ".join(models))
    if timed.total_s > LONGEST_S:
        limit = _("The limit here is {most}: choose fewer photos, models or metrics, or run `effviz evaluate`.")
        return f"{text} {limit.format(most=duration(LONGEST_S))}"
    return text
