"""Table 2 as printed; the expected rows are typed from the paper's three versions."""

import pytest

from effviz.errors import SettingsError
from effviz.facts import PaperVersion, load, paper_points, paper_top1

B0_TO_B7 = [f"b{i}" for i in range(8)]
TOP1 = {
    PaperVersion.V5: [77.1, 79.1, 80.1, 81.6, 82.9, 83.6, 84.0, 84.3],
    PaperVersion.V3: [77.3, 79.2, 80.3, 81.7, 83.0, 83.7, 84.2, 84.4],
    PaperVersion.V1: [76.3, 78.8, 79.8, 81.1, 82.6, 83.3, 84.0, 84.4],
}
TOP5 = {
    PaperVersion.V5: [93.3, 94.4, 94.9, 95.7, 96.4, 96.7, 96.8, 97.0],
    PaperVersion.V3: [93.5, 94.5, 95.0, 95.6, 96.3, 96.7, 96.8, 97.1],
    PaperVersion.V1: [93.2, 94.4, 94.9, 95.5, 96.3, 96.7, 96.9, 97.1],
}


@pytest.mark.parametrize("version", PaperVersion)
def test_efficientnets_of_each_version(version):
    points = [point for point in paper_points(version) if point.is_efficientnet]
    assert [point.name for point in points] == B0_TO_B7
    assert [point.top1_pct for point in points] == TOP1[version]
    assert [point.top5_pct for point in points] == TOP5[version]
    assert [point.params_millions for point in points] == [5.3, 7.8, 9.2, 12, 19, 30, 43, 66]
    assert [point.macs_billions for point in points] == [0.39, 0.70, 1.0, 1.8, 4.2, 9.9, 19, 37]
    assert {point.version for point in points} == {version}


@pytest.mark.parametrize("version", PaperVersion)
def test_every_row_of_table_2_is_there(version):
    table, points = load("table2_imagenet"), paper_points(version)
    assert [point.model for point in points] == table["model"].to_list()
    assert [point.group for point in points] == table["group"].to_list()
    assert [point.source for point in points] == table["source"].to_list()


def test_the_paper_prints_no_flops_for_gpipe():
    gpipe = next(point for point in paper_points() if point.model == "GPipe")
    assert (gpipe.macs_billions, gpipe.params_millions, gpipe.top1_pct, gpipe.name) == (None, 557, 84.3, "")


def test_top1_by_short_and_printed_name():
    assert paper_top1("b3") == paper_top1("EfficientNet-B3") == 81.6
    assert paper_top1("b0", PaperVersion.V1) == 76.3
    assert paper_top1("ResNet-50") == 76.0


@pytest.mark.parametrize("name", ["b9", "", "lite0"])
def test_a_network_that_table_2_lacks(name):
    with pytest.raises(SettingsError, match=r"no network.*b0.*Pick one"):
        paper_top1(name)
