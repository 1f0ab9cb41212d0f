"""Summaries of a finished run: means with intervals, rankings, disputes, failures and paired differences.

Tables, reports and pages are built from these.
"""

import itertools
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from effviz import file_io
from effviz.errors import EffVizError, SettingsError
from effviz.evaluate import intervals, run_settings, run_store
from effviz.evaluate.datasets import ANNOTATIONS
from effviz.evaluate.heatmaps import Control
from effviz.evaluate.intervals import Interval
from effviz.evaluate.run_settings import FAITHFULNESS_METRICS, SHARE_METRICS, Metric, value_range, worse
from effviz.evaluate.run_store import RESULTS_FILE, Manifest
from effviz.i18n import _
from effviz.zoo import catalogue
from effviz.zoo.model import ModelRef

logger = logging.getLogger(__name__)
TEXT_COLUMNS: Final = ("photo", "model", "method", "metric", "error")
NUMBER_COLUMNS: Final = ("value", "target_index", "label", "prediction", "probability", "box_share", "off_centre")
Key = tuple[str, str]  # model, method


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """The rows of a run, without their curves."""

    run: Manifest
    frame: pd.DataFrame  # TEXT_COLUMNS as categories, NUMBER_COLUMNS as numbers

    @property
    def models(self) -> tuple[str, ...]:
        """The models in the order of the settings."""
        return self.run.settings.models

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods in the order of the settings, then the controls."""
        return (*(method.value for method in self.run.settings.methods), *(control.value for control in Control))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics in the order of the settings."""
        return self.run.settings.metrics

    @property
    def dataset(self) -> str:
        """The data set's name; the whole path would reveal too much about the machine."""
        path = PurePath(self.run.dataset)
        return path.parent.name if path.name == ANNOTATIONS else path.name

    def gaussian(self, metric: Metric) -> Control:
        """Return the Gaussian control: for localisation metrics the one in the crop, if the run has it."""
        return self.beside(metric)[0]

    def beside(self, metric: Metric) -> tuple[Control, Control]:
        """Return the Gaussian and the uniform control to show with single classes and photos."""
        frame = self.frame
        inside = (frame["metric"] == metric.value) & (frame["method"] == Control.CROP_GAUSSIAN.value)
        if metric in run_settings.LOCALISATION_METRICS and inside.any():
            return Control.CROP_GAUSSIAN, Control.CROP_UNIFORM
        return Control.GAUSSIAN, Control.UNIFORM

    def rows(self, metric: Metric, methods: Sequence[str]) -> pd.DataFrame:
        """Return the rows of a metric for some methods or controls."""
        frame = self.frame
        return frame[
            (frame["metric"] == metric.value) & frame["method"].isin(methods) & frame["model"].isin(self.models)
        ]

    def wide(self, metric: Metric, methods: Sequence[str]) -> pd.DataFrame:
        """Return one row per photo and one column per model and method with rows; nan where there is no value."""
        rows = self.rows(metric, methods)
        return rows.pivot(index="photo", columns=["model", "method"], values="value").astype(np.float64)

    def values(self, method: str, metric: Metric) -> pd.DataFrame:
        """Return one row per photo and one column per model; nan where there is no value."""
        return self.wide(metric, (method,)).droplevel("method", axis=1).reindex(columns=list(self.models))

    def compared(self, method: str, metric: Metric) -> pd.DataFrame:
        """Return values comparable between models: for faithfulness metrics, leads over the model's own Gaussian."""
        values = self.values(method, metric)
        return values - self.values(Control.GAUSSIAN.value, metric) if metric in FAITHFULNESS_METRICS else values

    def asked(self, method: str, metric: Metric, photos: Sequence[str]) -> dict[tuple[str, str], tuple[int, str]]:
        """Return the target class and the photo's hash, by photo and model, for some photos."""
        columns = ["photo", "model", "target_index", "photo_sha256"]
        filters = [("method", "=", method), ("metric", "=", metric.value), ("photo", "in", list(photos))]
        rows = pq.read_table(_own_results(self.run), columns=columns, filters=filters).to_pylist() if photos else []
        return {(row["photo"], row["model"]): (row["target_index"], row["photo_sha256"]) for row in rows}

    def small(self) -> pd.Series:
        """Return whether the object is small and off-centre, for each photo with an object."""
        rows = self.frame[["photo", "off_centre"]].dropna().drop_duplicates("photo")
        return rows.set_index("photo")["off_centre"].astype(bool)


def load_results(run: Path, rows: pc.Expression | None = None) -> Results:
    """Load a finished run: all rows, or those that match an expression.

    Raises:
        SettingsError: the folder contains no run, or an unfinished one.
    """
    manifest = run_store.read_manifest(run)
    if not manifest.finished:
        text = _("The run in {run} is not finished, so it cannot be read. Resume it with the command that started it.")
        raise SettingsError(text.format(run=run))
    file = _own_results(manifest)
    try:
        with pq.ParquetFile(file, read_dictionary=list(TEXT_COLUMNS)) as parquet:
            groups = range(parquet.num_row_groups)
            tables = (parquet.read_row_group(number, columns=[*TEXT_COLUMNS, *NUMBER_COLUMNS]) for number in groups)
            # pyarrow's own filter would temporarily use several times as much memory
            whole = pa.concat_tables([table if rows is None else table.filter(rows) for table in tables])
    except (OSError, ValueError) as error:
        raise _unreadable(file, error) from error
    return Results(manifest, whole.to_pandas())


def _own_results(run: Manifest) -> Path:
    """Return the path of a finished run's table, after checking that it is unchanged."""
    file = run.folder / RESULTS_FILE
    try:
        file_io.open_regular(file).close()
    except OSError as error:
        raise _unreadable(file, error) from error
    if not run_store.has_own_results(run):
        raise _unreadable(file, _("it is not the file that the run wrote"))
    return file


def _unreadable(file: Path, reason: object) -> SettingsError:
    text = _(
        "{file} cannot be read ({error}): a run's folder must be complete. Measure its photos again with the `effviz "
        "evaluate` command that created it."
    )
    return SettingsError(text.format(file=file, error=reason))


# Means with intervals, rankings, classes and disputes.


@dataclass(frozen=True, slots=True)
class MetricMean:
    """The mean of a metric for one model and method (or control)."""

    model: str
    method: str
    metric: Metric
    every: Interval  # over all photos
    small: Interval  # over photos with a small, off-centre object, on which a centre Gaussian does not win


@dataclass(frozen=True, slots=True)
class ClassMeans:
    """Means over the photos of one class."""

    label: int  # in the model's logits
    name: str
    photos: int
    means: Mapping[str, float]  # of each model and each control in `Results.beside`; for leads, of models only


@dataclass(frozen=True, slots=True)
class Dispute:
    """A photo on which models differ; for faithfulness metrics, in their leads over their own controls."""

    photo: str
    values: Mapping[str, float]  # by model
    controls: Mapping[str, float]  # of each control in `Results.beside`; nan if it has no value, and for leads
    spread: float  # the largest of the models' values minus the smallest


@dataclass(frozen=True, slots=True)
class PhotoValue:
    """A photo and its value."""

    photo: str
    value: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A model's top-1 accuracy, and its mean probability of the target class."""

    model: str
    top1: Interval
    probability: Interval


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be measured, and the reason."""

    photo: str
    model: str  # empty if it concerns all models
    method: str  # empty if it concerns all methods
    reason: str


def metric_means(results: Results, metrics: Sequence[Metric] = ()) -> tuple[MetricMean, ...]:
    """Return the mean with its interval of every model, method, control and metric (or of some metrics) with values.

    The threshold of `maxbox` is the best for all photos, and is also used for the small and off-centre ones, so that
    it is never fitted to a few photos.
    """
    small = results.small()
    by_metric = {metric: dict(_of_metric(results, metric, small)) for metric in metrics or results.metrics}
    cells = itertools.product(results.methods, by_metric, results.models)
    return tuple(
        MetricMean(model, method, metric, *by_metric[metric][model, method])
        for method, metric, model in cells
        if (model, method) in by_metric[metric]
    )


def rank_means(means: Sequence[MetricMean]) -> dict[Metric, list[MetricMean]]:
    """Return the means of each metric, best first, including controls and without those that are nan."""
    ranked: dict[Metric, list[MetricMean]] = defaultdict(list)
    for cell in means:
        if not np.isnan(cell.every.mean):
            ranked[cell.metric].append(cell)
    for metric, cells in ranked.items():
        cells.sort(key=lambda cell: worse(metric, cell.every.mean))
    return ranked


def class_means(results: Results, method: str, metric: Metric) -> tuple[ClassMeans, ...]:
    """Return the means of each class, in order of class number; for faithfulness metrics, means of leads."""
    rows = _comparable_rows(results, method, metric).dropna(subset=["label", "value"])
    refs = measured_refs(results.run)
    where = zip(rows["model"], rows["label"].astype(int), strict=True)
    other = _("class {number}")
    named = [refs[model].spec.classes[i] if model in refs else other.format(number=i) for model, i in where]
    # a control's values for all models are grouped under the control's name
    sources = rows["model"].astype(object).where(rows["method"] == method, rows["method"].astype(object))
    rows = rows.assign(name=named, of=sources)
    groups = rows[rows["method"] == method].groupby(["label", "name"])["photo"].nunique()
    means = rows.groupby(["label", "name", "of"], observed=True)["value"].mean()
    return tuple(
        ClassMeans(int(label), str(name), int(count), means[label, name].to_dict())
        for (label, name), count in zip(groups.index, groups, strict=True)
    )


def find_disputes(
    results: Results, method: str, metric: Metric = Metric.ENERGY, count: int = 20
) -> tuple[Dispute, ...]:
    """Return the photos on which the models' values differ most; models without any value are left out."""
    if len(results.models) < 2:
        return ()
    wide = results.compared(method, metric).dropna(axis=1, how="all").dropna()
    values = wide.to_numpy()
    spread = np.ptp(values, axis=1) if values.size else np.zeros(0)
    largest = np.argsort(-spread, kind="stable")[:count]
    beside = _controls(results, metric, wide.index[largest])
    return tuple(
        Dispute(str(photo), wide.loc[photo].to_dict(), beside.loc[photo].to_dict(), float(spread[row]))
        for row, photo in zip(largest, wide.index[largest], strict=True)
    )


def find_extremes(results: Results, method: str, metric: Metric) -> dict[str, list[PhotoValue]]:
    """Return each model's best, median and worst photo; among equal photos, the first in the run's order.

    The median of an even number is the better of the middle two; with few photos, the three may coincide. Faithfulness
    metrics rank by the lead over the model's own control, so that an uncertain prediction is not an advantage.
    """
    extremes = {}
    for model, column in results.compared(method, metric).items():
        ordered = column.dropna().sort_values(key=lambda values: values.map(partial(worse, metric)), kind="stable")
        if len(ordered):
            three = (ordered.iloc[[place]] for place in (0, (len(ordered) - 1) // 2, -1))
            extremes[str(model)] = [PhotoValue(str(row.index[0]), float(row.iloc[0])) for row in three]
    return extremes


def model_accuracies(results: Results) -> tuple[Accuracy, ...]:
    """Return each model's top-1 accuracy on the labelled photos, and its mean probability of the target."""
    answers = results.frame.dropna(subset=["prediction"]).drop_duplicates(["photo", "model"])
    answers = answers.assign(right=(answers["label"] == answers["prediction"]).where(answers["label"].notna()))
    rows = {model: answers[answers["model"] == model] for model in results.models}
    return tuple(
        Accuracy(model, intervals.share(some["right"]), intervals.mean(some["probability"]))
        for model, some in rows.items()
    )


def find_failures(results: Results) -> tuple[Failure, ...]:
    """Return the rows without a value and their reasons, in the photos' order, without those of controls.

    A uniform control never has a rank correlation, which is not a failure of the run.
    """
    rows = results.frame.dropna(subset=["error"])[["photo", "model", "method", "error"]].astype(object)
    rows = rows[~rows["method"].isin([control.value for control in Control])]
    texts = rows.where(rows.notna(), "")
    return tuple(Failure(*map(str, row)) for row in texts.itertuples(index=False, name=None))


def count_reasons(failures: Sequence[Failure]) -> list[tuple[str, int]]:
    """Count the reasons, most frequent first; reasons that differ only in the photo's name count as one."""
    photos = ((failure.reason, failure.photo) for failure in failures)
    return Counter(reason.replace(photo, "…") if photo else reason for reason, photo in photos).most_common()


def _of_metric(results: Results, metric: Metric, small: pd.Series) -> Iterator[tuple[Key, tuple[Interval, Interval]]]:
    """Yield the intervals of every model and method with values: over all photos, and over the hard ones."""
    wide = results.wide(metric, results.methods)
    values = wide.to_numpy()
    is_small = small.reindex(wide.index, fill_value=False).to_numpy(dtype=bool)
    estimate = intervals.share if metric in SHARE_METRICS else partial(intervals.mean, scale=value_range(metric))
    keys = [(str(column[0]), str(column[1])) for column in wide.columns]
    columns = (map(estimate, some.T) for some in (values, values[is_small]))
    for key, every, hard in zip(keys, *columns, strict=True):
        if every.n:
            yield key, (every, hard)


def _comparable_rows(results: Results, method: str, metric: Metric) -> pd.DataFrame:
    """Return the rows of a method and its controls; for faithfulness metrics, of the method's leads alone."""
    if metric not in FAITHFULNESS_METRICS:
        return results.rows(metric, (method, *results.beside(metric)))
    rows, leads = results.rows(metric, (method,)), results.compared(method, metric)
    where = zip(rows["photo"], rows["model"], strict=True)
    return rows.assign(value=[leads.loc[photo, model] for photo, model in where])


def measured_refs(run: Manifest) -> dict[str, ModelRef]:
    """Return the run's models by label, without those that are unavailable or now have other weights."""
    refs = {}
    for network in run.networks:
        try:
            ref = catalogue.parse_model(network.label)
        except EffVizError as error:
            logger.info("A model of the run is not available: %s", error)
            continue
        if ref.spec.sha256 in ("", network.weights_sha256):  # the name may refer to another checkpoint by now
            refs[network.label] = ref
    return refs


def _controls(results: Results, metric: Metric, photos: pd.Index) -> pd.DataFrame:
    """Return the controls' values on some photos, averaged over the models if these see different crops."""
    names = [control.value for control in results.beside(metric)]
    rows = results.rows(metric, [] if metric in FAITHFULNESS_METRICS else names)
    rows = rows[rows["photo"].isin(photos)].astype({"photo": object, "method": object})
    wide = rows.pivot_table(index="photo", columns="method", values="value", aggfunc="mean")
    return wide.reindex(index=photos, columns=names)


# Differences on the same photos: each model minus the first one, and each model minus its own control. Faithfulness
# metrics depend on a model's confidence, so their values are never compared between models directly: a less confident
# model has smaller areas, however good its maps are. Instead, each model's lead over its own control is compared with
# the first model's lead.


@dataclass(frozen=True, slots=True)
class Difference:
    """A model's maps minus those of another model by the same method, or minus a control of the same model."""

    model: str
    method: str
    minus_model: str
    minus_method: str
    metric: Metric
    every: Interval  # over all photos; p is corrected for all differences of the metric
    small: Interval  # over photos with a small, off-centre object

    @property
    def beside_model(self) -> bool:
        """Whether this is a difference between two models, not between a model and its control."""
        return self.model != self.minus_model

    @property
    def of_leads(self) -> bool:
        """Whether this is a difference between two models' leads over their own controls, not between their values."""
        return self.beside_model and self.metric in FAITHFULNESS_METRICS


def find_differences(results: Results, methods: Sequence[str], metric: Metric) -> tuple[Difference, ...]:
    """Return each other model minus the first, then each model minus its own Gaussian, for each method.

    Each difference is over the photos for which both have values. P-values are corrected (Holm) for all differences of
    the metric in the run, whatever `methods` is, and separately for all photos and for the small and off-centre ones.
    """
    every = [method.value for method in results.run.settings.methods]
    gaussian = results.gaussian(metric).value
    wide, models = results.wide(metric, (*every, gaussian)), results.models
    pairs = [((model, method), (models[0], method)) for method, model in itertools.product(every, models[1:])]
    pairs += [((model, method), (model, gaussian)) for method, model in itertools.product(every, models)]
    pairs = [pair for pair in pairs if set(pair) <= set(wide.columns)]
    is_small = results.small().reindex(wide.index, fill_value=False).to_numpy(dtype=bool)
    # paired intervals are much narrower than two separate ones, because a hard photo is hard for both
    both = [intervals.holm([_interval(some, pair, metric) for pair in pairs]) for some in (wide, wide[is_small])]
    differences = (
        Difference(one[0], one[1], other[0], other[1], metric, of_all, of_small)
        for (one, other), of_all, of_small in zip(pairs, *both, strict=True)
    )
    return tuple(difference for difference in differences if difference.every.n and difference.method in methods)


def find_leads(differences: Sequence[Difference]) -> list[MetricMean]:
    """Return the lead of each model and method over the model's own control, which is comparable between models."""
    leads = [difference for difference in differences if not difference.beside_model]
    return [MetricMean(lead.model, lead.method, lead.metric, lead.every, lead.small) for lead in leads]


def _interval(wide: pd.DataFrame, pair: tuple[Key, Key], metric: Metric) -> Interval:
    (one, other), (low, high) = pair, value_range(metric)
    values = wide[one] - wide[other]
    if one[0] == other[0] or metric not in FAITHFULNESS_METRICS:
        return intervals.paired_share(values) if metric in SHARE_METRICS else intervals.paired_mean(values, high - low)
    controls = [(model, Control.GAUSSIAN.value) for model, _method in pair]  # on the grid of the model's own map
    if not set(controls) <= set(wide.columns):
        return intervals.NOTHING
    return intervals.paired_mean(values - (wide[controls[0]] - wide[controls[1]]), 2 * (high - low))


# The same results for commands, reading only the rows of one metric at a time.

ANSWER_COLUMNS = ["photo", "model", "label", "prediction", "probability"]  # equal in all rows of a photo and model


def read_metric_means(run: Manifest) -> tuple[MetricMean, ...]:
    """Return the same as `metric_means`."""
    metrics = run.settings.metrics
    rows = {metric: pc.field("metric") == metric.value for metric in metrics}
    by_metric = {metric: metric_means(load_results(run.folder, rows[metric]), (metric,)) for metric in metrics}
    methods = dict.fromkeys(cell.method for some in by_metric.values() for cell in some)
    order = {pair: number for number, pair in enumerate(itertools.product(methods, metrics))}
    return tuple(sorted(itertools.chain(*by_metric.values()), key=lambda cell: order[cell.method, cell.metric]))


def read_failures(run: Manifest) -> tuple[Failure, ...]:
    """Return the same as `find_failures`."""
    return find_failures(load_results(run.folder, pc.field("error").is_valid()))


def read_accuracies(run: Manifest) -> tuple[Accuracy, ...]:
    """Return the same as `model_accuracies`."""
    with pq.ParquetFile(_own_results(run)) as file:
        groups = (file.read_row_group(group, columns=ANSWER_COLUMNS) for group in range(file.num_row_groups))
        answers = pd.concat(rows.to_pandas().drop_duplicates(["photo", "model"]) for rows in groups)
    return model_accuracies(Results(run, answers.drop_duplicates(["photo", "model"])))
