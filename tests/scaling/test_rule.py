"""The rule matches the paper's section 4 and an independently calculated table."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timm.models._efficientnet_builder import round_channels

import effviz
from effviz.errors import SettingsError
from effviz.scaling import ScalingRule
from effviz.scaling.rule import Coefficients, round_filters, round_repeats

FORMULA = pd.read_csv(f"{effviz.__path__[0]}/facts/phi_formula.csv")


@pytest.mark.parametrize("row", list(FORMULA.itertuples(index=False)), ids=lambda row: f"phi={row[0]}")
def test_paper_rule(row):
    phi, depth, width, resolution, pixels = row[:5]
    at = ScalingRule().at(phi)
    assert at.depth == pytest.approx(depth, abs=6e-5)
    assert at.width == pytest.approx(width, abs=6e-5)
    assert at.resolution == pytest.approx(resolution, abs=6e-5)
    assert abs(at.resolution_px - pixels) <= 0.56  # the table has one decimal, EffViz has none


def test_constraint_is_shown_as_it_is():
    assert ScalingRule().constraint == pytest.approx(1.2 * 1.21 * 1.3225)
    assert f"{ScalingRule().constraint:.3f}" == "1.920"
    assert ScalingRule(2.0, 3.0, 1.5).constraint == pytest.approx(2 * 9 * 2.25)


def test_how_far_the_constraint_misses_two():
    # By hand: 1.92027 is 3.99 % below 2, and 1.4 * 1.21 * 1.3225 = 2.240315 is 12.02 % above it.
    assert ScalingRule().constraint_miss_pct == pytest.approx(-3.9865)
    assert ScalingRule(1.4).constraint_miss_pct == pytest.approx(12.01575)


def test_negative_phi_shrinks_by_what_positive_phi_grows():
    down, up = ScalingRule().at(-1), ScalingRule().at(1)
    assert down.depth * up.depth == pytest.approx(1)
    assert down.width * up.width == pytest.approx(1)
    assert down.resolution * up.resolution == pytest.approx(1)
    assert down.resolution_px == 195  # 224 / 1.15 = 194.8


def test_fractional_phi_lies_between():
    half = ScalingRule().at(0.5)
    assert half == Coefficients(math.sqrt(1.2), math.sqrt(1.1), math.sqrt(1.15))
    assert half.resolution_px == 240  # B1's size: 224 * 1.0724 = 240.2


def test_own_bases():
    assert ScalingRule(2.0, 1.5, 1.0).at(2) == Coefficients(4.0, 2.25, 1.0)


@pytest.mark.parametrize("bases", [(0.9, 1.1, 1.15), (1.2, 0.99, 1.15), (1.2, 1.1, 0.5), (4.1, 1.1, 1.15)])
def test_bases_outside_eq_3(bases):
    with pytest.raises(SettingsError, match=r"out of range: 1 to 4 is allowed\. Choose"):
        ScalingRule(*bases)


@pytest.mark.parametrize("phi", [20.1, -21, math.nan, math.inf])
def test_phi_out_of_range(phi):
    with pytest.raises(SettingsError, match=r"The phi \S+ is out of range: -20 to 20 is allowed\. Choose"):
        ScalingRule().at(phi)


# Rounding matches hand calculations and timm's port of the official code.


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [
        (32, 1.1, 32),  # 35.2 is nearer to 32
        (32, 1.2, 40),  # 38.4 is nearer to 40
        (1280, 1.1, 1408),
        (16, 1.4, 24),  # 22.4 is nearer to 24
        (24, 1.5, 40),  # 36 is halfway: rounded up
        (10, 1.1, 16),  # 11 is nearer to 8, but 8 would lose more than 10 %
        (16, 0.1, 8),  # never below 8
    ],
)
def test_filters_by_hand(channels, width, expected):
    assert round_filters(channels, width) == expected


@given(st.sampled_from([16, 24, 32, 40, 80, 112, 192, 320, 1280]), st.floats(0.1, 20))
def test_filters_equal_timm(channels, width):
    assert round_filters(channels, width) == round_channels(channels, width)


@pytest.mark.parametrize(
    ("repeats", "depth", "expected"),
    [(2, 1.0, 2), (2, 1.1, 3), (4, 1.1, 5), (1, 0.1, 1), (3, 2.0, 6), (3, 4 / 3, 4), (4, 3.1, 13)],
)
def test_repeats_by_hand(repeats, depth, expected):
    assert round_repeats(repeats, depth) == expected
