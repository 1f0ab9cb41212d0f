"""What a run found: the answer in words, the figure, its tables, and what made the numbers."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import pandas as pd
import streamlit as st

from effviz.evaluate import display_names
from effviz.evaluate.heatmaps import Control
from effviz.evaluate.intervals import Interval
from effviz.evaluate.run_settings import (
    AGREEMENT_METRICS,
    FAITHFULNESS_METRICS,
    LOCALISATION_METRICS,
    SANITY_METRICS,
    SHARE_METRICS,
)
from effviz.evaluate.run_summary import Difference, MetricMean, Results, find_leads, measured_refs
from effviz.explain import placement
from effviz.i18n import _, lazy_gettext, ngettext
from effviz.plots import metric_vs_macs as figures
from effviz.plots.metric_vs_macs import RatedModel
from effviz.plots.style import config, slide
from effviz.report import html_report
from effviz.report.html_report import DIFFERENCES_FILE, evaluation_html, summary_csv
from effviz.ui import glossary, job_queue, outputs
from effviz.ui.components.picture import picture
from effviz.ui.evaluate import photo_examples, verdict
from effviz.ui.evaluate.runs import DONE, STUDIES, VISIT, MeasuredRun, ResultsView
from effviz.ui.job_queue import QUEUE
from effviz.ui.outputs import duration, plain
from effviz.zoo.model import ModelRef
from effviz.zoo.presets import axis_among

CHART: Final = "evaluate-chart"

ANSWER: Final = "evaluate-answer"

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
            "{photos} of **{dataset}**, {models}, {methods}; target: {target}, placement: {placement}, seed: {seed}."
        ).format(
            photos=photos,
            dataset=_(BUNDLED) if bundled else plain(of.results.dataset),
            models=models,
            methods=methods,
            target=plain(display_names.target(settings.targets)),
            placement=_(placement.TITLES[settings.placement]).lower(),
            seed=settings.seed,
        )
        + (_(" docs/study.md in the repository discusses all its measures.") if bundled else ""),
        help=glossary.tip("target", "placement", "seed"),
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
    known = measured_refs(view.measured.run)
    if view.metric in FAITHFULNESS_METRICS:
        cells = _leads(view, found)
    models = _rated(view, cells, view.method, known)
    if not models:
        st.info(
            _(
                "This version of EffViz does not know the models of this run, so it cannot count their MACs: see the "
                "tables."
            )
        )
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
        _save(view, cells)
    outputs.caption(list(_notes(view, models, known)))


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
    yield _("Bars: 95 % intervals ({kind}) over photos, not over trainings.").format(
        kind=_("Wilson") if view.metric in SHARE_METRICS else _("Student's t")
    )
    yield _("Colours show which dimension a model scales, compared with {model}, the first of the run.").format(
        model=plain(of.models[0])
    )
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
            (_("All means as CSV"), "summary.csv", "text/csv", lambda results, cells: summary_csv(results.run, cells)),
            (
                _("Differences as CSV"),
                DIFFERENCES_FILE,
                "text/csv",
                lambda *found: html_report.table_files(*found)[DIFFERENCES_FILE],
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


def _save(view: ResultsView, cells: Sequence[MetricMean]) -> None:
    st.download_button(
        "CSV",
        summary_csv(view.measured.run, cells),
        f"effviz-{view.metric}.csv",
        "text/csv",
        icon=":material/download:",
        help=_("The means and intervals of this measure, every model, method and control"),
        on_click="ignore",
    )


def _matrix(of: MeasuredRun, cells: Sequence[MetricMean], small: bool) -> None:
    """One row a method and control; methods with the same numbers for every model share a row."""
    found = {(cell.method, cell.model): cell.small if small else cell.every for cell in cells}
    alike: dict[object, list[str]] = {}
    for method in dict.fromkeys(cell.method for cell in cells):
        numbers = tuple(found.get((method, model)) for model in of.models)
        alike.setdefault(method if method in set(Control) else numbers, []).append(method)
    rows = [
        {"method": ", ".join(map(display_names.method, methods))}
        | {model: figures.format_interval(known) for model in of.models if (known := found.get((methods[0], model)))}
        for methods in alike.values()
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
            "minus": _("Compared with"),
            "difference": _("Difference (95 %)"),
            "certain": st.column_config.TextColumn(
                _("Clear"), help=_("p below 0.05, corrected (Holm) for all differences of this measure")
            ),
            "photos": _("Photos"),
        },
    )


def _minus(of: Difference) -> str:
    if not of.beside_model:
        return display_names.controls_name(of.minus_method)
    return _("{model} (leads)").format(model=of.minus_model) if of.of_leads else of.minus_model


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


def show_answer(view: ResultsView, differences: Sequence[Difference]) -> None:
    """The answer in words, above all numbers."""
    with st.container(key=ANSWER):
        if st.session_state.get(DONE):
            photos = ngettext("{count} photo", "{count} photos", view.measured.photos)
            taken = duration(view.measured.run.seconds)
            done = _("Done: {photos} measured in {time}.")
            st.success(
                done.format(photos=photos.format(count=view.measured.photos), time=taken), icon=":material/check:"
            )
        for paragraph in verdict.answer(view, differences):
            st.markdown(paragraph)


def scroll_to_answer() -> None:
    """After a run that just ended, once: its button is far below its result."""
    if st.session_state.pop(DONE, False):
        scroll = f"document.querySelector('.st-key-{ANSWER}')?.scrollIntoView({{block: 'center'}})"
        st.html(f"<script>{scroll}</script>", unsafe_allow_javascript=True)
