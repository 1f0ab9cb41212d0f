"""Where the words beside points have room: not over the figure's edge, not on each other, or not at all.

Plotly lets labels overlap and run over the edge. What is left out here is still said when a point is pointed at.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Judged as if drawn on a phone, where room is least: px that are left for points in a window of 390 px, and of a
# letter and a line at 11 px.
WIDTH_PX, HEIGHT_PX = 270, 290
LETTER_PX, LINE_PX = 6.2, 13
MARKER_PX = 7  # from a point to its label
EDGE_PX = 10  # what the figure's margins lend on either side
PAD = 0.05  # how much wider than its points Plotly makes an axis, on either side

_SIDES = {
    f"{row} {column}": (right, below)
    for row, below in (("top", -1), ("middle", 0), ("bottom", 1))
    for column, right in (("left", -1), ("center", 0), ("right", 1))
    if (right, below) != (0, 0)
}


@dataclass(frozen=True, slots=True)
class Label:
    """Words that belong to a point."""

    text: str
    x: float  # along the axis as it is drawn: logarithms on a log axis
    y: float
    wanted: str  # Plotly's `textposition`, taken where it has room


Box = tuple[float, float, float, float]  # left, top, right, bottom


def placed(labels: Sequence[Label], points: Sequence[tuple[float, float]], lines: Sequence[float] = ()) -> list[str]:
    """Each label's `textposition`, "" for one that has no room; `points` are all that the figure shows.

    A label keeps off other labels and off vertical `lines` (their x), and off other points where it can.
    """
    xs, ys = [x for x, _y in points], [y for _x, y in points]
    markers = [_marker(_px(x, xs, WIDTH_PX), HEIGHT_PX - _px(y, ys, HEIGHT_PX)) for x, y in points]
    taken = [_line(_px(x, xs, WIDTH_PX)) for x in lines]
    sides = []
    for label in labels:
        at = (_px(label.x, xs, WIDTH_PX), HEIGHT_PX - _px(label.y, ys, HEIGHT_PX))
        boxes = {side: _box(label.text, at, side) for side in _order(label.wanted)}
        clear = (side for side, box in boxes.items() if _free(box, [*taken, *markers]))
        side = next(clear, next((side for side, box in boxes.items() if _free(box, taken)), ""))
        if side:
            taken.append(boxes[side])
        sides.append(side)
    return sides


def stepped(labels: Sequence[tuple[str, float]], xs: Sequence[float]) -> list[int]:
    """How many lines of text below the top the words to the right of each vertical line stand.

    The lines' words and x come from left to right; each line begins where its words do. So no words stand on others,
    nor on another line: a line that would run through the words of an earlier one begins below them.
    """
    levels: list[int] = []
    ends: list[float] = []  # px where the words end
    for text, x in labels:
        at = _px(x, xs, WIDTH_PX)
        crossed = [level for level, end in zip(levels, ends, strict=True) if end > at]
        levels.append(1 + max(crossed, default=-1))
        ends.append(at + MARKER_PX + LETTER_PX * len(text))
    return levels


def _line(x: float) -> Box:
    return x - 1, -math.inf, x + 1, math.inf


def _marker(x: float, y: float) -> Box:
    half = MARKER_PX / 2
    return x - half, y - half, x + half, y + half


def _order(wanted: str) -> list[str]:
    """The wanted side, then the others, the nearest first."""
    right, below = _SIDES[wanted]
    far = {name: abs(right - x) + abs(below - y) for name, (x, y) in _SIDES.items()}
    return sorted(_SIDES, key=far.__getitem__)


def _px(value: float, values: Sequence[float], length_px: int) -> float:
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return length_px * ((value - low) / span + PAD) / (1 + 2 * PAD)


def _box(text: str, at: tuple[float, float], side: str) -> Box:
    right, below = _SIDES[side]
    width = LETTER_PX * len(text)
    left = at[0] + (-width / 2, MARKER_PX, -MARKER_PX - width)[right]
    top = at[1] + (-LINE_PX / 2, MARKER_PX / 2, -MARKER_PX / 2 - LINE_PX)[below]
    return left, top, left + width, top + LINE_PX


def _free(box: Box, taken: Sequence[Box]) -> bool:
    left, top, right, bottom = box
    if left < -EDGE_PX or right > WIDTH_PX + EDGE_PX:
        return False
    return not any(left < other[2] and other[0] < right and top < other[3] and other[1] < bottom for other in taken)
