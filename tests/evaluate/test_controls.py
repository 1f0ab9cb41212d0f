import numpy as np
import pytest

from effviz.evaluate.controls import Control, centre_gaussian, control_heat, in_place_of, random_map, uniform
from effviz.evaluate.heat import SIDE
from effviz.explain.results import Box


def test_the_same_seed_gives_the_same_random_map_and_another_another():
    assert np.array_equal(random_map("a 0").values, random_map("a 0").values)
    assert not np.array_equal(random_map("a 0").values, random_map("a 1").values)
    assert np.array_equal(random_map(3).values, random_map("3").values)


def test_a_random_map_is_even_on_average():
    mean = np.mean([random_map(seed).values for seed in range(400)], axis=0)
    assert mean == pytest.approx(np.full((SIDE, SIDE), 0.5), abs=0.08)  # sigma 0.29 / 20 = 0.015
    assert np.corrcoef(random_map(0).values.ravel(), random_map(1).values.ravel())[0, 1] < 0.5


def test_a_gaussian_lies_in_the_middle_with_a_quarter_as_sigma():
    values = centre_gaussian().values
    # one sigma to the right of the middle, a quarter of 96 cells: exp(-1/2) of the top
    assert values[47:49, 71:73].mean() / values[47:49, 47:49].mean() == pytest.approx(np.exp(-0.5), abs=2e-3)
    np.testing.assert_allclose(values, values[::-1, ::-1])
    np.testing.assert_allclose(values, values.T)


def test_uniform_is_the_same_everywhere():
    assert np.ptp(uniform().values) == 0
    assert not uniform().empty


@pytest.mark.parametrize("control", Control)
def test_each_control_by_its_name(control):
    expected = {
        "control-random": random_map("s"),
        "control-gaussian": centre_gaussian(),
        "control-uniform": uniform(),
    }[control.value]
    assert np.array_equal(control_heat(control, "s").values, expected.values)
    assert not expected.values.flags.writeable


@pytest.mark.parametrize("control", Control)
def test_in_place_of_a_map_it_says_what_the_map_says(make_map, control):
    entry = make_map(np.zeros((9, 8)), Box(3, 4, 100, 101), bias=2.0)
    other = in_place_of(entry, control, "s")
    assert other.values.shape == (9, 8)
    assert other.values.dtype == np.float32
    assert not other.values.flags.writeable
    assert (other.seen, other.target_index, other.model) == (entry.seen, entry.target_index, entry.model)
    assert other.bias == 0
    if control is Control.GAUSSIAN:
        assert np.unravel_index(other.values.argmax(), (9, 8)) in [(4, 3), (4, 4)]
    if control is Control.RANDOM:
        assert not np.array_equal(other.values, in_place_of(entry, control, "t").values)
