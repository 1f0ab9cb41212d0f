"""A finished run as one page for people."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from effviz.evaluate import summary, wording
from effviz.evaluate.controls import Control
from effviz.evaluate.differences import differences, leads
from effviz.evaluate.intervals import FEW, Interval
from effviz.evaluate.results import Results
from effviz.evaluate.settings import EFFECTS, NEAR_ZERO_IS_GOOD, PLACES, Metric, worse
from effviz.evaluate.summary import Cell
from effviz.plots.evaluation import against_macs
from effviz.report.page import Entry, Html, Tile, chart, folded, heading, page, paragraph, table, tiles
from effviz.words import _, later, many

if TYPE_CHECKING:  # it loads torch, which a page of numbers does not need
    from effviz.report.examples import Example, Examples

DISPUTES: Final = 20
BESIDE: Final = {
    Control.CROP_GAUSSIAN: later("Gaussian in the crop"),
    Control.CROP_UNIFORM: later("Uniform in the crop"),
    Control.GAUSSIAN: later("Centre Gaussian"),
    Control.UNIFORM: later("Uniform"),
}  # single classes, photos
LISTED: Final = 100  # rows without a value, beside the counts of their reasons


def evaluation_html(results: Results, cells: Sequence[Cell], shown: "Examples | None" = None) -> str:
    """Return the whole page; `cells` are `summary.cells` of the run, `shown` are maps on its photos."""
    return page(_("Explanations, measured"), tuple(_parts(results, cells, shown)))


def told(results: Results) -> Metric:
    """Return the metric for what would be too long with all of them."""
    return Metric.ENERGY if Metric.ENERGY in results.metrics else results.metrics[0]


def _parts(results: Results, cells: Sequence[Cell], shown: "Examples | None") -> Iterator[Html]:
    yield from _about(results)
    for metric in results.metrics:
        some = [cell for cell in cells if cell.metric is metric]
        if some:
            yield from _metric(results, metric, some)
    yield from _differences(results)
    yield from _classes(results)
    yield from _disputes(results)
    yield from _examples(results, shown)
    yield from _failures(results)


def _about(results: Results) -> Iterator[Html]:
    run, settings = results.run, results.run.settings
    photos = many("{count} photo", "{count} photos", run.photos).format(count=run.photos)
    yield paragraph(
        _(
            "{photos} of {dataset}, target: {target}. Numbers are means over photos, below them their 95 % interval: "
            "Wilson's for shares of photos, Student's t for the others. The controls, Gaussians, uniform and random "
            "maps, know nothing of the photo: what does not beat them has shown nothing. No map can leave the crop "
            "that its model saw, so those in the crop are the ones to beat."
        ).format(photos=photos, dataset=results.dataset, target=settings.targets)
    )
    if run.photos < FEW:
        yield paragraph(wording.few(run.photos))
    macs = {ref.label: ref.macs for ref in settings.refs}
    top1 = {found.model: found.top1 for found in summary.accuracies(results) if found.top1.n}
    rows = [
        (
            Entry(network.label),
            Entry(f"{macs[network.label] / 1e9:.2f}"),
            _entry(top1[network.label]) if network.label in top1 else Entry("–"),
            Entry(network.engine),
            Entry(network.weights_sha256[:12]),
        )
        for network in run.networks
    ]
    names = (_("Model"), _("MACs (billion)"), _("Top-1 on these photos"), _("Engine"), _("SHA-256 of the weights"))
    yield table(_("Models"), names, rows)
    lines = [(Entry(name), Entry(value)) for name, value in wording.made_by(run).items()]
    yield folded(_("Settings and versions"), table(_("What made these numbers"), (_("Name"), _("Value")), lines))


def _metric(results: Results, metric: Metric, cells: Sequence[Cell]) -> Iterator[Html]:
    yield heading(wording.metric(metric))
    yield paragraph(f"{wording.sentence(metric)} {wording.better(metric).capitalize()}.{_upside_down(metric)}")
    macs = {ref.label: ref.macs for ref in results.run.settings.refs}
    beside = _leads(results, metric) if metric in EFFECTS else cells
    if metric in EFFECTS:
        yield paragraph(wording.only_leads())
    if beside:
        yield chart(against_macs(beside, macs), f"effviz-{metric.value}")
    yield _matrix(results, cells, small=False)
    if metric in PLACES:
        yield _matrix(results, cells, small=True)
    for ranking in summary.rankings(beside):
        rows = [
            (Entry(f"{place}. {cell.model}"), Entry(wording.method(cell.method)), _entry(cell.every))
            for place, cell in enumerate(ranking.cells, 1)
        ]
        names = (_("Model"), _("Method"), _ranked_by(metric))
        yield folded(_("Ranking of all models and methods"), table(_("The best first"), names, rows))


def _leads(results: Results, metric: Metric) -> list[Cell]:
    """Return each model's lead over its own control in the place of means, which do not compare between models."""
    found = differences(results, [method.value for method in results.run.settings.methods], metric)
    return [Cell(model, method, metric, every, small) for (model, method), every, small in leads(found)]


def _ranked_by(metric: Metric) -> str:
    if metric in EFFECTS:
        return _("Mean, minus the model's own Gaussian")
    return _("Mean, nearest 0 first") if metric in NEAR_ZERO_IS_GOOD else _("Mean")


def _upside_down(metric: Metric) -> str:
    if metric not in NEAR_ZERO_IS_GOOD:
        return ""
    return _(" Far below it the maps are as alike, with bright and dark swapped.")


def _matrix(results: Results, cells: Sequence[Cell], small: bool) -> Html:
    """Methods down, models across; the best methods of each model are marked."""
    found = {(cell.method, cell.model): cell.small if small else cell.every for cell in cells}
    best = _best(cells, small)
    rows = [
        (
            Entry(wording.method(method)),
            *(_entry(found.get((method, model)), (method, model) in best) for model in results.models),
        )
        for method in results.methods
        if any((method, model) in found for model in results.models)
    ]
    largest = max((of.n for of in found.values()), default=0)
    words = _("Object under 25 % of the photo and off its centre: {n}") if small else _("All photos: {n}")
    return table(words.format(n=largest), (_("Method"), *results.models), rows)


def _best(cells: Sequence[Cell], small: bool) -> set[tuple[str, str]]:
    """Return the best methods, each with its model: several whose numbers read the same, none where all do."""
    found: set[tuple[str, str]] = set()
    for model in dict.fromkeys(cell.model for cell in cells):
        means = {cell.method: (cell.small if small else cell.every).mean for cell in cells if cell.model == model}
        far = {method: worse(cells[0].metric, round(mean, 3)) for method, mean in means.items() if mean == mean}
        best = {(method, model) for method, how in far.items() if how == min(far.values())}
        found |= best if len(best) < len(far) else set()
    return found


def _differences(results: Results) -> Iterator[Html]:
    method, first = results.methods[0], results.models[0]
    yield heading(_("Differences on the same photos"))
    yield paragraph(
        _(
            "By {method}, photo by photo: each model minus {first}, and each model minus its own Gaussian. Marked "
            "where it is surely a difference: p below 0.05, corrected (Holm) for all differences of the measure by "
            "every method, which differences.csv has."
        ).format(method=wording.method(method), first=first)
    )
    for metric in results.metrics:
        rows = [
            (Entry(wording.minus(of)), *_with_count(of.every), *_with_count(of.small))
            for of in differences(results, (method,), metric)
        ]
        names = (_("Models"), _("All photos"), _("Photos"), _("Small and off-centre"), _("Photos"))
        if rows:
            yield folded(wording.metric(metric), table(wording.axis(metric), names, rows))


def _with_count(found: Interval) -> tuple[Entry, Entry]:
    return _entry(found, found.sure), Entry(str(found.n))


def _classes(results: Results) -> Iterator[Html]:
    method, metric = results.methods[0], told(results)
    found = summary.per_class(results, method, metric)
    if not found:
        return
    yield heading(_("Class by class"))
    beside = results.beside(metric)
    columns = (*results.models, *beside)
    rows = [
        (Entry(f"{of.name} ({of.label})"), Entry(str(of.photos)), *(_number(of.means.get(name)) for name in columns))
        for of in found
    ]
    names = (_("Class"), _("Photos"), *results.models, *(_(BESIDE[control]) for control in beside))
    title = _("Mean of {metric} by {method}, {n} classes").format(
        metric=wording.metric(metric), method=wording.method(method), n=len(rows)
    )
    yield paragraph(_("A class of a few photos says little: there are no intervals here."))
    if metric in EFFECTS:
        yield paragraph(wording.only_leads())
    yield folded(title, table(title, names, rows))


def _disputes(results: Results) -> Iterator[Html]:
    method, metric = results.methods[0], told(results)
    found = summary.disputes(results, method, metric, DISPUTES) if len(results.models) > 1 else ()
    if not found:
        return
    beside = results.beside(metric)
    yield heading(_("Where models disagree most"))
    rows = [
        (
            Entry(of.photo),
            _number(of.spread),
            *map(_number, of.values.values()),
            *(_number(of.controls[control]) for control in beside),
        )
        for of in found
    ]
    title = _("{metric} by {method}; spread: the largest minus the smallest of all models").format(
        metric=wording.compared(metric), method=wording.method(method)
    )
    names = (_("Photo"), _("Spread"), *found[0].values, *(_(BESIDE[control]) for control in beside))
    yield table(title, names, rows)


def _examples(results: Results, shown: "Examples | None") -> Iterator[Html]:
    yield heading(_("Example maps"))
    if shown is None:
        yield paragraph(
            _(
                "Left out: they show the photos themselves, which may not be free to share. The command effviz report "
                "draws them with the option --photos and the photos' folder."
            )
        )
        return
    yield paragraph(
        _(
            "By {method}; photos are chosen by {metric}, which is the number below each. The brighter, the more of the "
            "map's positive evidence lies there, on one scale for all maps of a photo; what lies outside the frame the "
            "model did not see. Share this page only if you may share the photos of {dataset}."
        ).format(method=wording.method(shown.method), metric=wording.compared(shown.metric), dataset=results.dataset)
    )
    places = (_("best"), _("median"), _("worst"))
    for three in shown.extremes:
        yield tiles(
            three[0].model, [_tile(of, place, Path(of.photo).name) for place, of in zip(places, three, strict=True)]
        )
    for every in shown.disputes:
        title = _("Models disagree: {photo}").format(photo=every[0].photo)
        yield tiles(title, [_tile(of, of.model) for of in every])


def _tile(of: "Example", text: str, photo: str = "") -> Tile:
    alt = _("Map of {model} for {target} on {photo}").format(model=of.model, target=of.target, photo=of.photo)
    target = _("{target}, probability {probability:.1%}").format(target=of.target, probability=of.probability)
    return Tile(of.picture, alt, f"{text}: {of.value:.3f}", f"{target}; {photo}" if photo else target)


def _failures(results: Results) -> Iterator[Html]:
    found = summary.failures(results)
    if not found:
        return
    yield heading(_("What could not be measured"))
    counts = [(Entry(of.text), Entry(str(of.rows))) for of in summary.reasons(found)]
    title = many(
        "{count} row has a reason instead of a value", "{count} rows have a reason instead of a value", len(found)
    ).format(count=len(found))
    yield table(title, (_("Reason"), _("Rows")), counts[:LISTED])
    some = [(Entry(of.photo), Entry(of.model), Entry(of.method), Entry(of.reason)) for of in found[:LISTED]]
    first = _("The first {n} of them").format(n=len(some))
    yield folded(first, table(first, (_("Photo"), _("Model"), _("Method"), _("Reason")), some))


def _entry(found: Interval | None, best: bool = False) -> Entry:
    if found is None or not found.n:
        return Entry("–")
    note = "" if found.low != found.low else _("{low:.3f} to {high:.3f}").format(low=found.low, high=found.high)
    return Entry(f"{found.mean:.3f}", note, best)


def _number(value: float | None) -> Entry:
    return Entry("–" if value is None or value != value else f"{value:.3f}")
