"""A metric of maps against MACs: does scaling improve maps? One figure for the page, one for the report.

The page's figure colours each model by the dimension that it scales.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import plotly.graph_objects as go

from effviz.evaluate import display_names
from effviz.evaluate.heatmaps import CROP_CONTROLS, PHOTO_CONTROLS, Control
from effviz.evaluate.intervals import Interval
from effviz.evaluate.run_summary import MetricMean
from effviz.i18n import _, lazy_gettext
from effviz.plots import style
from effviz.plots.paper_curves import AXIS_TITLES
from effviz.plots.style import GREY, Frame, NamedBar, NamePlace, SeriesStyle, figure
from effviz.zoo.presets import ScalingAxis

# The report's figure.

REPORT_HEIGHT_PX: Final = 420
REPORT_HOVER: Final = "%{hovertext}<br>%{y:.3f}<extra></extra>"
REACH: Final = 1.15  # how far a control's line extends beyond the models, as a factor of MACs

# The same for controls in the crop and over the whole photo.
CONTROLS: Final[Mapping[str, SeriesStyle]] = {
    **dict.fromkeys((Control.CROP_GAUSSIAN, Control.GAUSSIAN), SeriesStyle(GREY, "x", "dot")),
    **dict.fromkeys((Control.CROP_RANDOM, Control.RANDOM), SeriesStyle(GREY, "cross", "dash")),
    **dict.fromkeys((Control.CROP_UNIFORM, Control.UNIFORM), SeriesStyle(GREY, "line-ew-open", "dashdot")),
}

DIGITS: Final = (1, 1.5, 2, 3, 4, 5, 7)  # of ticks if MACs are so similar that 1, 2, 5 are too few


def metric_against_macs(cells: Sequence[MetricMean], macs: Mapping[str, int]) -> go.Figure:
    """Draw the means of one metric over all photos with their intervals; `macs` has the MACs of each model.

    Initially only the first method and the hardest controls are visible, because series often overlap; the others are
    hidden in the legend. Controls are lines without intervals, which are in the tables.
    """
    chart = figure(REPORT_HEIGHT_PX)
    looks = iter(style.SERIES * 2)
    methods = dict.fromkeys(cell.method for cell in cells)
    first = next((method for method in methods if method not in CONTROLS), None)
    shown = [cell for cell in cells if cell.method == first or cell.method in CONTROLS]
    for method in methods:
        some = sorted((cell for cell in cells if cell.method == method), key=lambda cell: macs[cell.model])
        if method in CONTROLS:
            waits = method in PHOTO_CONTROLS and bool(methods.keys() & set(CROP_CONTROLS))
            chart.add_trace(_line(some, macs, CONTROLS[method]).update(visible="legendonly" if waits else True))
            continue
        trace = _report_trace(some, macs, next(looks))
        if method == first:
            trace.update(_report_names(some, shown, macs))
        chart.add_trace(trace.update(visible=True if method == first else "legendonly"))
    chart.update_xaxes(_axis(_("MACs, the paper's FLOPs (billions)"), [macs[cell.model] / 1e9 for cell in cells]))
    chart.update_yaxes(title_text=display_names.compared(cells[0].metric) if cells else "")
    chart.update_layout(showlegend=True, margin={"r": 24})
    return chart


def _report_trace(cells: Sequence[MetricMean], macs: Mapping[str, int], look: SeriesStyle) -> go.Scatter:
    title = display_names.method(cells[0].method)
    return style.scatter(
        title,
        [(macs[cell.model] / 1e9, cell.every.mean, f"{cell.model}, {title}") for cell in cells],
        error_y=_error_bars([cell.every for cell in cells]) | {"thickness": 1, "width": 3},
        hovertemplate=REPORT_HOVER,
        mode="markers",
        marker={"color": look.colour, "symbol": look.symbol, "size": 9, "line": {"color": look.colour, "width": 1}},
        textfont={"size": 11},
        cliponaxis=False,
    )


def _error_bars(intervals: Sequence[Interval]) -> dict[str, object]:
    return {
        "array": [interval.high - interval.mean for interval in intervals],
        "arrayminus": [interval.mean - interval.low for interval in intervals],
    }


def _line(cells: Sequence[MetricMean], macs: Mapping[str, int], look: SeriesStyle) -> go.Scatter:
    """Return a control: a level line if all models have the same value, otherwise a line from model to model."""
    title = display_names.method(cells[0].method)
    points = [(macs[cell.model] / 1e9, cell.every.mean, f"{cell.model}, {title}") for cell in cells]
    level = len({mean for _macs, mean, _text in points}) == 1
    if level:
        (low, mean, _first), (high, _mean, _last) = points[0], points[-1]
        points = [(low / REACH, mean, title), (high * REACH, mean, title)]
    return style.scatter(
        title,
        points,
        hovertemplate=REPORT_HOVER,
        mode="lines" if level else "lines+markers",
        line={"color": look.colour, "dash": look.dash, "width": 2},
        marker={"color": look.colour, "symbol": look.symbol, "size": 9},
    )


def _report_names(
    cells: Sequence[MetricMean], shown: Sequence[MetricMean], macs: Mapping[str, int]
) -> dict[str, object]:
    """Return the models' names beside their points; names without room are only in hover texts and the table."""
    ends = [end for cell in cells for end in (cell.every.low, cell.every.high) if math.isfinite(end)]
    levels = [cell.every.mean for cell in shown]
    left = math.log10(min(macs.values()))
    points = [(math.log10(macs[cell.model]), cell.every.mean) for cell in cells]
    labels = [style.Label(cell.model, x, y, "top center") for cell, (x, y) in zip(cells, points, strict=True)]
    sides = style.place_labels(labels, [*points, *((left, height) for height in (*ends, *levels))])
    text = [cell.model if side else "" for cell, side in zip(cells, sides, strict=True)]
    return {"mode": "markers+text", "text": text, "textposition": [side or "top center" for side in sides]}


def _axis(title: str, billions: Sequence[float]) -> dict[str, object]:
    axis = style.log_axis(title, billions)
    if billions and max(billions) < 10 * min(billions):  # more ticks, because there might be only one
        ticks = [digit * 10.0**power for power in range(-3, 4) for digit in DIGITS]
        axis |= {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    return axis


# The page's figure.

HEIGHT_PX: Final = 460
ROW_PX, FREE_ROWS = 19, 5  # of the legend, with one entry per row on a phone; more rows make the figure taller
ROOM: Final = 1.05  # like REACH, for the names of the outer models if there are no such lines

SCALED_AXES: Final[Mapping[ScalingAxis | None, str]] = {
    **dict[ScalingAxis | None, str](AXIS_TITLES.items()),
    None: lazy_gettext("Other"),
}

_OTHER: Final = SeriesStyle(style.OLIVE, "triangle-down", "longdash")

_THIN: Final = {"x": "x-thin-open", "cross": "cross-thin-open"}  # markers of controls, which are thick in the report


@dataclass(frozen=True, slots=True)
class RatedModel:
    """A model and a measurement of its maps."""

    model: str
    macs: int
    role: ScalingAxis | None  # relative to the baseline of the run
    interval: Interval


@style.remembered
def map_quality(models: Sequence[RatedModel], controls: Mapping[Control, Sequence[RatedModel]], axis: str) -> go.Figure:
    """Draw means with their intervals versus MACs, and controls as horizontal lines.

    A control that does not depend on the model has a level line; one that does (controls in the crop, deletion) has a
    mark per model. Controls over the whole photo are hidden in the legend if there are controls in the crop. The first
    `customdata` of every model's point is its name, which identifies the point on a click.
    """
    chart = figure(HEIGHT_PX)
    shown = _shown(controls)
    for control, rated in controls.items():
        chart.add_trace(_level(control, rated).update(visible=True if control in shown else "legendonly"))
    for role, title in SCALED_AXES.items():
        some = [model for model in models if model.role == role]
        if some:
            chart.add_trace(_trace(_(title), some, style.LOOKS[role] if role else _OTHER))
    within, named = _named(models, controls, shown)
    chart.add_trace(_names(named, within))
    chart.update_layout(annotations=[_leader(bar, place, within) for bar, place in named if place.lines])
    axis_across = _axis(_("MACs, the paper's FLOPs (billions)"), [model.macs / 1e9 for model in models])
    chart.update_xaxes(axis_across, range=[within.left - 9, within.right - 9])
    chart.update_yaxes(title_text=axis, range=[within.low, within.high])
    entries = sum(trace.showlegend is not False for trace in chart.data)
    chart.update_layout(showlegend=True, margin={"r": 24}, height=HEIGHT_PX + ROW_PX * max(0, entries - FREE_ROWS))
    return chart


@style.remembered
def map_quality_by_network(
    models: Sequence[RatedModel], controls: Mapping[Control, Sequence[RatedModel]], axis: str
) -> go.Figure:
    """Draw `map_quality` with a column for each model: versus MACs, models of equal cost would overlap.

    Controls of models without a column are left out.
    """
    chart = figure(HEIGHT_PX)
    columns = {model.model: column for column, model in enumerate(models)}
    ends = [-0.4, len(models) - 0.6]
    shown = _shown(controls)
    for control, rated in controls.items():
        known = [model for model in rated if model.model in columns]
        x = ends if _is_level(known) else [columns[model.model] for model in _measured(known)]
        chart.add_trace(_level(control, known).update(x=x, visible=True if control in shown else "legendonly"))
    for model, column in zip(models, columns.values(), strict=True):
        trace = _trace(_(SCALED_AXES[model.role]), [model], style.LOOKS[model.role] if model.role else _OTHER)
        chart.add_trace(trace.update(x=[column], showlegend=False))
    ticks = [f"{_(SCALED_AXES[model.role])}<br>{model.macs / 1e6:.0f}" for model in models]
    chart.update_xaxes(title_text=_("Network and its MACs (millions)"), tickvals=[*columns.values()], ticktext=ticks)
    chart.update_yaxes(title_text=axis)
    return chart.update_layout(showlegend=True, margin={"r": 24})


def _shown(controls: Mapping[Control, Sequence[RatedModel]]) -> dict[Control, Sequence[RatedModel]]:
    """Return the visible controls: those over the whole photo are hidden if there are controls in the crop."""
    inside = bool(controls.keys() & set(CROP_CONTROLS))
    return {control: rated for control, rated in controls.items() if not (inside and control in PHOTO_CONTROLS)}


def format_interval(interval: Interval) -> str:
    """Format a mean and its interval: `0.783 (0.759–0.808)`."""
    if not interval.n:
        return "–"
    if math.isnan(interval.low):
        return f"{interval.mean:.3f}"
    return f"{interval.mean:.3f} ({interval.low:.3f}–{interval.high:.3f})"


def _trace(title: str, models: Sequence[RatedModel], look: SeriesStyle) -> go.Scatter:
    return style.scatter(
        title,
        [
            (model.macs / 1e9, model.interval.mean, f"<b>{model.model}</b><br>{format_interval(model.interval)}")
            for model in models
        ],
        error_y=_error_bars([model.interval for model in models])
        | {"color": look.colour, "thickness": 1.5, "width": 4},
        customdata=[[model.model] for model in models],
        mode="markers",
        marker={"color": look.colour, "symbol": look.symbol, "size": 11},
        cliponaxis=False,
        # A click enlarges one point; by default, Plotly fades all others.
        selected={"marker": {"size": 17}},
        unselected={"marker": {"opacity": 1}},
    )


def _level(control: Control, rated: Sequence[RatedModel]) -> go.Scatter:
    shown = _measured(rated)
    level = _is_level(rated)
    if level:  # one line that extends beyond the first and the last model
        ends = (shown[0].macs / REACH, shown[-1].macs * REACH)
        shown = [replace(shown[0], macs=round(end)) for end in ends]
    title, look = display_names.method(control), CONTROLS[control]
    symbol = _THIN.get(look.symbol, look.symbol)
    points = []
    for model in shown:
        words = f"{title}<br>{format_interval(model.interval)}" + ("" if level else f"<br>{model.model}")
        points.append((model.macs / 1e9, model.interval.mean, words))
    return style.scatter(
        title,
        points,
        mode="lines" if level else "markers",
        line={"color": look.colour, "dash": look.dash, "width": 2},
        marker={"color": look.colour, "symbol": symbol, "size": 11, "line": {"color": look.colour, "width": 2}},
        unselected={"marker": {"opacity": 1}},
    )


def _measured(rated: Sequence[RatedModel]) -> list[RatedModel]:
    return sorted((model for model in rated if model.interval.n), key=lambda model: model.macs)


def _is_level(rated: Sequence[RatedModel]) -> bool:
    return len({model.interval for model in rated if model.interval.n}) == 1


def _bar(model: RatedModel) -> NamedBar:
    """Return a model's bar, only the mean if there are too few photos for an interval."""
    low, high = (model.interval.mean if math.isnan(end) else end for end in (model.interval.low, model.interval.high))
    return NamedBar(model.model, math.log10(model.macs), low, high)


Named = Sequence[tuple[NamedBar, NamePlace]]


def _named(
    models: Sequence[RatedModel],
    controls: Mapping[Control, Sequence[RatedModel]],
    shown: Mapping[Control, Sequence[RatedModel]],
) -> tuple[Frame, Named]:
    """Return the smallest frame in which every model's name has a place; in the largest, some may have none.

    Leader lines cross other names only if no frame has places without crossings.
    """
    bars = [_bar(model) for model in models]
    reach = math.log10(REACH if any(map(_is_level, controls.values())) else ROOM)
    xs = [bar.x + side for bar in bars for side in (-reach, reach)]
    means = [model.interval.mean for some in controls.values() for model in some if model.interval.n]
    ys = [*(bar.low for bar in bars), *(bar.high for bar in bars), *means]
    uneven = [model for some in shown.values() if not _is_level(some) for model in some]
    marks = [(math.log10(model.macs), model.interval.mean) for model in uneven]
    levels = [some[0].interval.mean for some in shown.values() if _is_level(some)]
    for crossing, room in itertools.product((False, True), style.ROOMS):
        within = style.frame_around(xs, ys, room)
        places = style.place_bar_names(bars, within, marks, levels, crossing)
        if None not in places:
            break
    return within, [(bar, place) for bar, place in zip(bars, places, strict=True) if place]


def _leader(bar: NamedBar, place: NamePlace, within: Frame) -> dict[str, object]:
    """Return a thin line from a bar's end to a name some lines of text away."""
    away = style.LINE_PX * place.lines * (-1 if place.above else 1)
    at = {"x": bar.x - 9, "y": within.end(bar, place), "ax": 0, "ay": away}  # on a log axis, in billions
    return {**at, "text": "", "showarrow": True, "arrowhead": 0, "arrowwidth": 1, "arrowcolor": GREY}


def _names(named: Named, within: Frame) -> go.Scatter:
    """Return the models' names at the ends of their bars, kept at a distance by empty lines of text."""
    return go.Scatter(
        x=[10**bar.x / 1e9 for bar, _place in named],
        y=[within.end(*name) for name in named],
        text=[
            bar.name + "<br> " * place.lines if place.above else " <br>" * place.lines + bar.name
            for bar, place in named
        ],
        textposition=["top center" if place.above else "bottom center" for _bar, place in named],
        textfont={"size": 11},
        mode="text",
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
        unselected={"textfont": {"color": GREY}},
    )
