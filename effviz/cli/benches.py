"""Commands that time EffViz beside a peer: one function a bench, which `effviz.bench` measures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from effviz import packages
from effviz.cli import latency, output

if TYPE_CHECKING:
    from effviz.bench.cam import CamRow
    from effviz.bench.figures import Figure, Figures

app = typer.Typer(
    no_args_is_help=True, help="Time EffViz: beside a peer in the same run, and the app as visitors meet it."
)
app.command("latency")(latency.latency)


@app.command("scaling")
def scaling(
    repeats: Annotated[int, typer.Option(min=1, max=1000, help="Timed runs of each side; the median counts.")] = 9,
) -> None:
    """Time the closed-form plan of B0 and B7 beside torch's FlopCounterMode on meta tensors."""
    packages.need(*packages.TORCH)
    from effviz.bench.scaling import bench

    with output.progress() as bar:
        bar.add_task("B0 and B7", total=None)
        rows = bench(repeats)
    columns = ("Network", "EffViz, ms", "FlopCounterMode, ms", "Ratio", "Target")
    shown = [
        (row.name, f"{row.ours_ms:.3f}", f"{row.peer_ms:.1f}", f"{row.ratio:.0f}x", f"{row.target}: {_met(row.met)}")
        for row in rows
    ]
    output.show_table("Parameters, MACs and every layer of a network", columns, shown)


@app.command("cam")
def cam(
    repeats: Annotated[int, typer.Option(min=1, max=1000, help="Timed runs of each side; the median counts.")] = 15,
    long: Annotated[bool, typer.Option(help="Also rows that take the peer about a minute each.")] = True,
    as_json: output.AsJson = False,
) -> None:
    """Time class activation maps beside pytorch-grad-cam, torchcam and OpenVINO's forward passes alone."""
    packages.need(*packages.GRAD_CAM)
    from effviz.bench.cam import bench

    with output.progress() as bar:
        bar.add_task("Class activation maps", total=None)
        result = bench(repeats, long=long)
    if as_json:
        fields = ("name", "ours_ms", "peer_ms", "ratio", "target", "met")
        output.show_json([{field: getattr(row, field) for field in fields} for row in result.rows])
    else:
        columns = ("EffViz, and its peer", "EffViz, ms", "Peer, ms", "Ratio", "Target")
        output.show_table("Class activation maps: median (least-most)", columns, [_cells(row) for row in result.rows])
    for sentence in result.skipped:
        typer.echo(sentence, err=True)


@app.command("app")
def measure_app(as_json: output.AsJson = False) -> None:
    """Measure the app as a visitor meets it: scripts, first paint, classes, phi, memory. Takes about three minutes."""
    from effviz.bench.app import bench

    with output.progress() as bar:
        task = bar.add_task("The app", total=None)
        figures = bench(lambda text: bar.update(task, description=text))
    _show("The app", figures, as_json)


@app.command("cold")
def measure_cold(
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Fresh processes of each; the median counts.")] = 3,
    as_json: output.AsJson = False,
) -> None:
    """Time first maps with an empty cache, of the command and the app, beside importing torch and a plain script."""
    packages.need(*packages.GRAD_CAM)
    from effviz.bench.cold import bench

    with output.progress() as bar:
        task = bar.add_task("First times", total=None)
        figures = bench(lambda text: bar.update(task, description=text), rounds)
    _show("First times, in fresh processes", figures, as_json)


@app.command("evaluate")
def measure_evaluate(
    data: Annotated[Path, typer.Option(help="Photos with boxes and labels, in any form that `effviz evaluate` reads.")],
    model: Annotated[str, typer.Option(help="One model.")] = "lite0",
    photos: Annotated[int, typer.Option(min=1, help="At most so many of the photos.")] = 400,
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Each side's runs; the median counts.")] = 3,
    as_json: output.AsJson = False,
) -> None:
    """Time `effviz evaluate` beside the engine alone and the same loop with pytorch-grad-cam. Takes a minute."""
    packages.need(*packages.GRAD_CAM)
    from effviz.bench.evaluate import bench

    with output.progress() as bar:
        task = bar.add_task("Photos", total=None)
        figures = bench(data, model, photos, rounds, lambda text: bar.update(task, description=text))
    _show("Measuring maps over a data set", figures, as_json)


@app.command("load")
def load(
    sessions: Annotated[int, typer.Option(min=1, max=200, help="Visitors at once, each with its own photo.")] = 20,
    hostile: Annotated[
        bool, typer.Option("--hostile", help="Instead: one visitor does the worst, others want one quick map.")
    ] = False,
    minutes: Annotated[
        float, typer.Option(min=0, max=600, help="Instead: mixed visitors come and go so long, and memory is watched.")
    ] = 0,
    as_json: output.AsJson = False,
) -> None:
    """Let many visitors compare their photos at once, check each map, and run Score-CAM beside quick maps."""
    from effviz.bench import hostile as attack
    from effviz.bench import load as crowd
    from effviz.bench import session

    with output.progress() as bar:
        task = bar.add_task("Many visitors", total=None)

        def say(text: str) -> None:
            bar.update(task, description=text)

        if hostile:
            figures = attack.bench(say=say)
        elif minutes:
            figures = session.bench(minutes, say)
        else:
            figures = crowd.bench(crowd.Load(sessions), say)
    _show("Many visitors", figures, as_json)


def _show(title: str, figures: "Figures", as_json: bool) -> None:
    if as_json:
        fields = ("name", "ours", "unit", "target", "met")
        output.show_json([{field: getattr(row, field) for field in fields} for row in figures.rows])
    else:
        columns = ("Measured", "EffViz", "Unit", "Target")
        output.show_table(title, columns, [_figure(row) for row in figures.rows])
    for sentence in figures.notes:
        typer.echo(sentence, err=True)


def _figure(row: "Figure") -> tuple[str, ...]:
    target = row.target if row.met is None else f"{row.target}: {_met(row.met)}"
    digits = 0 if row.ours >= 100 or row.ours == int(row.ours) else 1 if row.ours >= 10 else 2
    return row.name, f"{row.ours:.{digits}f}", row.unit, target


def _cells(row: "CamRow") -> tuple[str, ...]:
    return row.name, str(row.ours), str(row.peer), f"{row.ratio:.2f}x", f"{row.target}: {_met(row.met)}"


def _met(met: bool) -> str:
    return "met" if met else "missed"
