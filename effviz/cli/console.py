"""How commands speak: results on stdout as a table or JSON, progress on stderr and only for people who watch.

What a user did wrong becomes one line on stderr and exit code 1.
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

# Options of several commands.
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Engine = Annotated[ExecutionBackend, typer.Option(help="local: this process; ray: several workers, here or elsewhere.")]
Address = Annotated[str, typer.Option(help="With --engine ray: HOST:PORT of a running cluster; without: this machine.")]


def show_json(value: object) -> None:
    """Print JSON; characters that the output's encoding lacks are escaped."""
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
    """Print a table; the columns between the first and the last are numbers and stand to the right."""
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if 0 < number < len(columns) - 1 else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: a file's name in brackets is no markup
    Console().print(table)


def progress(in_bytes: bool = False) -> Progress:
    """Return a progress bar that leaves nothing behind, and is silent where nobody watches."""
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
    """Return the callback that shows how much of something is done."""
    return lambda done, total: bar.update(task, completed=done, total=total)


def named_progress(bar: Progress, task: TaskID) -> NamedProgress:
    """Return the callback that shows how much of something is done, and its name."""
    return lambda name, done, total: bar.update(task, description=name, completed=done, total=total)


def warn(sentences: Sequence[str], more: str) -> None:
    """Print the first five sentences on stderr, and `more`, which says the `{count}` of all, where there are others."""
    for sentence in sentences[:5]:
        typer.echo(sentence, err=True)
    if len(sentences) > 5:
        typer.echo(more.format(count=len(sentences)), err=True)


class GuardedGroup(TyperGroup):
    """A group whose commands may raise EffVizError; wrong usage exits with 2 before a command starts."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run what the command line says, wherever its output goes."""
        never_fail_at_letters()
        return super().main(*args, **settings)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; programmer mistakes pass through as they are."""
        try:
            return super().invoke(ctx)
        except EffVizError as error:
            typer.echo(f"effviz: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(1) from error
