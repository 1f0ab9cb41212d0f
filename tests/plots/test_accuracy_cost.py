"""Points carry the tables' numbers unchanged; expected values are read from the CSVs or typed from the paper."""

import dataclasses

import pytest

from effviz.facts import RECIPES, NetworkFamily, PaperVersion, load, recipe
from effviz.plots.accuracy_cost import (
    Cost,
    Count,
    Kind,
    compared_series,
    family_series,
    paper_series,
    recipe_series,
    unmeasured_network,
)
from effviz.scaling import plan
from effviz.zoo import catalogue

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
