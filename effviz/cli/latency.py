"""The command that times networks as Table 4 of the paper does; the app's page runs the same command."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from effviz import packages
from effviz.cli import output

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from effviz.bench.latency import Latency

TABLE_4: Final = ("resnet152", "b1")  # of the paper; its other pair has GPipe, whose network timm does not have


def latency(
    models: Annotated[
        list[str] | None, typer.Argument(help="b1, lite0@260, scaled-d1.4-w1.2@300, or a name that timm lists.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="Timed runs of each; their mean counts.")] = 20,
    as_json: output.AsJson = False,
    in_turns: Annotated[
        bool, typer.Option("--in-turns", hidden=True, help="For the app: wait for a line before each run.")
    ] = False,
) -> None:
    """Time networks as Table 4 does: batch 1, one core, mean of 20 runs. Without names: ResNet-152 and B1."""
    packages.need(*packages.TORCH)
    from effviz.bench import single
    from effviz.bench.latency import keep

    results = []
    with output.progress() as bar:
        for name in models or TABLE_4:
            task = bar.add_task(name, total=runs)
            results.append(single.measure(name, runs, _ask if in_turns else _Counted(bar, task)))
            keep(results[-1])
    _show_latencies(results, as_json)


def _ask(run: int, runs: int) -> None:
    """Say which run comes next and wait for a line: who listens may let others go first, or go away."""
    typer.echo(f"{run}/{runs}", err=True)
    if not sys.stdin.readline():
        raise typer.Exit(1)


class _Counted:
    """Moves a bar from run to run."""

    def __init__(self, bar: "Progress", task: "TaskID") -> None:
        self._bar, self._task = bar, task

    def __call__(self, run: int, _runs: int) -> None:
        self._bar.update(self._task, completed=run)


def _show_latencies(results: "Sequence[Latency]", as_json: bool) -> None:
    if as_json:
        output.show_json([asdict(of) for of in results])
        return
    slowest = max(results, key=lambda of: of.mean_ms)
    rows = [
        (
            of.label,
            f"{of.mean_ms:.1f}",
            f"{of.spread_ms:.1f}",
            f"{min(of.runs_ms):.1f}-{max(of.runs_ms):.1f}",
            f"{of.params / 1e6:.2f}",
            f"{of.times_as_fast_as(slowest):.2f}x",
        )
        for of in results
    ]
    columns = ("Network", "Mean, ms", "Std, ms", "Least-most", "Params, M", f"Beside {slowest.label}")
    output.show_table(f"Latency of one picture on one core of {results[0].machine}", columns, rows)
