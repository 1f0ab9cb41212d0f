"""One look for every figure: colours that colour-blind people can tell apart, on light and on dark."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from effviz.zoo.presets import ScalingAxis

# Okabe and Ito (2008), "Color Universal Design". Black is left out since it vanishes on dark; yellow, orange and sky
# blue since they vanish on white. What stays has a contrast of at least 3:1 on both. Olive: Paul Tol, "muted".
VERMILLION = "#D55E00"
BLUE = "#0072B2"
GREEN = "#009E73"
PURPLE = "#CC79A7"
OLIVE = "#999933"
GREY = "#787878"
# Of no scaling axis, for what is not scaled here; as light as the others.
BROWN = "#A6754A"
SLATE = "#6E8CA8"
TEAL = "#2E9B9B"
VIOLET = "#7B6FD0"
GRID = "rgba(128, 128, 128, 0.25)"  # on any background


@dataclass(frozen=True, slots=True)
class SeriesStyle:
    """How one role or series is drawn; colour is never the only difference."""

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

# What the visitor brings into a figure: the compared models, or a guess.
VISITOR = SeriesStyle(VIOLET, "hexagon", "solid")

# For series that are no scaling methods: four colours with four symbols each make sixteen looks. No axis has one of the
# colours.
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
        "font": {"color": GREY, "size": 13},  # for files; a page has its own (ui/style.css)
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


def figure(height_px: int) -> go.Figure:
    """An empty figure in the one look."""
    return go.Figure(layout={"template": TEMPLATE, "height": height_px})


def log_axis(title: str, values: Sequence[float]) -> dict[str, object]:
    """A logarithmic axis with ticks that can be read, where Plotly writes bare 2s and 5s.

    0.5, 1, 2, 5, 10; only powers of ten where `values` span more than a factor of 1000, so that a phone has room.
    """
    wide = len(values) > 0 and max(values) > 1000 * min(values)
    ticks = [digit * 10.0**power for power in range(-3, 4) for digit in ((1,) if wide else (1, 2, 5))]
    return {"type": "log", "title_text": title, "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def vertical(label: str, x: float, low: float, high: float) -> go.Scatter:
    """A dashed line across a figure, from y = low to y = high, with its label at the top.

    Not Plotly's `add_vline`, whose label goes astray on log axes.
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
        selected={"textfont": {"color": GREY}},  # else a click anywhere would fade the label
        showlegend=False,
    )


def enlarge(made: go.Figure, text_px: int) -> go.Figure:
    """Return a figure whose words can be read from the back of a room: none smaller than `text_px`.

    Marks, lines and margins grow with the words; the figure's own numbers stay.
    """
    times = text_px / TEMPLATE.layout.font.size
    drawn = go.Figure(made)
    font = {"size": text_px}
    drawn.update_layout(font=font, legend_font=font, hoverlabel_font=font, margin=_scaled_margin(drawn, times))
    drawn.update_xaxes(tickfont=font, title_font=font, automargin=True)
    drawn.update_yaxes(tickfont=font, title_font=font, automargin=True)
    drawn.update_annotations(font=font)
    drawn.update_traces(textfont_size=text_px, selector=_has_words)
    for trace in drawn.select_traces({"type": "scatter"}):
        if isinstance(trace.marker.size, int | float):
            trace.marker.size *= times
        if trace.line.width:
            trace.line.width *= times
    return drawn


SLIDE_TEXT_PX = 24  # at 1920 x 1080
_INK = "#1b2733"


@dataclass(frozen=True, slots=True)
class Slide:
    """What makes a page's chart a slide: light, 16:9, with its title, source and licence in the picture."""

    layout: go.Layout

    def payload(self) -> dict[str, object]:
        """For the browser, which has the chart's data already."""
        times = SLIDE_TEXT_PX / TEMPLATE.layout.font.size
        return {"layout": json.loads(self.layout.to_json()), "textPx": SLIDE_TEXT_PX, "times": times}


def slide(made: go.Figure, title: str, source: str) -> Slide:
    """Lay a figure out as a slide; `source` is one line."""
    large = enlarge(go.Figure(layout=made.layout), SLIDE_TEXT_PX)
    large.update_layout(
        height=None,
        title_text=f"<b>{title}</b>",
        title_x=0.02,
        title_y=0.97,
        title_yanchor="top",
        title_font={"size": 38, "color": _INK},
        font_color=_INK,
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin={"l": 130, "r": 60, "t": 210, "b": 190},
    )
    large.add_annotation(
        text=source, showarrow=False, xref="paper", yref="paper", x=0, y=0, xanchor="left", yanchor="top", yshift=-130
    )
    return Slide(large.update_annotations(font={"size": SLIDE_TEXT_PX, "color": _INK}).layout)


def drawn_numbers(made: go.Figure) -> list[dict[str, object]]:
    """One row a point of a figure with two axes, under the axes' own titles, which hold the units."""
    x, y = (str(axis.title.text or name) for axis, name in ((made.layout.xaxis, "x"), (made.layout.yaxis, "y")))
    rows = ((trace, points) for trace in made.data for points in zip(trace.x, trace.y, strict=True))
    return [
        {"series": trace.name, x: across, y: up}
        for trace, (across, up) in rows
        if across is not None and up is not None
    ]


def _has_words(trace: BaseTraceType) -> bool:
    return trace.type in ("scatter", "bar")


def _scaled_margin(drawn: go.Figure, times: float) -> dict[str, float]:
    own, usual = drawn.layout.margin, TEMPLATE.layout.margin
    sides = ("l", "r", "t", "b")
    return {side: times * (own[side] if own[side] is not None else usual[side]) for side in sides}


def config(name: str) -> dict[str, object]:
    """Plotly's options: a tool bar with little in it, and a download as `name`.svg."""
    return {
        "displaylogo": False,
        "scrollZoom": False,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
        "toImageButtonOptions": {"format": "svg", "filename": name},
    }
