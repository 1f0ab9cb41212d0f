"""One look for every figure: colours that colour-blind people can tell apart, on light and on dark."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from effviz.zoo.presets import ScalingAxis

# Okabe and Ito (2008), "Color Universal Design". Black is left out since it vanishes on dark; yellow, orange and sky
# blue since they vanish on white. What stays has a contrast of at least 3:1 on both. Olive: Paul Tol, "muted".
VERMILLION = "#D55E00"
BLUE = "#0072B2"
GREEN = "#009E73"
PURPLE = "#CC79A7"
OLIVE = "#999933"
GREY = "#787878"
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

# For series that are no scaling methods: four colours with four symbols each make sixteen looks. Vermillion is left
# to the paper's EfficientNets, blue to what the visitor compares.
_SYMBOLS = ("square", "diamond", "triangle-up", "triangle-down")
_DASHES = ("dash", "dot", "dashdot", "longdash")
SERIES = tuple(
    SeriesStyle(colour, _SYMBOLS[(row + column) % 4], _DASHES[row])
    for row in range(4)
    for column, colour in enumerate((GREEN, PURPLE, OLIVE, GREY))
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


def config(name: str) -> dict[str, object]:
    """Plotly's options: a tool bar with little in it, and a download as `name`.svg."""
    return {
        "displaylogo": False,
        "scrollZoom": False,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
        "toImageButtonOptions": {"format": "svg", "filename": name},
    }
