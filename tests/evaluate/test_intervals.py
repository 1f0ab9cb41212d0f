import math

import numpy as np
import pytest
import scipy.stats

from effviz.evaluate import intervals as drawing
from effviz.evaluate.intervals import Interval, interval, intervals, max_box_interval, paired_max_box

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


def test_a_difference_is_certain_when_zero_is_outside():
    assert Interval(0.1, 0.05, 0.2, 9).leaves_zero_out
    assert Interval(-0.1, -0.2, -0.05, 9).leaves_zero_out
    assert not Interval(0.1, -0.05, 0.2, 9).leaves_zero_out
    assert not interval([0.7]).leaves_zero_out


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


def fetched(count: int, statistic) -> np.ndarray:
    """The limits as one reads them in the book: every drawn photo is fetched."""
    drawn = np.random.default_rng(4).integers(count, size=(drawing.RESAMPLES, count))
    return np.quantile([statistic(draw) for draw in drawn], [0.025, 0.975])


@pytest.fixture(params=["kept", "in parts"])
def _counted(request, monkeypatch):
    """Counts of draws that are kept, and those of so many photos that they are made anew each time."""
    if request.param == "in parts":
        monkeypatch.setattr(drawing, "REMEMBERED", 0)
        monkeypatch.setattr(drawing, "AT_ONCE", 1000)


@pytest.mark.usefixtures("_counted")
def test_counting_how_often_photos_are_drawn_equals_fetching_them():
    found = interval(VALUES, seed=4)
    assert (found.low, found.high) == pytest.approx(fetched(200, lambda draw: VALUES[draw].mean()), abs=1e-12)
    fits = ious() >= 0.5
    best = max_box_interval(ious(), seed=4)
    expected = fetched(80, lambda draw: fits[draw].mean(axis=0).max())
    assert (best.low, best.high) == pytest.approx(expected, abs=1e-12)
    others = np.roll(ious(), 7, axis=0) * 0.95
    pair = paired_max_box(ious(), others, seed=4)
    expected = fetched(80, lambda draw: fits[draw].mean(axis=0).max() - (others >= 0.5)[draw].mean(axis=0).max())
    assert (pair.low, pair.high) == pytest.approx(expected, abs=1e-12)


def test_columns_are_what_each_would_be_alone():
    columns = np.random.default_rng(6).random((30, 5))
    columns[3, 1] = columns[4, 3] = math.nan
    columns[3, 4] = math.inf
    columns[1:, 2] = math.nan  # one value is no spread
    for number, found in enumerate(intervals(columns, seed=2)):
        alone = interval(columns[:, number], seed=2)
        assert (found.mean, found.n) == (pytest.approx(alone.mean), alone.n)
        assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=1e-12, nan_ok=True)
    assert [found.n for found in intervals(columns)] == [30, 29, 1, 29, 29]
    assert intervals(np.zeros((0, 2)))[1].n == 0
    assert intervals(np.zeros((5, 0))) == ()


def test_draws_that_are_kept_cannot_be_changed():
    (counts,) = drawing._draws(9, 1)
    assert set(counts.sum(axis=1)) == {9}
    assert not counts.flags.writeable
