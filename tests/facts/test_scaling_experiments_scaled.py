"""Tables 3 and 7, typed from the paper."""

import pytest

from effviz.facts import load, other_networks, scaled_b0
from effviz.facts.paper_tables import PaperVersion

TABLE_3 = {  # FLOPs in billions, top-1
    ("MobileNetV1", "baseline"): (0.6, 70.6),
    ("MobileNetV1", "width"): (2.2, 74.2),
    ("MobileNetV1", "resolution"): (2.2, 72.7),
    ("MobileNetV1", "compound"): (2.3, 75.6),
    ("MobileNetV2", "baseline"): (0.3, 72.0),
    ("MobileNetV2", "depth"): (1.2, 76.8),
    ("MobileNetV2", "width"): (1.1, 76.4),
    ("MobileNetV2", "resolution"): (1.2, 74.8),
    ("MobileNetV2", "compound"): (1.3, 77.4),
    ("ResNet-50", "baseline"): (4.1, 76.0),
    ("ResNet-50", "depth"): (16.2, 78.1),
    ("ResNet-50", "width"): (14.7, 77.7),
    ("ResNet-50", "resolution"): (16.4, 77.5),
    ("ResNet-50", "compound"): (16.7, 78.8),
}
TABLE_7 = {  # FLOPs and recount in billions, top-1 in v1 and v2, in v3 and v5
    "baseline": (0.4, 0.386, 76.3, 77.3),
    "depth": (1.8, 1.575, 79.0, 79.0),
    "width": (1.8, 1.450, 78.9, 78.9),
    "resolution": (1.9, 1.538, 79.1, 79.1),
    "compound": (1.8, 1.827, 81.1, 81.1),
}


def test_table_3_is_the_papers():
    assert {(row.model, row.method): (row.macs_billions, row.top1_pct) for row in other_networks()} == TABLE_3


def test_table_3_by_the_formula():
    """Four times as deep, or twice as wide or sharp, costs four times as much; compound: 1.4 * 1.2^2 * 1.3^2."""
    by_hand = {
        ("MobileNetV1", "width"): 2.4,
        ("MobileNetV1", "compound"): 0.6 * 1.4 * 1.44 * 1.69,
        ("MobileNetV2", "depth"): 1.2,
        ("ResNet-50", "resolution"): 16.4,
        ("ResNet-50", "compound"): None,
        ("MobileNetV2", "compound"): None,
    }
    formula = {(row.model, row.method): row.macs_billions_formula for row in other_networks()}
    for key, expected in by_hand.items():
        assert formula[key] == (expected if expected is None else pytest.approx(expected))
    assert {(row.model, row.method) for row in other_networks() if row.depth is None} == {
        ("MobileNetV2", "compound"),
        ("ResNet-50", "compound"),
    }


@pytest.mark.parametrize("version", PaperVersion)
def test_table_7_is_the_papers_and_differs_from_its_recount(version):
    column = 2 if version is PaperVersion.V1 else 3
    expected = {method: (row[0], row[1], row[column]) for method, row in TABLE_7.items()}
    rows = scaled_b0(version)
    assert {
        row.method: (row.macs_billions, round(row.macs_billions_computed, 3), row.top1_pct) for row in rows
    } == expected


def test_table_7_recounted_is_the_collected_recount():
    table = load("table7_scaled")
    assert [row.network.params for row in scaled_b0()] == list(table["params_recomputed_from_official_code"])
    assert [row.label for row in scaled_b0()] == list(table["label_in_paper"])
