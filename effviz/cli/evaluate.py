"""The commands `effviz evaluate`, which measures maps over a data set, and `effviz report`, which writes its report."""

import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from effviz.cli import console
from effviz.cluster import ExecutionBackend
from effviz.errors import DatasetError, SettingsError
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.placement import Placement
from effviz.i18n import _

if TYPE_CHECKING:
    from effviz.evaluate.intervals import Interval
    from effviz.evaluate.run_settings import RunSettings
    from effviz.evaluate.run_store import Manifest
    from effviz.evaluate.run_summary import MetricMean
    from effviz.evaluate.runner import Workers

METRICS_A_TABLE = 3
LOCALISATION_HELP = "energy, pointing, pointing15, maxbox, maxboxv2, iou."
FAITHFULNESS_HELP = "deletion, insertion, drop, increase, gain, road, adcc."
AGREEMENT_HELP = "agree_rank, agree_top20, agree_distance."
SANITY_HELP = "sanity_spearman, sanity_ssim, sanity_logit."
Choice = TypeVar("Choice", bound=StrEnum)


# The values of `evaluate.masking.MaskBaseline` and `evaluate.run_settings.EnergyPhotos`, which load heavy libraries.
MaskBaselineName = Literal["mean", "blur", "black", "rise"]
EnergyPhotosName = Literal["all", "score-cam"]

DatasetPath = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET", help="A folder of photos, annotations.json, COCO JSON, XML, or a CSV file of boxes."
    ),
]

Out = Annotated[Path, typer.Option(help="The run's folder. A stopped run is continued; a finished one is shown again.")]

Models = Annotated[str, typer.Option(help="Comma-separated, as in lite0@224,lite2@260; `effviz models` lists them.")]

Metrics = Annotated[
    str,
    typer.Option(
        help="Comma-separated names, which docs/metrics.md explains. "
        f"Localisation (needs boxes): {LOCALISATION_HELP} Faithfulness: {FAITHFULNESS_HELP} "
        f"Agreement with the first model: {AGREEMENT_HELP} Sanity checks (slow): {SANITY_HELP}"
    ),
]

Targets = Annotated[
    str,
    typer.Option(help="The class to explain: label (the photo's), prediction (the model's), an index or a name."),
]

AtLayer = Annotated[
    TargetLayer, typer.Option(help="Where the features are read: after the head, or at a stride before it.")
]

Placed = Annotated[
    Placement, typer.Option(help="Where a map's cells are on the photo: in an even grid, or as calibrated.")
]

Smooth = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="Blur every map with this sigma, as a share of the photo's shorter side, so that a finer map has little "
        "advantage. Use about half a cell of the coarsest map, 0.07 for 6 x 6 cells.",
    ),
]

EnergyOn = Annotated[
    EnergyPhotosName,
    typer.Option(
        help="Photos for the energy metric: all, or score-cam: one box of at most half the photo, as in Score-CAM.",
    ),
]

MaskedBy = Annotated[
    MaskBaselineName,
    typer.Option(
        help="What replaces deleted pixels: the mean pixel, the blurred photo, black, or as in RISE: the mean pixel, "
        "with a blurred photo as the start of insertion.",
    ),
]

Steps = Annotated[
    int, typer.Option(min=1, max=1000, help="Steps of deletion and insertion, each an equal part of the area.")
]

RoadBudget = Annotated[
    float | None,
    typer.Option(
        min=0, help="Time limit for road in seconds per map; a map that takes longer has no value. Default: no limit."
    ),
]

Limit = Annotated[int | None, typer.Option(min=1, help="Number of photos, chosen at random; default: all.")]

Seed = Annotated[
    int, typer.Option(min=0, help="Random seed: for the choice of photos, the random control and the sanity checks.")
]

WorkerCount = Annotated[int | None, typer.Option(min=1, help="With --engine ray: number of workers; default: 2.")]


def evaluate(  # noqa: PLR0913  # Typer needs one parameter per option
    dataset: DatasetPath,
    out: Out,
    models: Models = "lite0",
    methods: Annotated[str, typer.Option(help=f"Comma-separated names: {', '.join(Method)}.")] = "cam",
    metrics: Metrics = "energy,pointing,maxbox",
    targets: Targets = "label",
    layer: AtLayer = TargetLayer.LAST,
    placement: Placed = Placement.PLAIN,
    smooth: Smooth = 0.0,
    energy_photos: EnergyOn = "all",
    masking: MaskedBy = "mean",
    steps: Steps = 20,
    road_budget: RoadBudget = None,
    limit: Limit = None,
    seed: Seed = 0,
    photos: Annotated[Path | None, typer.Option(help="Folder of the photos, if not beside the annotations.")] = None,
    engine: console.Engine = ExecutionBackend.LOCAL,
    address: console.Address = "",
    workers: WorkerCount = None,
    as_json: console.AsJson = False,
) -> None:
    """Measure over a data set whether maps are in the right place and faithful, and compare them with controls.

    You can stop or kill it at any time: the same command continues the run.

    Results go to OUT/results.parquet, one row per photo, model, method and metric.

    OUT/run.json records how they were made; `effviz report OUT` makes a page of both.
    """
    from effviz.evaluate.masking import MaskBaseline, Masking
    from effviz.evaluate.run_settings import EnergyPhotos, Metric, RunSettings

    settings = RunSettings(
        models=_labels(models),
        methods=_chosen(Method, methods, "method"),
        metrics=_chosen(Metric, metrics, "metric"),
        targets=targets.strip(),
        layer=layer,
        placement=placement,
        smooth=smooth,
        energy_photos=EnergyPhotos(energy_photos),
        masking=Masking(MaskBaseline(masking), steps),
        road_budget_s=math.inf if road_budget is None else road_budget,
        limit=limit,
        seed=seed,
    )
    _show(_measured(dataset, photos, settings, out, _workers(engine, address, workers)), as_json)


def _labels(names: str) -> tuple[str, ...]:
    """Parse comma-separated names of models, without duplicates."""
    from effviz.zoo import catalogue

    return tuple(dict.fromkeys(catalogue.parse_model(name).label for name in names.split(",")))


def _measured(
    path: Path, photos: Path | None, settings: "RunSettings", out: Path, workers: "Workers | None"
) -> "Manifest":
    from effviz.evaluate import runner
    from effviz.evaluate.datasets import open_dataset
    from effviz.evaluate.run_settings import LABEL

    dataset = open_dataset(path, photos, by_class=settings.targets == LABEL)
    for note in dataset.notes:
        typer.echo(_(note), err=True)
    with console.progress() as bar:
        progress = console.count_progress(bar, bar.add_task("photos", total=None))
        return runner.evaluate(dataset, settings, out, progress, workers)


def _chosen(kind: type[Choice], text: str, what: str) -> tuple[Choice, ...]:
    """Parse comma-separated names, without duplicates."""
    names = [name.strip().lower() for name in text.split(",")]
    allowed = [choice.value for choice in kind]
    if unknown := [name for name in names if name not in allowed]:
        raise SettingsError(
            f"There is no {what} {unknown[0]!r}. Choose one or more, separated by commas: {', '.join(allowed)}."
        )
    return tuple(kind(name) for name in dict.fromkeys(names))


def _workers(engine: ExecutionBackend, address: str, workers: int | None) -> "Workers | None":
    """Return the workers that measure; None means this process."""
    if engine is ExecutionBackend.LOCAL:
        if address:
            raise SettingsError(
                f"--address {address} has no effect without --engine ray. Add --engine ray, or leave out --address."
            )
        if workers is not None:
            raise SettingsError(
                f"--workers {workers} has no effect without --engine ray. Add --engine ray, or leave out --workers."
            )
        return None
    from effviz.cluster import Cluster, require_ray

    require_ray()
    from effviz.evaluate import ray_engine

    return ray_engine.ray_workers(Cluster(workers or Cluster().workers, address))


def _show(done: "Manifest", as_json: bool) -> None:
    from effviz.evaluate import run_store, run_summary

    cells, failures = run_summary.read_metric_means(done), run_summary.read_failures(done)
    if as_json:
        console.show_json(done.as_dict() | {"results": [_plain(cell) for cell in cells], "failures": len(failures)})
    else:
        _show_tables(done, cells)
        more = "{count} rows have a reason instead of a value; the first 5 are above."
        console.warn([f"Left out: {failure.reason}" for failure in failures], more)
        typer.echo(f"All rows are in {done.folder}/results.parquet.")
    if not cells:
        raise DatasetError(
            f"Nothing could be measured on {_photos(done.photos)}: at least one must be usable. The reasons are in "
            f"{done.folder}/{run_store.RESULTS_FILE}. Fix them, and choose another folder with --out."
        )


def _show_tables(run: "Manifest", cells: "Sequence[MetricMean]") -> None:
    from effviz.evaluate import display_names, run_summary
    from effviz.evaluate.intervals import FEW
    from effviz.evaluate.run_settings import LOCALISATION_METRICS

    for model in run.settings.models:
        mine = [cell for cell in cells if cell.model == model]
        named = f"{model}, {_photos(run.photos)}, target {run.settings.targets}"
        _show_table(f"{named}: mean (95 % interval)", mine, lambda cell: cell.every)
        if hard := [cell for cell in mine if cell.metric in LOCALISATION_METRICS and cell.small.n]:
            count = _photos(max(cell.small.n for cell in hard))
            title = f"{model}, {count} with an object under 25 % and off the centre"
            _show_table(title, hard, lambda cell: cell.small)
    if run.photos < FEW:
        typer.echo(display_names.few(run.photos))
    for accuracy in run_summary.read_accuracies(run):
        if accuracy.top1.n:
            typer.echo(f"{accuracy.model}: top-1 {_words(accuracy.top1)}")


def _show_table(title: str, cells: "Sequence[MetricMean]", interval_of: "Callable[[MetricMean], Interval]") -> None:
    """Print tables of a few metrics each, so that they fit a narrow window."""
    metrics = list(dict.fromkeys(cell.metric for cell in cells))
    methods = dict.fromkeys(cell.method for cell in cells)
    texts = {(cell.method, cell.metric): _words(interval_of(cell)) for cell in cells}
    for start in range(0, len(metrics), METRICS_A_TABLE):
        some = metrics[start : start + METRICS_A_TABLE]
        rows = [(method, *(texts.get((method, metric), "") for metric in some)) for method in methods]
        console.show_table(title, ("Method", *(metric.value for metric in some)), rows)


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count} photos"


def _words(interval: "Interval") -> str:
    if math.isnan(interval.low):  # one photo has no spread
        return f"{interval.mean:.3f}"
    return f"{interval.mean:.3f} ({interval.low:.3f}-{interval.high:.3f})"


def _plain(cell: "MetricMean") -> dict[str, object]:
    parts = {"all": cell.every, "small_off_centre": cell.small}
    numbers = {name: {key: getattr(part, key) for key in ("mean", "low", "high", "n")} for name, part in parts.items()}
    return {"model": cell.model, "method": cell.method, "metric": cell.metric.value, **numbers}


# `effviz report`: a page of a finished run.


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a finished run of `effviz evaluate`.")],
    out: Annotated[
        Path, typer.Option(help="File for the page; summary.csv, differences.csv and models.csv go beside it.")
    ] = Path("report.html"),
    photos: Annotated[
        Path | None,
        typer.Option(help="Folder of the run's photos: adds example maps to the page, which then shows these photos."),
    ] = None,
) -> None:
    """Write a finished run's report: one page that works offline, and tables of its numbers beside it."""
    from effviz import file_io
    from effviz.evaluate import run_summary
    from effviz.report import html_report

    results = run_summary.load_results(run)
    cells, examples = run_summary.metric_means(results), None
    if photos is not None:
        from effviz.report.example_maps import draw_examples

        examples = draw_examples(results, html_report.headline_metric(results), photos)
    pages = {out: html_report.evaluation_html(results, cells, examples)}
    pages |= {out.with_name(name): text for name, text in html_report.table_files(results, cells).items()}
    with file_io.reporting_write_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        for path, content in pages.items():
            file_io.write_text_atomically(path, content)
    typer.echo(f"The page is {out}; beside it are {', '.join(path.name for path in list(pages)[1:])}.")
