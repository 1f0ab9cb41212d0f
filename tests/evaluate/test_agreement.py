import math

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from effviz.errors import SettingsError
from effviz.evaluate.agreement import POINTS, agreement, common, evidence, iou_top, spearman
from effviz.explain.data_types import Box

SQUARE = Box(0, 0, 64, 64)


def at(row: int, column: int, cells: int = 8) -> np.ndarray:
    values = np.zeros((cells, cells))
    values[row, column] = 1
    return values


def test_a_map_agrees_with_itself_and_with_a_multiple(make_map):
    values = np.random.default_rng(0).random((7, 7))
    found = agreement(make_map(values), make_map(5 * values))
    assert found.spearman == pytest.approx(1)
    assert found.iou_top20 == 1
    assert found.centroid_distance == pytest.approx(0, abs=1e-6)


def test_opposite_corners_have_nothing_in_common(make_map):
    # centres of corner cells 8 px wide: interpolation reaches 8 px further, flat at the border.
    left, right = make_map(at(0, 0), SQUARE, photo_size=(64, 64)), make_map(at(7, 7), SQUARE, photo_size=(64, 64))
    found = agreement(left, right)
    assert found.iou_top20 == 0
    assert found.spearman < 0
    # along one side: weight 1 on 4 px, then down to 0 over 8 px: (4*2 + 4*(4 + 8/3)) / 8 = 13/3 px from the border
    assert found.centroid_distance == pytest.approx((64 - 2 * 13 / 3) / 64, abs=2e-3)


def test_centroid_distance_is_a_share_of_the_photos_diagonal_not_of_the_crops(make_map):
    # a 300 x 400 photo has a diagonal of 500; two single-cell columns, one crop apart in x only
    box = Box(100, 0, 228, 128)
    a, b = (make_map(at(4, column, 16), box, photo_size=(300, 400)) for column in (4, 10))
    assert agreement(a, b).centroid_distance == pytest.approx(6 * 8 / 500, abs=1e-6)


def test_another_grid_and_another_crop_of_the_same_thing_agree(make_map):
    """A blob at (100, 120) in photo pixels, seen by two models with different crops and grids."""

    def blob(box: Box, cells: int) -> np.ndarray:
        x = box.x0 + (np.arange(cells) + 0.5) * (box.x1 - box.x0) / cells
        y = box.y0 + (np.arange(cells) + 0.5) * (box.y1 - box.y0) / cells
        return np.exp(-((x - 100) ** 2 + (y[:, None] - 120) ** 2) / 2 / 40**2)

    one, other = Box(0, 0, 224, 224), Box(20, 30, 200, 210)
    found = agreement(make_map(blob(one, 14), one), make_map(blob(other, 9), other))
    assert found.spearman > 0.99
    assert found.iou_top20 > 0.9
    assert found.centroid_distance < 0.01


@given(st.integers(3, 9).flatmap(lambda n: arrays(np.float64, (2, n, n), elements=st.integers(0, 5))))
def test_spearman_equals_scipy(pair):
    ours = spearman(*pair)
    if np.ptp(pair[0]) == 0 or np.ptp(pair[1]) == 0:
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(scipy.stats.spearmanr(pair[0].ravel(), pair[1].ravel()).statistic)


def test_spearman_by_hand():
    # ranks 1 2 3 4 against 1 2 4 3: 1 - 6*2/(4*15) = 0.8
    assert spearman(np.array([[1.0, 2, 3, 4]]), np.array([[10.0, 20, 40, 30]])) == pytest.approx(0.8)


def test_iou_by_hand():
    # the strongest two of ten: places 8, 9 and 7, 8: one in common of three
    a, b = np.arange(10.0), np.array([0, 1, 2, 3, 4, 5, 6, 9, 8, 7.0])
    assert iou_top(a, b) == pytest.approx(1 / 3)


def test_places_without_evidence_are_never_among_the_strongest():
    # one place against the same and another: 1 of 2, though a fifth of ten would be two places
    a, b = np.zeros(10), np.zeros(10)
    a[3], b[3], b[4] = 1, 2, 1
    assert iou_top(a, b) == 0.5


@pytest.mark.parametrize("cells", [3, 7, 9])
def test_evidence_is_linear_interpolation_between_cell_centres(make_map, cells):
    values = np.random.default_rng(cells).normal(size=(cells, cells))
    box = Box(10, 20, 50, 90)
    ours = evidence(make_map(values, Box(0, 0, 64, 128)), box)
    x = 10 + (np.arange(POINTS) + 0.5) * 40 / POINTS
    y = 20 + (np.arange(POINTS) + 0.5) * 70 / POINTS
    places = np.meshgrid(y / 128 * cells - 0.5, x / 64 * cells - 0.5, indexing="ij")
    expected = scipy.ndimage.map_coordinates(np.maximum(values, 0), places, order=1, mode="nearest")
    assert ours == pytest.approx(expected / expected.sum(), rel=1e-5, abs=1e-9)
    assert ours.sum() == pytest.approx(1)


def test_only_what_both_models_saw_is_compared():
    assert common(Box(0, 0, 10, 10), Box(5, -2, 20, 8)) == Box(5, 0, 10, 8)


def test_no_positive_evidence_has_no_agreement(make_map):
    found = agreement(make_map([[-1, -2]]), make_map([[1, 2]]))
    assert all(math.isnan(value) for value in (found.spearman, found.iou_top20, found.centroid_distance))


def test_maps_of_different_photos_are_refused(make_map):
    with pytest.raises(SettingsError, match=r"The maps are of dog\.jpg and cat\.jpg"):
        agreement(make_map([[1]]), make_map([[1]], photo="cat.jpg", photo_sha256="1" * 64))


def test_crops_that_do_not_overlap_are_refused(make_map):
    with pytest.raises(SettingsError, match="do not overlap"):
        agreement(make_map([[1]], Box(0, 0, 5, 5)), make_map([[1]], Box(5, 0, 9, 5)))
