"""What of the photo a cell of the last layer can see at most: its theoretical receptive field."""

from functools import lru_cache

from effviz.errors import TargetError
from effviz.explain.results import Box
from effviz.scaling import ReceptiveField, plan
from effviz.words import _
from effviz.zoo.model import ModelRef


def box(ref: ModelRef, seen: Box, row: int, column: int) -> Box:
    """Return the part of the photo that reaches a cell through convolutions, cut off at what the model saw.

    `seen` is `Prepared.seen` or `ActivationMap.seen`. Outside the box nothing changes the cell of a Lite network. The
    B networks have squeeze-and-excitation, which scales channels by their mean over the whole map: there every pixel
    that was seen has some influence on every cell, and the box bounds only what comes in through convolutions.

    The box says what a cell can see, not where the cell lies (see `placement`) or what matters to it (see `effective`).

    Raises:
        TargetError: The model's map has no such cell; pick one inside.
    """
    field, cells = _last_layer(ref)
    check_cell(row, column, (cells, cells))
    size_px = ref.resolution_px
    left, right = _inside(field, column, size_px)
    top, bottom = _inside(field, row, size_px)
    scale_x, scale_y = (seen.x1 - seen.x0) / size_px, (seen.y1 - seen.y0) / size_px
    return Box(seen.x0 + scale_x * left, seen.y0 + scale_y * top, seen.x0 + scale_x * right, seen.y0 + scale_y * bottom)


def check_cell(row: int, column: int, shape: tuple[int, int]) -> None:
    """Accept a cell of a map of shape (H, W).

    Raises:
        TargetError: The map has no such cell; pick one inside.
    """
    height, width = shape
    if not (0 <= row < height and 0 <= column < width):
        raise TargetError(
            _(
                "Cell ({row}, {column}) does not exist: this map has rows 0 to {last_row} and columns 0 to "
                "{last_column}. Pick a cell of the map."
            ).format(row=row, column=column, last_row=height - 1, last_column=width - 1)
        )


@lru_cache(maxsize=64)  # a screen asks about every cell of a map
def _last_layer(ref: ModelRef) -> tuple[ReceptiveField, int]:
    """Return the field of the last map's cells and how many there are along one side."""
    layout = plan(ref.spec.depth, ref.spec.width, ref.resolution_px, ref.spec.family)
    head = layout.layers[-2]  # the last layer is the classifier
    return head.field(ref.spec.arithmetic.padding), head.out_size


def _inside(field: ReceptiveField, cell: int, size_px: int) -> tuple[float, float]:
    first, last = field.span(cell)
    return max(first, 0.0), min(last, float(size_px))
