"""Runs that the page can show, their means, and which one is open: of a server's folder, shipped, or of this visit.

Only runs that lie directly in that folder are opened, never a path that a visitor names.
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

LARGEST_JSON: Final = 4 * 2**20  # bytes of a run.json: room for hundreds of models with all methods
Stamp = tuple[tuple[int, int], ...]  # when each of a run's files was written, in ns, and its bytes
logger = logging.getLogger(__name__)


class RunState(Enum):
    """Whether a run can be shown."""

    FINISHED = "finished"
    UNFINISHED = "unfinished"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A run's folder as the list shows it."""

    name: str  # the folder's own name
    folder: Path
    state: RunState
    stamp: Stamp  # changes when somebody measures anew under this name
    done: int = 0  # photos that are measured
    photos: int = 0  # that are to be

    @property
    def title(self) -> str:
        """The name, with what keeps it from being shown."""
        if self.state is RunState.BROKEN:
            return _("{name} (cannot be read)").format(name=self.name)
        if self.state is RunState.UNFINISHED:
            text = _("{name} (unfinished: {done} of {photos} photos)")
            return text.format(name=self.name, done=self.done, photos=self.photos)
        return self.name


def list_runs() -> tuple[RunEntry, ...]:
    """Return the runs in the folder, the newest first; none where there is no folder.

    Raises:
        SettingsError: what the setting names is no folder, or cannot be read.
    """
    root = settings.RUNS.value()
    try:
        entries = _entries(root) if root.exists() else ()
        return tuple(sorted(entries, key=lambda entry: (entry.stamp[0][0], entry.name), reverse=True))
    except OSError as error:
        logger.warning("The folder of runs, %s, cannot be read: %s", root, error)
        text = _(
            "This server's setting {setting} does not name a folder that can be read: runs are looked for in "
            "one. Whoever runs the server can correct it."
        )
        raise SettingsError(text.format(setting=settings.RUNS.name)) from error


def _entries(root: Path) -> Iterator[RunEntry]:
    for path in root.iterdir():
        try:
            if not path.name.startswith(".") and (path / run_store.MANIFEST_FILE).exists() and _inside(path, root):
                yield _entry(path)
        # One that may not be read, a link to itself, or one that somebody removes just now hides no other.
        except (OSError, RuntimeError) as error:
            logger.warning("%s cannot be read: %s", path, error)


def _inside(path: Path, root: Path) -> bool:
    """Whether a run and its two files lie where they seem to, and no link leads out of the folder."""
    return path.resolve().parent == root.resolve() and all(
        (path / file).resolve().parent == path.resolve()
        for file in (run_store.MANIFEST_FILE, run_store.RESULTS_FILE, run_store.CHUNKS_FOLDER)
    )


def _entry(path: Path) -> RunEntry:
    stamp = _stamp(path)
    try:
        run = _manifest(path, stamp)
        if run.finished:
            if not (path / run_store.RESULTS_FILE).is_file():  # also when it is a pipe, which would be waited for
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
    """Read a run.json, again only when it has changed: the list of runs is made whenever somebody clicks."""
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


# What was measured, from a run in the folder, a shipped study, or this visit.

STUDIES_FOLDER: Final = settings.SHIPPED / "docs" / "study"

# No run in a folder is called so: none with a colon in its name is shown.
STUDY, FAITHFUL, METHODS_STUDY, SMOOTH, VISIT = ":study", ":faithfulness", ":methods", ":smooth", ":visit"

STUDIES: Final = {
    STUDY: ("localisation", lazy_gettext("A first study: 400 photos with boxes")),
    FAITHFUL: ("faithfulness", lazy_gettext("A first study of faithfulness: 100 of the 400 photos")),
    METHODS_STUDY: ("methods", lazy_gettext("Ten methods' faithfulness: the same 100 photos")),
    SMOOTH: ("smooth", lazy_gettext("The first study after one blur for all maps: 400 photos with boxes")),
}  # folder, title

LARGEST_ROWS: Final = 2_000_000  # about 90 MB while they are shown; `effviz report` has no such end


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredRun(Results):
    """A finished run as pages hold it."""

    key: tuple[object, ...]  # unlike any other's; changes when somebody measures anew
    hashes: Mapping[str, str]  # sha256 of the photos, by name

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, about."""
        return 1024 + int(self.frame.memory_usage().sum()) + 200 * len(self.hashes)


def open_entry(entry: RunEntry) -> MeasuredRun:
    """Return a finished run.

    Raises:
        SettingsError: it is damaged, or has more rows than a page can hold.
    """
    try:
        return open_folder(entry.folder, (str(entry.folder), entry.stamp))
    except (SettingsError, OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
        logger.warning("The run in %s cannot be shown: %s", entry.folder, error)
        text = _(
            "The results of {name} cannot be read: a whole run of this version with at most {most:,} rows can be "
            "shown. Choose another one, or see it with `effviz report`."
        )
        raise SettingsError(text.format(name=plain(entry.name), most=LARGEST_ROWS)) from error


def open_folder(folder: Path, key: tuple[object, ...]) -> MeasuredRun:
    """Return a finished run as it lies on disk.

    Raises:
        SettingsError: it has too many rows, or is damaged.
        OSError, ValueError, KeyError: it is damaged otherwise.
    """
    file = folder / run_store.RESULTS_FILE
    if pq.read_metadata(file).num_rows > LARGEST_ROWS:
        raise SettingsError(_("The run has more rows than a page can hold. See it with `effviz report`."))
    results = run_summary.load_results(folder)
    if missing := {*TEXT_COLUMNS, *NUMBER_COLUMNS} - set(results.frame.columns):
        raise KeyError(missing)
    return MeasuredRun(results.run, results.frame, key, _hashes(file))


def _hashes(file: Path) -> dict[str, str]:
    rows = pq.read_table(file, columns=["photo", "photo_sha256"]).group_by(["photo", "photo_sha256"]).aggregate([])
    pairs = zip(rows["photo"].to_pylist(), rows["photo_sha256"].to_pylist(), strict=True)
    return {photo: sha256 for photo, sha256 in pairs if sha256}


# The means of a run with their intervals, counted once for all visitors.

CELL_BYTES: Final = 500
_COUNTED: "SizeBoundedCache[tuple[Any, ...]]" = SizeBoundedCache(
    budget_bytes(0.005), lambda cells: CELL_BYTES * (1 + len(cells))
)


def cached_means(run: MeasuredRun, metric: Metric) -> tuple[MetricMean, ...]:
    """Return the means of every method and control by one metric, model by model."""
    text = _("{measure}: means and intervals").format(measure=display_names.metric(metric))

    def count() -> tuple[MetricMean, ...]:
        means = run_summary.metric_means(run, (metric,))
        return tuple(sorted(means, key=lambda mean: run.models.index(mean.model)))

    return _count_once(("means", run.key, metric), text, count)


def cached_differences(run: MeasuredRun, method: str, metric: Metric) -> tuple[Difference, ...]:
    """Return each model minus the first, and minus a Gaussian of its own, on the same photos.

    All models at once: which of them is surely different depends on how many are compared.
    """
    text = _("{metric}: differences on the same photos").format(metric=display_names.metric(metric))

    def count() -> tuple[Difference, ...]:
        differences = find_differences(run, (method,), metric)
        return tuple(sorted(differences, key=lambda difference: not difference.beside_model))

    return _count_once(("differences", run.key, method, metric), text, count)


def _count_once(key: Hashable, text: str, count: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    """What is kept, else counted in the visitor's turn under a bar."""
    if (known := _COUNTED.find(key)) is not None:
        return known
    with JobProgress(1).shown(key, may_stop=False) as work:
        work.next(text)
        with work.turn(Effort(long=True), key):
            return _COUNTED.get(key, count)


# Which run is open, and what of it is shown; all of it stands in the address.

RUN, METRIC, BY, WHICH = "run", "metric", "by", "which"  # widgets, and in the address
HERE: Final = "evaluate-here"  # in the session: what this visitor measured
NEXT: Final = "evaluate-next"  # in the session: the run that the page opens next
DONE: Final = "evaluate-done"  # in the session: that run has just ended
ALL, SMALL = "all", "small"
_RUNS: SizeBoundedCache[MeasuredRun] = SizeBoundedCache(budget_bytes(0.05), lambda run: run.size_bytes)


@dataclass(frozen=True, slots=True)
class ResultsView:
    """What is looked at."""

    measured: MeasuredRun
    metric: Metric
    method: str
    small: bool  # only photos whose object is small and off-centre


def choose_run() -> RunEntry | str | None:
    """Show the list of runs; return the chosen one, its name if it is in no folder, or None where there is no run."""
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
            "There is no run to show yet: those that `effviz evaluate` writes into this server's folder of runs are "
            "listed here. Measure a few photos below."
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
    """Return what was measured.

    Raises:
        SettingsError: it cannot be shown: unfinished, damaged, or too large.
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
    """Show what can be chosen of a run."""
    columns = st.columns([2, 2, 3])  # two buttons stand beside each other in the third
    names = {metric.value: display_names.metric(metric) for metric in run.metrics}
    methods = {method.value: display_names.method(method.value) for method in run.run.settings.methods}
    which = {ALL: _("All photos"), SMALL: _("Small and off-centre")}
    with columns[0]:
        help = glossary.tip("energy", "pointing", "maxbox", "deletion")
        metric = Metric(inputs.choose_listed(_("Metric"), names, METRIC, run.metrics[0].value, help))
    with columns[1]:
        method = inputs.choose_listed(_("Method"), methods, BY, next(iter(methods)))
    with columns[2]:
        some_small = bool(run.small().any())  # some photos are known to have a small and off-centre object
        small = some_small and inputs.choose_one(_("Photos"), which, WHICH, ALL) == SMALL
    return ResultsView(run, metric, method, small)


def _sentence(entry: RunEntry) -> str:
    if entry.state is RunState.UNFINISHED:
        return _(
            "{name} is not finished ({done} of {photos} photos): only whole runs can be shown. Go on with the command "
            "that began it, or choose another run."
        ).format(name=plain(entry.name), done=entry.done, photos=entry.photos)
    return _(
        "{name} cannot be read: its run.json must be whole and of this version, with its results beside it. Choose "
        "another run, or measure it again."
    ).format(name=plain(entry.name))
