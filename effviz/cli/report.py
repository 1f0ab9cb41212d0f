"""The command that makes a page of a finished run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from effviz.evaluate.results import Results
    from effviz.evaluate.settings import Metric
    from effviz.report.examples import Examples


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a run that `effviz evaluate` ended.")],
    out: Annotated[
        Path, typer.Option(help="Where the page goes; summary.csv, differences.csv and models.csv go beside it.")
    ] = Path("report.html"),
    photos: Annotated[
        Path | None,
        typer.Option(help="The run's photos: draws example maps into the page, which then shows these photos."),
    ] = None,
) -> None:
    """Make one page of a finished run that needs no network, and tables of its numbers beside it."""
    from effviz import files
    from effviz.evaluate import results, summary
    from effviz.report import numbers
    from effviz.report.evaluation import evaluation_html, told

    known = results.load(run)
    cells = summary.cells(known)
    pages = {
        out: evaluation_html(known, cells, _examples(known, told(known), photos)),
        **{out.with_name(name): text for name, text in numbers.files(known, cells).items()},
    }
    with files.writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        for path, content in pages.items():
            files.replace_text(path, content)
    typer.echo(f"The page is {out}; beside it are {', '.join(path.name for path in list(pages)[1:])}.")


def _examples(run: "Results", metric: "Metric", photos: Path | None) -> "Examples | None":
    if photos is None:
        return None
    from effviz.report.examples import examples

    return examples(run, metric, photos)
