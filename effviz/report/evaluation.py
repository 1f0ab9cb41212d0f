"""A finished run as one page for people, and as a small table for programs."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from effviz.evaluate import summary
from effviz.evaluate.intervals import Interval
from effviz.evaluate.results import Results
from effviz.evaluate.settings import LOW_IS_GOOD, NEAR_ZERO_IS_GOOD, PLACES, Metric
from effviz.evaluate.summary import Cell
from effviz.plots.evaluation import against_macs
from effviz.report.page import Entry, Html, Tile, chart, folded, heading, page, paragraph, table, tiles
from effviz.scaling import plan
from effviz.words import _, later

if TYPE_CHECKING:  # it loads torch, which a page of numbers does not need
    from effviz.report.examples import Example, Examples

DISPUTES: Final = 20
WORDS: Final[Mapping[Metric, str]] = {
    Metric.ENERGY: later("The share of the map's positive evidence that lies inside the object's boxes."),
    Metric.POINTING: later("How often the map's maximum lies inside one of the object's boxes."),
    Metric.MAXBOX: later("MaxBoxAcc: how often the box around the map fits the object's, at the best threshold."),
    Metric.MAXBOX_V2: later("MaxBoxAccV2: the mean of MaxBoxAcc over the overlaps 0.3, 0.5 and 0.7."),
    Metric.IOU: later("The overlap of the map's box with the object's, at the best threshold of each photo."),
    Metric.DELETION: later("The mean probability while what the map marks is taken away, the strongest first."),
    Metric.INSERTION: later("The mean probability while what the map marks is put back, the strongest first."),
    Metric.DROP: later("What the probability loses, as a share, when only what the map marks is left."),
    Metric.INCREASE: later("How often the probability rises when only what the map marks is left."),
    Metric.GAIN: later("What the probability gains, as a share, when only what the map marks is left."),
    Metric.ROAD: later("ROAD: the difference between taking away the least and the most important parts."),
    Metric.ADCC: later("ADCC: coherency, complexity and average drop in one number."),
    Metric.AGREE_RANK: later("Rank correlation of the map's evidence with that of the first model's map."),
    Metric.AGREE_TOP20: later("How much the strongest fifths of the map and of the first model's map have in common."),
    Metric.AGREE_DISTANCE: later("From the map's centre of evidence to the first model's, in diagonals of the photo."),
    Metric.SANITY_SPEARMAN: later("Rank correlation of the map with that of the network with all weights at random."),
    Metric.SANITY_SSIM: later("Structural similarity of the map with that of the network with all weights at random."),
    Metric.SANITY_LOGIT: later("Rank correlation of the map with that of another class, drawn at random."),
}


def summary_csv(results: Results, cells: Sequence[Cell]) -> str:
    """Return all means with their intervals, one row for each model, method and metric."""
    macs = model_macs(results)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    parts = [f"{part}{number}" for part in ("", "small_") for number in ("mean", "low", "high", "n")]
    writer.writerow(["model", "macs", "method", "metric", *parts])
    for cell in cells:
        writer.writerow([cell.model, macs[cell.model], cell.method, cell.metric.value, *_row(cell)])
    return text.getvalue()


def evaluation_html(results: Results, cells: Sequence[Cell], shown: "Examples | None" = None) -> str:
    """Return the whole page; `cells` are `summary.cells` of the run, `shown` are maps on its photos."""
    return page(_("Explanations, measured"), tuple(_parts(results, cells, shown)))


def told(results: Results) -> Metric:
    """Return the metric for what would be too long with all of them."""
    return Metric.ENERGY if Metric.ENERGY in results.metrics else results.metrics[0]


def model_macs(results: Results) -> dict[str, int]:
    """Return the multiply-adds of each model of a run."""
    found = {}
    for ref in results.run.settings.refs:
        spec = ref.spec
        found[ref.label] = plan(spec.depth, spec.width, ref.resolution_px, spec.family, len(spec.classes)).macs
    return found


def _row(cell: Cell) -> Iterator[object]:
    for found in (cell.every, cell.small):
        yield from ("" if value != value else value for value in (found.mean, found.low, found.high))
        yield found.n


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
    yield paragraph(
        _(
            "{photos} photos of {dataset}, target: {target}. Numbers are means over photos, below them the 95 % "
            "interval of 2000 bootstrap draws of the photos. control-random, control-gaussian and control-uniform are "
            "maps that know nothing of the photo: what does not beat them has shown nothing."
        ).format(photos=run.photos, dataset=_folder(results), target=settings.targets)
    )
    macs = model_macs(results)
    top1 = {found.model: found.top1 for found in summary.accuracies(results, settings.seed) if found.top1.n}
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
    made = {**settings.as_dict(), "fingerprint": run.fingerprint, **run.versions}
    lines = [(Entry(name), Entry(_plain(value))) for name, value in made.items()]
    yield folded(_("Settings and versions"), table(_("What made these numbers"), (_("Name"), _("Value")), lines))


def _metric(results: Results, metric: Metric, cells: Sequence[Cell]) -> Iterator[Html]:
    yield heading(metric.value)
    yield paragraph(f"{_(WORDS[metric])} {_better(metric)}")
    yield chart(against_macs(cells, model_macs(results)), f"effviz-{metric.value}")
    yield _matrix(results, cells, small=False)
    if metric in PLACES:
        yield _matrix(results, cells, small=True)
    for ranking in summary.rankings(cells):
        rows = [
            (Entry(f"{place}. {cell.model}"), Entry(cell.method), _entry(cell.every))
            for place, cell in enumerate(ranking.cells, 1)
        ]
        names = (_("Model"), _("Method"), _("Mean, nearest 0 first") if metric in NEAR_ZERO_IS_GOOD else _("Mean"))
        yield folded(_("Ranking of all models and methods"), table(_("The best first"), names, rows))


def _better(metric: Metric) -> str:
    if metric in NEAR_ZERO_IS_GOOD:
        return _(
            "Near 0 is better, whatever the sign: far below it the maps are as alike, with bright and dark swapped."
        )
    return _("Less is better.") if metric in LOW_IS_GOOD else _("More is better.")


def _matrix(results: Results, cells: Sequence[Cell], small: bool) -> Html:
    """Methods down, models across; the best method of each model is marked."""
    found = {(cell.method, cell.model): cell.small if small else cell.every for cell in cells}
    best = {}
    for ranking in summary.rankings(cells, small):
        for cell in reversed(ranking.cells):  # the best comes last and stays
            best[cell.model] = cell.method
    rows = [
        (
            Entry(method),
            *(_entry(found.get((method, model)), best.get(model) == method) for model in results.models),
        )
        for method in results.methods
    ]
    largest = max((of.n for of in found.values()), default=0)
    words = (
        _("Object under 25 % of the photo and off its centre, where a mark in the middle does not win: {n} photos")
        if small
        else _("All photos: {n}")
    )
    return table(words.format(n=largest), (_("Method"), *results.models), rows)


def _differences(results: Results) -> Iterator[Html]:
    if len(results.models) < 2:
        return
    method = results.methods[0]
    yield heading(_("Between models, on the same photos"))
    yield paragraph(
        _(
            "The first model minus the second by {method}, photo by photo; marked where the interval leaves zero out. "
            "With many pairs some intervals leave zero out by chance."
        ).format(method=method)
    )
    for metric in results.metrics:
        rows = [
            (Entry(f"{of.first} − {of.second}"), _entry(of.interval, of.certain), Entry(str(of.interval.n)))
            for of in summary.differences(results, method, metric, results.run.settings.seed)
            if of.interval.n
        ]
        names = (_("Models"), _("Difference"), _("Photos"))
        yield folded(metric.value, table(metric.value, names, rows))


def _classes(results: Results) -> Iterator[Html]:
    method, metric = results.methods[0], told(results)
    found = summary.per_class(results, method, metric)
    if not found:
        return
    yield heading(_("Class by class"))
    values = {(of.label, of.name, of.model): of for of in found}
    rows = []
    for label, name in dict.fromkeys((of.label, of.name) for of in found):
        means = [values.get((label, name, model)) for model in results.models]
        count = max(of.n for of in means if of)
        rows.append(
            (Entry(f"{name} ({label})"), Entry(str(count)), *(Entry(f"{of.mean:.3f}" if of else "–") for of in means))
        )
    names = (_("Class"), _("Photos"), *results.models)
    title = _("Mean {metric} by {method}, {n} classes").format(metric=metric.value, method=method, n=len(rows))
    yield paragraph(_("A class of a few photos says little: there are no intervals here."))
    yield folded(title, table(title, names, rows))


def _disputes(results: Results) -> Iterator[Html]:
    method, metric = results.methods[0], told(results)
    found = summary.disputes(results, method, metric, DISPUTES) if len(results.models) > 1 else ()
    if not found:
        return
    yield heading(_("Where models disagree most"))
    rows = [
        (Entry(of.photo), Entry(f"{of.spread:.3f}"), *(Entry(f"{value:.3f}") for value in of.values.values()))
        for of in found
    ]
    title = _("{metric} by {method}: the largest minus the smallest of all models").format(
        metric=metric.value, method=method
    )
    yield table(title, (_("Photo"), _("Spread"), *found[0].values), rows)


def _examples(results: Results, shown: "Examples | None") -> Iterator[Html]:
    yield heading(_("Example maps"))
    if shown is None:
        yield paragraph(
            _(
                "Left out: they show the photos themselves, which may not be free to share. `effviz report --photos` "
                "with the photos' folder draws them."
            )
        )
        return
    yield paragraph(
        _(
            "By {method}; photos are chosen by {metric}, which is the number below each. The brighter, the more of the "
            "map's positive evidence lies there, on one scale for all maps of a photo; what lies outside the frame the "
            "model did not see. Share this page only if you may share the photos of {dataset}."
        ).format(method=shown.method.value, metric=shown.metric.value, dataset=_folder(results))
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


def _folder(results: Results) -> str:
    """Return the name of the folder that the data set lies in: its whole path says too much of a machine."""
    path = Path(results.run.dataset)
    return path.parent.name if path.suffix.lower() in (".json", ".csv") else path.name


def _failures(results: Results) -> Iterator[Html]:
    found = summary.failures(results)
    if not found:
        return
    yield heading(_("What could not be measured"))
    rows = [(Entry(of.photo), Entry(of.model), Entry(of.method), Entry(of.reason)) for of in found]
    names = (_("Photo"), _("Model"), _("Method"), _("Reason"))
    yield table(_("{n} rows have a reason instead of a value").format(n=len(rows)), names, rows)


def _entry(found: Interval | None, best: bool = False) -> Entry:
    if found is None or not found.n:
        return Entry("–")
    note = "" if found.low != found.low else _("{low:.3f} to {high:.3f}").format(low=found.low, high=found.high)
    return Entry(f"{found.mean:.3f}", note, best)


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "–" if value is None else str(value)
