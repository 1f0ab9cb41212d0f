"""The commands' output: results on stdout as a table or JSON, progress on stderr and only in a terminal.

A user's mistake becomes one line on stderr and exit code 1.
"""

import io
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich import box
from rich import progress as bars
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from effviz import file_io
from effviz.cluster import ExecutionBackend
from effviz.errors import EffVizError
from effviz.progress import CountProgress, NamedProgress

# Options that several commands share.
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Engine = Annotated[ExecutionBackend, typer.Option(help="local: this process; ray: workers here or on other machines.")]
Address = Annotated[str, typer.Option(help="With --engine ray: HOST:PORT of a running cluster; default: this machine.")]


def show_json(value: object) -> None:
    """Print JSON; escape characters that the output's encoding lacks."""
    text = file_io.json_text(value)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = file_io.json_text(value, plain=True)
    typer.echo(text)


def never_fail_at_letters() -> None:
    """Escape characters that an output's encoding lacks; file names need not be valid text."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; the columns between the first and the last are numbers and right-aligned."""
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if 0 < number < len(columns) - 1 else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text, because brackets in a file name are not markup
    Console().print(table)


def progress(in_bytes: bool = False) -> Progress:
    """Return a progress bar that disappears at the end, and shows nothing outside a terminal."""
    console = Console(stderr=True)
    return Progress(
        bars.SpinnerColumn(),
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.DownloadColumn() if in_bytes else bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def count_progress(bar: Progress, task: TaskID) -> CountProgress:
    """Return the callback that updates a bar's count."""
    return lambda done, total: bar.update(task, completed=done, total=total)


def named_progress(bar: Progress, task: TaskID) -> NamedProgress:
    """Return the callback that updates a bar's count and name."""
    return lambda name, done, total: bar.update(task, description=name, completed=done, total=total)


def warn(sentences: Sequence[str], more: str) -> None:
    """Print the first five sentences on stderr, and `more` with the `{count}` of all if there are others."""
    for sentence in sentences[:5]:
        typer.echo(sentence, err=True)
    if len(sentences) > 5:
        typer.echo(more.format(count=len(sentences)), err=True)


class GuardedGroup(TyperGroup):
    """A group whose commands may raise EffVizError; usage errors exit with 2 before a command starts."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run the command line, whatever the encoding of its output."""
        never_fail_at_letters()
        return super().main(*args, **settings)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; programming errors propagate unchanged."""
        try:
            return super().invoke(ctx)
        except EffVizError as error:
            typer.echo(f"effviz: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(1) from error
