"""What a user did wrong becomes one line on stderr and exit code 1."""

from typing import Any

import typer
from typer.core import TyperGroup

from effviz.cli import output
from effviz.errors import EffVizError


class GuardedGroup(TyperGroup):
    """A group whose commands may raise EffVizError; wrong usage exits with 2 before a command starts."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run what the command line says, wherever its output goes."""
        output.never_fail_at_letters()
        return super().main(*args, **settings)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; programmer mistakes pass through as they are."""
        try:
            return super().invoke(ctx)
        except EffVizError as error:
            typer.echo(f"effviz: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(1) from error
