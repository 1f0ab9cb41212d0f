"""Runs that the page can show, their means, and which one is open: of a server's folder, shipped, or of this visit.

Only runs that lie directly in that folder are opened, never a path that a visitor names.
"""

import csv
import dataclasses
import logging
import math
import threading
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
import streamlit as st
from cachetools import LRUCache

from effviz import settings
from effviz.errors import SettingsError
from effviz.evaluate import display_names, run_store, run_summary
from effviz.evaluate.heatmaps import Control
from effviz.evaluate.intervals import Interval
from effviz.evaluate.run_settings import Metric
from effviz.evaluate.run_store import Manifest
from effviz.evaluate.run_summary import NUMBER_COLUMNS, TEXT_COLUMNS, Difference, MetricMean, Results, find_differences
from effviz.i18n import _, lazy_gettext, ngettext
from effviz.progress import Progress, no_progress
from effviz.report.html_report import SUMMARY_FILE
from effviz.ui import glossary, inputs
from effviz.ui.guard import guard
from effviz.ui.job_progress import JobProgress
from effviz.ui.job_queue import Effort
from effviz.ui.memory import SizeBoundedCache, budget_bytes
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
    return _checked(run_store.read_manifest(path))


def _checked(run: Manifest) -> Manifest:
    """See that a run.json that somebody changed still has what the page shows."""
    settings = run.settings
    weights = [network.weights_sha256 for network in run.networks]
    kinds = {
        str: (run.dataset, settings.targets, *settings.models, *weights),
        int: (run.photos, run.photos_a_part),
        dict: (run.versions,),
    }
    odd = [value for kind, values in kinds.items() for value in values if not isinstance(value, kind)]
    if odd or not (settings.models and settings.methods and settings.metrics):
        raise TypeError(odd)
    return run


def _done(run: Manifest) -> int:
    if odd := [part for part in (run.folder / run_store.CHUNKS_FOLDER).glob("*") if not part.is_file()]:
        raise OSError(f"{odd[0].name} is no file")
    return sum(min(run.photos_a_part, run.photos - start) for start in run_store.chunk_files(run.folder))


# Means with intervals as `effviz report` writes them, of what comes with EffViz.

STUDIES_FOLDER: Final = settings.SHIPPED / "docs" / "study"
LARGEST_BYTES: Final = 4 * 2**20  # the larger shipped study has 80 kB


@dataclass(frozen=True, slots=True)
class SummaryTable:
    """What such a file holds."""

    cells: tuple[MetricMean, ...]
    macs: Mapping[str, int]  # by model


def read_summary(file: Path) -> SummaryTable:
    """Read a file that `effviz.report.html_report.summary_csv` wrote.

    Raises:
        SettingsError: it cannot be read, is too large, or was written by something else.
    """
    try:
        if not file.is_file() or file.stat().st_size > LARGEST_BYTES:
            raise OSError(f"{file} is no file of at most {LARGEST_BYTES} bytes")
        with file.open(encoding="utf-8", newline="") as text:
            rows = list(csv.DictReader(text))
        cells = [MetricMean(row["model"], row["method"], Metric(row["metric"]), *_intervals(row)) for row in rows]
        return SummaryTable(tuple(cells), {row["model"]: int(row["macs"]) for row in rows})
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        sentence = _("{file} cannot be read: it must be a table that `effviz report` wrote. Make it again.")
        raise SettingsError(sentence.format(file=file.name)) from error


def _intervals(row: Mapping[str, str]) -> Iterator[Interval]:
    for part in ("", "small_"):
        mean, low, high = (float(row[f"{part}{name}"] or math.nan) for name in ("mean", "low", "high"))
        yield Interval(mean, low, high, int(row[f"{part}n"]))


# What was measured, from a run in the folder, a shipped study, or this visit.

# No run in a folder is called so: none with a colon in its name is shown.
STUDY, FAITHFUL, METHODS_STUDY, SMOOTH, VISIT = ":study", ":faithfulness", ":methods", ":smooth", ":visit"

STUDIES: Final = {
    STUDY: ("localisation", lazy_gettext("A first study: 400 photos with boxes")),
    FAITHFUL: ("faithfulness", lazy_gettext("A first study of faithfulness: 100 of the 400 photos")),
    METHODS_STUDY: ("methods", lazy_gettext("Ten methods' faithfulness: the same 100 photos")),
    SMOOTH: ("smooth", lazy_gettext("The first study after one blur for all maps: 400 photos with boxes")),
}  # folder, title

LARGEST_ROWS: Final = 2_000_000  # about 90 MB while they are shown; `effviz report` has no such end
VALUES_A_STEP: Final = 20_000  # of one model by one metric, drawn thousands of times: some tenths of a second
CELL_BYTES: Final = 500


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredRun:
    """Photos, models and methods, and where the numbers are."""

    key: tuple[object, ...]  # unlike any other's; changes when somebody measures anew
    photos: int
    models: tuple[str, ...]
    methods: tuple[str, ...]  # without the controls
    metrics: tuple[Metric, ...]
    results: Results
    cells: tuple[MetricMean, ...] = ()  # means that are known without counting
    hashes: Mapping[str, str] = field(default_factory=dict)  # sha256 of the photos, by name

    @property
    def run(self) -> Manifest:
        """What made it."""
        return self.results.run

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, about."""
        rows = int(self.results.frame.memory_usage().sum())
        return 1024 + rows + 200 * len(self.hashes) + CELL_BYTES * len(self.cells)

    def cells_of(self, models: Sequence[str], metric: Metric, beat: Progress = no_progress) -> tuple[MetricMean, ...]:
        """Return the means of every method and control, counted where they are not known."""
        if self.cells:
            some = [cell for cell in self.cells if cell.metric is metric]
            return tuple(cell for model in models for cell in some if cell.model == model)
        cells: list[MetricMean] = []
        every = (*self.methods, *(control.value for control in Control))
        at_once = max(1, VALUES_A_STEP // max(1, self.photos))
        steps = [every[start : start + at_once] for start in range(0, len(every), at_once)]
        for done, methods in enumerate(steps):
            beat(done / len(steps))
            cells += run_summary.metric_means(_only(self.results, tuple(models), metric, methods))
        return tuple(cells)

    @property
    def models_a_step(self) -> int:
        """How many models are counted at once by one metric, with their methods and controls."""
        return max(1, VALUES_A_STEP // max(1, self.photos * (len(self.methods) + len(Control))))


def shipped_study(name: str = STUDY) -> MeasuredRun:
    """Return one of STUDIES, which come with EffViz: a run, whose means are beside it whenever they were written.

    Raises:
        SettingsError: a file of it is not here.
    """
    folder = STUDIES_FOLDER / STUDIES[name][0]
    return dataclasses.replace(open_folder(folder, (name,)), cells=read_summary(folder / SUMMARY_FILE).cells)


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
    photos, methods = results.run.photos, tuple(method.value for method in results.run.settings.methods)
    return MeasuredRun(key, photos, results.models, methods, results.metrics, results, hashes=_hashes(file))


def _only(results: Results, models: tuple[str, ...], metric: Metric, methods: tuple[str, ...]) -> Results:
    """Return the same results as if nothing else had been asked for."""
    asked = tuple(method for method in results.run.settings.methods if method.value in methods)
    settings = dataclasses.replace(results.run.settings, models=models, metrics=(metric,), methods=asked)
    frame = results.frame[results.frame["model"].isin(models) & results.frame["method"].isin(methods)]
    return Results(dataclasses.replace(results.run, settings=settings), frame)


def _hashes(file: Path) -> dict[str, str]:
    rows = pq.read_table(file, columns=["photo", "photo_sha256"]).group_by(["photo", "photo_sha256"]).aggregate([])
    pairs = zip(rows["photo"].to_pylist(), rows["photo_sha256"].to_pylist(), strict=True)
    return {photo: sha256 for photo, sha256 in pairs if sha256}


# The means of a run with their intervals, counted once for all visitors.

MOST_KEPT: Final = 4096  # entries of some kilobytes
_lock = threading.Lock()  # held for microseconds
_cached_cells: LRUCache[Hashable, tuple[MetricMean, ...]] = LRUCache(MOST_KEPT)
_cached_differences: LRUCache[Hashable, tuple[Difference, ...]] = LRUCache(MOST_KEPT)


def cached_means(run: MeasuredRun, metric: Metric) -> tuple[MetricMean, ...]:
    """Return the means of every model, method and control by one metric, counted in the visitor's turns under a bar."""
    if run.cells:
        return run.cells_of(run.models, metric)
    some = [run.models[start : start + run.models_a_step] for start in range(0, len(run.models), run.models_a_step)]
    keys = {models: (run.key, metric, models) for models in some}
    with _lock:
        counted = {models: _cached_cells[key] for models, key in keys.items() if key in _cached_cells}
    if missing := [models for models in some if models not in counted]:
        with JobProgress(len(missing)).shown(("means", run.key, metric), may_stop=False) as work:
            for models in missing:
                work.next(_("{model}: means and intervals").format(model=plain(", ".join(models))))
                with work.turn(Effort(long=True)) as beat:
                    counted[models] = run.cells_of(models, metric, beat)
                with _lock:
                    _cached_cells[keys[models]] = counted[models]
    cells = [cell for models in some for cell in counted[models]]
    return tuple(cell for model in run.models for cell in cells if cell.model == model)


def cached_differences(run: MeasuredRun, method: str, metric: Metric) -> tuple[Difference, ...]:
    """Return each model minus the first, and minus a Gaussian of its own, on the same photos.

    All models at once: which of them is surely different depends on how many are compared.
    """
    key = (run.key, method, metric)
    with _lock:
        differences = _cached_differences.get(key)
    if differences is None:
        with JobProgress(1).shown(("means", *key), may_stop=False) as work:
            work.next(_("{metric}: differences on the same photos").format(metric=display_names.metric(metric)))
            with work.turn(Effort(long=True)):
                differences = find_differences(run.results, (method,), metric)
        with _lock:
            _cached_differences[key] = differences
    return tuple(sorted(differences, key=lambda one: not one.beside_model))


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
    names = _visit() | {name: entry.title for name, entry in by_name.items()} | studies
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
        return _RUNS.get(run, lambda: shipped_study(run))
    if run.state is not RunState.FINISHED:
        raise SettingsError(_sentence(run))
    return _RUNS.get((str(run.folder), run.stamp), lambda: open_entry(run))


def choose_view(run: MeasuredRun) -> ResultsView:
    """Show what can be chosen of a run."""
    columns = st.columns([2, 2, 3])  # two buttons stand beside each other in the third
    names = {metric.value: display_names.metric(metric) for metric in run.metrics}
    methods = {method: display_names.method(method) for method in run.methods}
    which = {ALL: _("All photos"), SMALL: _("Small and off-centre")}
    with columns[0]:
        help = glossary.tip("energy", "pointing", "maxbox", "deletion")
        metric = Metric(inputs.choose_listed(_("Metric"), names, METRIC, run.metrics[0].value, help))
    with columns[1]:
        method = inputs.choose_listed(_("Method"), methods, BY, run.methods[0])
    with columns[2]:
        some_small = bool(run.results.small().any())  # some photos are known to have a small and off-centre object
        small = some_small and inputs.choose_one(_("Photos"), which, WHICH, ALL) == SMALL
    return ResultsView(run, metric, method, small)


def _visit() -> dict[str, str]:
    own: MeasuredRun | None = st.session_state.get(HERE)
    if own is None:
        return {}
    title = ngettext("Measured on this visit: {count} photo", "Measured on this visit: {count} photos", own.photos)
    return {VISIT: title.format(count=own.photos)}


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
