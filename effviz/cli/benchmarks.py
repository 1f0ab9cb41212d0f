"""The `effviz bench` commands: one function per benchmark of `effviz.bench`, and the latency of Table 4."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from effviz import optional_packages
from effviz.cli import console

if TYPE_CHECKING:
    from effviz.bench.benchmark import Figure, Measured, PeerRow, Say

# The command that times networks as in Table 4 of the paper; the app's page runs the same command.

TABLE_4: Final = ("resnet152", "b1")  # its other pair includes GPipe, whose network timm does not have


def latency(
    models: Annotated[
        list[str] | None, typer.Argument(help="b1, lite0@260, scaled-d1.4-w1.2@300, or a name from timm.list_models().")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="Timed runs per network; the mean is shown.")] = 20,
    as_json: console.AsJson = False,
    in_turns: Annotated[
        bool, typer.Option("--in-turns", hidden=True, help="For the app: wait for a line on stdin before each run.")
    ] = False,
) -> None:
    """Time networks as in Table 4 of the paper: batch size 1, one core, mean of 20 runs. Default: ResNet-152 and B1."""
    optional_packages.require(*optional_packages.TORCH)
    from effviz.bench import network_timing
    from effviz.evaluate.single_core_latency import store_latency

    results = []
    with console.progress() as bar:
        for name in models or TABLE_4:
            shown = console.count_progress(bar, bar.add_task(name, total=runs))
            results.append(network_timing.measure_network(name, runs, _wait_for_turn if in_turns else shown))
            store_latency(results[-1])
    if as_json:
        console.show_json([asdict(result) for result in results])
        return
    slowest = max(results, key=lambda latency: latency.mean_ms)
    rows = [
        (
            result.label,
            f"{result.mean_ms:.1f}",
            f"{result.spread_ms:.1f}",
            f"{min(result.runs_ms):.1f}-{max(result.runs_ms):.1f}",
            f"{result.params / 1e6:.2f}",
            f"{result.times_as_fast_as(slowest):.2f}x",
        )
        for result in results
    ]
    columns = ("Network", "Mean, ms", "Std, ms", "Min-max", "Params, M", f"Versus {slowest.label}")
    console.show_table(f"Latency of one picture on one core of {results[0].machine}", columns, rows)


def _wait_for_turn(run: int, runs: int) -> None:
    """Announce the next run and wait for a line, so that the app can let other work go first, or stop."""
    typer.echo(f"{run}/{runs}", err=True)
    if not sys.stdin.readline():
        raise typer.Exit(1)


Repeats = Annotated[int, typer.Option(min=1, max=1000, help="Timed runs of each side; the median is shown.")]

app = typer.Typer(
    no_args_is_help=True, help="Time EffViz against peers in the same run, and the app as visitors experience it."
)

app.command("latency")(latency)


@app.command("scaling")
def scaling(repeats: Repeats = 9) -> None:
    """Time the closed-form plan of B0 and B7 against torch's FlopCounterMode on meta tensors."""
    optional_packages.require(*optional_packages.TORCH)
    from effviz.bench.benchmark import verdict
    from effviz.bench.network_timing import bench_scaling

    with console.progress() as bar:
        bar.add_task("B0 and B7", total=None)
        rows = bench_scaling(repeats)
    columns = ("Network", "EffViz, ms", "FlopCounterMode, ms", "Ratio", "Target")
    shown = [
        (row.name, f"{row.ours_ms:.3f}", f"{row.peer_ms:.1f}", f"{row.ratio:.0f}x", verdict(row.target, row.met))
        for row in rows
    ]
    console.show_table("Parameters, MACs and every layer of a network", columns, shown)


@app.command("cam")
def cam(
    repeats: Repeats = 15,
    long: Annotated[bool, typer.Option(help="Include rows that take the peer about a minute each.")] = True,
    as_json: console.AsJson = False,
) -> None:
    """Time class activation maps against pytorch-grad-cam, torchcam and OpenVINO's forward passes alone."""
    optional_packages.require(*optional_packages.GRAD_CAM)
    from effviz.bench.peer_comparisons import bench_cam

    with console.progress() as bar:
        bar.add_task("Class activation maps", total=None)
        measured = list(bench_cam(repeats, long=long))
    columns = ("EffViz and its peer", "EffViz, ms", "Peer, ms", "Ratio", "Target")
    _show("Class activation maps: median (min-max)", columns, measured, as_json)


@app.command("app")
def measure_app(as_json: console.AsJson = False) -> None:
    """Measure the app as a visitor sees it: scripts, first paint, classes, phi, memory. Takes about three minutes."""
    from effviz.bench.app_timing import bench_app

    _measure("The app", bench_app, as_json)


@app.command("cold")
def measure_cold(
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Fresh processes of each kind; the median is shown.")] = 3,
    as_json: console.AsJson = False,
) -> None:
    """Time the command's and the app's first maps with an empty cache, against importing torch and a plain script."""
    optional_packages.require(*optional_packages.GRAD_CAM)
    from effviz.bench.app_timing import bench_cold

    _measure("First times, in fresh processes", lambda say: bench_cold(say, rounds), as_json)


@app.command("evaluate")
def measure_evaluate(
    data: Annotated[Path, typer.Option(help="Photos with boxes and labels, in any format of `effviz evaluate`.")],
    model: Annotated[str, typer.Option(help="The model to run.")] = "lite0",
    photos: Annotated[int, typer.Option(min=1, help="Maximum number of photos.")] = 400,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Runs of each side; the median is shown.")] = 3,
    as_json: console.AsJson = False,
) -> None:
    """Time `effviz evaluate` against the engine alone and the same loop with pytorch-grad-cam. Takes a minute."""
    optional_packages.require(*optional_packages.GRAD_CAM)
    from effviz.bench.throughput import bench

    _measure("Measuring maps over a data set", lambda say: bench(data, model, photos, rounds, say), as_json)


@app.command("load")
def load(
    sessions: Annotated[int, typer.Option(min=1, max=200, help="Simultaneous visitors, each with its own photo.")] = 20,
    hostile: Annotated[
        bool, typer.Option("--hostile", help="Instead, one visitor is hostile, and others want one quick map each.")
    ] = False,
    minutes: Annotated[
        float, typer.Option(min=0, max=600, help="Instead, visitors come and go for this time; memory is watched.")
    ] = 0,
    as_json: console.AsJson = False,
) -> None:
    """Have many visitors compare their photos at once, check each map, and time quick maps while Score-CAM runs."""
    from effviz.bench import load

    def bench(say: "Say") -> "Measured":
        if hostile:
            return load.bench_hostile(say=say)
        return load.bench_session(minutes, say) if minutes else load.bench_load(load.Load(sessions), say)

    _measure("Many visitors", bench, as_json)


def _measure(title: str, bench: "Callable[[Say], Measured]", as_json: bool) -> None:
    """Run a benchmark with a bar that names the current measurement, and show the numbers."""
    with console.progress() as bar:
        task = bar.add_task(title, total=None)
        measured = list(bench(lambda text: bar.update(task, description=text)))
    _show(title, ("Measured", "EffViz", "Unit", "Target"), measured, as_json)


def _show(title: str, columns: Sequence[str], measured: "Sequence[Figure | PeerRow | str]", as_json: bool) -> None:
    """Print the rows, and report on stderr what could not be measured."""
    rows = [row for row in measured if not isinstance(row, str)]
    if as_json:
        console.show_json([row.as_dict() for row in rows])
    else:
        console.show_table(title, columns, [row.cells() for row in rows])
    for sentence in measured:
        if isinstance(sentence, str):
            typer.echo(sentence, err=True)
