"""The command that trains one network, for as long as it takes and over as many sittings."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from effviz import packages
from effviz.cli import output
from effviz.cluster import Cluster, Engine
from effviz.errors import SettingsError

if TYPE_CHECKING:
    from effviz.train.data import DataSet
    from effviz.train.loop import Report, Status, Trained
    from effviz.train.ray_engine import Job

RUNS = Path(".effviz/train")
FAMILY = "family"


def train(  # noqa: PLR0913  # one parameter an option, as Typer wants it
    config: Annotated[str, typer.Argument(help="A TOML file, a shipped recipe (paper, short), or `family`.")],
    plan: Annotated[Path | None, typer.Argument(help="With `family`: the plan, such as models/mini/plan.toml.")] = None,
    *,
    data: Annotated[Path, typer.Option(help="Folder with train/CLASS/*.jpg and val/CLASS/*.jpg.")],
    out: Annotated[Path | None, typer.Option(help="Where weights, log and checkpoints go.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint, if there is one.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the recipe's.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto: the fastest there is.")] = "auto",
    threads: Annotated[int, typer.Option(min=0, max=256, help="Cores to use; 0: torch decides.")] = 0,
    engine: Annotated[Engine, typer.Option(help="local: this process; ray: several workers, here or elsewhere.")] = (
        Engine.LOCAL
    ),
    workers: Annotated[int, typer.Option(min=1, max=1024, help="With --engine ray: how many share each batch.")] = 2,
    address: Annotated[
        str, typer.Option(help="With --engine ray: HOST:PORT of a running cluster; without: this machine.")
    ] = "",
    epochs: Annotated[int | None, typer.Option(min=1, help="With `family`: fewer epochs, to try the chain.")] = None,
    photos: Annotated[int | None, typer.Option(min=2, help="With `family`: fewer photos to train on.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="With `family`: fewer seeds.")] = None,
    as_json: output.AsJson = False,
) -> None:
    """Train B0 at any depth, width and resolution on your own pictures, or a family of networks by a plan.

    Kill it whenever you like and go on with --resume: a minute of work is lost at most, and the weights come out as if
    nothing had happened. A family goes on by itself.
    """
    packages.need(*packages.TORCH)
    if config == FAMILY:
        if plan is None:
            raise SettingsError("`effviz train family` needs a plan: name its file, such as models/mini/plan.toml.")
        from effviz.cli import family
        from effviz.train import family as plans

        wanted = plans.smaller(plans.read(plan), epochs, seeds)
        family.family(wanted, family.job(data, out or RUNS / wanted.name, _device(device), photos), as_json)
        return
    import torch

    from effviz.train import checkpoint, export, loop
    from effviz.train import recipe as recipes
    from effviz.train.ray_engine import Job
    from effviz.zoo.accuracy import interval_pct

    recipe = recipes.read(config)
    if seed is not None:
        recipe = replace(recipe, seed=seed)
    folder = out or RUNS / recipe.name
    if checkpoint.exists(folder) and not resume:
        raise SettingsError(
            f"{folder} holds a training already: only --resume goes on with it. Add --resume, or choose another --out."
        )
    if threads:
        torch.set_num_threads(threads)
    on_ray = engine is Engine.RAY
    job = Job(recipe, data, folder, loop.Options(device if on_ray and device == "cuda" else _device(device)))
    of = Cluster(workers, address, max(threads, 1)) if on_ray else None
    known, trained = _watched(job, of)
    entry = export.export(recipe, known, trained, folder)
    if as_json:
        output.show_json(entry)
        return
    low, high = interval_pct(trained.correct, trained.pictures)
    typer.echo(
        f"{recipe.name}: top-1 {trained.top1_pct:.2f} % of {trained.pictures} pictures (95 % interval {low:.1f} to "
        f"{high:.1f} %). Weights, {export.ENTRY} for models/manifest.json and log.csv are in {folder}."
    )


def _watched(job: "Job", of: Cluster | None) -> "tuple[DataSet, Trained]":
    """Read the pictures and learn from them, with a bar."""
    from effviz.train import batches
    from effviz.train import data as pictures

    with output.progress() as bar:
        task = bar.add_task("pictures", total=None)

        def decoding(what: str, done: int, of: int) -> None:
            bar.update(task, description=what, completed=done, total=of)

        def learning(status: "Status") -> None:
            bar.update(task, description=_words(status), completed=status.step, total=status.steps)

        known = pictures.data_set(job.photos, batches.side_px(job.recipe.network.resolution_px), decoding)
        _report_skipped(known)
        return known, _train(job, known, of, learning)


def _train(job: "Job", known: "DataSet", of: Cluster | None, report: "Report") -> "Trained":
    from effviz.train import loop, ray_engine

    if of is None:
        return loop.train(job.recipe, known, job.folder, job.options, report)
    return ray_engine.train(job, of, report)


def _device(wanted: str) -> str:
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, available in there.items() if available)
    if not there.get(wanted, False):
        names = ", ".join(name for name, available in there.items() if available)
        raise SettingsError(f"The device {wanted!r} is not there: auto, {names} can be used here. Choose one of them.")
    return wanted


def _words(status: "Status") -> str:
    top1 = "" if status.top1_pct is None else f", top-1 {status.top1_pct:.1f} %"
    return f"loss {status.loss:.2f}{top1}, {timedelta(seconds=round(status.seconds_left))} left"


def _report_skipped(known: "DataSet") -> None:
    skipped = (*known.train.skipped, *known.val.skipped)
    for sentence in skipped[:5]:
        typer.echo(f"Skipped: {sentence}", err=True)
    if len(skipped) > 5:
        typer.echo(f"{len(skipped)} files were skipped, of which 5 are named above.", err=True)
