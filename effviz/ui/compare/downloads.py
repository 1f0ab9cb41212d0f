"""Take the comparison home: the grid, the raw maps, and what is needed to repeat it."""

from collections.abc import Sequence

from effviz.ui.compare.controls import Choice, Look
from effviz.ui.compare.grid import Cell


def show(cells: Sequence[Cell], choice: Choice, look: Look) -> None:
    """Three files."""
