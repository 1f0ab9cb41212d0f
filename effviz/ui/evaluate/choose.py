"""Which run is open, and what of it is shown; all of it stands in the address."""

from dataclasses import dataclass
from typing import Final

import streamlit as st

from effviz.errors import SettingsError
from effviz.evaluate import wording
from effviz.evaluate.settings import Metric
from effviz.ui import choices
from effviz.ui.evaluate import measured, runs
from effviz.ui.evaluate.measured import FAITHFUL, METHODS, SMOOTH, STUDIES, STUDY, VISIT, Measured
from effviz.ui.evaluate.runs import Entry, State
from effviz.ui.guard import guard
from effviz.ui.memory import Kept, budget_bytes
from effviz.ui.outputs import plain
from effviz.words import _, many

RUN, METRIC, BY, WHICH = "run", "metric", "by", "which"  # widgets, and in the address
HERE: Final = "evaluate-here"  # in the session: what this visitor measured
NEXT: Final = "evaluate-next"  # in the session: the run that the page opens next
ALL, SMALL = "all", "small"

_RUNS: Kept[Measured] = Kept(budget_bytes(0.05), lambda found: found.size_bytes)


@dataclass(frozen=True, slots=True)
class Chosen:
    """One of the list."""

    name: str  # of a folder, of one of STUDIES, or VISIT
    entry: Entry | None  # None: it is in no folder


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at."""

    measured: Measured
    metric: Metric
    method: str
    small: bool  # only photos whose object is small and off-centre


def run() -> Chosen | None:
    """Show the list of runs and return the one that is chosen; None where there is none, which a sentence says."""
    found: tuple[Entry, ...] = ()
    with guard():
        found = runs.entries()
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
        st.session_state[choices.widget(RUN)] = st.session_state.pop(NEXT)
    shown = [name for name, entry in known.items() if entry.state is State.FINISHED]
    first = next((name for name in (VISIT, *shown, STUDY) if name in names), next(iter(names)))
    chosen = choices.listed(_("Run"), names, RUN, first)
    return Chosen(chosen, known.get(chosen))


def opened(of: Chosen) -> Measured:
    """Return what was measured.

    Raises:
        SettingsError: it cannot be shown: unfinished, damaged, or too large.
    """
    if of.name == VISIT:
        own: Measured = st.session_state[HERE]
        return own
    if of.entry is None:
        return _RUNS.get(of.name, lambda: measured.study(of.name))
    entry = of.entry
    if entry.state is not State.FINISHED:
        raise SettingsError(_sentence(entry))
    return _RUNS.get((str(entry.folder), entry.stamp), lambda: measured.of_entry(entry))


def view(of: Measured) -> View:
    """Show what can be chosen of a run."""
    columns = st.columns(3)
    names = {metric.value: wording.metric(metric) for metric in of.metrics}
    methods = {method: wording.method(method) for method in of.methods}
    which = {ALL: _("All photos"), SMALL: _("Small and off-centre")}
    with columns[0]:
        metric = Metric(choices.listed(_("Measure"), names, METRIC, of.metrics[0].value))
    with columns[1]:
        method = choices.listed(_("Method"), methods, BY, of.methods[0])
    with columns[2]:
        small = has_small(of) and choices.one(_("Photos"), which, WHICH, ALL) == SMALL
    return View(of, metric, method, small)


def has_small(of: Measured) -> bool:
    """Whether some photos are known to have a small and off-centre object."""
    return bool(of.results.small().any())


def _visit() -> dict[str, str]:
    own: Measured | None = st.session_state.get(HERE)
    if own is None:
        return {}
    title = many("Measured on this visit: {count} photo", "Measured on this visit: {count} photos", own.photos)
    return {VISIT: title.format(count=own.photos)}


def _studies() -> dict[str, str]:
    titles = {
        STUDY: _("A first study: 400 photos with boxes"),
        FAITHFUL: _("A first study of faithfulness: 100 of the 400 photos"),
        METHODS: _("Ten methods' faithfulness: the same 100 photos"),
        SMOOTH: _("The first study after one blur for all maps: 400 photos with boxes"),
    }
    return {name: title for name, title in titles.items() if STUDIES[name].is_dir()}


def _sentence(entry: Entry) -> str:
    if entry.state is State.UNFINISHED:
        return _(
            "{name} is not finished ({done} of {photos} photos): only whole runs can be shown. Go on with the command "
            "that began it, or choose another run."
        ).format(name=plain(entry.name), done=entry.done, photos=entry.photos)
    return _(
        "{name} cannot be read: its run.json must be whole and of this version, with its results beside it. Choose "
        "another run, or measure it again."
    ).format(name=plain(entry.name))
