"""Rounding against hand calculations and against timm's port of the official code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timm.models._efficientnet_builder import round_channels

from effviz.scaling import round_filters, round_repeats


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [
        (32, 1.1, 32),  # 35.2 lies nearer to 32
        (32, 1.2, 40),  # 38.4 lies nearer to 40
        (1280, 1.1, 1408),
        (16, 1.4, 24),  # 22.4 lies nearer to 24
        (24, 1.5, 40),  # 36 lies in the middle: up
        (10, 1.1, 16),  # 11 lies nearer to 8, but 8 would lose more than 10 %
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
