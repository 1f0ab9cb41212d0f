"""A finished run as a single self-contained HTML page, which needs no network or server, and its numbers as CSV."""

import base64
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final, NewType

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from effviz.evaluate import display_names, run_settings, run_summary
from effviz.evaluate.heatmaps import Control
from effviz.evaluate.intervals import FEW, Interval
from effviz.evaluate.run_settings import FAITHFULNESS_METRICS, NEAR_ZERO_IS_GOOD, SHARE_METRICS, Metric, worse
from effviz.evaluate.run_store import Manifest
from effviz.evaluate.run_summary import Accuracy, Difference, MetricMean, Results, find_differences
from effviz.i18n import SOURCE_LANGUAGE, _, language_tag, lazy_gettext, ngettext, thread_language
from effviz.plots.metric_vs_macs import metric_against_macs
from effviz.plots.style import config

if TYPE_CHECKING:
    from effviz.report.example_maps import ExampleMap, ExampleMaps

# These functions escape all text, and no other code does: names of photos may contain anything. The page's content
# security policy forbids loading anything from elsewhere, even if a text were not escaped.

CONTENT_POLICY: Final = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
PAGE_STYLE: Final = Path(__file__).with_suffix(".css").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class TableCell:
    """A table cell: its text, and below it in small print how certain the value is."""

    text: str
    note: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PictureTile:
    """A picture embedded in the page, with a caption."""

    picture: bytes  # JPEG
    alt: str
    text: str
    note: str = ""


Html = NewType("Html", str)  # text that is already HTML


def html_heading(text: str) -> Html:
    """Return a section heading."""
    return Html(f"<h2>{escape(text)}</h2>")


def html_paragraph(text: str) -> Html:
    """Return a paragraph."""
    return Html(f"<p>{escape(text)}</p>")


def html_table(caption: str, columns: Sequence[str], rows: Iterable[Iterable[TableCell | str]]) -> Html:
    """Return a table that scrolls separately in a narrow window; the first column labels the rows."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "\n".join(f"<tr>{''.join(map(_cell_html, row))}</tr>" for row in rows)
    return Html(
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption><span>{escape(caption)}</span></caption><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def html_tiles(title: str, pictures: Sequence[PictureTile]) -> Html:
    """Return pictures side by side under a small heading."""
    return Html(f'<h3>{escape(title)}</h3><div class="tiles">{"".join(map(_tile_html, pictures))}</div>')


def html_details(title: str, content: Html) -> Html:
    """Return a collapsed section for long content."""
    return Html(f"<details><summary>{escape(title)}</summary>{content}</details>")


def html_chart(figure: go.Figure, name: str) -> Html:
    """Return a chart; `name` is its element ID and the file name of its download."""
    options = config(name) | {"responsive": True}
    return Html(figure.to_html(config=options, include_plotlyjs=False, full_html=False, div_id=name))


def html_page(title: str, parts: Sequence[Html], charts: bool = True) -> str:
    """Assemble the page, with Plotly's script if it has charts; the same parts give the same page."""
    script = f"<script>{get_plotlyjs()}</script>\n" if charts else ""
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="{escape(language_tag(thread_language.get() or SOURCE_LANGUAGE))}">\n<head>\n'
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{PAGE_STYLE}</style>\n{script}</head>\n"
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _tile_html(tile: PictureTile) -> str:
    data = base64.b64encode(tile.picture).decode()
    note = f"<small>{escape(tile.note)}</small>" if tile.note else ""
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" alt="{escape(tile.alt)}">'
        f"<figcaption><bdi>{escape(tile.text)}</bdi>{note}</figcaption></figure>"
    )


def _cell_html(cell: TableCell | str) -> str:
    entry = TableCell(cell) if isinstance(cell, str) else cell
    note = f"<small>{escape(entry.note)}</small>" if entry.note else ""
    mark = ' class="best"' if entry.best else ""
    return f"<td{mark}><bdi>{escape(entry.text)}</bdi>{note}</td>"


DISPUTES: Final = 20
LISTED: Final = 100  # rows without a value to list, besides the counts of their reasons
BESIDE: Final = {
    Control.CROP_GAUSSIAN: lazy_gettext("Gaussian in the crop"),
    Control.CROP_UNIFORM: lazy_gettext("Uniform in the crop"),
    Control.GAUSSIAN: lazy_gettext("Centre Gaussian"),
    Control.UNIFORM: lazy_gettext("Uniform"),
}  # column titles in the tables of classes and photos


def evaluation_html(results: Results, cells: Sequence[MetricMean], shown: "ExampleMaps | None" = None) -> str:
    """Return the whole page; `cells` are the run's `metric_means`, `shown` are example maps on its photos."""
    by_metric = {metric: [cell for cell in cells if cell.metric is metric] for metric in results.metrics}
    sections = (
        _about(results),
        *(_metric(results, metric, some) for metric, some in by_metric.items() if some),
        *(_differences(results), _classes(results), _disputes(results), _examples(results, shown), _failures(results)),
    )
    return html_page(_("Explanations, measured"), tuple(itertools.chain.from_iterable(sections)))


def headline_metric(results: Results) -> Metric:
    """Return the metric for sections that would be too long with all metrics."""
    return Metric.ENERGY if Metric.ENERGY in results.metrics else results.metrics[0]


def _about(results: Results) -> Iterator[Html]:
    run, settings = results.run, results.run.settings
    photos = ngettext("{count} photo", "{count} photos", run.photos).format(count=run.photos)
    text = _(
        "{photos} from {dataset}; target: {target}. Each number is a mean over photos, with its 95 % interval "
        "below: Wilson's for proportions of photos, Student's t otherwise. The controls (Gaussian, uniform and "
        "random maps) do not depend on the photo: a method that does not beat them has shown nothing. No map "
        "extends beyond the crop that its model saw, so the controls in the crop are the ones to beat."
    )
    yield html_paragraph(text.format(photos=photos, dataset=results.dataset, target=settings.targets))
    if run.photos < FEW:
        yield html_paragraph(display_names.few(run.photos))
    macs = _macs(run)
    top1 = {accuracy.model: accuracy.top1 for accuracy in run_summary.model_accuracies(results)}
    rows = [
        (
            network.label,
            f"{macs[network.label] / 1e9:.2f}" if network.label in macs else "–",
            _interval_cell(top1.get(network.label)),
            network.engine,
            network.weights_sha256[:12],
        )
        for network in run.networks
    ]
    names = (_("Model"), _("MACs (billion)"), _("Top-1 on these photos"), _("Engine"), _("SHA-256 of the weights"))
    yield html_table(_("Models"), names, rows)
    made_by = display_names.made_by(run).items()
    table = html_table(_("How these numbers were produced"), (_("Name"), _("Value")), made_by)
    yield html_details(_("Settings and versions"), table)


def _metric(results: Results, metric: Metric, cells: Sequence[MetricMean]) -> Iterator[Html]:
    yield html_heading(display_names.metric(metric))
    upside_down = _(" Far below 0, the maps are just as similar, with bright and dark swapped.")
    yield html_paragraph(
        f"{display_names.sentence(metric)} {display_names.better(metric).capitalize()}."
        f"{upside_down if metric in NEAR_ZERO_IS_GOOD else ''}"
    )
    macs = _macs(results.run)
    beside = cells
    if metric in FAITHFULNESS_METRICS:
        beside = run_summary.find_leads(find_differences(results, results.methods, metric))
        yield html_paragraph(display_names.only_leads())
    if drawn := [cell for cell in beside if cell.model in macs]:
        yield html_chart(metric_against_macs(drawn, macs), f"effviz-{metric.value}")
    yield _matrix(results, cells, small=False)
    if metric in run_settings.LOCALISATION_METRICS:
        yield _matrix(results, cells, small=True)
    for ranked in run_summary.rank_means(beside).values():
        rows = [
            (f"{place}. {cell.model}", display_names.method(cell.method), _interval_cell(cell.every))
            for place, cell in enumerate(ranked, 1)
        ]
        names = (_("Model"), _("Method"), _ranked_by(metric))
        yield html_details(_("Ranking of all models and methods"), html_table(_("Best first"), names, rows))


def _ranked_by(metric: Metric) -> str:
    if metric in FAITHFULNESS_METRICS:
        return _("Mean, minus the model's own Gaussian")
    return _("Mean, nearest 0 first") if metric in NEAR_ZERO_IS_GOOD else _("Mean")


def _matrix(results: Results, cells: Sequence[MetricMean], small: bool) -> Html:
    """Return a table with a row per method and a column per model; the best methods of each model are marked."""
    intervals = {(cell.method, cell.model): cell.small if small else cell.every for cell in cells}
    best = _best(cells, small)
    rows: list[tuple[TableCell | str, ...]] = [
        (
            display_names.method(method),
            *(_interval_cell(intervals.get((method, model)), (method, model) in best) for model in results.models),
        )
        for method in results.methods
        if any((method, model) in intervals for model in results.models)
    ]
    largest = max((interval.n for interval in intervals.values()), default=0)
    words = _("Objects under 25 % of the photo and off-centre: {n}") if small else _("All photos: {n}")
    return html_table(words.format(n=largest), (_("Method"), *results.models), rows)


def _best(cells: Sequence[MetricMean], small: bool) -> set[tuple[str, str]]:
    """Return (method, model) pairs of the best methods: all with the same rounded mean, none if all methods tie."""
    best_cells: set[tuple[str, str]] = set()
    for model in dict.fromkeys(cell.model for cell in cells):
        means = {cell.method: (cell.small if small else cell.every).mean for cell in cells if cell.model == model}
        far = {method: worse(cells[0].metric, round(mean, 3)) for method, mean in means.items() if mean == mean}
        best = {(method, model) for method, how in far.items() if how == min(far.values())}
        best_cells |= best if len(best) < len(far) else set()
    return best_cells


def _differences(results: Results) -> Iterator[Html]:
    method, first = results.methods[0], results.models[0]
    yield html_heading(_("Differences on the same photos"))
    text = _(
        "{method}, photo by photo: each model minus {first}, and each model minus its own Gaussian. "
        "Significant differences are marked: p below 0.05, Holm-corrected over all differences in the metric "
        "by every method. The file differences.csv lists them all."
    )
    yield html_paragraph(text.format(method=display_names.method(method), first=first))
    for metric in results.metrics:
        rows = [
            (display_names.minus(difference), *_with_count(difference.every), *_with_count(difference.small))
            for difference in find_differences(results, (method,), metric)
        ]
        names = (_("Models"), _("All photos"), _("Photos"), _("Small and off-centre"), _("Photos"))
        if rows:
            yield html_details(display_names.metric(metric), html_table(display_names.axis(metric), names, rows))


def _with_count(interval: Interval) -> tuple[TableCell, str]:
    return _interval_cell(interval, interval.sure), str(interval.n)


def _classes(results: Results) -> Iterator[Html]:
    method, metric = results.methods[0], headline_metric(results)
    classes = run_summary.class_means(results, method, metric)
    if not classes:
        return
    yield html_heading(_("Class by class"))
    beside = () if metric in FAITHFULNESS_METRICS else results.beside(metric)  # leads are minus a control
    columns = (*results.models, *beside)
    rows = [
        (f"{row.name} ({row.label})", str(row.photos), *(_number(row.means.get(name)) for name in columns))
        for row in classes
    ]
    names = (_("Class"), _("Photos"), *results.models, *(_(BESIDE[control]) for control in beside))
    text = _("Mean of {metric} by {method}, {n} classes")
    title = text.format(metric=display_names.compared(metric), method=display_names.method(method), n=len(rows))
    yield html_paragraph(_("A class with only a few photos says little, so this table shows no intervals."))
    if metric in FAITHFULNESS_METRICS:
        yield html_paragraph(display_names.only_leads())
    yield html_details(title, html_table(title, names, rows))


def _disputes(results: Results) -> Iterator[Html]:
    method, metric = results.methods[0], headline_metric(results)
    disputes = run_summary.find_disputes(results, method, metric, DISPUTES)
    if not disputes:
        return
    beside = results.beside(metric)
    yield html_heading(_("Where models disagree most"))
    rows = [
        (
            dispute.photo,
            _number(dispute.spread),
            *map(_number, dispute.values.values()),
            *(_number(dispute.controls[control]) for control in beside),
        )
        for dispute in disputes
    ]
    text = _("{metric} by {method}; spread: the largest minus the smallest value of all models")
    title = text.format(metric=display_names.compared(metric), method=display_names.method(method))
    names = (_("Photo"), _("Spread"), *disputes[0].values, *(_(BESIDE[control]) for control in beside))
    yield html_table(title, names, rows)


def _examples(results: Results, shown: "ExampleMaps | None") -> Iterator[Html]:
    yield html_heading(_("Example maps"))
    if shown is None:
        yield html_paragraph(
            _(
                "Omitted, because example maps show the photos themselves, which may not be free to share. To include "
                "them, run effviz report with --photos and the folder of the photos."
            )
        )
        return
    text = _(
        "Maps by {method}; photos are chosen by {metric}, which is the number below each map. Brighter areas "
        "hold more of the map's positive evidence. All maps of a photo share one scale. The model did not see "
        "anything outside the frame. Share this page only if you may share the photos of {dataset}."
    )
    method = display_names.method(shown.method)
    yield html_paragraph(
        text.format(method=method, metric=display_names.compared(shown.metric), dataset=results.dataset)
    )
    places = (_("best"), _("median"), _("worst"))
    for three in shown.extremes:
        yield html_tiles(
            three[0].model,
            [_example_tile(cam, place, Path(cam.photo).name) for place, cam in zip(places, three, strict=True)],
        )
    for every in shown.disputes:
        title = _("Models disagree: {photo}").format(photo=every[0].photo)
        yield html_tiles(title, [_example_tile(cam, cam.model) for cam in every])


def _example_tile(cam: "ExampleMap", text: str, photo: str = "") -> PictureTile:
    alt = _("Map of {model} for {target} on {photo}").format(model=cam.model, target=cam.target, photo=cam.photo)
    target = _("{target}, probability {probability:.1%}").format(target=cam.target, probability=cam.probability)
    return PictureTile(cam.picture, alt, f"{text}: {cam.value:.3f}", f"{target}; {photo}" if photo else target)


def _failures(results: Results) -> Iterator[Html]:
    failures = run_summary.find_failures(results)
    if not failures:
        return
    yield html_heading(_("What could not be measured"))
    counts = [(reason, str(rows)) for reason, rows in run_summary.count_reasons(failures)]
    title = ngettext("{count} row without a value", "{count} rows without a value", len(failures)).format(
        count=len(failures)
    )
    yield html_table(title, (_("Reason"), _("Rows")), counts[:LISTED])
    some = [(row.photo, row.model, row.method, row.reason) for row in failures[:LISTED]]
    first = _("The first {n} rows").format(n=len(some))
    yield html_details(first, html_table(first, (_("Photo"), _("Model"), _("Method"), _("Reason")), some))


def _interval_cell(interval: Interval | None, best: bool = False) -> TableCell:
    if interval is None or not interval.n:
        return TableCell("–")
    note = _("{low:.3f} to {high:.3f}").format(low=interval.low, high=interval.high)
    return TableCell(f"{interval.mean:.3f}", "" if interval.low != interval.low else note, best)


def _number(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3f}"


# A run's numbers as small machine-readable tables, with the short names of models, methods and metrics.

SUMMARY_FILE: Final = "summary.csv"
DIFFERENCES_FILE: Final = "differences.csv"
INTERVAL: Final = "interval"  # the column that names the intervals' method; tables without it use a different one
NUMBERS: Final = ("mean", "low", "high", "n")
PARTS: Final = tuple(f"{part}{number}" for part in ("", "small_") for number in NUMBERS)
TESTED: Final = tuple(f"{part}{number}" for part in ("", "small_") for number in (*NUMBERS, "p"))


def summary_csv(run: Manifest, cells: Sequence[MetricMean]) -> str:
    """Return all means of a run with their intervals, one row per model, method and metric."""
    macs = _macs(run)
    rows = (
        (
            *(cell.model, macs.get(cell.model, ""), cell.method, cell.metric.value),
            *(*_numbers(cell.every), *_numbers(cell.small), "wilson" if cell.metric in SHARE_METRICS else "t"),
        )
        for cell in cells
    )
    return _csv(("model", "macs", "method", "metric", *PARTS, INTERVAL), rows)


def differences_csv(differences: Sequence[Difference]) -> str:
    """Return all differences with their intervals: a model's maps by a method, minus others on the same photos.

    `of` says whether values or leads over each model's own Gaussian are compared; p is Holm-corrected per metric.
    """
    rows = (
        (
            *(row.model, row.method, row.minus_model, row.minus_method, row.metric.value),
            *("lead" if row.of_leads else "value", *astuple(row.every), *astuple(row.small)),
        )
        for row in differences
    )
    return _csv(("model", "method", "minus_model", "minus_method", "metric", "of", *TESTED), rows)


def models_csv(run: Manifest, accuracies: Sequence[Accuracy]) -> str:
    """Return each model's top-1 accuracy, and the mean probability of the classes that the maps explain."""
    names = [f"{quantity}_{number}" for quantity in ("top1", "probability") for number in NUMBERS]
    macs = _macs(run)
    rows = ((row.model, macs.get(row.model, ""), *_numbers(row.top1), *_numbers(row.probability)) for row in accuracies)
    return _csv(("model", "macs", *names), rows)


def table_files(results: Results, cells: Sequence[MetricMean]) -> dict[str, str]:
    """Return every table of a run by file name; `cells` are the run's `metric_means`."""
    differences = [row for metric in results.metrics for row in find_differences(results, results.methods, metric)]
    return {
        SUMMARY_FILE: summary_csv(results.run, cells),
        DIFFERENCES_FILE: differences_csv(differences),
        "models.csv": models_csv(results.run, run_summary.model_accuracies(results)),
    }


def _macs(run: Manifest) -> dict[str, int]:
    """Return the multiply-adds of the run's models that are available."""
    return {label: ref.macs for label, ref in run_summary.measured_refs(run).items()}


def _numbers(interval: Interval) -> tuple[float, ...]:
    """Return the interval's fields that NUMBERS lists."""
    return astuple(interval)[:-1]


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return str(pd.DataFrame(rows, columns=list(columns)).to_csv(index=False, lineterminator="\n"))
