"""EffViz without a browser, as commands; heavy libraries load only inside the commands that use them."""

from typing import Annotated

import typer

import effviz
from effviz.cli import benchmarks, cam, checkpoints, evaluate, launch, networks, train
from effviz.cli.console import GuardedGroup

app = typer.Typer(
    cls=GuardedGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="See what EfficientNets look at, and how compound scaling changes it.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(effviz.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, help="Print the version.")] = False,
) -> None:
    pass


app.command("app")(launch.open_app)
app.command("settings")(launch.show_settings)
app.command("models")(networks.models)
app.command("fetch")(networks.fetch)
app.command("add")(checkpoints.add)
app.command("check")(checkpoints.check)
app.command("remove")(checkpoints.remove)
app.command("export")(networks.export)
app.command("scale")(networks.scale)
app.command("plan")(networks.plan)
app.command("solve")(networks.solve)
app.command("cam")(cam.cam)
app.command("calibrate")(cam.calibrate)
app.command("evaluate")(evaluate.evaluate)
app.command("report")(evaluate.report)
app.command("search")(train.search)
app.command("train")(train.train)
app.add_typer(benchmarks.app, name="bench")


def main() -> None:
    """Run the command that the console script `effviz` was given."""
    app(prog_name="effviz")
