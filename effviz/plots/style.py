"""The common style of all figures, with colours for colour-blind readers that work on light and dark backgrounds."""

import json
import math
import textwrap
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, ParamSpec

import plotly.graph_objects as go
from cachetools import LRUCache, cached
from cachetools.keys import hashkey
from plotly.basedatatypes import BaseTraceType

from effviz.i18n import _, current_language
from effviz.zoo.presets import ScalingAxis

# Okabe and Ito (2008), "Color Universal Design", without black, which is invisible on dark, and yellow, orange and sky
# blue, which are invisible on white. The others have a contrast of at least 3:1 on both. Olive: Paul Tol, "muted".
VERMILLION = "#D55E00"
BLUE = "#0072B2"
GREEN = "#009E73"
PURPLE = "#CC79A7"
OLIVE = "#999933"
GREY = "#787878"
# Not used by any scaling axis, for series without one; as light as the others.
BROWN = "#A6754A"
SLATE = "#6E8CA8"
TEAL = "#2E9B9B"
VIOLET = "#7B6FD0"
GRID = "rgba(128, 128, 128, 0.25)"  # on any background


@dataclass(frozen=True, slots=True)
class SeriesStyle:
    """How a role or series is drawn; colour is never the only difference."""

    colour: str
    symbol: str  # Plotly's marker
    dash: str  # Plotly's line


LOOKS = {
    ScalingAxis.BASELINE: SeriesStyle(GREY, "circle", "solid"),
    ScalingAxis.DEPTH: SeriesStyle(BLUE, "triangle-up", "dash"),
    ScalingAxis.WIDTH: SeriesStyle(GREEN, "square", "dot"),
    ScalingAxis.RESOLUTION: SeriesStyle(PURPLE, "diamond", "dashdot"),
    ScalingAxis.COMPOUND: SeriesStyle(VERMILLION, "star", "solid"),
}

# For what the visitor adds to a figure: the compared models, or a guess.
VISITOR = SeriesStyle(VIOLET, "hexagon", "solid")

# For series that are not scaling methods: four colours with four symbols each make sixteen styles. No scaling axis uses
# these colours.
_SYMBOLS = ("square", "diamond", "triangle-up", "triangle-down")
_DASHES = ("dash", "dot", "dashdot", "longdash")
SERIES = tuple(
    SeriesStyle(colour, _SYMBOLS[(row + column) % 4], _DASHES[row])
    for row in range(4)
    for column, colour in enumerate((OLIVE, BROWN, SLATE, TEAL))
)

TEMPLATE = go.layout.Template(
    layout={
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "font": {"color": GREY, "size": 13},  # for files; pages set their own (ui/style.css)
        "margin": {"l": 56, "r": 12, "t": 12, "b": 48},
        "hoverlabel": {"align": "left"},
        "legend": {
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.02,
            "xanchor": "left",
            "x": 0,
            "title": {"text": ""},
        },
        "xaxis": {"gridcolor": GRID, "zeroline": False, "title": {"standoff": 8}},
        "yaxis": {"gridcolor": GRID, "zeroline": False, "title": {"standoff": 8}},
    }
)


FIGURES: Final = 8  # cached per function; one takes 60 kB plus its data

P = ParamSpec("P")


def remembered(draw: Callable[P, go.Figure]) -> Callable[P, go.Figure]:
    """Cache the last figures that a function drew, by its arguments and the visitor's language.

    A page redraws its figures on every script run, which took half of its time. Visitors share the cached figures: to
    draw more, use a copy, `go.Figure(figure)`.
    """
    return cached(LRUCache(FIGURES), key=_figure_key, lock=threading.Lock())(draw)


def _figure_key(*args: object, **options: object) -> tuple[object, ...]:
    return hashkey(current_language(), *map(_hashable, (*args, *sorted(options.items()))))


def _hashable(value: object) -> object:
    if isinstance(value, Mapping):
        return tuple((key, _hashable(item)) for key, item in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value


def figure(height_px: int) -> go.Figure:
    """Return an empty figure in the common style."""
    return go.Figure(layout={"template": TEMPLATE, "height": height_px})


def scatter(name: str, points: Sequence[tuple[Any, Any, str]], **options: object) -> go.Scatter:
    """Return a series of points, each with x, y and hover text (HTML)."""
    return go.Scatter(
        name=name,
        x=[x for x, _y, _hover in points],
        y=[y for _x, y, _hover in points],
        hovertext=[hover for _x, _y, hover in points],
        **({"hovertemplate": "%{hovertext}<extra></extra>"} | options),
    )


def log_axis(title: str, values: Sequence[float]) -> dict[str, object]:
    """Return a logarithmic axis with full tick labels, because Plotly writes bare 2s and 5s.

    Ticks are 0.5, 1, 2, 5, 10, or only powers of ten if `values` span more than a factor of 1000, to fit on a phone.
    """
    wide = len(values) > 0 and max(values) > 1000 * min(values)
    ticks = [digit * 10.0**power for power in range(-3, 4) for digit in ((1,) if wide else (1, 2, 5))]
    return {"type": "log", "title_text": title, "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def vertical(label: str, x: float, low: float, high: float) -> go.Scatter:
    """Return a dashed vertical line from y = low to y = high, with its label at the top.

    Plotly's `add_vline` misplaces its label on log axes.
    """
    return go.Scatter(
        name=label,
        x=[x, x],
        y=[low, high],
        text=["", f"\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}{label}"],
        textposition="bottom right",
        textfont={"size": 11},
        mode="lines+text",
        line={"color": GREY, "dash": "dash", "width": 2},
        selected={"textfont": {"color": GREY}},  # otherwise any click fades the label
        showlegend=False,
    )


def enlarge(chart: go.Figure, text_px: int) -> go.Figure:
    """Return a figure whose text is legible from the back of a room, none smaller than `text_px`.

    Markers, lines (including leader lines) and margins grow with the text; the data stays.
    """
    times = text_px / TEMPLATE.layout.font.size
    enlarged = go.Figure(chart)
    font = {"size": text_px}
    enlarged.update_layout(font=font, legend_font=font, hoverlabel_font=font, margin=_scaled_margin(enlarged, times))
    enlarged.update_xaxes(tickfont=font, title_font=font, automargin=True)
    enlarged.update_yaxes(tickfont=font, title_font=font, automargin=True)
    for annotation in enlarged.layout.annotations:
        annotation.update(font=font, **{way: times * annotation[way] for way in ("ax", "ay") if annotation[way]})
    enlarged.update_traces(textfont_size=text_px, selector=lambda trace: trace.type in ("scatter", "bar"))
    for trace in enlarged.select_traces({"type": "scatter"}):
        if isinstance(trace.marker.size, int | float):
            trace.marker.size *= times
        if trace.line.width:
            trace.line.width *= times
    return enlarged


SLIDE_TEXT_PX = 24  # at 1920 x 1080
_INK = "#1b2733"


def slide(chart: go.Figure, title: str, source: str) -> dict[str, Any]:
    """Return the layout that makes a chart a slide: light, 16:9, with title, source (one line) and licence.

    The browser, which already has the chart's data, applies it.
    """
    layout = json.loads(_slide_layout(chart.layout.to_json(), title, source))
    return {"layout": layout, "textPx": SLIDE_TEXT_PX, "times": SLIDE_TEXT_PX / TEMPLATE.layout.font.size}


@lru_cache(maxsize=256)  # a page redraws its figures on every script run, and each slide took 17 ms
def _slide_layout(layout: str, title: str, source: str) -> str:
    large = enlarge(go.Figure(layout=json.loads(layout)), SLIDE_TEXT_PX)
    large.update_layout(
        height=None,
        title_text=f"<b>{title}</b>",
        title_font={"size": 38, "color": _INK},
        title_x=0.02,
        title_y=0.97,
        title_yanchor="top",
        font_color=_INK,
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin={"l": 130, "r": 60, "t": 210, "b": 190},
    )
    if (large.layout.legend.y or 0) < 0:  # the source is below the plot
        large.update_layout(legend=TEMPLATE.layout.legend)
    large.add_annotation(
        text=source, showarrow=False, xref="paper", yref="paper", x=0, y=0, xanchor="left", yanchor="top", yshift=-130
    )
    return str(large.update_annotations(font={"size": SLIDE_TEXT_PX, "color": _INK}).layout.to_json())


def source_lines(source: str) -> str:
    """Return a source wrapped into lines for hover text (HTML)."""
    return "<br>".join(textwrap.wrap(_("Source: {source}").format(source=source), 60))


def drawn_numbers(chart: go.Figure, x: str, y: str) -> list[dict[str, object]]:
    """Return one row per point of a figure with two axes; `x` and `y` are the column names, with units, untranslated.

    Traces without a name are left out, because they only connect points.
    """
    return [
        {"series": name, **named, x: across, y: up}
        for trace in chart.data
        for name in [trace.name]  # looked up once, because it takes longer than the rest
        if name
        for across, up, named in zip(trace.x, trace.y, _networks(trace), strict=True)
        if across is not None and up is not None
    ]


def _networks(trace: BaseTraceType) -> list[dict[str, object]]:
    """Return the network of each point of a trace, if the trace has it."""
    customdata = trace.customdata
    return [{}] * len(trace.x) if customdata is None else [{"network": first} for first, *_others in customdata]


def _scaled_margin(chart: go.Figure, times: float) -> dict[str, float]:
    own, usual = chart.layout.margin, TEMPLATE.layout.margin
    return {side: times * (usual[side] if own[side] is None else own[side]) for side in ("l", "r", "t", "b")}


def config(name: str) -> dict[str, object]:
    """Return Plotly's options: a reduced toolbar, and a download as `name`.svg."""
    return {
        "displaylogo": False,
        "scrollZoom": False,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
        "toImageButtonOptions": {"format": "svg", "filename": name},
    }


# Placement of point labels and bar names: inside the figure without overlaps, or not at all.
#
# Plotly lets labels overlap and run over the edge. Labels left out are still in the hover texts.

# Sizes on a phone, which has the least room: px left for points in a window of 390 px, and of a letter and a line at
# 11 px.
WIDTH_PX, HEIGHT_PX = 270, 290
LETTER_PX, LINE_PX = 6.2, 13
MARKER_PX = 7  # from a point to its label
EDGE_PX = 10  # by which labels may extend into the figure's margins on either side
PAD = 0.05  # by which Plotly extends an axis beyond its points on either side

_SIDES = {
    f"{row} {column}": (right, below)
    for row, below in (("top", -1), ("middle", 0), ("bottom", 1))
    for column, right in (("left", -1), ("center", 0), ("right", 1))
    if (right, below) != (0, 0)
}


@dataclass(frozen=True, slots=True)
class Label:
    """The label of a point."""

    text: str
    x: float  # along the axis as it is drawn: logarithms on a log axis
    y: float
    wanted: str  # preferred position, Plotly's `textposition`
    same: tuple[tuple[float, float], ...] = ()  # other points with this name


PixelBox = tuple[float, float, float, float]  # left, top, right, bottom


def place_labels(
    labels: Sequence[Label], points: Sequence[tuple[float, float]], lines: Sequence[float] = (), pad: float = PAD
) -> list[str]:
    """Return each label's `textposition`, "" without room; `points` are all points of the figure.

    A label avoids other labels and vertical `lines` (their x), and is closer to its own point than to any with another
    name. `pad` is 0 if the axes end at the outer points.
    """
    xs, ys = [x for x, _y in points], [y for _x, y in points]

    def place(x: float, y: float) -> tuple[float, float]:
        return _px(x, xs, WIDTH_PX, pad), HEIGHT_PX - _px(y, ys, HEIGHT_PX, pad)

    half, centres, sides = MARKER_PX / 2, [place(*point) for point in points], []
    markers = [(x - half, y - half, x + half, y + half) for x, y in centres]
    taken = [(x - 1, -math.inf, x + 1, math.inf) for x in (_px(line, xs, WIDTH_PX, pad) for line in lines)]
    for label in labels:
        own = [place(label.x, label.y), *(place(*point) for point in label.same)]
        rivals = [centre for centre in centres if min(math.dist(centre, home) for home in own) > 1]
        boxes = {side: _box(label.text, own[0], side) for side in _order(label.wanted)}
        sure = {side: box for side, box in boxes.items() if _free(box, taken) and _belongs(box, own[0], rivals)}
        clear = (side for side, box in sure.items() if _free(box, markers))
        side = next(clear, next(iter(sure), ""))
        if side:
            taken.append(boxes[side])
        sides.append(side)
    return sides


def stack_labels(labels: Sequence[tuple[str, float]], xs: Sequence[float]) -> list[int]:
    """Return how many lines of text below the top to place the text to the right of each vertical line.

    `labels` are pairs of text and x from left to right; each line starts at its text. No text overlaps another text or
    line: a line that would cross the text of an earlier one starts below it.
    """
    levels: list[int] = []
    ends: list[float] = []  # px where the texts end
    for text, x in labels:
        at = _px(x, xs, WIDTH_PX)
        crossed = [level for level, end in zip(levels, ends, strict=True) if end > at]
        levels.append(1 + max(crossed, default=-1))
        ends.append(at + MARKER_PX + LETTER_PX * len(text))
    return levels


def _belongs(box: PixelBox, own: tuple[float, float], rivals: Sequence[tuple[float, float]]) -> bool:
    """Return whether no other point is closer to a label than its own."""
    left, top, right, bottom = box

    def away(x: float, y: float) -> float:
        return math.hypot(max(left - x, 0, x - right), max(top - y, 0, y - bottom))

    return all(away(*rival) >= away(*own) for rival in rivals)


def _order(wanted: str) -> list[str]:
    """Return the preferred position, then the others, the nearest first."""
    right, below = _SIDES[wanted]
    far = {name: abs(right - x) + abs(below - y) for name, (x, y) in _SIDES.items()}
    return sorted(_SIDES, key=far.__getitem__)


def _px(value: float, values: Sequence[float], length_px: int, pad: float = PAD) -> float:
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return length_px * ((value - low) / span + pad) / (1 + 2 * pad)


def _box(text: str, at: tuple[float, float], side: str) -> PixelBox:
    right, below = _SIDES[side]
    width = LETTER_PX * len(text)
    left = at[0] + (-width / 2, MARKER_PX, -MARKER_PX - width)[right]
    top = at[1] + (-LINE_PX / 2, MARKER_PX / 2, -MARKER_PX / 2 - LINE_PX)[below]
    return left, top, left + width, top + LINE_PX


def _free(box: PixelBox, taken: Sequence[PixelBox]) -> bool:
    left, _top, right, _bottom = box
    return left >= -EDGE_PX and right <= WIDTH_PX + EDGE_PX and not _meets(box, taken)


# Names are above or below their bars and overlap no bar, mark, line or other name. A bar is the interval of a mean.

# Width and height left for bars, in px: on a phone, on larger screens, on a wide one. Letters have one size on all.
SIZES: Final = ((WIDTH_PX, HEIGHT_PX), (500, 330), (700, 350), (1110, 370))
LINES: Final = 10  # maximum distance of a name from its bar, in lines of text
ROOMS: Final = (0.15, 0.25, 0.35, 0.5, 0.8)  # of the data's height, kept free above and below; more if names need it
LEADERS_PX: Final = 700  # on narrower screens, leader lines may cross names, because many would have no place
GAP_PX: Final = 3  # from a bar's end to its name
BAR_PX: Final = 4  # half the width of a bar's ends
MARK_PX: Final = 7  # half a mark's size, with some space


@dataclass(frozen=True, slots=True)
class NamedBar:
    """A bar with its name."""

    name: str
    x: float  # along the axis as it is drawn: logarithms on a log axis
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class NamePlace:
    """The position of a name."""

    above: bool  # above the bar, otherwise below it
    lines: int  # of text between the bar's end and the name


@dataclass(frozen=True, slots=True)
class Frame:
    """The ranges of the two axes."""

    left: float
    right: float
    low: float
    high: float

    def end(self, bar: NamedBar, place: NamePlace) -> float:
        """Return the end of a bar on the side of its name, on the vertical axis, with a gap as on a phone."""
        gap = GAP_PX * (self.high - self.low) / HEIGHT_PX
        return bar.high + gap if place.above else bar.low - gap


@dataclass(slots=True, eq=False)
class _Screen:
    """A frame at one screen size, and its occupied boxes."""

    frame: Frame
    width: float
    height: float
    taken: list[PixelBox]
    leaders: bool = False  # whether a leader, the line from a bar to its name, crosses no bar and no name
    solid: list[PixelBox] = field(default_factory=list)  # bars and names among the occupied boxes

    def across(self, x: float) -> float:
        """Return the pixels from the left."""
        return self.width * (x - self.frame.left) / (self.frame.right - self.frame.left)

    def down(self, y: float) -> float:
        """Return the pixels from the top."""
        return self.height * (self.frame.high - y) / (self.frame.high - self.frame.low)

    def box(self, bar: NamedBar, place: NamePlace) -> PixelBox:
        """Return the box of a name."""
        half, x = LETTER_PX * len(bar.name) / 2, self.across(bar.x)
        away, end = LINE_PX * place.lines, self.down(self.frame.end(bar, place))
        top = end - away - LINE_PX if place.above else end + away
        return x - half, top, x + half, top + LINE_PX

    def leader(self, bar: NamedBar, place: NamePlace) -> PixelBox:
        """Return the thin line from a bar's end to its name, with no height if the name is next to the bar."""
        x, (_left, top, _right, bottom) = self.across(bar.x), self.box(bar, place)
        end = self.down(self.frame.end(bar, place))
        return (x - 1, bottom, x + 1, end) if place.above else (x - 1, end, x + 1, top)

    def fits(self, bar: NamedBar, place: NamePlace) -> bool:
        """Return whether a name is in the figure and free, and its leader crosses nothing that it should not."""
        left, top, right, bottom = box = self.box(bar, place)
        if left < -EDGE_PX or right > self.width + EDGE_PX or top < 0 or bottom > self.height:
            return False
        crossed = self.leaders and _meets(self.leader(bar, place), self.solid)
        return not (crossed or _meets(box, self.taken))

    def keep(self, bar: NamedBar, place: NamePlace) -> None:
        """Mark a name and its leader as occupied."""
        box = self.box(bar, place)
        self.solid.append(box)
        self.taken.append(box)
        if self.leaders:
            self.taken.append(self.leader(bar, place))

    def take(self, x: float, low: float, high: float, air: tuple[float, float]) -> None:
        """Mark x from low to high as occupied, with a margin in px at its sides and ends."""
        at, (side, end) = self.across(x), air
        self.taken.append((at - side, self.down(high) - end, at + side, self.down(low) + end))


def _meets(box: PixelBox, others: Sequence[PixelBox]) -> bool:
    left, top, right, bottom = box
    return any(left < other[2] and other[0] < right and top < other[3] and other[1] < bottom for other in others)


def frame_around(xs: Sequence[float], ys: Sequence[float], room: float = ROOMS[0]) -> Frame:
    """Return a frame around all data, with room for names above and below."""
    wide, tall = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 0.1
    return Frame(min(xs) - PAD * wide, max(xs) + PAD * wide, min(ys) - room * tall, max(ys) + room * tall)


def place_bar_names(
    bars: Sequence[NamedBar],
    within: Frame,
    marks: Sequence[tuple[float, float]] = (),
    levels: Sequence[float] = (),
    crossing: bool = True,
) -> list[NamePlace | None]:
    """Return the place of each bar's name, None without room; `levels` are lines from edge to edge.

    Without `crossing`, no line from a bar to its name crosses another bar or name if the screen is wide enough.
    """
    screens = [_Screen(within, *size, [], leaders=not crossing and size[0] >= LEADERS_PX) for size in SIZES]
    for screen in screens:
        for bar in bars:
            screen.take(bar.x, bar.low, bar.high, (BAR_PX, 0))
        screen.solid += screen.taken
        for x, y in marks:
            screen.take(x, y, y, (MARK_PX, MARK_PX))
        for y in levels:
            screen.take((within.left + within.right) / 2, y, y, (screen.width, 1))
    return [_placed(bar, screens) for bar in bars]


def _placed(bar: NamedBar, screens: Sequence[_Screen]) -> NamePlace | None:
    """Return the nearest place that is free at every screen size, and mark it as occupied."""
    for place in (NamePlace(above, lines) for lines in range(LINES) for above in (True, False)):
        if all(screen.fits(bar, place) for screen in screens):
            for screen in screens:
                screen.keep(bar, place)
            return place
    return None
