import numpy as np
import pytest

from effviz.evaluate.dataset_samples import GroundTruth
from effviz.evaluate.heatmaps import (
    CROP_CONTROLS,
    GRID_SIDE,
    PHOTO_CONTROLS,
    Control,
    control_heatmap,
    control_map,
    energy,
)
from effviz.explain.data_types import Box

CROP = Box(50, 0, 150, 100)  # the middle square of a photo twice as wide as it is high
WIDE = (200, 100)
RANDOM = (Control.RANDOM, Control.CROP_RANDOM)


def drawn(control, seed="s", seen=CROP, size=WIDE):
    return control_heatmap(control, seed, seen, size)


@pytest.mark.parametrize("control", RANDOM)
def test_the_same_seed_gives_the_same_random_map_and_another_another(control):
    assert np.array_equal(drawn(control, "a 0").values, drawn(control, "a 0").values)
    assert not np.array_equal(drawn(control, "a 0").values, drawn(control, "a 1").values)
    assert np.array_equal(drawn(control, 3).values, drawn(control, "3").values)


@pytest.mark.parametrize("control", RANDOM)
def test_a_random_map_is_even_on_average(control):
    mean = np.mean([drawn(control, seed).seen for seed in range(400)], axis=0)
    assert mean == pytest.approx(np.full(mean.shape, 0.5), abs=0.08)  # sigma 0.29 / 20 = 0.015
    assert np.corrcoef(drawn(control, 0).seen.ravel(), drawn(control, 1).seen.ravel())[0, 1] < 0.5


def test_a_gaussian_lies_in_the_middle_with_a_quarter_as_sigma():
    values = drawn(Control.GAUSSIAN).values
    # one sigma to the right of the middle, a quarter of 96 cells: exp(-1/2) of the top
    assert values[47:49, 71:73].mean() / values[47:49, 47:49].mean() == pytest.approx(np.exp(-0.5), abs=2e-3)
    np.testing.assert_allclose(values, values[::-1, ::-1])
    np.testing.assert_allclose(values, values.T)


def test_a_gaussian_in_the_crop_has_a_quarter_of_the_crop_as_sigma_and_ends_with_it():
    found = drawn(Control.CROP_GAUSSIAN)
    assert (found.rows, found.columns) == ((0, GRID_SIDE), (24, 72))  # half of the width
    assert found.values[47:49, 59:61].mean() / found.values[47:49, 47:49].mean() == pytest.approx(
        np.exp(-0.5), abs=4e-3
    )
    assert not found.values[:, :24].any()
    assert not found.values[:, 72:].any()
    np.testing.assert_allclose(found.values, found.values[::-1, ::-1], atol=1e-12)


@pytest.mark.parametrize("control", [Control.UNIFORM, Control.CROP_UNIFORM])
def test_uniform_is_the_same_everywhere(control):
    found = drawn(control)
    assert np.ptp(found.seen) == 0
    assert found.values.sum() == (GRID_SIDE**2 if control is Control.UNIFORM else GRID_SIDE**2 / 2)


@pytest.mark.parametrize("control", Control)
def test_no_control_in_the_crop_leaves_it_and_those_over_the_photo_do_not_know_it(control):
    here, there = drawn(control, "s", Box(0, 0, 100, 100)), drawn(control, "s", Box(100, 0, 200, 100))
    assert np.array_equal(here.values, there.values) is (control in PHOTO_CONTROLS)
    if control in CROP_CONTROLS:
        np.testing.assert_allclose(here.values[:, :48], there.values[:, 48:], atol=1e-12)
        assert not here.values[:, 48:].any()
    assert not here.values.flags.writeable


def test_half_of_a_lead_over_the_photos_gaussian_may_be_the_crop_alone():
    """An object in the middle: the Gaussian that knows the crop has more of its evidence there, and knows no photo."""
    truth = GroundTruth((Box(60, 10, 140, 90),))
    inside, over = (energy(drawn(control), truth, WIDE) for control in (Control.CROP_GAUSSIAN, Control.GAUSSIAN))
    in_80, in_40 = 0.8904, 0.5763  # of a Gaussian: within 1.6 and 0.8 sigma
    ends = 0.9545  # within the crop's 2 sigma, and the photo's
    assert inside == pytest.approx((in_80 / ends) ** 2, abs=0.01)
    assert over == pytest.approx(in_80 / ends * in_40 / ends, abs=0.01)


@pytest.mark.parametrize("control", PHOTO_CONTROLS)
def test_in_place_of_a_map_it_says_what_the_map_says(make_map, control):
    entry = make_map(np.zeros((9, 8)), Box(3, 4, 100, 101), bias=2.0)
    other = control_map(entry, control, "s")
    assert other.values.shape == (9, 8)
    assert other.values.dtype == np.float32
    assert not other.values.flags.writeable
    assert (other.seen, other.target_index, other.model) == (entry.seen, entry.target_index, entry.model)
    assert other.bias == 0
    if control is Control.GAUSSIAN:
        assert np.unravel_index(other.values.argmax(), (9, 8)) in [(4, 3), (4, 4)]
    if control is Control.RANDOM:
        assert not np.array_equal(other.values, control_map(entry, control, "t").values)
