"""Dots of Figures 3, 4 and 8; recomputed costs match an independent count, and the figures match each other."""

import pandas as pd
import pytest

from effviz.facts.paper_tables import PaperVersion, paper_points
from effviz.facts.scaling_experiments import (
    best_within_budget,
    compound_leads,
    drawn_twice,
    gain_per_doubling,
    other_networks,
    scaled_b0,
    scaling_methods,
    single_dimension,
    width_by_baseline,
)
from effviz.scaling import ScalingMethod
from effviz.scaling.feasible_region import ResourceLimits
from tests.facts.conftest import load

# MACs in billions by a script that shares no code with EffViz (shared facts, recomputed_single_dimension.csv).
COUNTED = {
    "w = 1": 0.3858,
    "w = 1.4": 0.7438,
    "w = 1.8": 1.1756,
    "w = 2.6": 2.3911,
    "w = 3.8": 5.0597,
    "w = 5": 8.7124,
    "d = 1": 0.3858,
    "d = 2": 0.7823,
    "d = 3": 1.1787,
    "d = 4": 1.5751,
    "d = 6": 2.368,
    "d = 8": 3.1609,
    "r = 1": 0.3858,
    "r = 1.3": 0.7184,
    "r = 1.5": 0.8933,
    "r = 1.7": 1.1289,
    "r = 1.9": 1.4578,
    "r = 2.2": 1.9231,
    "r = 2.5": 2.4469,
}


def test_figure_3_is_its_table():
    table = load("fig3_single_dimension")
    dots = single_dimension()
    assert [dot.method for dot in dots] == list(table["dimension"])
    assert [dot.coefficient for dot in dots] == list(table["coefficient"])
    assert [dot.macs_billions for dot in dots] == list(table["flops_billions"])
    assert [dot.top1_pct for dot in dots] == list(table["imagenet_top1_pct"])
    assert [dot.source for dot in dots] == list(table["source"])


def test_figure_3_recomputed_is_an_independent_count():
    assert {dot.label: round(dot.macs_billions_computed, 4) for dot in single_dimension()} == COUNTED


def test_figure_3_lies_above_the_recomputation_except_on_wide_networks():
    ratios = {dot.label: dot.macs_billions / dot.macs_billions_computed for dot in single_dimension()}
    assert ratios["w = 1"] == pytest.approx(1.296, abs=5e-4)
    deep = [ratio for label, ratio in ratios.items() if label.startswith("d") and label != "d = 1"]
    sharp = [ratio for label, ratio in ratios.items() if label.startswith("r")]
    assert all(1.15 < ratio < 1.22 for ratio in deep)
    assert all(1.27 < ratio < 1.34 for ratio in sharp)


def test_figure_4_is_its_table():
    table = load("fig4_width_by_baseline")
    dots = width_by_baseline()
    assert [(dot.depth, dot.resolution, dot.index) for dot in dots] == list(
        table[["baseline_d", "baseline_r", "dot_index"]].itertuples(index=False, name=None)
    )
    assert [dot.macs_billions for dot in dots] == list(table["flops_billions"])
    assert [dot.top1_pct for dot in dots] == list(table["imagenet_top1_pct"])
    lines = pd.Series([(dot.depth, dot.resolution) for dot in dots]).value_counts()
    assert dict(lines) == {(1, 1): 11, (1, 1.3): 9, (2, 1): 7, (2, 1.3): 7}


def test_figure_4_is_recomputed_only_where_figure_3_names_the_width():
    named = {dot.width: dot for dot in width_by_baseline() if dot.width is not None}
    assert set(named) == {1.0, 1.4, 1.8, 2.6, 3.8, 5.0}
    for dot in single_dimension():
        if dot.method == "width":
            same = named[dot.coefficient]
            assert (same.macs_billions, same.top1_pct) == (dot.macs_billions, dot.top1_pct)
            assert round(same.macs_billions_computed, 4) == COUNTED[dot.label]
    assert all((dot.width is None) == (dot.macs_billions_computed is None) for dot in width_by_baseline())


def test_figure_8_is_its_table_and_takes_its_labels_from_figure_3():
    table = load("fig8_scaling_methods")
    dots = scaling_methods()
    assert [(dot.method, dot.macs_billions, dot.top1_pct) for dot in dots] == list(
        table[["method", "flops_billions", "imagenet_top1_pct"]].itertuples(index=False, name=None)
    )
    printed = {dot.label: dot for dot in single_dimension()}
    for dot in dots:
        if dot.method != "compound":
            assert dot.top1_pct == printed[dot.label].top1_pct
            first = dot.coefficient == 1  # drawn at 0.39 instead of 0.50
            assert dot.macs_billions == pytest.approx(0.39 if first else printed[dot.label].macs_billions, abs=2e-3)
            assert round(dot.macs_billions_computed, 4) == COUNTED[dot.label]


def test_the_compound_curve_of_figure_8_is_table_2_of_the_first_version():
    compound = [dot for dot in scaling_methods() if dot.method == "compound"]
    v1 = {point.name.upper(): point for point in paper_points(PaperVersion.V1) if point.is_efficientnet}
    assert [dot.label for dot in compound] == ["B0", "B1", "B2", "B3", "B4"]
    assert [dot.top1_pct for dot in compound[1:]] == [v1[dot.label].top1_pct for dot in compound[1:]]
    assert compound[0].top1_pct == pytest.approx(v1["B0"].top1_pct - 0.2)
    counted = load("coefficients").set_index("model")["madds_billions_recomputed"]
    assert [round(dot.macs_billions_computed, 4) for dot in compound] == list(
        counted.loc[["b0", "b1", "b2", "b3", "b4"]]
    )


def test_gain_per_doubling_by_hand():
    """From d = 1 to d = 2 the drawn FLOPs grow by 0.95 / 0.5, which is 0.926 doublings, and top-1 by 2.41 points."""
    deep = [dot for dot in single_dimension() if dot.method == "depth"]
    assert gain_per_doubling(deep[0], deep[1]) == pytest.approx(2.41 / 0.926, abs=0.002)
    assert gain_per_doubling(deep[4], deep[5]) == 0  # d = 6 and d = 8: 80.00 % both


def test_two_networks_are_drawn_with_other_accuracies_in_figure_4() -> None:
    # read from the figures: d = 2 is at 78.51 % in Figure 3, r = 1.3 at 77.68 %
    found = {dot.label: (dot.top1_pct, start.top1_pct) for dot, start in drawn_twice()}
    assert found == {"d = 2": (78.51, 78.74), "r = 1.3": (77.68, 78.21)}


def test_how_far_the_compound_curve_lies_above_the_others() -> None:
    """By hand: depth leads at 0.7 billion (0.39 to 0.95) and 1 (0.95 to 1.4), width at 1.8, depth's end at 4.2."""
    by_hand = {
        "B1": 78.8 - (76.1 + (0.7 - 0.39) / (0.95 - 0.39) * (78.51 - 76.1)),
        "B2": 79.8 - (78.51 + (1 - 0.95) / (1.4 - 0.95) * (78.84 - 78.51)),
        "B3": 81.1 - (78.51 + (1.8 - 1.147) / (2.258 - 1.147) * (79.46 - 78.51)),
        "B4": 82.6 - 80.0,
    }
    assert {dot.label: lead for dot, lead in compound_leads()} == pytest.approx(by_hand)


# Tables 3 and 7, typed from the paper.

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
    """Four times the depth or twice the width or resolution costs four times as much; compound: 1.4 * 1.2^2 * 1.3^2."""
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


# The dots of Figure 8 within both limits, by the networks' known sizes.

PLENTY = 1e12


@pytest.mark.parametrize(
    ("macs", "label", "top1"),
    # Recomputed from the official code (shared facts): B1 .687, B2 .994, B3 1.827, B4 4.394 billion; top-1 of Figure 8.
    [(0.9e9, "B1", 78.8), (0.993e9, "B1", 78.8), (0.994e9, "B2", 79.8), (1.828e9, "B3", 81.1), (PLENTY, "B4", 82.6)],
)
def test_compound_by_macs(macs, label, top1):
    dot = best_within_budget(ResourceLimits(macs, PLENTY), ScalingMethod.COMPOUND)
    assert (dot.label, dot.top1_pct) == (label, top1)


def test_compound_by_memory():
    # Weights alone, by torchvision's counts: B1 31.2 MB, B2 36.4 MB. With activations B2 is over 40.
    assert best_within_budget(ResourceLimits(PLENTY, 40e6), ScalingMethod.COMPOUND).label == "B1"


def test_of_two_equally_good_dots_the_first_is_taken():
    # Figure 3's depth curve ends with 80.00 twice, at d = 6 and d = 8.
    assert best_within_budget(ResourceLimits(PLENTY, PLENTY), ScalingMethod.DEPTH).label == "d = 6"


@pytest.mark.parametrize("method", ScalingMethod)
def test_b0_is_always_left(method):
    assert best_within_budget(ResourceLimits(0.386e9, PLENTY), method).top1_pct == 76.1
