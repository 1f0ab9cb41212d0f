"""A metric of maps against MACs: does scaling make maps better? One figure for the page, one for the report.

The page's has each model in the colour of what it scales.
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
REACH: Final = 1.15  # how far a control's line goes beyond the models, as a factor of MACs

# In the crop and over the whole photo alike.
CONTROLS: Final[Mapping[str, SeriesStyle]] = {
    **dict.fromkeys((Control.CROP_GAUSSIAN, Control.GAUSSIAN), SeriesStyle(GREY, "x", "dot")),
    **dict.fromkeys((Control.CROP_RANDOM, Control.RANDOM), SeriesStyle(GREY, "cross", "dash")),
    **dict.fromkeys((Control.CROP_UNIFORM, Control.UNIFORM), SeriesStyle(GREY, "line-ew-open", "dashdot")),
}

DIGITS: Final = (1, 1.5, 2, 3, 4, 5, 7)  # of ticks where models are so alike that 1, 2, 5 are too few


def metric_against_macs(cells: Sequence[MetricMean], macs: Mapping[str, int]) -> go.Figure:
    """Draw one metric's means over all photos with their intervals; `macs` are those of each model.

    The first method and the controls that are hardest to beat are shown, the others wait in the legend: they often lie
    on each other. Controls are lines without intervals, which are in the tables.
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
    chart.update_xaxes(_axis(_("MACs (the paper's FLOPs), billion"), [macs[cell.model] / 1e9 for cell in cells]))
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
    """A control: one level across where all models have the same, else from model to model."""
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
    """The models' names beside their points; one without room is said by the hover and the table only."""
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
    if billions and max(billions) < 10 * min(billions):  # more ticks, or there might be one only
        ticks = [digit * 10.0**power for power in range(-3, 4) for digit in DIGITS]
        axis |= {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    return axis


# The page's figure.

HEIGHT_PX: Final = 460
ROW_PX, FREE_ROWS = 19, 5  # of the legend, which has one entry a row on a phone; more rows make the figure higher
ROOM: Final = 1.05  # as REACH, for the names of the outer models, where there are no such lines

SCALED_AXES: Final[Mapping[ScalingAxis | None, str]] = {
    **dict[ScalingAxis | None, str](AXIS_TITLES.items()),
    None: lazy_gettext("Other"),
}

_OTHER: Final = SeriesStyle(style.OLIVE, "triangle-down", "longdash")

_THIN: Final = {"x": "x-thin-open", "cross": "cross-thin-open"}  # markers of controls, which the report draws thick


@dataclass(frozen=True, slots=True)
class RatedModel:
    """One model and what was measured of its maps."""

    model: str
    macs: int
    role: ScalingAxis | None  # against the baseline of the run
    interval: Interval


@style.remembered
def map_quality(models: Sequence[RatedModel], controls: Mapping[Control, Sequence[RatedModel]], axis: str) -> go.Figure:
    """Draw means with their intervals over MACs; controls are lines across.

    A control that looks at no model has one value for all of them and a level line; one that models see differently
    (those in their crops, deletion) has a mark for each. Those over the whole photo wait in the legend where there are
    some in the crop. Every model's point carries its name as the first of its `customdata`, so that a
    click can tell which it was.
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
    """Draw as `map_quality`, with a column for each model: over MACs, models of equal cost would lie on each other.

    Controls of models that have no map of their own are left out.
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
    """Those over the whole photo wait in the legend where there are some in the crop."""
    inside = bool(controls.keys() & set(CROP_CONTROLS))
    return {control: rated for control, rated in controls.items() if not (inside and control in PHOTO_CONTROLS)}


def format_interval(interval: Interval) -> str:
    """Return a mean and its interval: `0.783 (0.759–0.808)`."""
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
        # A click makes one point larger; Plotly alone would fade all the others.
        selected={"marker": {"size": 17}},
        unselected={"marker": {"opacity": 1}},
    )


def _level(control: Control, rated: Sequence[RatedModel]) -> go.Scatter:
    shown = _measured(rated)
    level = _is_level(rated)
    if level:  # one line that reaches beyond the first and the last model
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
    """A bar; the mean alone where there are too few photos for an interval."""
    low, high = (model.interval.mean if math.isnan(end) else end for end in (model.interval.low, model.interval.high))
    return NamedBar(model.model, math.log10(model.macs), low, high)


Named = Sequence[tuple[NamedBar, NamePlace]]


def _named(
    models: Sequence[RatedModel],
    controls: Mapping[Control, Sequence[RatedModel]],
    shown: Mapping[Control, Sequence[RatedModel]],
) -> tuple[Frame, Named]:
    """The least frame in which every model has a place for its name; at the largest, some may have none.

    Lines to names cross other names only where no frame has places without that.
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
    """A thin line from a bar's end to a name that stands some lines away."""
    away = style.LINE_PX * place.lines * (-1 if place.above else 1)
    at = {"x": bar.x - 9, "y": within.end(bar, place), "ax": 0, "ay": away}  # on a log axis, in billions
    return {**at, "text": "", "showarrow": True, "arrowhead": 0, "arrowwidth": 1, "arrowcolor": GREY}


def _names(named: Named, within: Frame) -> go.Scatter:
    """The models' names at the ends of their bars; lines without words hold one away from it."""
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
