"""What a run found: the answer in words, the figure, its tables, and what made the numbers."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import pandas as pd
import streamlit as st

from effviz.evaluate import display_names
from effviz.evaluate.heatmaps import Control
from effviz.evaluate.intervals import FEW, Interval
from effviz.evaluate.run_settings import (
    AGREEMENT_METRICS,
    FAITHFULNESS_METRICS,
    LOCALISATION_METRICS,
    LOW_IS_GOOD,
    NEAR_ZERO_IS_GOOD,
    SANITY_METRICS,
    SHARE_METRICS,
    Metric,
)
from effviz.evaluate.run_summary import Difference, MetricMean, Results, find_leads
from effviz.i18n import _, lazy_gettext, ngettext
from effviz.plots import metric_vs_macs as figures
from effviz.plots.metric_vs_macs import RatedModel
from effviz.plots.style import config, slide
from effviz.report import csv_tables
from effviz.report.csv_tables import DIFFERENCES_FILE, summary_csv
from effviz.report.html_report import evaluation_html
from effviz.ui import job_queue
from effviz.ui.components.picture import picture
from effviz.ui.evaluate import photo_examples, runs
from effviz.ui.evaluate.run_picker import ResultsView
from effviz.ui.evaluate.runs import STUDIES, VISIT, MeasuredRun
from effviz.ui.job_queue import QUEUE
from effviz.ui.outputs import plain
from effviz.zoo.model import ModelRef
from effviz.zoo.presets import axis_among

CHART: Final = "evaluate-chart"

BUNDLED: Final = lazy_gettext(
    "ImageNet's validation set, with boxes"
)  # what STUDIES measured; their run.json has no name


def show_about(of: MeasuredRun) -> None:
    """One line that says what was measured, and all settings folded away."""
    photos = ngettext("{count} photo", "{count} photos", of.photos).format(count=of.photos)
    models = ngettext("{count} model", "{count} models", len(of.models)).format(count=len(of.models))
    methods = ngettext("{count} method", "{count} methods", len(of.methods)).format(count=len(of.methods))
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


def made_by(of: MeasuredRun) -> None:
    """Everything that decides the numbers, folded away."""
    run = of.run
    with st.expander(_("Settings, weights and versions")):
        weights = {network.label: f"{network.weights_sha256[:12]}, {network.engine}" for network in run.networks}
        rows = display_names.made_by(run) | weights
        st.dataframe(pd.DataFrame(rows.items(), columns=[_("Name"), _("Value")]), hide_index=True)


def show_chart(view: ResultsView, cells: Sequence[MetricMean], found: Sequence[Difference]) -> None:
    """The measure against MACs; a click on a point chooses its model below.

    Of what runs the model again each model's lead over its own Gaussian, which is then the line at 0.
    """
    known = runs.known_models(view.measured)
    if view.metric in FAITHFULNESS_METRICS:
        cells = _leads(view, found)
    models = _rated(view, cells, view.method, known)
    if not models:
        st.info(_("No model of this run is known to this version of EffViz, so their MACs are not: see the tables."))
        return
    controls = {control: rated for control in Control if (rated := _rated(view, cells, control.value, known))}
    axis = display_names.compared(view.metric)
    made = figures.map_quality(models, controls, axis)
    st.plotly_chart(
        made,
        key=CHART,
        on_select=lambda: photo_examples.clicked_example(CHART),
        selection_mode="points",
        config=config(f"effviz-{view.metric}"),
        alt=_alt(models, axis),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        picture(CHART, slide(made, display_names.metric(view.metric), _("Measured and drawn by EffViz (Apache-2.0).")))
        _save(view.metric, cells)
    st.caption(" ".join(_notes(view, models, known)))


def _notes(view: ResultsView, models: Sequence[RatedModel], known: Mapping[str, ModelRef]) -> Iterator[str]:
    """How to read the figure, and what is not in it."""
    of = view.measured
    yield display_names.sentence(view.metric)
    if view.metric in FAITHFULNESS_METRICS:
        yield display_names.only_leads()
    if view.metric in AGREEMENT_METRICS:
        yield _("{model} is what the others are compared with, so it has no value itself.").format(
            model=plain(of.models[0])
        )
    if view.metric in SANITY_METRICS:
        yield _("Controls have no value: no network made them.")
    yield _("Bars: 95 % intervals ({kind}); they speak of other photos, not of other trainings.").format(
        kind=_("Wilson") if view.metric in SHARE_METRICS else _("Student's t")
    )
    yield _("Colours: what a model changes against {model}, the first of the run.").format(model=plain(of.models[0]))
    if any(rated.role is None for rated in models):
        yield _("Other: two of depth, width and pixels, or another family.")
    if unknown := [model for model in of.models if model not in known]:
        yield _("Not known here, so not in the figure: {names}.").format(names=", ".join(map(plain, unknown)))


def show_tables(view: ResultsView, cells: Sequence[MetricMean], found: Sequence[Difference]) -> None:
    """Every method and control beside every model, over all photos and over the hard ones; then the differences."""
    most = max((cell.every.n for cell in cells), default=0)
    st.markdown(_("All photos: **{count}**").format(count=most))
    _matrix(view.measured, cells, small=False)
    if (view.small or view.metric in LOCALISATION_METRICS) and (
        hard := max((cell.small.n for cell in cells), default=0)
    ):
        st.markdown(_("Object under 25 % of the photo and off-centre: **{count}**").format(count=hard))
        _matrix(view.measured, cells, small=True)
    if found:
        title = (
            _("{method}, differences on the same photos that are small and off-centre")
            if view.small
            else _("{method}, differences on the same photos")
        )
        st.markdown(title.format(method=display_names.method(view.method)))
        _pairs(found, view.small)


def show_failed(of: MeasuredRun) -> None:
    """What could not be measured, and why."""
    rows = of.results.frame.dropna(subset=["error"])[["photo", "model", "method", "error"]].astype(object)
    if rows.empty:
        return
    title = ngettext(
        "{count} row has a reason instead of a value", "{count} rows have a reason instead of a value", len(rows)
    )
    with st.expander(title.format(count=len(rows))):
        titles = {"photo": _("Photo"), "model": _("Model"), "method": _("Method"), "error": _("Reason")}
        st.dataframe(rows.head(1000), hide_index=True, column_config=titles)


def show_files(of: MeasuredRun) -> None:
    """What was measured on this visit is kept nowhere else: its table and its page to take home."""
    if of.key[0] != VISIT:
        return
    with st.container(horizontal=True):
        for label, name, mime, make in (
            (_("All means as CSV"), "summary.csv", "text/csv", lambda _results, cells: summary_csv(cells)),
            (
                _("Differences as CSV"),
                DIFFERENCES_FILE,
                "text/csv",
                lambda *found: csv_tables.table_files(*found)[DIFFERENCES_FILE],
            ),
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


def _made(of: MeasuredRun, make: Callable[[Results, Sequence[MetricMean]], str]) -> bytes:
    """Count every mean, and what the page compares, when it is the visitor's turn: a click waits for it unseen."""
    with QUEUE.turn(lambda _before: None, visitor=job_queue.who_asks()):
        found = [cell for metric in of.metrics for cell in of.cells_of(of.models, metric)]
        return make(of.results, found).encode()


def _rated(view: ResultsView, cells: Sequence[MetricMean], method: str, known: dict[str, ModelRef]) -> list[RatedModel]:
    found = {cell.model: _interval(view, cell) for cell in cells if cell.method == method}
    return [
        RatedModel(label, ref.macs, axis_among(ref, list(known.values())[:place]), found[label])
        for place, (label, ref) in enumerate(known.items())
        if label in found and found[label].n
    ]


def _interval(view: ResultsView, cell: MetricMean) -> Interval:
    return cell.small if view.small else cell.every


def _alt(models: Sequence[RatedModel], axis: str) -> str:
    points = "; ".join(f"{of.model} {of.found.mean:.3f}" for of in models)
    return _("Scatter chart of {axis} over MACs on a log scale: {points}.").format(axis=axis, points=points)


def _save(metric: Metric, cells: Sequence[MetricMean]) -> None:
    st.download_button(
        "CSV",
        summary_csv(cells),
        f"effviz-{metric}.csv",
        "text/csv",
        icon=":material/download:",
        help=_("The means and intervals of this measure, every model, method and control"),
        on_click="ignore",
    )


def _matrix(of: MeasuredRun, cells: Sequence[MetricMean], small: bool) -> None:
    found = {(cell.method, cell.model): cell.small if small else cell.every for cell in cells}
    methods = dict.fromkeys(cell.method for cell in cells)
    rows = [
        {"method": display_names.method(method)}
        | {model: figures.format_interval(found[method, model]) for model in of.models if (method, model) in found}
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
        return display_names.controls_name(of.minus_method)
    return _("{model}, of leads").format(model=of.minus_model) if of.of_leads else of.minus_model


def _leads(view: ResultsView, found: Sequence[Difference]) -> list[MetricMean]:
    """The lead of each model over its own Gaussian, and the Gaussian's own, 0, in the place of means."""
    known = list(find_leads(found))
    own = [MetricMean(model, method, view.metric, every, small) for (model, method), every, small in known]
    zero = Interval(0.0, math.nan, math.nan, view.measured.photos)
    return own + [
        MetricMean(model, Control.GAUSSIAN.value, view.metric, zero, zero) for (model, _method), *_of in known
    ]


def signed(found: Interval) -> str:
    """Return a difference and its interval: `−0.030 (−0.041 to −0.020)`."""
    return figures.format_interval(found).replace("–", _(" to ")).replace("-", "−")


# The answer to the page's question by one metric and method, in words made of the run's own differences.
# Surely means p below 0.05 after Holm's correction for all differences of the measure.

Finding = Sequence[tuple[str, Interval]]  # models, and how far each is from what it is compared with


def show_answer(view: ResultsView, differences: Sequence[Difference]) -> None:
    """Say which models are better than the first one, and which beat a Gaussian of their own."""
    known = [(of, of.small if view.small else of.every) for of in differences]
    known = [(of, interval) for of, interval in known if interval.n]
    if not known:
        return
    scaled = [(of.model, interval) for of, interval in known if of.beside_model]
    controlled = [(of.model, interval) for of, interval in known if not of.beside_model]
    gaussian = display_names.controls_name(view.measured.results.gaussian(view.metric))
    st.markdown(" ".join((*_scaled(view, scaled), *_controlled(view, controlled, gaussian))))
    photos = max(interval.n for _of, interval in known)
    if photos < FEW:
        st.info(display_names.few(photos), icon=":material/info:")


def _scaled(view: ResultsView, found: Finding) -> Iterator[str]:
    if not found:
        return
    better, down, unsure = _parted(view, found)
    # Of what should be near zero a difference does not tell which of two is nearer.
    names = (_("larger"), _("smaller")) if view.metric in NEAR_ZERO_IS_GOOD else (_("better"), _("worse"))
    if view.metric in FAITHFULNESS_METRICS:
        names = (_("a larger lead"), _("a smaller lead"))
    groups = [f"{name}: {_most(some)}" for name, some in zip(names, (better, down), strict=True) if some]
    groups += [_("not told from zero: {models}").format(models=_names(unsure))] * bool(unsure)
    yield _("**By {method}, {metric} over {first}, photo by photo:** {groups}.").format(
        method=display_names.method(view.method),
        metric=display_names.compared(view.metric),
        first=plain(view.measured.models[0]),
        groups="; ".join(groups),
    )


def _controlled(view: ResultsView, found: Finding, gaussian: str) -> Iterator[str]:
    if not found:
        return
    better, down, unsure = _parted(view, found)
    others = (*down, *unsure)
    if not others:
        yield _("Every model is better than the {control}.").format(control=gaussian)
    elif not better:
        yield _("No model is surely better than the {control}.").format(control=gaussian)
    else:
        yield _("Not surely better than the {control}: {models}.").format(control=gaussian, models=_names(others))


def _parted(view: ResultsView, found: Finding) -> tuple[Finding, Finding, Finding]:
    """Return those that are surely better, those that are surely worse, the farthest first, and the others."""
    sign = -1 if view.metric in LOW_IS_GOOD else 1
    far = sorted(found, key=lambda one: -abs(one[1].mean))
    sure = [one for one in far if one[1].sure]
    better = [one for one in sure if sign * one[1].mean > 0]
    return better, [one for one in sure if one not in better], [one for one in found if not one[1].sure]


def _most(found: Finding) -> str:
    (model, interval), *others = found
    first = f"{plain(model)} {'+' if interval.mean > 0 else ''}{signed(interval)}"
    if not others:
        return first
    return _("most {first}, then {others}").format(first=first, others=_names(others))


def _names(found: Finding) -> str:
    return ", ".join(plain(model) for model, _interval in found)
