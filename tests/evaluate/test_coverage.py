"""Intervals called 95 % contain the true value in at least 92 of 100 samples, for few photos and for many.

The photos are resampled from all measured photos of the shipped studies, whose mean is then the true value.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from effviz.evaluate import intervals
from effviz.evaluate.intervals import Interval

STUDY = Path(__file__).parents[2] / "docs" / "study"
DRAWS, LEAST = 600, 0.92  # 0.95 has a standard error of 0.009: a 90 % interval fails in one case or another
PHOTOS = (18, 46, 100, 400)


@cache
def measured(run: str, metric: str, model: str = "lite0@224", method: str = "cam", what: str = "value") -> np.ndarray:
    keys = [("metric", "=", metric), ("model", "=", model), ("method", "=", method)]
    rows = pd.read_parquet(STUDY / run / "results.parquet", columns=["photo", what], filters=keys).sort_values("photo")
    return np.stack(rows[what].to_list())


def covered(
    photos: int, known: np.ndarray, truth: float, interval: Callable[[np.ndarray], Interval]
) -> tuple[float, float]:
    """Resample photos many times; return how often the interval contains the true value, and its smallest width."""
    drawn = np.random.default_rng(0).integers(len(known), size=(DRAWS, photos))
    found = [interval(known[some]) for some in drawn]
    return np.mean([one.low <= truth <= one.high for one in found]), min(one.high - one.low for one in found)


SHARES = [
    *(("localisation", "pointing", model) for model in ("lite0@224", "lite0@448")),
    ("faithfulness", "increase", "lite0@260"),
]
MEANS = [
    *(("localisation", metric, "lite0@224", "cam") for metric in ("energy", "iou", "maxboxv2")),
    ("localisation", "energy", "lite0@224", "eigencam"),
    *(("faithfulness", metric, "lite2@260", "cam") for metric in ("deletion", "insertion", "drop", "gain", "adcc")),
]


@pytest.mark.parametrize("photos", PHOTOS)
@pytest.mark.parametrize("of", SHARES, ids=str)
def test_a_share(of, photos):
    known = measured(*of)
    held, width = covered(photos, known, known.mean(), intervals.share)
    assert held >= LEAST
    assert width > 0


def test_a_share_of_nine_in_ten_of_few_photos():
    """A percentile bootstrap covers 57 % of samples of ten photos, and 81 % of those of 18."""
    known = np.repeat([1.0, 0.0], [91, 9])
    for photos in (10, 18):
        held, width = covered(photos, known, 0.91, intervals.share)
        assert held >= LEAST
        assert width > 0


@pytest.mark.parametrize("photos", PHOTOS)
@pytest.mark.parametrize("of", MEANS, ids=str)
def test_a_mean(of, photos):
    known = measured(*of)
    held, width = covered(photos, known, known.mean(), intervals.mean)
    assert held >= LEAST
    assert width > 0


PAIRED_SHARES = [
    ("pointing", "lite0@448", "cam"),
    ("pointing", "lite0@260", "cam"),
    ("pointing", "lite0@224", "control-gaussian"),
]
PAIRED = [
    *(("localisation", metric, "lite2@260", "cam") for metric in ("energy", "iou", "maxboxv2")),
    ("localisation", "energy", "lite0@224", "control-gaussian"),
    *(("faithfulness", metric, "lite2@260", "cam") for metric in ("deletion", "insertion", "drop", "gain", "adcc")),
    ("localisation", "energy", "lite1@224", "eigencam"),
    ("faithfulness", "deletion", "lite0@224", "control-gaussian"),
]


LEADS = [  # for gain, which is 0 on most photos: the hardest measure
    ("faithfulness", "gain", "lite2@224", "cam"),
    ("faithfulness", "gain", "lite2@260", "cam"),
    ("methods", "gain", "lite0@224", "eigencam"),
    ("methods", "gain", "lite2@260", "eigencam"),
    ("faithfulness", "drop", "lite2@224", "cam"),
    ("faithfulness", "deletion", "lite0@224", "cam"),
]


@pytest.mark.parametrize("photos", PHOTOS)
@pytest.mark.parametrize("of", LEADS, ids=str)
def test_a_lead_over_the_gaussian_and_how_it_differs_from_another_one(of, photos):
    run, metric, model, method = of
    other = "lite0@260" if run == "faithfulness" else "lite2@260"
    leads, others = (
        measured(run, metric, each, method) - measured(run, metric, each, "control-gaussian") for each in (model, other)
    )
    for known, largest in ((leads, 1.0), (leads - others, 2.0)):
        if not known.any():
            continue  # a model's lead minus itself

        def interval(some: np.ndarray, largest: float = largest) -> Interval:
            return intervals.paired_mean(some, largest)

        held, width = covered(photos, known, known.mean(), interval)
        assert held >= LEAST
        assert width > 0


@pytest.mark.parametrize("photos", PHOTOS)
@pytest.mark.parametrize("of", PAIRED_SHARES, ids=str)
def test_a_paired_share(of, photos):
    known = measured("localisation", *of) - measured("localisation", of[0])
    held, width = covered(photos, known, known.mean(), intervals.paired_share)
    assert held >= LEAST
    assert width > 0


@pytest.mark.parametrize("photos", PHOTOS)
@pytest.mark.parametrize("of", PAIRED, ids=str)
def test_a_paired_mean(of, photos):
    known = measured(*of) - measured(*of[:2])
    held, width = covered(photos, known, known.mean(), intervals.paired_mean)
    assert held >= LEAST
    assert width > 0


def fits(model: str, method: str) -> np.ndarray:
    return measured("localisation", "maxbox", model, method, "curve") >= 0.5


@pytest.mark.parametrize("photos", PHOTOS)
@pytest.mark.parametrize("of", [("lite0@224", "cam"), ("lite2@260", "cam"), ("lite0@224", "finercam")], ids=str)
def test_box_accuracy_whose_threshold_is_chosen_on_the_same_photos(of, photos):
    known = fits(*of)

    def interval(some: np.ndarray) -> Interval:
        return intervals.share(some[:, some.mean(axis=0).argmax()])

    held, width = covered(photos, known, known.mean(axis=0).max(), interval)
    assert held >= LEAST
    assert width > 0


def test_box_accuracy_is_a_little_too_high_for_other_photos():
    """As docs/metrics.md says: by 0.01 to 0.06 for 18 photos, by at most 0.005 for 400."""
    found = {}
    for photos in (18, 400):
        rng = np.random.default_rng(0)
        gains = []
        for of in [("lite0@224", "cam"), ("lite2@260", "cam"), ("lite0@448", "cam"), ("lite0@224", "finercam")]:
            known = fits(*of)
            drawn = known[rng.integers(len(known), size=(1500, photos))].mean(axis=1)
            gains.append(drawn.max(axis=1).mean() - known.mean(axis=0).max())
        found[photos] = gains
    assert 0.01 <= min(found[18]) < max(found[18]) <= 0.06
    assert -1e-3 < min(found[400]) < max(found[400]) <= 0.005


@pytest.mark.parametrize("photos", PHOTOS)
def test_paired_box_accuracy(photos):
    one, other = fits("lite2@260", "cam"), fits("lite0@224", "cam")
    truth = one.mean(axis=0).max() - other.mean(axis=0).max()

    def interval(some: np.ndarray) -> Interval:
        return intervals.paired_share(np.subtract(*(of[:, of.mean(axis=0).argmax()].astype(float) for of in some)))

    held, width = covered(photos, np.stack([one, other], axis=1), truth, lambda some: interval(some.swapaxes(0, 1)))
    assert held >= LEAST
    assert width > 0


def test_of_two_maps_that_are_alike_few_are_called_surely_different():
    """At most 5 % of samples, whatever the number of photos and of comparisons."""
    rng = np.random.default_rng(1)
    for photos in PHOTOS[:3]:
        wrong = 0
        for _ in range(400):
            noise = rng.exponential(0.1, (photos, 8)) - 0.1
            hits = rng.choice([-1.0, 0.0, 1.0], (photos, 8), p=[0.1, 0.8, 0.1])
            many = [
                intervals.holm([of(column) for column in some.T])
                for some, of in ((noise, intervals.paired_mean), (hits, intervals.paired_share))
            ]
            wrong += any(one.sure for found in many for one in found)
        assert wrong / 400 <= 0.11  # two families of eight, each at most 0.05
