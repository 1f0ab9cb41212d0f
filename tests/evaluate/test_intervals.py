import dataclasses
import math

import numpy as np
import pytest
import scipy.stats

from effviz.evaluate.intervals import Interval, holm, mean, paired_mean, paired_share, share

VALUES = np.random.default_rng(0).beta(2, 5, size=200)


def ones(count: int, of: int) -> np.ndarray:
    return np.repeat([1.0, 0.0], [count, of - count])


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [  # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_a_share_has_wilsons_interval(count, of, low, high):
    found = share(ones(count, of))
    assert (found.mean, found.n) == (pytest.approx(count / of), of)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_a_mean_has_students_interval_with_a_further_value_at_each_end():
    found = mean(VALUES)
    limits = [scipy.stats.ttest_1samp([*VALUES, end], 0).confidence_interval(0.95)[end] for end in (0, 1)]
    assert (found.low, found.high) == pytest.approx(tuple(limits), abs=1e-12)
    assert found.mean == pytest.approx(VALUES.mean())
    plain = scipy.stats.ttest_1samp(VALUES, 0).confidence_interval(0.95)
    assert found.high - found.low < 1.2 * (plain.high - plain.low)


def test_where_all_photos_are_alike_the_interval_has_a_width():
    """A uniform map loses no probability on any of 18 photos, which is not proof for other photos."""
    for found in (mean(np.zeros(18)), share(np.zeros(18))):
        assert found.low == found.mean == 0
        assert 0.1 < found.high < 0.2
    for found in (paired_mean(np.zeros(18)), paired_share(np.zeros(18))):
        assert found.low < 0 < found.high
        assert found.p == 1


def test_limits_stay_within_the_measures_scale():
    assert mean([1, 1, 1, 1, 0.2]).high == 1
    assert mean([-0.5, -0.5, -0.5, 0.3], (-0.5, 0.5)).low == -0.5


def test_a_paired_share_has_the_exact_mcnemar_test():
    """Of 21 photos, 7 differ one way and 1 the other: as likely as 7 or 8 heads, or tails, in 8 coin tosses."""
    found = paired_share([*ones(7, 7), -1.0, *np.zeros(13)])
    assert found.mean == pytest.approx(6 / 21)
    assert found.p == pytest.approx(2 * sum(math.comb(8, k) for k in (7, 8)) / 2**8)  # 0.0703
    up, down = 8 / 23, 2 / 23
    half = 1.959964 * math.sqrt((up + down - (up - down) ** 2) / 23)
    assert (found.low, found.high) == pytest.approx((up - down - half, up - down + half), abs=1e-6)


def test_a_paired_mean_is_students_test_made_harder_by_one_photo():
    values = np.random.default_rng(3).normal(0.02, 0.1, 40)
    found = paired_mean(values)
    with_one = [*values, -np.abs(values).max()]
    expected = scipy.stats.ttest_1samp(with_one, 0)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.low == pytest.approx(expected.confidence_interval(0.95).low)
    assert found.p > scipy.stats.ttest_1samp(values, 0).pvalue
    assert paired_mean(-values).p == pytest.approx(found.p)
    many = np.random.default_rng(3).normal(0.02, 0.1, 50)  # from 50 on, it is Student's unchanged
    plain = scipy.stats.ttest_1samp(many, 0)
    assert paired_mean(many).p == pytest.approx(plain.pvalue)
    assert paired_mean(many).high == pytest.approx(plain.confidence_interval(0.95).high)


def test_a_mean_that_rests_on_few_photos_has_a_further_one_whatever_their_number():
    """100 photos, 80 of them 0, get one further photo as far as any; 18 get one twice as far, up to the limit."""
    sparse = np.repeat([0.1, 0.0], [20, 80])
    expected = scipy.stats.ttest_1samp([*sparse, 0.1], 0).confidence_interval(0.95)
    assert paired_mean(sparse).high == pytest.approx(expected.high)
    few = np.random.default_rng(1).normal(0.05, 0.1, 18)
    expected = scipy.stats.ttest_1samp([*few, -2 * np.abs(few).max()], 0)
    assert paired_mean(few).low == pytest.approx(expected.confidence_interval(0.95).low)
    assert paired_mean(few).p == pytest.approx(expected.pvalue)
    two = np.repeat([0.1, 0.0], [2, 16])
    expected = scipy.stats.ttest_1samp([*two, 2.0], 0).confidence_interval(0.95)
    assert paired_mean(two, largest=2.0).high == pytest.approx(expected.high)


def test_photos_that_all_differ_alike_are_no_accident():
    assert paired_mean(np.full(60, 0.1)).p == 0
    assert paired_mean(np.full(60, -0.1)).p == 0
    assert paired_mean(np.zeros(60)).p == 1


def test_values_that_are_no_numbers_are_left_out():
    assert mean([1.0, math.nan, 0.5, math.inf]).n == 2
    assert share([1.0, math.nan, 0.0]).mean == 0.5
    assert paired_share([1.0, math.nan, 0.0]).n == 2


@pytest.mark.parametrize("of", [share, mean, paired_share, paired_mean])
def test_too_few_values_have_no_interval(of):
    one, none = of([1.0]), of([])
    assert (one.mean, one.n) == (1.0, 1)
    assert all(math.isnan(value) for value in (one.low, one.high, one.p))
    assert (math.isnan(none.mean), none.n) == (True, 0)
    assert not one.sure


def test_what_is_sure_rests_on_holms_correction():
    """Of 0.01, 0.04, 0.03 and 0.005 only those at 0.01 and 0.005 stay below 0.05: times 3 and times 4."""
    found = [Interval(0.1, 0.0, 0.2, 9, p) for p in (0.01, 0.04, math.nan, 0.03, 0.005)]
    twice = holm([*found, found[0]])  # by another method with the same map
    corrected = holm(found)
    assert [one.p for one in corrected] == pytest.approx([0.03, 0.06, math.nan, 0.06, 0.02], nan_ok=True)
    assert twice == (*corrected, corrected[0])
    assert [one.sure for one in corrected] == [True, False, False, False, True]
    assert [dataclasses.replace(one, p=0) for one in corrected] == [dataclasses.replace(one, p=0) for one in found]
    assert holm([]) == ()
