"""Which run is open, and what of it is shown; all of it stands in the address."""

from dataclasses import dataclass
from typing import Final

import streamlit as st

from effviz.errors import SettingsError
from effviz.evaluate import display_names
from effviz.evaluate.run_settings import Metric
from effviz.i18n import _, ngettext
from effviz.ui import glossary, inputs
from effviz.ui.evaluate import runs
from effviz.ui.evaluate.runs import (
    FAITHFUL,
    METHODS_STUDY,
    SMOOTH,
    STUDIES,
    STUDY,
    VISIT,
    MeasuredRun,
    RunEntry,
    RunState,
)
from effviz.ui.guard import guard
from effviz.ui.memory import SizeBoundedCache, budget_bytes
from effviz.ui.outputs import plain

RUN, METRIC, BY, WHICH = "run", "metric", "by", "which"  # widgets, and in the address
HERE: Final = "evaluate-here"  # in the session: what this visitor measured
NEXT: Final = "evaluate-next"  # in the session: the run that the page opens next
DONE: Final = "evaluate-done"  # in the session: that run has just ended
ALL, SMALL = "all", "small"

_RUNS: SizeBoundedCache[MeasuredRun] = SizeBoundedCache(budget_bytes(0.05), lambda found: found.size_bytes)


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """One of the list."""

    name: str  # of a folder, of one of STUDIES, or VISIT
    entry: RunEntry | None  # None: it is in no folder


@dataclass(frozen=True, slots=True)
class ResultsView:
    """What is looked at."""

    measured: MeasuredRun
    metric: Metric
    method: str
    small: bool  # only photos whose object is small and off-centre


def choose_run() -> OpenedRun | None:
    """Show the list of runs and return the one that is chosen; None where there is none, which a sentence says."""
    found: tuple[RunEntry, ...] = ()
    with guard():
        found = runs.list_runs()
    known = {entry.name: entry for entry in found if ":" not in entry.name}
    names = _visit() | {name: entry.title for name, entry in known.items()} | _studies()
    if not names:
        st.info(
            _(
                "There is no run to show yet: those that `effviz evaluate` writes into this server's folder of runs "
                "are listed here. Measure a few photos below."
            )
        )
        return None
    if NEXT in st.session_state:
        st.session_state[inputs.widget_key(RUN)] = st.session_state.pop(NEXT)
    shown = [name for name, entry in known.items() if entry.state is RunState.FINISHED]
    first = next((name for name in (VISIT, *shown, STUDY) if name in names), next(iter(names)))
    chosen = inputs.choose_listed(_("Run"), names, RUN, first)
    return OpenedRun(chosen, known.get(chosen))


def open_run(of: OpenedRun) -> MeasuredRun:
    """Return what was measured.

    Raises:
        SettingsError: it cannot be shown: unfinished, damaged, or too large.
    """
    if of.name == VISIT:
        own: MeasuredRun = st.session_state[HERE]
        return own
    if of.entry is None:
        return _RUNS.get(of.name, lambda: runs.shipped_study(of.name))
    entry = of.entry
    if entry.state is not RunState.FINISHED:
        raise SettingsError(_sentence(entry))
    return _RUNS.get((str(entry.folder), entry.stamp), lambda: runs.open_entry(entry))


def choose_view(of: MeasuredRun) -> ResultsView:
    """Show what can be chosen of a run."""
    columns = st.columns(3)
    names = {metric.value: display_names.metric(metric) for metric in of.metrics}
    methods = {method: display_names.method(method) for method in of.methods}
    which = {ALL: _("All photos"), SMALL: _("Small and off-centre")}
    with columns[0]:
        help = glossary.tip("energy", "pointing", "maxbox", "deletion")
        metric = Metric(inputs.choose_listed(_("Metric"), names, METRIC, of.metrics[0].value, help))
    with columns[1]:
        method = inputs.choose_listed(_("Method"), methods, BY, of.methods[0])
    with columns[2]:
        small = has_small(of) and inputs.choose_one(_("Photos"), which, WHICH, ALL) == SMALL
    return ResultsView(of, metric, method, small)


def has_small(of: MeasuredRun) -> bool:
    """Whether some photos are known to have a small and off-centre object."""
    return bool(of.results.small().any())


def _visit() -> dict[str, str]:
    own: MeasuredRun | None = st.session_state.get(HERE)
    if own is None:
        return {}
    title = ngettext("Measured on this visit: {count} photo", "Measured on this visit: {count} photos", own.photos)
    return {VISIT: title.format(count=own.photos)}


def _studies() -> dict[str, str]:
    titles = {
        STUDY: _("A first study: 400 photos with boxes"),
        FAITHFUL: _("A first study of faithfulness: 100 of the 400 photos"),
        METHODS_STUDY: _("Ten methods' faithfulness: the same 100 photos"),
        SMOOTH: _("The first study after one blur for all maps: 400 photos with boxes"),
    }
    return {name: title for name, title in titles.items() if STUDIES[name].is_dir()}


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
