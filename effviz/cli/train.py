"""The commands that train: one network, a family of networks, or a grid search over alpha, beta and gamma."""

from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from effviz import file_io, optional_packages
from effviz.cli import console
from effviz.cluster import Cluster, ExecutionBackend
from effviz.errors import SettingsError
from effviz.scaling.coefficient_grid import GridSize

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from effviz.facts.two_step_search import SearchResult
    from effviz.train.data import DataSet
    from effviz.train.family_training import FamilyJob, FamilyOutcome, FamilyPlan, PairedComparison
    from effviz.train.loop import SeriesStatus, TrainedNetwork, TrainingStatus
    from effviz.train.ray_engine import RayTrainingJob

TRAIN_OUT, SEARCH_OUT = Path(".effviz/train"), Path(".effviz/search")
FAMILY = "family"
Data = Annotated[Path, typer.Option(help="Folder with train/CLASS/*.jpg and val/CLASS/*.jpg.")]
Threads = Annotated[int, typer.Option(min=0, max=256, help="Number of cores; with 0, torch decides.")]


def train(  # noqa: PLR0913  # Typer needs one parameter per option
    config: Annotated[str, typer.Argument(help="A recipe: a TOML file, or a shipped one (paper, short); or `family`.")],
    plan: Annotated[Path | None, typer.Argument(help="With `family`: the plan, such as models/mini/plan.toml.")] = None,
    *,
    data: Data,
    out: Annotated[Path | None, typer.Option(help="Folder for weights, log and checkpoints.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume from the newest checkpoint, if there is one.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Random seed to use instead of the recipe's.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto: the fastest available.")] = "auto",
    threads: Threads = 0,
    engine: console.Engine = ExecutionBackend.LOCAL,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="With --engine ray: workers that share a batch.")] = 2,
    address: console.Address = "",
    epochs: Annotated[int | None, typer.Option(min=1, help="With `family`: fewer epochs, for a trial run.")] = None,
    photos: Annotated[int | None, typer.Option(min=2, help="With `family`: fewer photos to train on.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="With `family`: fewer seeds.")] = None,
    as_json: console.AsJson = False,
) -> None:
    """Train B0 at any depth, width and resolution on your own pictures, or a family of networks by a plan.

    You can kill it at any time and continue with --resume: at most a minute of work is lost.
    The final weights are the same as without an interruption. A family continues without --resume.
    """
    optional_packages.require(*optional_packages.TORCH)
    from effviz.train import loop, training_recipe
    from effviz.train.family_training import FamilyJob
    from effviz.train.ray_engine import RayTrainingJob

    if config == FAMILY:
        family, used = _read_plan(plan, epochs, seeds), _device(device)
        options = loop.TrainingOptions(used, bfloat16=used == "cuda")  # 16-bit activations on an NVIDIA GPU
        _train_family(family, FamilyJob(data, out or TRAIN_OUT / family.name, options, photos), as_json)
        return
    recipe = training_recipe.read_recipe(config)
    if seed is not None:
        recipe = replace(recipe, seed=seed)
    folder = out or TRAIN_OUT / recipe.name
    if not resume:
        _check_new(folder)
    _use_threads(threads)
    on_ray = engine is ExecutionBackend.RAY
    options = loop.TrainingOptions(device if on_ray and device == "cuda" else _device(device))
    job = RayTrainingJob(recipe, data, folder, options)
    dataset, trained = _train_with_bar(job, Cluster(workers, address, max(threads, 1)) if on_ray else None)
    _show_trained(job, trained, loop.export_training(recipe, dataset, trained, folder), as_json)


def _check_new(folder: Path) -> None:
    from effviz.train import loop

    if loop.checkpoint_files(folder):
        raise SettingsError(
            f"{folder} already contains a training run. Add --resume to continue it, or choose another --out."
        )


def _show_trained(job: "RayTrainingJob", trained: "TrainedNetwork", entry: object, as_json: bool) -> None:
    from effviz.train import loop
    from effviz.zoo.manifest import wilson_interval_pct

    if as_json:
        console.show_json(entry)
        return
    low, high = wilson_interval_pct(trained.correct, trained.pictures)
    typer.echo(
        f"{job.recipe.name}: top-1 {trained.top1_pct:.2f} % of {trained.pictures} pictures (95 % interval {low:.1f} to "
        f"{high:.1f} %). Weights, {loop.ENTRY_FILE} for models/manifest.json and log.csv are in {job.folder}."
    )


def _train_with_bar(job: "RayTrainingJob", cluster: Cluster | None) -> "tuple[DataSet, TrainedNetwork]":
    from effviz.train import batches, loop, ray_engine
    from effviz.train import data as pictures

    with console.progress() as bar:
        task = bar.add_task("pictures", total=None)
        decoding = console.named_progress(bar, task)

        def learning(status: "TrainingStatus") -> None:
            top1 = "" if status.top1_pct is None else f", top-1 {status.top1_pct:.1f} %"
            words = f"loss {status.loss:.2f}{top1}{_left(status.seconds_left)}"
            bar.update(task, description=words, completed=status.step, total=status.steps)

        dataset = pictures.data_set(job.photos, batches.decoded_side_px(job.recipe.network.resolution_px), decoding)
        skipped = [f"Skipped: {sentence}" for sentence in (*dataset.train.skipped, *dataset.val.skipped)]
        console.warn(skipped, "{count} files were skipped; the first 5 are named above.")
        if cluster:
            return dataset, ray_engine.train(job, cluster, learning)
        return dataset, loop.train(job.recipe, dataset, job.folder, job.options, learning)


def _device(wanted: str) -> str:
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, available in there.items() if available)
    if not there.get(wanted, False):
        names = ", ".join(name for name, available in there.items() if available)
        raise SettingsError(f"The device {wanted!r} is not available here. Choose one of auto, {names}.")
    return wanted


def _use_threads(count: int) -> None:
    import torch

    if count:
        torch.set_num_threads(count)


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f", {timedelta(seconds=round(seconds))} left"


# The command `effviz train family`: the training runs of a plan, with tables, a figure and a verdict.


def _read_plan(file: Path | None, epochs: int | None, seeds: int | None) -> "FamilyPlan":
    from effviz.train import family_training

    if file is None:
        raise SettingsError("`effviz train family` needs a plan: name its file, such as models/mini/plan.toml.")
    return family_training.shrink_plan(family_training.read_plan(file), epochs, seeds)


def _train_family(plan: "FamilyPlan", job: "FamilyJob", as_json: bool) -> None:
    from effviz.plots import grid_search as plots
    from effviz.train import loop

    outcomes = _train_family_with_bar(plan, job)
    judged = _judged(plan, outcomes)
    texts = {
        "judgement.json": file_io.json_text(asdict(judged)),
        "table.md": _family_table(outcomes, judged),
        "manifest.json": _manifest_entries(outcomes),
        "figure.html": plots.family_accuracy(outcomes).to_html(include_plotlyjs=True, full_html=True),
    }
    for name, text in texts.items():
        loop.replace_text(job.out / name, text)
    if as_json:
        console.show_json(asdict(judged))
    else:
        typer.echo(texts["table.md"])
        typer.echo(f"Compound scaling at {plan.name}'s size: {judged.verdict}.")
        typer.echo(f"{', '.join(texts)} and a folder for each run are in {job.out}.")


def _train_family_with_bar(plan: "FamilyPlan", job: "FamilyJob") -> "tuple[FamilyOutcome, ...]":
    from effviz.train import family_training as families

    with console.progress() as bar:
        task = bar.add_task("pictures", total=None)

        def learning(standing: "SeriesStatus") -> None:
            status = standing.status
            words = f"{standing.name}, run {standing.done + 1} of {standing.count}"
            if status is not None and standing.seconds_left is not None:
                words += f", loss {status.loss:.2f}{_left(standing.seconds_left)}"
                bar.update(task, description=words, completed=status.step, total=status.steps)

        return families.train(plan, job, learning, console.named_progress(bar, task))


def _judged(plan: "FamilyPlan", outcomes: "tuple[FamilyOutcome, ...]") -> "FamilyJudgement":
    """Return the comparisons and the verdict that follows from them by the plan's rules."""
    from effviz.train import family_training as families

    finals = [row for row in outcomes if row.part == "final"]
    untrained = sorted({row.network for row in finals if row.train_top1_pct < plan.learnt_pct})
    singles = {name: families.right(outcomes, name) for name in families.SINGLE}
    comparisons = families.compare(families.right(outcomes, families.COMPOUND), singles)
    own = families.best_rule(plan, outcomes).name if plan.step1 else ""
    beside = None
    if any(row.network == families.STEP1_COMPOUND for row in outcomes):
        papers = {"the paper's compound": families.right(outcomes, families.COMPOUND)}
        (beside,) = families.compare(families.right(outcomes, families.STEP1_COMPOUND), papers)
    return FamilyJudgement(families.verdict(comparisons, untrained), untrained, comparisons, own, beside)


@dataclass(frozen=True, slots=True)
class FamilyJudgement:
    """The outcome of a plan."""

    verdict: str
    untrained: list[str]  # networks that have not learnt their training photos
    comparisons: "tuple[PairedComparison, ...]"
    step1_rule: str  # the best candidate of step 1 on the held-out photos
    step1_compound: "PairedComparison | None"  # the network by that rule minus the paper's, where they differ


def _family_table(outcomes: "tuple[FamilyOutcome, ...]", judged: FamilyJudgement) -> str:
    """Return every run and every comparison as Markdown."""
    lines = [
        "| part | network | seed | MACs, millions | parameters | loss | top-1: training photos | held out | val |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row.part} | {row.network} | {row.seed} | {row.macs / 1e6:.2f} | {row.params:,} | {row.loss:.3f} "
        f"| {row.train_top1_pct:.2f} % | {row.held_out_top1_pct:.2f} % | {row.top1_pct:.2f} % |"
        for row in outcomes
    ]
    lines += ["", "| compound minus | points | 95 % over seeds | 95 % over seeds and photos | p (Holm) |"]
    lines += ["| --- | ---: | --- | --- | ---: |"]
    for row in judged.comparisons:
        (low, high), (least, most) = row.seeds_interval, row.photos_interval
        intervals = f"{low:.2f} to {high:.2f} | {least:.2f} to {most:.2f}"
        lines.append(f"| {row.single} | {row.mean:.2f} | {intervals} | {row.p_holm:.3f} |")
    return "\n".join(lines) + "\n"


def _manifest_entries(outcomes: "tuple[FamilyOutcome, ...]") -> str:
    """Return the final networks' entries for `models/manifest.json`; names include the seed if it is not the first."""
    entries = [
        row.entry
        | {"name": f"{row.entry['name']}{f'-s{row.seed}' if row.seed else ''}"}
        | {"file": f"final-{row.network}-s{row.seed}/{row.entry['file']}"}
        for row in outcomes
        if row.part == "final"
    ]
    return file_io.json_text(entries) + "\n"


# The grid search: step 1 of the paper's two-step scaling, at a size that is feasible on two cores.


def search(  # noqa: PLR0913  # Typer needs one parameter per option
    data: Data,
    grid: Annotated[GridSize, typer.Option(help="Spacing of the grid of alpha, beta and gamma.")] = GridSize.COARSE,
    recipe: Annotated[
        str, typer.Option(help="How each network is trained: a shipped recipe or a TOML file.")
    ] = "search",
    out: Annotated[
        Path, typer.Option(help="Folder for results.csv and for what an interrupted search needs to continue.")
    ] = SEARCH_OUT,
    seeds: Annotated[int, typer.Option(min=2, max=20, help="Seeds for the baseline and the best five points.")] = 2,
    threads: Threads = 0,
    as_json: console.AsJson = False,
) -> None:
    """Train a small network for every alpha, beta, gamma that doubles its MACs, and report which did best.

    You can kill it at any time: the same command continues it, and at most a minute of work is lost.
    """
    optional_packages.require(*optional_packages.TORCH)
    from effviz.train import grid_search, training_recipe

    _use_threads(threads)
    wanted = grid_search.GridSearch(training_recipe.read_recipe(recipe), grid, seeds)
    with console.progress() as bar:
        task = bar.add_task("pictures", total=None)
        stand, decoding = partial(_show_trial, bar, task), console.named_progress(bar, task)
        results = grid_search.run_search(wanted, data, out, stand, decoding)
    _show_search(results, as_json)


def _show_trial(bar: "Progress", task: "TaskID", standing: "SeriesStatus") -> None:
    """Update the progress bar, and print a line per finished training run, for logs."""
    row, status, left = standing.result, standing.status, _left(standing.seconds_left)
    if row is not None:
        text = f"{standing.done}/{standing.count} {standing.name}: top-1 {row.top1_pct:.2f} %, "
        typer.echo(f"{text}{row.macs_ratio:.3f} times the MACs, {row.seconds:.0f} s{left}", err=True)
    elif status is not None:
        words = f"{standing.done + 1}/{standing.count} {standing.name}, loss {status.loss:.2f}{left}"
        bar.update(task, description=words, completed=status.step, total=status.steps)


def _show_search(results: "tuple[SearchResult, ...]", as_json: bool) -> None:
    from effviz.facts import two_step_search

    points = two_step_search.summarize_points(results)
    noise, best = two_step_search.noise_pct(points), two_step_search.best_point(points)
    if as_json:
        rule = {key: getattr(best.rule, key) for key in ("alpha", "beta", "gamma")} if best else None
        console.show_json({"results": [asdict(row) for row in results], "best": rule, "noise_pct": noise})
        return
    rows = [
        (
            f"{point.rule.alpha:g}, {point.rule.beta:g}, {point.rule.gamma:g}",
            f"{point.results[0].macs_ratio:.3f}",
            f"{point.rule.constraint:.3f}",
            f"{point.results[0].params / 1e6:.2f}",
            f"{point.top1_pct:.2f}",
            str(len(point.results)),
            "best" if point is best else "baseline" if point.is_baseline else "",
        )
        for point in points
    ]
    columns = ("alpha, beta, gamma", "MACs ratio", "By the rule", "Params, M", "Top-1, %", "Seeds", "")
    console.show_table("Grid search", columns, rows)
    if best is not None and noise is not None:
        level = [point for point in points if not point.is_baseline and two_step_search.level_with(point, best, noise)]
        typer.echo(
            f"Two seeds of one network differ by {noise:.2f} points (standard deviation): {len(level)} of "
            f"{len(points) - 1} networks are level with the best."
        )
