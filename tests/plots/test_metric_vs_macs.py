"""A metric against MACs: how known numbers are drawn."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest

from effviz.evaluate.heatmaps import Control
from effviz.evaluate.intervals import Interval
from effviz.evaluate.run_settings import Metric
from effviz.evaluate.run_summary import MetricMean
from effviz.plots import style
from effviz.plots.metric_vs_macs import (
    REACH,
    SCALED_AXES,
    RatedModel,
    format_interval,
    map_quality,
    metric_against_macs,
)
from effviz.plots.style import LOOKS
from effviz.zoo import catalogue
from effviz.zoo.presets import ScalingAxis, scaling_axis

MACS = {"small": 300_000_000, "large": 900_000_000, "larger": 902_000_000}
NONE = Interval(float("nan"), float("nan"), float("nan"), 0)


def cell(model, method, mean):
    return MetricMean(model, method, Metric.ENERGY, Interval(mean, mean - 0.1, mean + 0.2, 9), NONE)


def traces(*cells):
    return {trace.name: trace for trace in metric_against_macs(cells, MACS).data}


def test_means_and_intervals_stand_over_their_macs():
    (drawn,) = traces(cell("large", "cam", 0.6), cell("small", "cam", 0.5)).values()
    assert (tuple(drawn.x), tuple(drawn.y)) == ((0.3, 0.9), (0.5, 0.6))
    assert drawn.error_y.array == pytest.approx((0.2, 0.2))
    assert drawn.error_y.arrayminus == pytest.approx((0.1, 0.1))
    assert tuple(drawn.text) == ("small", "large")


def test_the_first_method_and_the_controls_are_shown():
    cells = [cell("small", method, 0.5) for method in ("cam", "eigencam", "control-random")]
    assert {name: trace.visible for name, trace in traces(*cells).items()} == {
        "CAM": True,
        "EigenCAM": "legendonly",
        "Control: random": True,
    }


def test_no_method_has_the_colour_of_a_way_of_scaling():
    drawn = traces(*(cell("small", method, 0.5) for method in ("cam", "gradcam", "layercam", "eigencam")))
    assert not {trace.marker.color for trace in drawn.values()} & {look.colour for look in LOOKS.values()}


def test_controls_over_the_photo_wait_where_those_in_the_crop_were_measured():
    """A map cannot leave its crop, so controls in the crop come first."""
    cells = [cell("small", method, 0.5) for method in ("cam", "control-crop-gaussian", "control-gaussian")]
    shown = {name: trace.visible for name, trace in traces(*cells).items()}
    assert (shown["Control: Gaussian in the crop"], shown["Control: centre Gaussian"]) == (True, "legendonly")


def test_what_runs_the_model_says_that_it_is_a_lead():
    drawn = metric_against_macs([replace(cell("small", "cam", -0.1), metric=Metric.DELETION)], MACS)
    assert drawn.layout.yaxis.title.text == "Deletion minus the model's own Gaussian (lower is better)"


def test_a_control_that_looks_at_no_model_is_one_line_across():
    found = traces(*(cell(model, "control-uniform", 0.4) for model in MACS), cell("small", "cam", 0.5))
    line = found["Control: uniform"]
    assert line.mode == "lines"
    assert tuple(line.y) == (0.4, 0.4)
    assert line.x == pytest.approx((0.3 / REACH, 0.902 * REACH))


def test_a_control_that_models_see_differently_has_a_point_for_each():
    found = traces(cell("large", "control-random", 0.3), cell("small", "control-random", 0.2))
    assert found["Control: random"].mode == "lines+markers"
    assert tuple(found["Control: random"].y) == (0.2, 0.3)


def test_names_without_room_are_left_out_and_not_written_over_others():
    crowd = {f"network-{number}@224": 800_000_000 + number for number in range(20)}
    cells = [cell(model, "cam", 0.5) for model in crowd]
    (drawn,) = metric_against_macs(cells, crowd).data
    named = [text for text in drawn.text if text]
    assert 0 < len(named) <= 8  # a name on each side of the one place where all points are
    assert len(set(zip(named, drawn.textposition, strict=False))) == len(named)


def test_networks_that_are_almost_alike_still_have_ticks_between_them():
    axis = metric_against_macs([cell("small", "cam", 0.5), cell("large", "cam", 0.6)], MACS).layout.xaxis
    assert [tick for tick in axis.tickvals if 0.3 <= tick <= 0.9] == pytest.approx([0.3, 0.4, 0.5, 0.7])


def test_nothing_to_draw_is_an_empty_figure():
    assert not metric_against_macs((), MACS).data


# The Evaluate page's scatter plot draws the values in the study's table.

STUDY = Path(__file__).parents[2] / "docs" / "study" / "localisation" / "summary.csv"
AXIS = "Energy in box (higher is better)"


def rated(method: str, part: str = "") -> list[RatedModel]:
    """Return a method's energy in the study."""
    baseline = catalogue.parse_model("lite0@224")
    with STUDY.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["method"] == method and row["metric"] == "energy"]
    return [
        RatedModel(
            row["model"],
            int(row["macs"]),
            scaling_axis(catalogue.parse_model(row["model"]), baseline),
            Interval(*(float(row[f"{part}{name}"]) for name in ("mean", "low", "high")), int(row[f"{part}n"])),
        )
        for row in rows
    ]


@pytest.fixture(scope="module")
def drawn():
    return map_quality(rated("cam"), {control: rated(control.value) for control in Control}, AXIS)


def points(figure):
    """Return {model: (x, y, up, down, trace)} of all clickable points."""
    found = {}
    for trace in figure.data:
        for number, data in enumerate(trace.customdata if trace.customdata is not None else ()):
            up, down = trace.error_y.array[number], trace.error_y.arrayminus[number]
            found[data[0]] = (trace.x[number], trace.y[number], up, down, trace.name)
    return found


def test_a_long_legend_takes_no_height_from_the_plot(drawn):
    """On a phone each entry is a row of 19 px: six controls and five roles here, four roles below."""
    controls = {control: rated(control.value) for control in Control}
    few = map_quality([of for of in rated("cam") if of.role is not ScalingAxis.DEPTH], controls, AXIS)
    assert drawn.layout.height - few.layout.height == 19


def test_models_lie_at_their_macs_and_means_with_their_intervals(drawn):
    expected = {of.model: of for of in rated("cam")}
    assert set(points(drawn)) == set(expected)
    for model, (x, y, up, down, _) in points(drawn).items():
        of = expected[model]
        assert (x, y) == (of.macs / 1e9, of.interval.mean)
        assert (y + up, y - down) == pytest.approx((of.interval.high, of.interval.low))


def test_colours_say_what_a_model_scales(drawn):
    titles = {model: found[-1] for model, found in points(drawn).items()}
    assert titles["lite0@224"] == "Baseline"
    assert titles["lite1@224"] == "Depth"
    assert titles["lite2@260"] == "Compound"
    assert titles["lite2@224"] == "Other"  # deeper and wider
    assert {titles[f"lite0@{px}"] for px in (192, 260, 320, 384, 448)} == {"Resolution"}  # also fewer pixels
    assert len({trace.marker.color for trace in drawn.data if trace.customdata is not None}) == 5


def test_a_control_that_sees_no_model_is_a_level_line_beyond_all_models(drawn):
    lines = {trace.name: trace for trace in drawn.data if trace.customdata is None and trace.mode != "text"}
    over = {"Control: random", "Control: centre Gaussian", "Control: uniform"}
    inside = {"Control: random in the crop", "Control: Gaussian in the crop", "Control: uniform in the crop"}
    assert set(lines) == over | inside
    assert {name: line.visible for name, line in lines.items()} == dict.fromkeys(over, "legendonly") | dict.fromkeys(
        inside, True
    )
    gaussian = lines["Control: centre Gaussian"]
    assert list(gaussian.y) == pytest.approx([0.627, 0.627], abs=5e-4)  # docs/study.md
    macs = [of.macs / 1e9 for of in rated("cam")]
    assert min(gaussian.x) < min(macs)
    assert max(gaussian.x) > max(macs)


def test_a_control_that_models_see_differently_has_a_point_for_each_of_quality():
    models = [
        RatedModel(model, macs, ScalingAxis.BASELINE, Interval(0.5, 0.4, 0.6, 9))
        for model, macs in (("b", 2), ("a", 1))
    ]
    seen = [
        RatedModel("b", 2 * 10**9, None, Interval(0.2, 0.1, 0.3, 9)),
        RatedModel("a", 10**9, None, Interval(0.1, 0, 0.2, 9)),
    ]
    figure = map_quality(models, {Control.RANDOM: seen}, AXIS)
    line = figure.data[0]
    assert (list(line.x), list(line.y)) == ([1, 2], [0.1, 0.2])
    assert line.mode == "markers"  # nothing was measured between two models
    assert "a" in line.hovertext[0]


def test_names_stand_at_the_ends_of_their_own_bars(drawn):
    (names,) = (trace for trace in drawn.data if trace.mode == "text")
    known = {of.model: of for of in rated("cam")}
    assert len(names.text) >= 7  # of nine; the Gaussians in the crops are just below the bars
    for x, y, text, side in zip(names.x, names.y, names.text, names.textposition, strict=True):
        of = known[text.replace("<br>", "").strip()]
        assert x == pytest.approx(of.macs / 1e9)
        assert side == ("top center" if y > of.interval.mean else "bottom center")
        if side == "top center":
            assert of.interval.high < y < of.interval.high + 0.02
            assert text.startswith(of.model)  # empty lines keep it away from the bar
        else:
            assert of.interval.low > y > of.interval.low - 0.02
            assert text.endswith(of.model)


def names(models, controls):
    """Return sides and texts of the names."""
    trace = map_quality(models, controls, AXIS).data[-1]
    return list(zip(trace.textposition, trace.text, strict=True))


def test_what_a_control_covers_is_left_free():
    models = [RatedModel(name, macs, None, Interval(0.5, 0.4, 0.6, 9)) for name, macs in (("a", 10**9), ("b", 10**10))]
    assert [side for side, _ in names(models, {})] == ["top center", "top center"]
    marks = [
        RatedModel("a", 10**9, None, Interval(0.61, 0.6, 0.62, 9)),
        RatedModel("b", 10**10, None, Interval(0.1, 0, 0.2, 9)),
    ]
    assert [side for side, _ in names(models, {Control.RANDOM: marks})] == ["bottom center", "top center"]
    line = [RatedModel(name, macs, None, Interval(0.615, 0.6, 0.63, 9)) for name, macs in (("a", 10**9), ("b", 10**10))]
    assert [side for side, _ in names(models, {Control.UNIFORM: line})] == ["bottom center", "bottom center"]


def test_lines_without_words_hold_a_name_away():
    twins = [RatedModel(name, 10**9, None, Interval(0.5, 0.4, 0.6, 9)) for name in ("one", "two", "three", "four")]
    assert names(twins, {}) == [
        ("top center", "one"),
        ("bottom center", "two"),
        ("top center", "three<br> "),
        ("bottom center", " <br>four"),
    ]


def test_there_is_room_for_names_above_and_below_everything(drawn):
    low, high = drawn.layout.yaxis.range
    ends = [end for of in rated("cam") for end in (of.interval.low, of.interval.high)]
    ends += [of.interval.mean for control in Control for of in rated(control.value)]
    tall = max(ends) - min(ends)
    assert (min(ends) - low) / tall == pytest.approx((high - max(ends)) / tall)
    assert any((high - max(ends)) / tall == pytest.approx(room) for room in style.ROOMS)


def test_a_line_to_a_name_crosses_no_bar_and_no_other_name(drawn):
    """On a wide screen, in pixels: names are at most 66 px wide and 13 px high."""
    low, high = drawn.layout.yaxis.range
    left, right = drawn.layout.xaxis.range
    width, height = style.SIZES[-1]
    bars = {of.model: of for of in rated("cam")}
    for line in drawn.layout.annotations:
        x, end = width * (line.x - left) / (right - left), height * (high - line.y) / (high - low)
        top, bottom = sorted((end, end + line.ay))
        for of in bars.values():
            other = width * (math.log10(of.macs / 1e9) - left) / (right - left)
            up, down = (height * (high - value) / (high - low) for value in (of.interval.high, of.interval.low))
            assert abs(other - x) > 4 or down <= top or up >= bottom
    assert drawn.layout.annotations  # there are some


def test_a_photo_alone_has_a_name_at_its_point():
    alone = [RatedModel("a", 10**9, ScalingAxis.BASELINE, Interval(0.5, math.nan, math.nan, 1))]
    names = map_quality(alone, {}, AXIS).data[-1]
    assert names.text == ("a",)
    assert names.y[0] == pytest.approx(0.5, abs=0.01)


def test_a_narrow_axis_has_several_ticks(drawn):
    macs = [of.macs / 1e9 for of in rated("cam")]
    inside = [tick for tick in drawn.layout.xaxis.tickvals if min(macs) < tick < max(macs)]
    assert inside == pytest.approx([0.3, 0.4, 0.5, 0.7, 1, 1.5])


def test_both_axes_say_what_they_show(drawn):
    assert drawn.layout.xaxis.type == "log"
    assert drawn.layout.xaxis.title.text == "MACs, the paper's FLOPs (billions)"
    assert drawn.layout.yaxis.title.text == AXIS


def test_every_role_has_a_title():
    assert set(SCALED_AXES) == {*ScalingAxis, None}


def test_numbers_in_words():
    assert format_interval(Interval(0.7834, 0.7588, 0.8079, 400)) == "0.783 (0.759–0.808)"
    assert format_interval(Interval(0.5, math.nan, math.nan, 1)) == "0.500"
    assert format_interval(Interval(math.nan, math.nan, math.nan, 0)) == "–"


def test_the_outer_models_have_room_for_their_names_where_no_line_reaches_beyond_them():
    labels = {"lite0@224": 385, "lite1@224": 502, "lite2@260": 938}
    models = [
        RatedModel(label, macs * 10**6, ScalingAxis.BASELINE, Interval(0.4, 0.35, 0.45, 9))
        for label, macs in labels.items()
    ]
    seen = [
        RatedModel(of.model, of.macs, None, Interval(0.2 + of.macs / 10**11, 0.1, 0.3, 9)) for of in models
    ]  # different for each, so they have points instead of a line
    figure = map_quality(models, {Control.RANDOM: seen}, AXIS)
    names = "".join(next(trace for trace in figure.data if trace.mode == "text").text)
    assert all(label in names for label in labels)
    left, right = figure.layout.xaxis.range
    assert 10**left < 0.385 / 1.05
    assert 10**right > 0.938 * 1.05
