"""Where the names of bars stand: above or below them, on no bar, mark, line or other name, or not at all.

A bar is the interval of a mean. What is left out here is still said when a point is pointed at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from effviz.plots.labels import EDGE_PX, HEIGHT_PX, LETTER_PX, LINE_PX, PAD, WIDTH_PX, Box

# Across and down, in px that are left for bars: on a phone, on larger screens, on a wide one. Letters grow with none.
SIZES: Final = ((WIDTH_PX, HEIGHT_PX), (500, 330), (700, 350), (1110, 370))

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
    """What an axis across and an axis up show."""

    left: float
    right: float
    low: float
    high: float

    @property
    def gap(self) -> float:
        """GAP_PX on the axis up, on a phone."""
        return GAP_PX * (self.high - self.low) / HEIGHT_PX


@dataclass(slots=True, eq=False)
class _Screen:
    """A frame at one size, and what of it is taken."""

    frame: Frame
    width: float
    height: float
    taken: list[Box]

    def across(self, x: float) -> float:
        """Return pixels from the left."""
        return self.width * (x - self.frame.left) / (self.frame.right - self.frame.left)

    def down(self, y: float) -> float:
        """Return pixels from the top."""
        return self.height * (self.frame.high - y) / (self.frame.high - self.frame.low)

    def box(self, bar: Bar, place: Place) -> Box:
        """Return where a name stands."""
        half, x = LETTER_PX * len(bar.name) / 2, self.across(bar.x)
        away, gap = LINE_PX * place.lines, self.frame.gap
        top = self.down(bar.high + gap) - away - LINE_PX if place.above else self.down(bar.low - gap) + away
        return x - half, top, x + half, top + LINE_PX

    def fits(self, box: Box) -> bool:
        """Whether it is in the figure, and nothing is there."""
        left, top, right, bottom = box
        if left < -EDGE_PX or right > self.width + EDGE_PX or top < 0 or bottom > self.height:
            return False
        return not any(
            left < other[2] and other[0] < right and top < other[3] and other[1] < bottom for other in self.taken
        )

    def take(self, x: float, low: float, high: float, air: tuple[float, float]) -> None:
        """Keep names off what stands at x from low to high, with some px at its sides and at its ends."""
        at, (side, end) = self.across(x), air
        self.taken.append((at - side, self.down(high) - end, at + side, self.down(low) + end))


def frame(xs: Sequence[float], ys: Sequence[float]) -> Frame:
    """Return a frame around everything, with room for names above and below."""
    wide, tall = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 0.1
    return Frame(min(xs) - PAD * wide, max(xs) + PAD * wide, min(ys) - ROOM * tall, max(ys) + ROOM * tall)


def places(
    bars: Sequence[Bar], within: Frame, marks: Sequence[tuple[float, float]] = (), levels: Sequence[float] = ()
) -> list[Place | None]:
    """Return each bar's place, None for one that has no room; `levels` are lines from edge to edge."""
    screens = [_Screen(within, *size, []) for size in SIZES]
    for screen in screens:
        for bar in bars:
            screen.take(bar.x, bar.low, bar.high, (BAR_PX, 0))
        for x, y in marks:
            screen.take(x, y, y, (MARK_PX, MARK_PX))
        for y in levels:
            screen.take((within.left + within.right) / 2, y, y, (screen.width, 1))
    return [_placed(bar, screens) for bar in bars]


def _placed(bar: Bar, screens: Sequence[_Screen]) -> Place | None:
    """Return the nearest place that is free at every size, and take it."""
    for place in (Place(above, lines) for lines in range(LINES) for above in (True, False)):
        boxes = [screen.box(bar, place) for screen in screens]
        if all(screen.fits(box) for screen, box in zip(screens, boxes, strict=True)):
            for screen, box in zip(screens, boxes, strict=True):
                screen.taken.append(box)
            return place
    return None
