"""The results of a run: the answer in words, the figure, tables, and the settings behind the numbers."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import Final

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from effviz.evaluate import display_names, run_settings, run_summary
from effviz.evaluate.heatmaps import Control
from effviz.evaluate.intervals import FEW, Interval
from effviz.evaluate.run_settings import Metric
from effviz.evaluate.run_summary import Difference, MetricMean, Results, find_leads, measured_refs
from effviz.explain import placement
from effviz.i18n import _, lazy_gettext, ngettext, typeset
from effviz.plots import metric_vs_macs as figures
from effviz.plots.metric_vs_macs import RatedModel
from effviz.plots.style import config, slide
from effviz.report.html_report import DIFFERENCES_FILE, evaluation_html, summary_csv, table_files
from effviz.ui import glossary, job_queue, outputs
from effviz.ui.components.picture import picture
from effviz.ui.evaluate import photo_examples
from effviz.ui.evaluate.runs import DONE, STUDIES, VISIT, MeasuredRun, ResultsView, cached_differences
from effviz.ui.job_queue import QUEUE
from effviz.ui.outputs import duration, plain
from effviz.zoo.model import ModelRef
from effviz.zoo.presets import ScalingAxis, axis_among, scaling_axis

CHART: Final = "evaluate-chart"
ANSWER: Final = "evaluate-answer"

# The data set of STUDIES, whose run.json does not name it.
BUNDLED: Final = lazy_gettext("ImageNet's validation set, with boxes")


def show_about(run: MeasuredRun) -> None:
    """Show in one line what was measured."""
    settings, bundled = run.run.settings, run.key[0] in STUDIES
    count = len(settings.methods)
    counts = {
        "photos": _counted_photos(run.run.photos),
        "models": ngettext("{count} model", "{count} models", len(run.models)).format(count=len(run.models)),
        "methods": ngettext("{count} method", "{count} methods", count).format(count=count),
    }
    text = _("{photos} of **{dataset}**, {models}, {methods}; target: {target}, placement: {placement}, seed: {seed}.")
    target, placed = plain(display_names.target(settings.targets)), _(placement.TITLES[settings.placement]).lower()
    about = text.format(**counts, dataset=plain(_dataset(run)), target=target, placement=placed, seed=settings.seed)
    more = _(" docs/study.md in the repository discusses all its metrics.") if bundled else ""
    st.markdown(about + more, help=glossary.tip("target", "placement", "seed"))


def _counted_photos(count: int) -> str:
    return ngettext("{count} photo", "{count} photos", count).format(count=count)


def _dataset(run: MeasuredRun) -> str:
    return _(BUNDLED) if run.key[0] in STUDIES else run.dataset


def made_by(measured: MeasuredRun) -> None:
    """Show the settings, weights and versions that determine the numbers, in an expander."""
    run = measured.run
    with st.expander(_("Settings, weights and versions")):
        weights = {network.label: f"{network.weights_sha256[:12]}, {network.engine}" for network in run.networks}
        rows = display_names.made_by(run) | weights
        st.dataframe(pd.DataFrame(rows.items(), columns=[_("Name"), _("Value")]), hide_index=True)


def show_chart(view: ResultsView, cells: Sequence[MetricMean], differences: Sequence[Difference]) -> None:
    """Draw the metric against MACs; clicking a point chooses its model below.

    For faithfulness metrics, draw each model's lead over its own Gaussian, which is then the line at 0.
    """
    refs = measured_refs(view.measured.run)
    if view.metric in run_settings.FAITHFULNESS_METRICS:
        cells = _leads(view, differences)
    models = _rated(view, cells, view.method, refs)
    if not models:
        text = _(
            "This version of EffViz does not know the models of this run, so it cannot count their MACs. See the "
            "tables instead."
        )
        st.info(text)
        return
    controls = {control: rated for control in Control if (rated := _rated(view, cells, control.value, refs))}
    axis = display_names.compared(view.metric)
    chart = figures.map_quality(models, controls, axis)
    alt, clicked = _alt(models, axis), partial(photo_examples.clicked_example, CHART)
    options = config(f"effviz-{view.metric}")
    st.plotly_chart(chart, key=CHART, on_select=clicked, selection_mode="points", config=options, alt=alt)
    with st.container(horizontal=True, vertical_alignment="center"):
        title = f"{display_names.metric(view.metric)}, {display_names.method(view.method)}"
        picture(CHART, slide(chart, title, _source(view, max(model.interval.n for model in models))))
        _save(view, cells)
    outputs.caption(list(_notes(view, models, refs)))


def _source(view: ResultsView, photos: int) -> str:
    """Return the text below the figure on a slide, which has to stand without the page."""
    text = _("{photos} of {dataset}, small and off-centre objects.") if view.small else _("{photos} of {dataset}.")
    measured_on = text.format(photos=_counted_photos(photos), dataset=escape(_dataset(view.measured), quote=False))
    return " ".join((measured_on, _bars(view), _("Measured and drawn by EffViz (Apache-2.0).")))


def _bars(view: ResultsView) -> str:
    text = _("Error bars: 95 % intervals ({kind}) over photos, not over training runs.")
    return text.format(kind=_("Wilson") if view.metric in run_settings.SHARE_METRICS else _("Student's t"))


def _notes(view: ResultsView, models: Sequence[RatedModel], refs: Mapping[str, ModelRef]) -> Iterator[str]:
    """Yield how to read the figure and what it leaves out."""
    measured = view.measured
    yield display_names.sentence(view.metric)
    if view.metric in run_settings.FAITHFULNESS_METRICS:
        yield display_names.only_leads()
    if view.metric in run_settings.AGREEMENT_METRICS:
        text = _("{model} has no value itself, because the others are compared with it.")
        yield text.format(model=plain(measured.models[0]))
    if view.metric in run_settings.SANITY_METRICS:
        yield _("Controls have no value, because no network computed them.")
    yield _bars(view)
    text = _(
        "Colours show which dimension a model scales relative to {model}, the first model of the run, or to a "
        "later one where two dimensions differ from the first."
    )
    yield text.format(model=plain(measured.models[0]))
    if any(rated.role is None for rated in models):
        yield _("Other: scales two of depth, width and pixels, or is of another family.")
    if unknown := [model for model in measured.models if model not in refs]:
        yield _("Unknown models, not in the figure: {names}.").format(names=", ".join(map(plain, unknown)))


def show_tables(view: ResultsView, cells: Sequence[MetricMean], differences: Sequence[Difference]) -> None:
    """Show the means of all methods, controls and models, for all photos and the hard ones, then the differences."""
    most = max((cell.every.n for cell in cells), default=0)
    st.markdown(_("All photos: **{count}**").format(count=most))
    _matrix(view.measured, cells, small=False)
    if (view.small or view.metric in run_settings.LOCALISATION_METRICS) and (
        hard := max((cell.small.n for cell in cells), default=0)
    ):
        st.markdown(_("Object smaller than 25 % of the photo and off-centre: **{count}**").format(count=hard))
        _matrix(view.measured, cells, small=True)
    if differences:
        title = _("{method}, differences on the same photos")
        if view.small:
            title = _("{method}, differences on the same photos with small, off-centre objects")
        st.markdown(title.format(method=display_names.method(view.method)))
        _pairs(differences, view.small)


def show_failed(run: MeasuredRun) -> None:
    """Show what could not be measured, and why."""
    rows = run.frame.dropna(subset=["error"])[["photo", "model", "method", "error"]].astype(object)
    if rows.empty:
        return
    title = ngettext("{count} row without a value", "{count} rows without a value", len(rows))
    with st.expander(title.format(count=len(rows))):
        titles = {"photo": _("Photo"), "model": _("Model"), "method": _("Method"), "error": _("Reason")}
        st.dataframe(rows.head(1000), hide_index=True, column_config=titles)


def show_files(run: MeasuredRun) -> None:
    """Offer downloads of what was measured on this visit, which is stored nowhere else."""
    if run.key[0] != VISIT:
        return
    with st.container(horizontal=True):
        for label, name, mime, make in (
            (_("All means as CSV"), "summary.csv", "text/csv", lambda results, cells: summary_csv(results.run, cells)),
            (_("Differences as CSV"), DIFFERENCES_FILE, "text/csv", lambda *args: table_files(*args)[DIFFERENCES_FILE]),
            (_("Report as HTML"), "report.html", "text/html", evaluation_html),
        ):
            data = partial(_table_bytes, run, make)
            st.download_button(label, data, name, mime, icon=":material/download:", on_click="ignore")
    st.caption(_("These numbers stay in this server's memory until you close the page."))


def _table_bytes(run: MeasuredRun, make: Callable[[Results, Sequence[MetricMean]], str]) -> bytes:
    """Compute all means and return a file, in the visitor's turn; the click waits for it without a bar."""
    with QUEUE.turn(lambda _before: None, visitor=job_queue.who_asks()):
        cells = [cell for metric in run.metrics for cell in run_summary.metric_means(run, (metric,))]
        return make(run, cells).encode()


def _rated(view: ResultsView, cells: Sequence[MetricMean], method: str, refs: dict[str, ModelRef]) -> list[RatedModel]:
    intervals = {cell.model: (cell.small if view.small else cell.every) for cell in cells if cell.method == method}
    return [
        RatedModel(label, ref.macs, axis_among(ref, list(refs.values())[:place]), intervals[label])
        for place, (label, ref) in enumerate(refs.items())
        if label in intervals and intervals[label].n
    ]


def _alt(models: Sequence[RatedModel], axis: str) -> str:
    points = "; ".join(f"{model.model} {model.interval.mean:.3f}" for model in models)
    return _("Scatter chart of {axis} versus MACs on a log scale: {points}.").format(axis=axis, points=points)


def _save(view: ResultsView, cells: Sequence[MetricMean]) -> None:
    help = _("Means and intervals of this metric for every model, method and control")
    table, name = summary_csv(view.measured.run, cells), f"effviz-{view.metric}.csv"
    st.download_button("CSV", table, name, "text/csv", help=help, icon=":material/download:", on_click="ignore")


def _matrix(run: MeasuredRun, cells: Sequence[MetricMean], small: bool) -> None:
    """Show one row per method and control; methods with the same numbers for every model share a row."""
    means = {(cell.method, cell.model): cell.small if small else cell.every for cell in cells}
    alike: dict[object, list[str]] = {}
    for method in dict.fromkeys(cell.method for cell in cells):
        numbers = tuple(means.get((method, model)) for model in run.models)
        alike.setdefault(method if method in set(Control) else numbers, []).append(method)
    rows = [
        {"method": ", ".join(map(display_names.method, methods))}
        | {model: figures.format_interval(mean) for model in run.models if (mean := means.get((methods[0], model)))}
        for methods in alike.values()
    ]
    columns = {"method": st.column_config.TextColumn(_("Method"), pinned=True)}
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", placeholder="–", column_config=columns)


def _pairs(differences: Sequence[Difference], small: bool) -> None:
    rows = [
        {
            "model": difference.model,
            "minus": _minus(difference),
            "difference": typeset(figures.format_interval(interval).replace("–", _(" to "))),
            "certain": _("yes") if interval.sure else _("no"),
            "photos": interval.n,
        }
        for difference in differences
        if (interval := difference.small if small else difference.every).n
    ]
    if not rows:
        return
    clear = _("p < 0.05 after Holm's correction for all differences in this metric")
    columns = {
        "model": st.column_config.TextColumn(_("Model"), pinned=True),
        "minus": st.column_config.Column(_("Compared with")),
        "difference": st.column_config.Column(_("Difference (95 %)")),
        "certain": st.column_config.TextColumn(_("Clear"), help=clear),
        "photos": st.column_config.Column(_("Photos")),
    }
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content", column_config=columns)


def _minus(difference: Difference) -> str:
    if not difference.beside_model:
        return display_names.controls_name(difference.minus_method)
    return _("{model} (leads)").format(model=difference.minus_model) if difference.of_leads else difference.minus_model


def _leads(view: ResultsView, differences: Sequence[Difference]) -> list[MetricMean]:
    """Return each model's lead over its own Gaussian, and 0 for the Gaussian itself, in place of means."""
    leads, zero = find_leads(differences), Interval(0.0, math.nan, math.nan, view.measured.run.photos)
    return leads + [replace(lead, method=Control.GAUSSIAN.value, every=zero, small=zero) for lead in leads]


def show_answer(view: ResultsView, differences: Sequence[Difference]) -> None:
    """Show the answer in words, above all numbers."""
    with st.container(key=ANSWER):
        if st.session_state.get(DONE):
            photos, taken = _counted_photos(view.measured.run.photos), duration(view.measured.run.seconds)
            done = _("Done: {photos} measured in {time}.").format(photos=photos, time=taken)
            st.success(done, icon=":material/check:")
        for paragraph in answer(view, differences):
            st.markdown(paragraph)


def scroll_to_answer() -> None:
    """Scroll to the answer once after a run has ended, because its button is far below."""
    if st.session_state.pop(DONE, False):
        scroll = f"document.querySelector('.st-key-{ANSWER}')?.scrollIntoView({{block: 'center'}})"
        st.html(f"<script>{scroll}</script>", unsafe_allow_javascript=True)


# The answer to the page's question for one metric and method, worded from the differences of the open run.
#
# First comes one sentence for readers without statistics, by these rules:
# - The answer is about the compound model with the most MACs, else the model with the most MACs, else the last.
# - Yes or no requires a clear difference from the first model: p below 0.05 after Holm's correction for all
#   differences of the metric. With fewer than 30 photos there is no yes or no.
# - "A little" is less than 10 points of 100.
# - For a compound model's gain in localisation, the gain of the first model with the same larger input is given too,
#   because the finer grid of cells accounts for a part.
# - Metrics of similarity give no answer to which maps are better.

LITTLE: Final = 10  # points; smaller gains are called "a little"

# Sentences for a gain and a loss in points of 100; for faithfulness metrics, of the lead over a Gaussian.
GAINS: Final[Mapping[Metric, tuple[str, str]]] = {
    Metric.ENERGY: (
        lazy_gettext("{model} puts {points:.1f} points more of its map on the object than {first}."),
        lazy_gettext("{model} puts {points:.1f} points less of its map on the object than {first}."),
    ),
    Metric.POINTING: (
        lazy_gettext(
            "the map of {model} peaks on the object in {points:.1f} more photos out of 100 than that of {first}."
        ),
        lazy_gettext(
            "the map of {model} peaks on the object in {points:.1f} fewer photos out of 100 than that of {first}."
        ),
    ),
    Metric.POINTING_15: (
        lazy_gettext(
            "the map of {model} peaks on the object or at most 15 px off in {points:.1f} more photos out of 100 "
            "than that of {first}."
        ),
        lazy_gettext(
            "the map of {model} peaks on the object or at most 15 px off in {points:.1f} fewer photos out of 100 "
            "than that of {first}."
        ),
    ),
    Metric.MAXBOX: (
        lazy_gettext(
            "a box around the map of {model} fits the object in {points:.1f} more photos out of 100 than that of "
            "{first}."
        ),
        lazy_gettext(
            "a box around the map of {model} fits the object in {points:.1f} fewer photos out of 100 than that of "
            "{first}."
        ),
    ),
    Metric.MAXBOX_V2: (
        lazy_gettext(
            "a box around the map of {model} fits the object in {points:.1f} more photos out of 100 than that of "
            "{first}, averaged over three overlaps."
        ),
        lazy_gettext(
            "a box around the map of {model} fits the object in {points:.1f} fewer photos out of 100 than that of "
            "{first}, averaged over three overlaps."
        ),
    ),
    Metric.IOU: (
        lazy_gettext(
            "the box around the map of {model} overlaps the object's by {points:.1f} points more than that of {first}."
        ),
        lazy_gettext(
            "the box around the map of {model} overlaps the object's by {points:.1f} points less than that of {first}."
        ),
    ),
}

LEADS: Final = (
    lazy_gettext("by {metric}, the map of {model} leads a Gaussian by {points:.1f} points more than that of {first}."),
    lazy_gettext("by {metric}, the map of {model} leads a Gaussian by {points:.1f} points less than that of {first}."),
)


@dataclass(frozen=True, slots=True)
class ScaledModel:
    """The difference of a model from the first model of the run."""

    label: str
    interval: Interval
    role: ScalingAxis | None = None  # None: two of the three dimensions, another family, or an unknown model
    macs: int = 0
    pixels: int = 0

    def points(self, metric: Metric) -> float:
        """Return the gain in points of 100; a loss is negative."""
        return 100 * self.interval.mean * (-1 if metric in run_settings.LOW_IS_GOOD else 1)


def answer(view: ResultsView, differences: Sequence[Difference]) -> Iterator[str]:
    """Yield paragraphs: the answer, the other models, and whether maps beat a Gaussian."""
    scaled = list(_scaled(view, differences))
    controlled = list(_scaled(view, differences, beside_model=False))
    if view.metric in run_settings.AGREEMENT_METRICS | run_settings.SANITY_METRICS:
        yield _("**This metric shows how similar maps are**, not which are better.")
    elif scaled:
        yield " ".join(_headline(view, scaled))
    details = " ".join((*_others(view, scaled), *_beside_gaussian(view, controlled)))
    if details:
        yield details
    photos = max((model.interval.n for model in (*scaled, *controlled)), default=FEW)
    if photos < FEW:
        yield display_names.few(photos)


def show_other_measures(view: ResultsView, place: DeltaGenerator) -> None:
    """Show the answers of the run's other metrics of the same kind in one sentence; this may take a while."""
    kinds = (run_settings.LOCALISATION_METRICS, run_settings.FAITHFULNESS_METRICS)
    alike = {metric for kind in kinds if view.metric in kind for metric in kind} - {view.metric}
    others = [metric for metric in view.measured.metrics if metric in alike]
    if sentence := other_measures(
        view, {metric: cached_differences(view.measured, view.method, metric) for metric in others}
    ):
        place.markdown(sentence)


def other_measures(view: ResultsView, differences: Mapping[Metric, Sequence[Difference]]) -> str:
    """Return by which metrics the answering model is better than the first, worse, or neither; "" without any."""
    answers = [
        (display_names.metric(metric), _answering(scaled), metric)
        for metric, some in differences.items()
        if (scaled := list(_scaled(view, some)))
    ]
    parts = [f"{group} ({' · '.join(names)})" for group, names in _grouped(view, answers).items() if names]
    text = _("The same two models compared by the run's other metrics: {groups}.")
    return text.format(groups=_("; ").join(parts)) if parts else ""


def _grouped(view: ResultsView, answers: Sequence[tuple[str, ScaledModel, Metric]]) -> dict[str, list[str]]:
    """Group names by the verdict on their models: better, worse, or neither."""
    better, worse, unclear = _("better"), _("worse"), _("no clear difference")
    if view.metric in run_settings.SANITY_METRICS:
        # For values that should be near zero, a difference does not tell which of the two is nearer.
        better, worse = _("larger"), _("smaller")
    if view.metric in run_settings.FAITHFULNESS_METRICS:
        better, worse = _("a larger lead"), _("a smaller lead")
    groups: dict[str, list[str]] = {better: [], worse: [], unclear: []}
    for name, model, metric in answers:
        group = unclear if not model.interval.sure else better if model.points(metric) > 0 else worse
        groups[group].append(name)
    return groups


def _scaled(view: ResultsView, differences: Sequence[Difference], beside_model: bool = True) -> Iterator[ScaledModel]:
    """Yield models with their differences from the first model, or from their own controls."""
    refs = measured_refs(view.measured.run)
    first = refs.get(view.measured.models[0])
    for difference in differences:
        interval = difference.small if view.small else difference.every
        if not interval.n or difference.beside_model != beside_model:
            continue
        ref = refs.get(difference.model)
        if ref is None or first is None:
            yield ScaledModel(difference.model, interval)
        else:
            yield ScaledModel(difference.model, interval, scaling_axis(ref, first), ref.macs, ref.resolution_px)


def _headline(view: ResultsView, scaled: Sequence[ScaledModel]) -> Iterator[str]:
    """Yield the verdict on the answering model, then the part that is due to the finer grid."""
    which, first = _answering(scaled), _("the baseline {model}").format(model=plain(view.measured.models[0]))
    model, points = _called(which), which.points(view.metric)
    few = which.interval.n < FEW
    if not which.interval.sure and not few:
        yield _(
            "**No clear difference** between {model} and {first}: on these photos, the difference in {metric} is not "
            "statistically significant."
        ).format(model=model, first=first, metric=display_names.metric(view.metric))
        return
    verdict = _("On these photos alone, ") if few else _verdict(points)
    pair = GAINS.get(view.metric, LEADS)
    words = _(pair[0] if points > 0 else pair[1])
    metric = display_names.metric(view.metric)
    yield verdict + words.format(model=model, first=first, points=abs(points), metric=metric)
    placed = view.metric in run_settings.LOCALISATION_METRICS
    if placed and points > 0 and not few and which.role is ScalingAxis.COMPOUND:
        yield from _grid(view, which, scaled)


def _answering(scaled: Sequence[ScaledModel]) -> ScaledModel:
    compound = [model for model in scaled if model.role is ScalingAxis.COMPOUND] or scaled
    return max(reversed(compound), key=lambda model: model.macs)


def _called(which: ScaledModel) -> str:
    if which.role is ScalingAxis.COMPOUND:
        return _("the compound model {model}").format(model=plain(which.label))
    return _("the largest model {model}").format(model=plain(which.label)) if which.macs else plain(which.label)


def _verdict(points: float) -> str:
    if points <= 0:
        return _("**No:** ")
    return _("**Yes, a little:** ") if points < LITTLE else _("**Yes:** ")


def _grid(view: ResultsView, which: ScaledModel, scaled: Sequence[ScaledModel]) -> Iterator[str]:
    """Yield what the larger input gains alone, if the run has such a model."""
    if view.measured.run.settings.smooth:
        yield _("All maps were blurred equally, so a finer grid alone gains little.")
    alike = [model for model in scaled if model.role is ScalingAxis.RESOLUTION and model.pixels == which.pixels]
    if not alike:
        return
    alone, points = alike[0], alike[0].points(view.metric)
    text = _("The same larger input alone ({model}) brings no clear gain.")
    if alone.interval.sure and points > 0:
        text = _("The baseline with the same larger input ({model}), whose grid is just as fine, gains {points:.1f}.")
    yield text.format(model=plain(alone.label), points=points)


def _others(view: ResultsView, scaled: Sequence[ScaledModel]) -> Iterator[str]:
    """Yield all models in three groups, those with the largest clear differences first."""
    if not scaled:
        return
    far = sorted(scaled, key=lambda model: -abs(model.interval.mean) if model.interval.sure else 0)
    groups = _grouped(view, [(plain(model.label), model, view.metric) for model in far])
    said = [
        _("{group}: {models}").format(group=group, models=", ".join(some)) for group, some in groups.items() if some
    ]
    method, metric = display_names.method(view.method), display_names.compared(view.metric)
    text, first = _("{metric} by {method}, compared with {first}: {groups}."), plain(view.measured.models[0])
    yield text.format(method=method, metric=metric, first=first, groups=_("; ").join(said))


def _beside_gaussian(view: ResultsView, controlled: Sequence[ScaledModel]) -> Iterator[str]:
    if not controlled:
        return
    control = display_names.controls_name(view.measured.gaussian(view.metric))
    others = [model for model in controlled if not (model.interval.sure and model.points(view.metric) > 0)]
    if not others:
        text = _("The maps of every model beat the {control}, which does not look at the photo.")
    elif len(others) == len(controlled):
        text = _("No model's maps clearly beat the {control}, which does not look at the photo.")
    else:
        text = _("No clear lead over the {control}, which does not look at the photo: {models}.")
    yield text.format(control=control, models=", ".join(plain(model.label) for model in others))
