"""A metric against MACs: what is drawn of numbers that are known."""

from dataclasses import replace

import pytest

from effviz.evaluate.intervals import Interval
from effviz.evaluate.run_settings import Metric
from effviz.evaluate.run_summary import MetricMean
from effviz.plots.metric_vs_macs import REPORT_REACH, metric_against_macs

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


def test_controls_over_the_photo_wait_where_those_in_the_crop_were_measured():
    """A map cannot leave its crop: those in it lead."""
    cells = [cell("small", method, 0.5) for method in ("cam", "control-crop-gaussian", "control-gaussian")]
    shown = {name: trace.visible for name, trace in traces(*cells).items()}
    assert (shown["Control: Gaussian in the crop"], shown["Control: centre Gaussian"]) == (True, "legendonly")


def test_what_runs_the_model_says_that_it_is_a_lead():
    drawn = metric_against_macs([replace(cell("small", "cam", -0.1), metric=Metric.DELETION)], MACS)
    assert drawn.layout.yaxis.title.text == "Deletion minus the model's own Gaussian (less is better)"


def test_a_control_that_looks_at_no_model_is_one_line_across():
    found = traces(*(cell(model, "control-uniform", 0.4) for model in MACS), cell("small", "cam", 0.5))
    line = found["Control: uniform"]
    assert line.mode == "lines"
    assert tuple(line.y) == (0.4, 0.4)
    assert line.x == pytest.approx((0.3 / REPORT_REACH, 0.902 * REPORT_REACH))


def test_a_control_that_models_see_differently_has_a_point_for_each():
    found = traces(cell("large", "control-random", 0.3), cell("small", "control-random", 0.2))
    assert found["Control: random"].mode == "lines+markers"
    assert tuple(found["Control: random"].y) == (0.2, 0.3)


def test_names_without_room_are_left_out_and_not_written_over_others():
    crowd = {f"network-{number}@224": 800_000_000 + number for number in range(20)}
    cells = [cell(model, "cam", 0.5) for model in crowd]
    (drawn,) = metric_against_macs(cells, crowd).data
    named = [text for text in drawn.text if text]
    assert 0 < len(named) <= 8  # a name for each side of the one place where all points are
    assert len(set(zip(named, drawn.textposition, strict=False))) == len(named)


def test_networks_that_are_almost_alike_still_have_ticks_between_them():
    axis = metric_against_macs([cell("small", "cam", 0.5), cell("large", "cam", 0.6)], MACS).layout.xaxis
    assert [tick for tick in axis.tickvals if 0.3 <= tick <= 0.9] == pytest.approx([0.3, 0.4, 0.5, 0.7])


def test_nothing_to_draw_is_an_empty_figure():
    assert not metric_against_macs((), MACS).data
