"""The command that makes a page of a finished run."""

from pathlib import Path
from typing import Annotated

import typer

from effviz.errors import SettingsError


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a run that `effviz evaluate` ended.")],
    out: Annotated[Path, typer.Option(help="Where the page goes; summary.csv goes beside it.")] = Path("report.html"),
    photos: Annotated[
        Path | None,
        typer.Option(help="The run's photos: draws example maps into the page, which then shows these photos."),
    ] = None,
) -> None:
    """Make one page of a finished run that needs no network, and summary.csv beside it."""
    from effviz.evaluate import files, results, summary
    from effviz.report.evaluation import evaluation_html, summary_csv, told
    from effviz.report.examples import examples

    known = results.load(run)
    cells = summary.cells(known, known.run.settings.seed)
    beside = out.with_name("summary.csv")
    shown = examples(known, told(known), photos) if photos else None
    pages = {out: evaluation_html(known, cells, shown).encode(), beside: summary_csv(known, cells).encode()}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for path, content in pages.items():
            files.replace(path, lambda file, content=content: file.write(content))  # type: ignore[misc]
    except OSError as error:
        raise SettingsError(
            f"{out} cannot be written ({error.strerror}): a file in a folder of yours is allowed. "
            "Choose another place with --out."
        ) from error
    typer.echo(f"The page is {out}, its numbers are {beside}.")
