"""Where the names of bars stand: above or below them, on no bar, mark, line or other name, or not at all.

A bar is the interval of a mean. What is left out here is still said when a point is pointed at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from effviz.plots.labels import EDGE_PX, HEIGHT_PX, LETTER_PX, LINE_PX, PAD, WIDTH_PX, Box

LINES: Final = 3  # how many lines of text a name may stand away from its bar
ROOM: Final = 0.15  # of what is drawn, kept free above and below it
GAP_PX: Final = 3  # from a bar's end to its name
BAR_PX: Final = 4  # half a bar's width, which is that of its ends
MARK_PX: Final = 7  # half a mark's size, with some air


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar and what it is called."""

    name: str
    x: float  # along the axis as it is drawn: logarithms on a log axis
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name stands."""

    above: bool  # the bar, or below it
    lines: int  # of text between the bar's end and the name


@dataclass(frozen=True, slots=True)
class Frame:
    """What an axis across and an axis up show, in a figure on a phone, where room is least."""

    left: float
    right: float
    low: float
    high: float

    def across(self, x: float) -> float:
        """Return pixels from the left."""
        return WIDTH_PX * (x - self.left) / (self.right - self.left)

    def down(self, y: float) -> float:
        """Return pixels from the top."""
        return HEIGHT_PX * (self.high - y) / (self.high - self.low)

    @property
    def gap(self) -> float:
        """GAP_PX on the axis up."""
        return GAP_PX * (self.high - self.low) / HEIGHT_PX


def frame(xs: Sequence[float], ys: Sequence[float]) -> Frame:
    """Return a frame around everything, with room for names above and below."""
    wide, tall = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 0.1
    return Frame(min(xs) - PAD * wide, max(xs) + PAD * wide, min(ys) - ROOM * tall, max(ys) + ROOM * tall)


def places(
    bars: Sequence[Bar], within: Frame, marks: Sequence[tuple[float, float]] = (), levels: Sequence[float] = ()
) -> list[Place | None]:
    """Return each bar's place, None for one that has no room; `levels` are lines from edge to edge."""
    taken = [*(_bar(bar, within) for bar in bars), *(_mark(mark, within) for mark in marks)]
    taken += [(-EDGE_PX, within.down(y) - 1, WIDTH_PX + EDGE_PX, within.down(y) + 1) for y in levels]
    found: list[Place | None] = []
    for bar in bars:
        place = next((each for each in _nearest_first() if _fits(_box(bar, each, within), taken)), None)
        if place:
            taken.append(_box(bar, place, within))
        found.append(place)
    return found


def _nearest_first() -> Iterator[Place]:
    return (Place(above, lines) for lines in range(LINES) for above in (True, False))


def _bar(bar: Bar, within: Frame) -> Box:
    x = within.across(bar.x)
    return x - BAR_PX, within.down(bar.high), x + BAR_PX, within.down(bar.low)


def _mark(mark: tuple[float, float], within: Frame) -> Box:
    x, y = within.across(mark[0]), within.down(mark[1])
    return x - MARK_PX, y - MARK_PX, x + MARK_PX, y + MARK_PX


def _box(bar: Bar, place: Place, within: Frame) -> Box:
    half, x = LETTER_PX * len(bar.name) / 2, within.across(bar.x)
    away = GAP_PX + LINE_PX * place.lines
    top = within.down(bar.high) - away - LINE_PX if place.above else within.down(bar.low) + away
    return x - half, top, x + half, top + LINE_PX


def _fits(box: Box, taken: Sequence[Box]) -> bool:
    left, top, right, bottom = box
    if left < -EDGE_PX or right > WIDTH_PX + EDGE_PX or top < 0 or bottom > HEIGHT_PX:
        return False
    return not any(left < other[2] and other[0] < right and top < other[3] and other[1] < bottom for other in taken)
