"""Points show the tables' numbers unchanged; expected values are read from the CSVs or typed from the paper."""

import dataclasses
import math

import pytest

from effviz.facts.paper_tables import PaperVersion
from effviz.facts.timm_results import RECIPES, NetworkFamily, recipe
from effviz.plots.accuracy_cost import (
    COMPACT_HEIGHT_PX,
    Cost,
    Count,
    Kind,
    UnmeasuredNetwork,
    accuracy_cost_figure,
    compared_series,
    family_series,
    network_hover,
    paper_series,
    recipe_series,
    unmeasured_network,
)
from effviz.scaling import plan
from effviz.zoo import catalogue
from tests.facts.conftest import load

TOP1 = {PaperVersion.V5: "top1_pct", PaperVersion.V3: "top1_pct_v3", PaperVersion.V1: "top1_pct_v1v2_icml"}


@pytest.mark.parametrize("version", PaperVersion)
def test_the_papers_points_are_table_2(version):
    table = load("table2_imagenet").set_index("model")
    points = [point for series in paper_series(version) for point in series.points]
    assert {point.id for point in points} == set(table.index)
    for point in points:
        row = table.loc[point.id]
        assert point.top1_pct == row[TOP1[version]]
        assert point.params_millions == point.cost(Cost.PARAMS) == row["params_millions"]
        assert point.macs_count is Count.PRINTED
        assert point.source == row["source"]
        if point.id == "GPipe":
            assert point.cost(Cost.MACS) is None
        else:
            assert point.cost(Cost.MACS) == row["flops_billions"]


def test_the_papers_efficientnets_are_one_series_and_can_be_compared():
    ours, others = paper_series(PaperVersion.V5)
    assert [point.label for point in ours.points] == ["B0", "B1", "B2", "B3", "B4", "B5", "B6", "B7"]
    assert [point.compare for point in ours.points[:4]] == ["b0@224", "b1@240", "b2@260", "b3@300"]
    assert len(others.points) == 16
    assert not any(point.compare for point in others.points)
    assert (ours.kind, others.kind) == (Kind.PAPER_EFFICIENTNETS, Kind.PAPER_OTHERS)


def timm_rows():
    table = load("timm_accuracy")
    names = table["model"] + "." + table["weights_tag"] + "@" + table["image_size_px"].astype(str)
    return table.set_index(names)


@pytest.mark.parametrize("series", [recipe_series(known) for known in RECIPES], ids=lambda series: series.title)
def test_measured_points_are_timms_rows(series):
    rows = timm_rows()
    assert series.points
    for point in series.points:
        row = rows.loc[point.id]
        assert (point.top1_pct, point.top5_pct) == (row["top1_pct"], row["top5_pct"])
        assert point.params_millions == row["params_millions"]
        assert point.macs_billions_with_bn == row["gmacs_counted_with_bn"]
        assert point.macs_count is Count.COMPUTED
        assert point.source == row["source"]
        assert point.resolution_px == row["image_size_px"]


@pytest.mark.parametrize("family", [family for family in NetworkFamily if family is not NetworkFamily.EFFICIENTNET])
def test_other_families_keep_timms_count(family):
    rows = timm_rows()
    for point in family_series(family).points:
        row = rows.loc[point.id]
        assert (point.top1_pct, point.macs_billions) == (row["top1_pct"], row["gmacs_counted_with_bn"])
        assert (point.macs_count, point.macs_billions_with_bn, point.compare) == (Count.TIMM, None, f"timm:{point.id}")


def test_every_name_for_the_compare_page_is_known_there():
    points = [point for known in RECIPES for point in recipe_series(known).points]
    comparable = [point for point in points if point.compare]
    assert (
        len(comparable) == len(points) - len([p for p in points if p.label in ("B8", "L2")]) - 1
    )  # timm's own B5 at 448
    for point in comparable:
        ref = catalogue.parse_model(point.compare)
        assert ref.label == point.compare
        assert f"{ref.spec.architecture}@{ref.resolution_px}" == point.id


def test_compared_models_are_points_where_somebody_measured_them():
    refs = [
        catalogue.parse_model(text)
        for text in ("lite0@224", "lite1@224", "lite0@260", "lite2@260", "b0:timm-ra4_in1k@256")
    ]
    stars, marks = compared_series(refs)
    assert [(point.id, point.top1_pct) for point in stars.points] == [
        ("lite0@224", 74.846),
        ("lite2@260", 77.470),
        ("b0:timm-ra4_in1k@256", 79.364),
    ]
    assert [point.params_millions for point in stars.points] == [4.652008, 6.092072, 5.288548]
    assert [mark.label for mark in marks] == ["lite1@224", "lite0@260"]
    assert [mark.params_millions for mark in marks] == [5.416680, 4.652008]
    assert all("timm" in point.source for point in stars.points)


def test_an_accuracy_of_other_classes_is_no_point_among_imagenets() -> None:
    spec = catalogue.find_model("lite0", "timm-lite-ra_in1k")
    points, marks = compared_series(
        [catalogue.at_resolution(dataclasses.replace(spec, architecture="x", dataset="Imagenette"), 224)]
    )
    assert (len(points.points), len(marks)) == (0, 1)


def test_a_mark_is_the_plans_cost():
    b3 = unmeasured_network("b3", plan(1.4, 1.2, 300))
    assert b3.cost(Cost.PARAMS) == 12.233232  # torchvision's num_params of B3
    assert b3.cost(Cost.MACS) == pytest.approx(1.827, abs=5e-4)
    assert b3.label == "b3"


def test_recipes_have_titles_of_their_own():
    assert recipe_series(recipe("aa_in1k")).title == "timm, AutoAugment"
    assert recipe_series(recipe("aa_in1k")).kind is Kind.RECIPE
    assert family_series(NetworkFamily.RESNET).kind is Kind.FAMILY


# The figures draw the values in the tables.

COLUMN = {Cost.PARAMS: "params_millions", Cost.MACS: "flops_billions"}


def drawn(figure):
    """Return {id: (x, y)} over all traces with points."""
    return {
        data[0]: (x, y)
        for trace in figure.data
        if trace.customdata is not None
        for data, x, y in zip(trace.customdata, trace.x, trace.y, strict=True)
    }


@pytest.mark.parametrize("cost", Cost)
@pytest.mark.parametrize("version", PaperVersion)
def test_the_papers_networks_lie_where_table_2_puts_them(version, cost):
    table = load("table2_imagenet").dropna(subset=COLUMN[cost])
    expected = {row["model"]: (row[COLUMN[cost]], row[TOP1[version]]) for row in table.to_dict("records")}
    assert drawn(accuracy_cost_figure(paper_series(version), cost)) == expected
    assert ("GPipe" in expected) == (cost is Cost.PARAMS)


def test_measured_networks_lie_where_timm_puts_them():
    table = load("timm_accuracy").query(
        "model.str.fullmatch('resnet.*|tf_efficientnet_b..*') and weights_tag != 'in1k'"
    )
    series = [recipe_series(recipe(key)) for key in ("aa_in1k", "ap_in1k", "ra_in1k", "ns_jft_in1k")]
    figure = accuracy_cost_figure([*series, family_series(NetworkFamily.RESNET)], Cost.PARAMS)
    expected = {
        f"{row['model']}.{row['weights_tag']}@{row['image_size_px']}": (row["params_millions"], row["top1_pct"])
        for row in table.to_dict("records")
    }
    assert {key: place for key, place in drawn(figure).items() if "_l2" not in key} == expected


def test_macs_of_measured_efficientnets_are_the_official_codes_and_others_timms():
    figure = accuracy_cost_figure([recipe_series(recipe("aa_in1k")), family_series(NetworkFamily.RESNET)], Cost.MACS)
    counted = load("coefficients").set_index("model")["madds_billions_recomputed"]
    for i in range(8):
        (x, _) = next(place for key, place in drawn(figure).items() if key.startswith(f"tf_efficientnet_b{i}."))
        assert x == pytest.approx(counted[f"b{i}"], abs=6e-5)
    assert drawn(figure)["resnet50.tv_in1k@224"] == (4.11, 76.156)


def test_both_axes_say_what_they_show():
    figure = accuracy_cost_figure(paper_series(PaperVersion.V5), Cost.MACS)
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.title.text == "MACs, the paper's FLOPs (billions)"
    assert figure.layout.yaxis.title.text == "ImageNet top-1 (%)"
    assert accuracy_cost_figure([], Cost.PARAMS).layout.xaxis.title.text == "Parameters (millions)"


@pytest.mark.parametrize(("cost", "x"), [(Cost.PARAMS, 9.1), (Cost.MACS, 0.99)])
def test_a_network_without_accuracy_is_a_line(cost, x):
    figure = accuracy_cost_figure(paper_series(PaperVersion.V5), cost, [UnmeasuredNetwork("φ = 1", 9.1, 0.99)])
    line = figure.data[-1]
    low, high = figure.layout.yaxis.range
    assert (line.x, line.y) == ((x, x), (low, high))
    assert line.customdata is None
    assert line.text[1].strip() == "φ = 1"
    assert low < 76.0
    assert high > 84.3


def test_names_of_lines_step_down_from_left_to_right_above_all_points():
    marks = [
        UnmeasuredNetwork("b", 2.2, 2.2),
        UnmeasuredNetwork("a" * 9, 2, 2),
        UnmeasuredNetwork("c", 2.1, 2.1),
        UnmeasuredNetwork("far", 60, 60),
    ]
    figure = accuracy_cost_figure(paper_series(PaperVersion.V5), Cost.MACS, marks, compact=True)
    lines = figure.data[-4:]
    assert [line.name for line in lines] == ["a" * 9, "c", "b", "far"]
    tops = [line.y[1] for line in lines]
    assert tops[0] > tops[1] > tops[2] > 84.3 + 1  # B7's 84.3 (Table 2), and room for a line of text
    assert tops[3] == tops[0] == figure.layout.yaxis.range[1]


@pytest.mark.parametrize("cost", Cost)
@pytest.mark.parametrize(
    "names", [("lite0@224", "lite1@224", "lite2@224", "lite0@260", "lite2@260"), ("b0", "b1", "b2")]
)
def test_no_line_runs_through_the_name_of_a_compared_model(names, cost):
    stars, marks = compared_series([catalogue.parse_model(name) for name in names])
    marks = [*marks, UnmeasuredNetwork("φ = 1", 6.1, 0.87)]
    figure = accuracy_cost_figure([*paper_series(PaperVersion.V5), stars], cost, marks, compact=True)
    trace = figure.data[2]
    left, right = figure.layout.xaxis.range
    assert sum(map(bool, trace.text)) >= len(trace.text) - 1
    for text, side, x in zip(trace.text, trace.textposition, trace.x, strict=True):
        # On a phone the axis has 270 px, and a letter of 11 px is about 6 px wide.
        at, length = 270 * (math.log10(x) - left) / (right - left), 6 * len(text)
        start = at + {"left": -7 - length, "center": -length / 2, "right": 7}[side.split()[1]]
        crossing = [270 * (math.log10(line.x[0]) - left) / (right - left) for line in figure.data[3:]]
        assert not [place for place in crossing if text and start < place < start + length]
        assert start > 0


def test_hover_tells_printed_from_counted_and_the_source():
    point = recipe_series(recipe("aa_in1k")).points[3]
    words = network_hover(point)
    assert "top-1 81.648 %, top-5 95.724 %" in words
    assert "12.23 million parameters" in words
    assert "1.83 billion MACs (convolutions and linear layers, counted by EffViz)" in words
    assert "1.87 billion MACs (timm's count, with batch norm)" in words
    assert "Source: timm results/results-imagenet" in words
    printed = network_hover(paper_series(PaperVersion.V5)[0].points[4])
    assert "4.2 billion MACs (printed in the paper as FLOPs)" in printed
    assert "MACs not published" in network_hover(paper_series(PaperVersion.V5)[1].points[-1])


def test_every_point_speaks_its_own_hover():
    series = paper_series(PaperVersion.V5)
    for trace, of in zip(accuracy_cost_figure(series, Cost.PARAMS).data, series, strict=True):
        assert list(trace.hovertext) == [network_hover(point) for point in of.points]


def test_networks_trained_on_more_pictures_have_open_markers():
    trace = accuracy_cost_figure([recipe_series(recipe("ns_jft_in1k"))], Cost.PARAMS).data[0]
    assert all(symbol.endswith("-open") for symbol in trace.marker.symbol)
    trace = accuracy_cost_figure([recipe_series(recipe("aa_in1k"))], Cost.PARAMS).data[0]
    assert not any(symbol.endswith("-open") for symbol in trace.marker.symbol)


@pytest.mark.parametrize("cost", Cost)
def test_the_compact_figure_names_the_compared_models_and_what_else_there_is(cost):
    stars, marks = compared_series([catalogue.parse_model("lite0@224"), catalogue.parse_model("lite0@260")])
    figure = accuracy_cost_figure([*paper_series(PaperVersion.V5), stars], cost, marks, compact=True)
    named = [{text.strip() for text in trace.text if text.strip()} for trace in figure.data]
    assert named == [{"B0", "B7"}, {"other ConvNets"}, {"lite0@224"}, {"lite0@260"}]
    assert figure.layout.height == COMPACT_HEIGHT_PX
    assert figure.layout.showlegend is False


def test_the_wide_figure_names_efficientnets_and_those_that_lie_apart():
    def named(*series):
        return {text for trace in accuracy_cost_figure(series, Cost.PARAMS).data for text in trace.text if text}

    paper = paper_series(PaperVersion.V5)
    assert named(*paper) >= {"B0", "B7", "ResNet-50", "GPipe"}
    assert "ResNet-50" not in named(*paper, family_series(NetworkFamily.RESNET))


def test_no_two_series_look_the_same():
    keys = ("aa_in1k", "in1k", "ra_in1k", "ap_in1k", "ns_jft_in1k", "lite-in1k")
    figure = accuracy_cost_figure(
        [*paper_series(PaperVersion.V5), *(recipe_series(recipe(key)) for key in keys)], Cost.PARAMS
    )
    looks = {(trace.line.color, trace.line.dash, trace.marker.symbol[0]) for trace in figure.data}
    assert len(looks) == len(figure.data)
