import math

import numpy as np
import pytest
import scipy.stats

from effviz.evaluate.intervals import interval, max_box_interval, paired, paired_max_box

VALUES = np.random.default_rng(0).exponential(size=200)


def test_it_agrees_with_scipys_bootstrap():
    expected = scipy.stats.bootstrap(
        (VALUES,), np.mean, n_resamples=9999, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    found = interval(VALUES, seed=5)
    assert found.mean == pytest.approx(VALUES.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.015)
    assert found.n == 200


def test_it_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    covered = [one.low <= 0.5 <= one.high for one in (interval(rng.random(60)) for _ in range(150))]
    assert 0.88 <= np.mean(covered) <= 0.99  # 0.95 with a standard error of 0.018


def test_the_same_seed_gives_the_same_interval():
    assert interval(VALUES, seed=3) == interval(VALUES, seed=3)
    assert interval(VALUES, seed=3) != interval(VALUES, seed=4)


def test_values_that_are_no_numbers_are_left_out():
    assert interval([1.0, math.nan, 3.0, math.inf]).n == 2
    assert interval([1.0, math.nan, 3.0]).mean == 2


def test_too_few_values_have_no_interval():
    one, none = interval([0.7]), interval([])
    assert (one.mean, one.n) == (0.7, 1)
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert (math.isnan(none.mean), none.n) == (True, 0)


def test_a_pair_is_narrower_than_two_separate_means():
    other = VALUES + np.random.default_rng(1).normal(0.1, 0.05, 200)
    found = paired(other, VALUES)
    assert found.mean == pytest.approx((other - VALUES).mean())
    expected = scipy.stats.bootstrap(
        (other, VALUES), lambda a, b: np.mean(a - b), paired=True, vectorized=False, method="percentile",
        rng=np.random.default_rng(1), n_resamples=2000,
    ).confidence_interval  # fmt: skip
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.002)
    assert found.high - found.low < 0.2 * (interval(VALUES).high - interval(VALUES).low)


def test_photos_without_one_of_the_pair_are_left_out():
    found = paired([1.0, math.nan, 5.0], [0.0, 1.0, 2.0])
    assert (found.mean, found.n) == (2, 2)


def ious() -> np.ndarray:
    return np.random.default_rng(3).random((80, 50)) * np.linspace(1, 0.8, 50)


def test_max_box_acc_chooses_its_threshold_anew_in_each_resample():
    fits = ious() >= 0.5
    found = max_box_interval(ious(), seed=1)
    assert found.mean == pytest.approx(fits.mean(axis=0).max())
    rng = np.random.default_rng(9)
    resampled = [fits[rng.integers(80, size=80)].mean(axis=0).max() for _ in range(2000)]
    assert (found.low, found.high) == pytest.approx(np.quantile(resampled, [0.025, 0.975]), abs=0.02)
    # a fixed threshold would give a lower interval: the best of 50 is better than the best one's own resamples
    fixed = interval(fits[:, fits.mean(axis=0).argmax()], seed=1)
    assert found.low > fixed.low


def test_max_box_acc_of_pairs():
    better = np.minimum(ious() + 0.05, 1)
    found = paired_max_box(better, ious())
    expected = (better >= 0.5).mean(axis=0).max() - (ious() >= 0.5).mean(axis=0).max()
    assert found.mean == pytest.approx(expected)
    assert found.low <= found.mean <= found.high
    assert found.high - found.low < max_box_interval(ious()).high - max_box_interval(ious()).low
    same = paired_max_box(ious(), ious())
    assert (same.low, same.mean, same.high) == (0, 0, 0)


def test_no_photos_have_no_max_box_acc():
    found = max_box_interval(np.zeros((0, 50)))
    assert (math.isnan(found.mean), found.n) == (True, 0)
    assert math.isnan(paired_max_box(np.zeros((0, 50)), np.zeros((0, 50))).mean)
