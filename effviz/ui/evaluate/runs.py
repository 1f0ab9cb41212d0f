"""Runs of the Evaluate page: from the server's folder, shipped studies and this visit; their means and the choice.

Only runs directly in the server's folder are opened, never a path from a visitor.
"""

import logging
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
import streamlit as st

from effviz import settings
from effviz.errors import SettingsError
from effviz.evaluate import display_names, run_store, run_summary
from effviz.evaluate.run_settings import Metric
from effviz.evaluate.run_store import Manifest
from effviz.evaluate.run_summary import NUMBER_COLUMNS, TEXT_COLUMNS, Difference, MetricMean, Results, find_differences
from effviz.i18n import _, lazy_gettext, ngettext
from effviz.settings import budget_bytes
from effviz.ui import glossary, inputs
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.guard import guard
from effviz.ui.job_progress import JobProgress
from effviz.ui.job_queue import Effort
from effviz.ui.outputs import plain

LARGEST_JSON: Final = 4 * 2**20  # bytes of a run.json, enough for hundreds of models with all methods
Stamp = tuple[tuple[int, int], ...]  # for each file of a run: time of writing in ns, and size in bytes
logger = logging.getLogger(__name__)


class RunState(Enum):
    """Whether a run can be shown."""

    FINISHED = "finished"
    UNFINISHED = "unfinished"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A run's folder as an entry of the list."""

    name: str  # of the folder
    folder: Path
    state: RunState
    stamp: Stamp  # changes when the run is measured again
    done: int = 0  # photos measured so far
    photos: int = 0  # in the data set

    @property
    def title(self) -> str:
        """The name, with the reason if the run cannot be shown."""
        if self.state is RunState.BROKEN:
            return _("{name} (cannot be read)").format(name=self.name)
        if self.state is RunState.UNFINISHED:
            text = _("{name} (unfinished: {done} of {photos} photos)")
            return text.format(name=self.name, done=self.done, photos=self.photos)
        return self.name


def list_runs() -> tuple[RunEntry, ...]:
    """Return the runs in the folder, newest first; empty if there is no folder.

    Raises:
        SettingsError: The setting does not name a readable folder.
    """
    root = settings.RUNS.value()
    try:
        entries = _entries(root) if root.exists() else ()
        return tuple(sorted(entries, key=lambda entry: (entry.stamp[0][0], entry.name), reverse=True))
    except OSError as error:
        logger.warning("The folder of runs, %s, cannot be read: %s", root, error)
        text = _(
            "The setting {setting} does not name a folder that this server can read runs from. Whoever runs the "
            "server can correct it."
        )
        raise SettingsError(text.format(setting=settings.RUNS.name)) from error


def _entries(root: Path) -> Iterator[RunEntry]:
    for path in root.iterdir():
        try:
            if not path.name.startswith(".") and (path / run_store.MANIFEST_FILE).exists() and _inside(path, root):
                yield _entry(path)
        # An unreadable run, a circular link, or a run being removed must not hide the others.
        except (OSError, RuntimeError) as error:
            logger.warning("%s cannot be read: %s", path, error)


def _inside(path: Path, root: Path) -> bool:
    """Return whether a run and its files are really in the folder: no link may lead out of it."""
    return path.resolve().parent == root.resolve() and all(
        (path / file).resolve().parent == path.resolve()
        for file in (run_store.MANIFEST_FILE, run_store.RESULTS_FILE, run_store.CHUNKS_FOLDER)
    )


def _entry(path: Path) -> RunEntry:
    stamp = _stamp(path)
    try:
        run = _manifest(path, stamp)
        if run.finished:
            if not (path / run_store.RESULTS_FILE).is_file():  # a pipe would block reading
                raise FileNotFoundError(run_store.RESULTS_FILE)
            return RunEntry(path.name, path, RunState.FINISHED, stamp, run.photos, run.photos)
        return RunEntry(path.name, path, RunState.UNFINISHED, stamp, _done(run), run.photos)
    except (SettingsError, OSError, TypeError, RecursionError) as error:
        logger.warning("The run in %s cannot be read: %s", path, error)
        return RunEntry(path.name, path, RunState.BROKEN, stamp)


def _stamp(path: Path) -> Stamp:
    run = (path / run_store.MANIFEST_FILE).stat()
    try:
        results = (path / run_store.RESULTS_FILE).stat()
    except FileNotFoundError:
        return (run.st_mtime_ns, run.st_size), (0, 0)
    return (run.st_mtime_ns, run.st_size), (results.st_mtime_ns, results.st_size)


@lru_cache(maxsize=256)
def _manifest(path: Path, stamp: Stamp) -> Manifest:
    """Read a run.json; cached until it changes, because every click lists the runs."""
    if not (path / run_store.MANIFEST_FILE).is_file() or stamp[0][1] > LARGEST_JSON:
        raise OSError(f"{run_store.MANIFEST_FILE} is no file of at most {LARGEST_JSON} bytes")
    run = run_store.read_manifest(path)
    kinds = ((run.dataset, str), (run.photos, int), (run.photos_a_part, int), (run.versions, dict))
    asked = run.settings.models and run.settings.methods and run.settings.metrics
    if not asked or any(not isinstance(value, kind) for value, kind in kinds):
        raise TypeError(f"{run_store.MANIFEST_FILE} lacks what the page shows")
    return run


def _done(run: Manifest) -> int:
    if odd := [part for part in (run.folder / run_store.CHUNKS_FOLDER).glob("*") if not part.is_file()]:
        raise OSError(f"{odd[0].name} is no file")
    return sum(min(run.photos_a_part, run.photos - start) for start in run_store.chunk_files(run.folder))


# Results from a run in the folder, a shipped study, or this visit.

STUDIES_FOLDER: Final = settings.SHIPPED / "docs" / "study"

# These names cannot clash with runs in the folder, because runs with a colon in their name are not shown.
STUDY, FAITHFUL, METHODS_STUDY, SMOOTH, VISIT = ":study", ":faithfulness", ":methods", ":smooth", ":visit"

STUDIES: Final = {
    STUDY: ("localisation", lazy_gettext("A first study: 400 photos with boxes")),
    FAITHFUL: ("faithfulness", lazy_gettext("A first study of faithfulness: 100 of the 400 photos")),
    METHODS_STUDY: ("methods", lazy_gettext("Faithfulness of ten methods: the same 100 photos")),
    SMOOTH: ("smooth", lazy_gettext("The first study with all maps blurred equally: 400 photos with boxes")),
}  # folder, title

LARGEST_ROWS: Final = 2_000_000  # about 90 MB in memory; `effviz report` has no such limit


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredRun(Results):
    """A finished run in memory."""

    key: tuple[object, ...]  # unique; changes when the run is measured again
    hashes: Mapping[str, str]  # sha256 of the photos, by name

    @property
    def size_bytes(self) -> int:
        """The approximate size in memory."""
        return 1024 + int(self.frame.memory_usage().sum()) + 200 * len(self.hashes)


def open_entry(entry: RunEntry) -> MeasuredRun:
    """Return a finished run.

    Raises:
        SettingsError: The run is damaged, or has more rows than a page can hold.
    """
    try:
        return open_folder(entry.folder, (str(entry.folder), entry.stamp))
    except (SettingsError, OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
        logger.warning("The run in %s cannot be shown: %s", entry.folder, error)
        text = _(
            "The results of {name} cannot be read: only complete runs of this version with at most {most:,} rows "
            "can be shown. Choose another run, or open it with `effviz report`."
        )
        raise SettingsError(text.format(name=plain(entry.name), most=LARGEST_ROWS)) from error


def open_folder(folder: Path, key: tuple[object, ...]) -> MeasuredRun:
    """Load a finished run from its folder.

    Raises:
        SettingsError: The run has too many rows, or is damaged.
        OSError, ValueError, KeyError: The run is damaged in another way.
    """
    file = folder / run_store.RESULTS_FILE
    if pq.read_metadata(file).num_rows > LARGEST_ROWS:
        raise SettingsError(_("The run has more rows than a page can hold. Open it with `effviz report`."))
    results = run_summary.load_results(folder)
    if missing := {*TEXT_COLUMNS, *NUMBER_COLUMNS} - set(results.frame.columns):
        raise KeyError(missing)
    return MeasuredRun(results.run, results.frame, key, _hashes(file))


def _hashes(file: Path) -> dict[str, str]:
    rows = pq.read_table(file, columns=["photo", "photo_sha256"]).group_by(["photo", "photo_sha256"]).aggregate([])
    pairs = zip(rows["photo"].to_pylist(), rows["photo_sha256"].to_pylist(), strict=True)
    return {photo: sha256 for photo, sha256 in pairs if sha256}


# The means of a run with their intervals, computed once for all visitors.

CELL_BYTES: Final = 500
_COUNTED: "SizeBoundedCache[tuple[Any, ...]]" = SizeBoundedCache(
    budget_bytes(0.005), lambda cells: CELL_BYTES * (1 + len(cells))
)


def cached_means(run: MeasuredRun, metric: Metric) -> tuple[MetricMean, ...]:
    """Return the means of every method and control by one metric, ordered by model."""
    text = _("{measure}: means and intervals").format(measure=display_names.metric(metric))

    def count() -> tuple[MetricMean, ...]:
        means = run_summary.metric_means(run, (metric,))
        return tuple(sorted(means, key=lambda mean: run.models.index(mean.model)))

    return _count_once(("means", run.key, metric), text, count)


def cached_differences(run: MeasuredRun, method: str, metric: Metric) -> tuple[Difference, ...]:
    """Return the differences of each model from the first and from its own Gaussian, on the same photos.

    All models are compared at once, because significance depends on the number of comparisons.
    """
    text = _("{metric}: differences on the same photos").format(metric=display_names.metric(metric))

    def count() -> tuple[Difference, ...]:
        differences = find_differences(run, (method,), metric)
        return tuple(sorted(differences, key=lambda difference: not difference.beside_model))

    return _count_once(("differences", run.key, method, metric), text, count)


def _count_once(key: Hashable, text: str, count: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the cached result, or compute it in the visitor's turn with a progress bar."""
    if (known := _COUNTED.find(key)) is not None:
        return known
    with JobProgress(1).shown(key, may_stop=False) as work:
        work.next(text)
        with work.turn(Effort(long=True), key):
            return _COUNTED.get(key, count)


# Which run is open, and what of it is shown; all of this is kept in the address.

RUN, METRIC, BY, WHICH = "run", "metric", "by", "which"  # keys of widgets and names in the address
HERE: Final = "evaluate-here"  # in the session: the run measured on this visit
NEXT: Final = "evaluate-next"  # in the session: the run to open next
DONE: Final = "evaluate-done"  # in the session: whether that run has just ended
ALL, SMALL = "all", "small"
_RUNS: SizeBoundedCache[MeasuredRun] = SizeBoundedCache(budget_bytes(0.05), lambda run: run.size_bytes)


@dataclass(frozen=True, slots=True)
class ResultsView:
    """The part of a run that is shown."""

    measured: MeasuredRun
    metric: Metric
    method: str
    small: bool  # only photos with a small, off-centre object


def choose_run() -> RunEntry | str | None:
    """Show the list of runs; return the chosen entry, its name if it is not in the folder, or None without runs."""
    entries: tuple[RunEntry, ...] = ()
    with guard():
        entries = list_runs()
    by_name = {entry.name: entry for entry in entries if ":" not in entry.name}
    studies = {name: _(title) for name, (folder, title) in STUDIES.items() if (STUDIES_FOLDER / folder).is_dir()}
    own: MeasuredRun | None = st.session_state.get(HERE)
    count = own.run.photos if own else 0
    title = ngettext("Measured on this visit: {count} photo", "Measured on this visit: {count} photos", count)
    visit = {VISIT: title.format(count=count)} if own else {}
    names = visit | {name: entry.title for name, entry in by_name.items()} | studies
    if not names:
        text = _(
            "There are no runs yet. Runs that `effviz evaluate` writes to this server's folder of runs are listed "
            "here. You can measure a few photos below."
        )
        st.info(text)
        return None
    if NEXT in st.session_state:
        st.session_state[inputs.widget_key(RUN)] = st.session_state.pop(NEXT)
    shown = [name for name, entry in by_name.items() if entry.state is RunState.FINISHED]
    first = next((name for name in (VISIT, *shown, STUDY) if name in names), next(iter(names)))
    chosen = inputs.choose_listed(_("Run"), names, RUN, first)
    return by_name.get(chosen, chosen)


def open_run(run: RunEntry | str) -> MeasuredRun:
    """Return the results of a run.

    Raises:
        SettingsError: The run is unfinished, damaged, or too large.
    """
    if run == VISIT:
        own: MeasuredRun = st.session_state[HERE]
        return own
    if isinstance(run, str):
        return _RUNS.get(run, lambda: open_folder(STUDIES_FOLDER / STUDIES[run][0], (run,)))
    if run.state is not RunState.FINISHED:
        raise SettingsError(_sentence(run))
    return _RUNS.get((str(run.folder), run.stamp), lambda: open_entry(run))


def choose_view(run: MeasuredRun) -> ResultsView:
    """Show the choices of metric, method and photos."""
    columns = st.columns([2, 2, 3])  # the third holds two buttons side by side
    names = {metric.value: display_names.metric(metric) for metric in run.metrics}
    methods = {method.value: display_names.method(method.value) for method in run.run.settings.methods}
    which = {ALL: _("All photos"), SMALL: _("Small and off-centre")}
    with columns[0]:
        help = glossary.tip("energy", "pointing", "maxbox", "deletion")
        metric = Metric(inputs.choose_listed(_("Metric"), names, METRIC, run.metrics[0].value, help))
    with columns[1]:
        method = inputs.choose_listed(_("Method"), methods, BY, next(iter(methods)))
    with columns[2]:
        some_small = bool(run.small().any())  # whether any photo has a small, off-centre object
        small = some_small and inputs.choose_one(_("Photos"), which, WHICH, ALL) == SMALL
    return ResultsView(run, metric, method, small)


def _sentence(entry: RunEntry) -> str:
    if entry.state is RunState.UNFINISHED:
        return _(
            "{name} is not finished ({done} of {photos} photos): only complete runs can be shown. Resume it with "
            "the command that started it, or choose another run."
        ).format(name=plain(entry.name), done=entry.done, photos=entry.photos)
    return _(
        "{name} cannot be read: it must have a complete run.json of this version and its results beside it. "
        "Choose another run, or measure it again."
    ).format(name=plain(entry.name))
