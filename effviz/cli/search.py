"""The command of the grid search: step 1 of the paper's two-step scaling, at a size that two cores can afford."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from effviz import packages
from effviz.cli import output
from effviz.scaling.grid import GridSize

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from effviz.facts.searched import SearchResult
    from effviz.train.search import Stand

OUT = Path(".effviz/search")
DATA = typer.Option(help="Folder with train/CLASS/*.jpg and val/CLASS/*.jpg.")


def search(  # noqa: PLR0913  # one parameter an option, as Typer wants it
    data: Annotated[Path, DATA],
    grid: Annotated[GridSize, typer.Option(help="How fine the grid of alpha, beta and gamma is.")] = GridSize.COARSE,
    recipe: Annotated[
        str, typer.Option(help="How each network is trained: a shipped recipe or a TOML file.")
    ] = "search",
    out: Annotated[Path, typer.Option(help="Where results.csv goes, and what a cut-off search goes on from.")] = OUT,
    seeds: Annotated[int, typer.Option(min=2, max=20, help="Seeds for the baseline and the best five points.")] = 2,
    threads: Annotated[int, typer.Option(min=0, max=256, help="Cores to use; 0: torch decides.")] = 0,
    as_json: output.AsJson = False,
) -> None:
    """Train a small network for every alpha, beta, gamma that doubles its MACs, and say which did best.

    Kill it whenever you like: the same command goes on from where it was, and a minute of work is lost at most.
    """
    packages.need(*packages.TORCH)
    import torch

    from effviz.train import recipe as recipes
    from effviz.train.search import Search
    from effviz.train.search import search as run

    if threads:
        torch.set_num_threads(threads)
    wanted = Search(recipes.read(recipe), grid, seeds)
    with output.progress() as bar:
        tell = _Teller(bar)
        results = run(wanted, data, out, tell.stand, tell.decoding)
    _show(results, as_json)


class _Teller:
    """A bar for those who watch, and a line for each finished training for those who read the log."""

    def __init__(self, bar: "Progress") -> None:
        self._bar = bar
        self._task: TaskID = bar.add_task("pictures", total=None)

    def decoding(self, what: str, done: int, of: int) -> None:
        self._bar.update(self._task, description=what, completed=done, total=of)

    def stand(self, of: "Stand") -> None:
        left = f", {_time(of.seconds_left)} left" if of.seconds_left is not None else ""
        if of.result is not None:
            row = of.result
            typer.echo(
                f"{of.done}/{of.trials} {of.trial.name}: top-1 {row.top1_pct:.2f} %, "
                f"{row.macs_ratio:.3f} times the MACs, {row.seconds:.0f} s{left}",
                err=True,
            )
        elif of.status is not None:
            words = f"{of.done + 1}/{of.trials} {of.trial.name}, loss {of.status.loss:.2f}{left}"
            self._bar.update(self._task, description=words, completed=of.status.step, total=of.status.steps)


def _time(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _show(results: "tuple[SearchResult, ...]", as_json: bool) -> None:
    from dataclasses import asdict

    from effviz.facts import searched

    points = searched.summaries(results)
    noise, best = searched.noise_pct(points), searched.best(points)
    if as_json:
        rule = {key: getattr(best.rule, key) for key in ("alpha", "beta", "gamma")} if best else None
        output.show_json({"results": [asdict(row) for row in results], "best": rule, "noise_pct": noise})
        return
    rows = [
        (
            f"{of.rule.alpha:g}, {of.rule.beta:g}, {of.rule.gamma:g}",
            f"{of.results[0].macs_ratio:.3f}",
            f"{of.rule.constraint:.3f}",
            f"{of.results[0].params / 1e6:.2f}",
            f"{of.top1_pct:.2f}",
            str(len(of.results)),
            "best" if of is best else "baseline" if of.is_baseline else "",
        )
        for of in points
    ]
    columns = ("alpha, beta, gamma", "MACs, times", "On paper", "Params, M", "Top-1, %", "Seeds", "")
    output.show_table("Grid search", columns, rows)
    if best is not None and noise is not None:
        level = [of for of in points if not of.is_baseline and searched.level_with(of, best, noise)]
        typer.echo(
            f"Two seeds of one network differ by {noise:.2f} points (standard deviation): {len(level)} of "
            f"{len(points) - 1} networks are level with the best."
        )
