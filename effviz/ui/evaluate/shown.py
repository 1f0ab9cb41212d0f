"""What a run found: the figure, its tables, and what made the numbers."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import pandas as pd
import streamlit as st

from effviz.evaluate import wording
from effviz.evaluate.controls import Control
from effviz.evaluate.differences import Difference, leads
from effviz.evaluate.intervals import Interval
from effviz.evaluate.results import Results
from effviz.evaluate.settings import AGREEMENT, EFFECTS, PLACES, SANITY, SHARES, Metric
from effviz.evaluate.summary import Cell
from effviz.plots import quality as figures
from effviz.plots.quality import Rated
from effviz.plots.style import config
from effviz.report import numbers
from effviz.report.evaluation import evaluation_html
from effviz.report.numbers import DIFFERENCES, summary_csv
from effviz.ui import visitors
from effviz.ui.components.picture import picture
from effviz.ui.evaluate import examples, measured
from effviz.ui.evaluate.choose import View
from effviz.ui.evaluate.measured import STUDIES, VISIT, Measured
from effviz.ui.outputs import plain
from effviz.ui.turns import TURNS
from effviz.words import _, later, many
from effviz.zoo.model import ModelRef
from effviz.zoo.presets import role

CHART: Final = "evaluate-chart"
BUNDLED: Final = later("ImageNet's validation set, with boxes")  # what STUDIES measured; their run.json has no name


def about(of: Measured) -> None:
    """One line that says what was measured, and all settings folded away."""
    photos = many("{count} photo", "{count} photos", of.photos).format(count=of.photos)
    models = many("{count} model", "{count} models", len(of.models)).format(count=len(of.models))
    methods = many("{count} method", "{count} methods", len(of.methods)).format(count=len(of.methods))
    settings, bundled = of.run.settings, of.key[0] in STUDIES
    st.markdown(
        _(
            "{photos} of **{dataset}**, {models}, {methods}; target: {target}, placement: {placement}, seed {seed}."
        ).format(
            photos=photos,
            dataset=_(BUNDLED) if bundled else plain(of.results.dataset),
            models=models,
            methods=methods,
            target=plain(settings.targets),
            placement=settings.placement.value,
            seed=settings.seed,
        )
        + (_(" What it says of all measures stands in docs/study.md of the repository.") if bundled else "")
    )


def made_by(of: Measured) -> None:
    """Everything that decides the numbers, folded away."""
    run = of.run
    with st.expander(_("Settings, weights and versions")):
        weights = {network.label: f"{network.weights_sha256[:12]}, {network.engine}" for network in run.networks}
        rows = wording.made_by(run) | weights
        st.dataframe(pd.DataFrame(rows.items(), columns=[_("Name"), _("Value")]), hide_index=True)


def chart(view: View, cells: Sequence[Cell], found: Sequence[Difference]) -> None:
    """The measure against MACs; a click on a point chooses its model below.

    Of what runs the model again each model's lead over its own Gaussian, which is then the line at 0.
    """
    known = measured.refs(view.measured)
    if view.metric in EFFECTS:
        cells = _leads(view, found)
    models = _rated(view, cells, view.method, known)
    if not models:
        st.info(_("No model of this run is known to this version of EffViz, so their MACs are not: see the tables."))
        return
    controls = {control: rated for control in Control if (rated := _rated(view, cells, control.value, known))}
    axis = wording.compared(view.metric)
    st.plotly_chart(
        figures.quality(models, controls, axis),
        key=CHART,
        on_select=lambda: examples.clicked(CHART),
        selection_mode="points",
        config=config(f"effviz-{view.metric}"),
        alt=_alt(models, axis),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        picture(CHART)
        _save(view.metric, cells)
    st.caption(" ".join(_notes(view, models, known)))


def _notes(view: View, models: Sequence[Rated], known: Mapping[str, ModelRef]) -> Iterator[str]:
    """How to read the figure, and what is not in it."""
    of = view.measured
    yield wording.sentence(view.metric)
    if view.metric in EFFECTS:
        yield wording.only_leads()
    if view.metric in AGREEMENT:
        yield _("{model} is what the others are compared with, so it has no value itself.").format(
            model=plain(of.models[0])
        )
    if view.metric in SANITY:
        yield _("Controls have no value: no network made them.")
    yield _("Bars: 95 % intervals ({kind}); they speak of other photos, not of other trainings.").format(
        kind=_("Wilson") if view.metric in SHARES else _("Student's t")
    )
    yield _("Colours: what a model changes against {model}, the first of the run.").format(model=plain(of.models[0]))
    if any(rated.role is None for rated in models):
        yield _("Other: two of depth, width and pixels, or another family.")
    if unknown := [model for model in of.models if model not in known]:
        yield _("Not known here, so not in the figure: {names}.").format(names=", ".join(map(plain, unknown)))


def tables(view: View, cells: Sequence[Cell], found: Sequence[Difference]) -> None:
    """Every method and control beside every model, over all photos and over the hard ones; then the differences."""
    most = max((cell.every.n for cell in cells), default=0)
    st.markdown(_("All photos: **{count}**").format(count=most))
    _matrix(view.measured, cells, small=False)
    if (view.small or view.metric in PLACES) and (hard := max((cell.small.n for cell in cells), default=0)):
        st.markdown(_("Object under 25 % of the photo and off-centre: **{count}**").format(count=hard))
        _matrix(view.measured, cells, small=True)
    if found:
        title = (
            _("{method}, differences on the same photos that are small and off-centre")
            if view.small
            else _("{method}, differences on the same photos")
        )
        st.markdown(title.format(method=wording.method(view.method)))
        _pairs(found, view.small)


def failed(of: Measured) -> None:
    """What could not be measured, and why."""
    rows = of.results.frame.dropna(subset=["error"])[["photo", "model", "method", "error"]].astype(object)
    if rows.empty:
        return
    title = many(
        "{count} row has a reason instead of a value", "{count} rows have a reason instead of a value", len(rows)
    )
    with st.expander(title.format(count=len(rows))):
        titles = {"photo": _("Photo"), "model": _("Model"), "method": _("Method"), "error": _("Reason")}
        st.dataframe(rows.head(1000), hide_index=True, column_config=titles)


def files(of: Measured) -> None:
    """What was measured on this visit is kept nowhere else: its table and its page to take home."""
    if of.key[0] != VISIT:
        return
    with st.container(horizontal=True):
        for label, name, mime, make in (
            (_("All means as CSV"), "summary.csv", "text/csv", lambda _results, cells: summary_csv(cells)),
            (_("Differences as CSV"), DIFFERENCES, "text/csv", lambda *found: numbers.files(*found)[DIFFERENCES]),
            (_("Report as HTML"), "report.html", "text/html", evaluation_html),
        ):
            st.download_button(
                label,
                lambda make=make: _made(of, make),  # type: ignore[misc]
                name,
                mime,
                icon=":material/download:",
                on_click="ignore",
            )
    st.caption(_("These numbers are in this server's memory until you close the page."))


def _made(of: Measured, make: Callable[[Results, Sequence[Cell]], str]) -> bytes:
    """Count every mean, and what the page compares, when it is the visitor's turn: a click waits for it unseen."""
    with TURNS.turn(lambda _before: None, visitor=visitors.here()):
        found = [cell for metric in of.metrics for cell in of.cells_of(of.models, metric)]
        return make(of.results, found).encode()


def _rated(view: View, cells: Sequence[Cell], method: str, known: dict[str, ModelRef]) -> list[Rated]:
    baseline = known.get(view.measured.models[0])
    found = {cell.model: _interval(view, cell) for cell in cells if cell.method == method}
    return [
        Rated(label, ref.macs, role(ref, baseline) if baseline else None, found[label])
        for label, ref in known.items()
        if label in found and found[label].n
    ]


def _interval(view: View, cell: Cell) -> Interval:
    return cell.small if view.small else cell.every


def _alt(models: Sequence[Rated], axis: str) -> str:
    points = "; ".join(f"{of.model} {of.found.mean:.3f}" for of in models)
    return _("Scatter chart of {axis} over MACs on a log scale: {points}.").format(axis=axis, points=points)


def _save(metric: Metric, cells: Sequence[Cell]) -> None:
    st.download_button(
        "CSV",
        summary_csv(cells),
        f"effviz-{metric}.csv",
        "text/csv",
        icon=":material/download:",
        help=_("The means and intervals of this measure, every model, method and control"),
        on_click="ignore",
    )


def _matrix(of: Measured, cells: Sequence[Cell], small: bool) -> None:
    found = {(cell.method, cell.model): cell.small if small else cell.every for cell in cells}
    methods = dict.fromkeys(cell.method for cell in cells)
    rows = [
        {"method": wording.method(method)}
        | {model: figures.words(found[method, model]) for model in of.models if (method, model) in found}
        for method in methods
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        placeholder="–",
        column_config={"method": st.column_config.TextColumn(_("Method"), pinned=True)},
    )


def _pairs(found: Sequence[Difference], small: bool) -> None:
    rows = [
        {
            "model": of.model,
            "minus": _minus(of),
            "difference": signed(interval),
            "certain": _("yes") if interval.sure else _("no"),
            "photos": interval.n,
        }
        for of in found
        if (interval := of.small if small else of.every).n
    ]
    if not rows:
        return
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content",
        column_config={
            "model": st.column_config.TextColumn(_("Model"), pinned=True),
            "minus": _("Minus"),
            "difference": _("Difference (95 %)"),
            "certain": st.column_config.TextColumn(
                _("Surely one"), help=_("p below 0.05, corrected (Holm) for all differences of this measure")
            ),
            "photos": _("Photos"),
        },
    )


def _minus(of: Difference) -> str:
    if not of.beside_model:
        return wording.controls_name(of.minus_method)
    return _("{model}, of leads").format(model=of.minus_model) if of.of_leads else of.minus_model


def _leads(view: View, found: Sequence[Difference]) -> list[Cell]:
    """The lead of each model over its own Gaussian, and the Gaussian's own, 0, in the place of means."""
    known = list(leads(found))
    own = [Cell(model, method, view.metric, every, small) for (model, method), every, small in known]
    zero = Interval(0.0, math.nan, math.nan, view.measured.photos)
    return own + [Cell(model, Control.GAUSSIAN.value, view.metric, zero, zero) for (model, _method), *_of in known]


def signed(found: Interval) -> str:
    """Return a difference and its interval: `−0.030 (−0.041 to −0.020)`."""
    return figures.words(found).replace("–", _(" to ")).replace("-", "−")
