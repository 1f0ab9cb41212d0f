"""Table 1, typed from the paper."""

import pytest

from effviz.facts import PaperVersion, paper_stages
from effviz.scaling import plan

TABLE_1 = [
    ("Conv3x3", 224, 32, 1),
    ("MBConv1, k3x3", 112, 16, 1),
    ("MBConv6, k3x3", 112, 24, 2),
    ("MBConv6, k5x5", 56, 40, 2),
    ("MBConv6, k3x3", 28, 80, 3),
    ("MBConv6, k5x5", 14, 112, 3),
    ("MBConv6, k5x5", 14, 192, 4),
    ("MBConv6, k3x3", 7, 320, 1),
    ("Conv1x1 & Pooling & FC", 7, 1280, 1),
]


@pytest.mark.parametrize("version", PaperVersion)
def test_table_1_is_the_papers(version):
    expected = list(TABLE_1)
    if version is PaperVersion.V1:
        expected[5] = ("MBConv6, k5x5", 28, 112, 3)  # the erratum that an author confirmed in tensorflow/tpu#383
    rows = [(of.operator, of.resolution_px, of.channels, of.layers) for of in paper_stages(version)]
    assert rows == expected
    assert [of.stage for of in paper_stages(version)] == list(range(1, 10))


def test_the_current_table_is_what_is_planned():
    stages = plan(1, 1, 224).stages
    assert [(of.operator, of.resolution_px, of.channels, of.layers) for of in paper_stages()] == [
        (of.operator, of.in_resolution, of.channels, of.layers) for of in stages
    ]
