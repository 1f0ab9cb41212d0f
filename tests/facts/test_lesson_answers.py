"""The lesson's answers match the paper and hand calculations."""

import math

import pytest

from effviz.facts import lesson_answers
from effviz.scaling import ScalingMethod


@pytest.mark.parametrize(
    ("method", "formula"), [(ScalingMethod.DEPTH, 2), (ScalingMethod.WIDTH, 4), (ScalingMethod.RESOLUTION, 4)]
)
def test_twice_of_a_dimension_costs_about_what_section_3_3_says(method: ScalingMethod, formula: int) -> None:
    assert lesson_answers.macs_times(method) == pytest.approx(formula, rel=0.07)  # stem and head do not grow in depth


def test_figure_3_ends_flat() -> None:
    assert [(dot.label, dot.top1_pct) for dot in lesson_answers.depth_curve()[-2:]] == [
        ("d = 6", 80.0),
        ("d = 8", 80.0),
    ]


def test_the_lead_of_the_balanced_start_in_figure_4() -> None:
    # By hand: between its dots (15.34, 81.79) and (19.008, 82.02) the line has 81.841 at 16.153; widened B0 has 80.46.
    assert lesson_answers.widest().macs_billions == 16.153
    assert lesson_answers.balance_lead() == pytest.approx(1.381, abs=1e-3)


def test_the_phi_that_doubles_the_macs() -> None:
    assert (1.2 * 1.1**2 * 1.15**2) ** lesson_answers.doubling_phi() == pytest.approx(2)
    # The official rounding at d = 1.2, w = 1.1, 258 px; README of the shared facts has 2.57 as well.
    assert lesson_answers.macs_times_at_phi_1() == pytest.approx(2.57, abs=0.01)


def test_what_twice_the_macs_have_to_bring() -> None:
    # Section 4: ACC * (FLOPS / T)^-0.07 stays if ACC grows by 2^0.07; B0 has 77.1 % in Table 2.
    assert lesson_answers.points_for_twice_the_macs() == pytest.approx(77.1 * (math.exp(0.07 * math.log(2)) - 1))


def test_b7_against_b0() -> None:
    # torchvision documents 37.75 and 0.39 GFLOPs; Table 2 prints 37 and 0.39.
    assert lesson_answers.largest_times_baseline() == pytest.approx(37.75 / 0.386, rel=0.002)


def test_the_ratios_of_the_abstract() -> None:
    assert lesson_answers.printed_params_ratio("GPipe") == 8.4
    assert lesson_answers.printed_macs_ratio("ResNeXt-101") == 18
