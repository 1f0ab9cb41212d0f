import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from effviz.explain.data_types import Method
from effviz.explain.overlay import Scale, fractions, rescale

LEFT = [[-2.0, 0.0], [1.0, 3.0]]
RIGHT = [[0.5, 1.0, 1.5], [2.0, 4.0, 6.0]]


def test_own_spans_each_maps_own_range(make_map):
    left, right = rescale([make_map(LEFT), make_map(RIGHT)], Scale.OWN)
    assert (left.low, left.high, right.low, right.high) == (-2, 3, 0.5, 6)
    np.testing.assert_allclose(left.fractions, [[0, 0.4], [0.6, 1]], rtol=1e-6)
    np.testing.assert_array_equal(left.values, np.float32(LEFT))


def test_shared_spans_the_range_of_all(make_map):
    left, right = rescale([make_map(LEFT), make_map(RIGHT)], Scale.SHARED)
    assert (left.low, left.high) == (right.low, right.high) == (-2, 6)
    np.testing.assert_allclose(left.fractions, [[0, 0.25], [0.375, 0.625]])


def test_density_is_signed_and_symmetric(make_map):
    left, right = rescale([make_map(LEFT, bias=7.0), make_map(RIGHT)], Scale.DENSITY)
    assert (left.low, left.high) == (right.low, right.high) == (-6, 6)
    assert left.signed
    assert left.fractions[0, 1] == 0.5  # no evidence is the middle of the palette
    # mean 0.5 plus bias 7 is the logit 7.5
    assert left.values.mean() + left.source.bias == left.source.logit
    assert "bias +7.00 is the logit 7.50" in left.unit


def test_density_reaches_as_far_as_the_strongest_evidence_against(make_map):
    (scaled,) = rescale([make_map([[-4.0, 1.0]])], Scale.DENSITY)
    assert (scaled.low, scaled.high) == (-4, 4)


def test_only_cam_is_called_a_density_of_the_logit(make_map):
    (scaled,) = rescale([make_map(LEFT, method=Method.LAYERCAM)], Scale.DENSITY)
    assert "logit" not in scaled.unit


def test_share_is_of_positive_evidence_and_sums_to_one(make_map):
    (scaled,) = rescale([make_map(LEFT)], Scale.SHARE)
    np.testing.assert_allclose(scaled.values, [[0, 0], [0.25, 0.75]])
    assert scaled.values.sum() == pytest.approx(1)
    assert not scaled.signed


def test_equal_colours_mean_an_equal_share_of_an_equal_area(make_map):
    """The same picture in four times as many cells has the same colours."""
    coarse, fine = rescale([make_map(LEFT), make_map(np.kron(LEFT, np.ones((2, 2))))], Scale.SHARE)
    np.testing.assert_allclose(np.kron(coarse.fractions, np.ones((2, 2))), fine.fractions, rtol=1e-6)
    assert fine.fractions.max() == 1


def test_share_without_positive_evidence_is_zero(make_map):
    (scaled,) = rescale([make_map([[-1.0, -2.0]])], Scale.SHARE)
    assert scaled.values.tolist() == [[0, 0]]
    assert scaled.fractions.tolist() == [[0, 0]]


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=20))
def test_rank_equals_scipys_mean_ranks(make_map, numbers):
    (scaled,) = rescale([make_map([numbers])], Scale.RANK)
    np.testing.assert_allclose(scaled.values[0], (rankdata(numbers) - 1) / (len(numbers) - 1), rtol=1e-6)
    assert (scaled.low, scaled.high) == (0, 1)


def test_a_single_cell_has_a_rank(make_map):
    assert rescale([make_map([[5.0]])], Scale.RANK)[0].values.tolist() == [[0]]


@pytest.mark.parametrize(("scale", "part"), [(Scale.OWN, 0), (Scale.SHARED, 0), (Scale.DENSITY, 0.5), (Scale.SHARE, 0)])
def test_a_map_of_zeros_has_no_division_by_zero(make_map, scale, part):
    (scaled,) = rescale([make_map(np.zeros((3, 3)))], scale)
    assert (scaled.fractions == part).all()


@pytest.mark.parametrize("scale", Scale)
def test_nothing_in_nothing_out(scale):
    assert rescale([], scale) == ()


def test_unseen_stays_unseen(make_map):
    (scaled,) = rescale([make_map(LEFT)], Scale.SHARED)
    assert np.isnan(fractions(np.float32([np.nan]), scaled)).all()


@pytest.mark.parametrize("scale", Scale)
def test_the_values_cannot_be_written_and_the_map_is_untouched(make_map, scale):
    source = make_map(LEFT)
    (scaled,) = rescale([source], scale)
    assert not scaled.values.flags.writeable
    np.testing.assert_array_equal(source.values, np.float32(LEFT))
    assert scaled.source is source
    assert scaled.unit
