"""Differences on the same photos, of a run whose every number is drawn here."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from effviz.evaluate import manifest, merging, records, results
from effviz.evaluate.differences import differences
from effviz.evaluate.intervals import interval
from effviz.evaluate.localisation import LEVELS
from effviz.evaluate.manifest import Manifest, Network
from effviz.evaluate.records import Row
from effviz.evaluate.settings import Metric, Settings
from effviz.explain.results import Method

MODELS = ("lite0@224", "lite1@224", "lite2@260")
METHODS = ("cam", "gradcam")
GAUSSIAN = "control-gaussian"
PHOTOS = 60
SMALL = np.arange(PHOTOS) % 3 == 0
RNG = np.random.default_rng(4)
HARD = RNG.random(PHOTOS) * 0.7  # hard for all
ENERGY = {
    (model, method): HARD + RNG.normal(0.1 * number, 0.03, PHOTOS)
    for number, model in enumerate(MODELS)
    for method in (*METHODS, GAUSSIAN)
}
CURVES = {key: RNG.random((PHOTOS, LEVELS)).astype(np.float32) ** 2 for key in ENERGY}
MISSING = 7  # a photo for which one model has no value
BROKEN = ("lite2@260", "cam")


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    settings = Settings(MODELS, tuple(map(Method, METHODS)), (Metric.ENERGY, Metric.MAXBOX))
    networks = tuple(Network(model, "a" * 64, "openvino") for model in MODELS)
    run = manifest.opened(folder, Manifest(Path(), settings, "/data", "f" * 64, PHOTOS, 32, networks, {}))
    records.write_part(folder, 0, list(rows()))
    manifest.kept(run, finished=True, thresholds=merging.merge(folder))
    return results.load(folder)


def rows():
    for (model, method), values in ENERGY.items():
        for photo, value in enumerate(values):
            if (model, method) == BROKEN and photo == MISSING:
                continue
            row = Row(f"{photo:02}.jpg", model, method, "energy", value, off_centre=bool(SMALL[photo]))
            yield row
            curve = CURVES[model, method][photo]
            yield dataclasses.replace(row, metric="maxbox", value=None, curve=curve)


def one(found, *key):
    (of,) = [of for of in found if (of.model, of.method, of.minus_model, of.minus_method) == key]
    return of


def bootstrapped(a, b):
    """An independent implementation's interval of a paired difference of means."""
    found = scipy.stats.bootstrap(
        (a, b), lambda a, b: np.mean(a - b), paired=True, vectorized=False, method="percentile",
        rng=np.random.default_rng(1), n_resamples=4000,
    ).confidence_interval  # fmt: skip
    return found.low, found.high


def test_each_other_model_minus_the_first_and_each_one_minus_the_gaussian(known):
    found = differences(known, METHODS, Metric.ENERGY)
    keys = [(of.model, of.method, of.minus_model, of.minus_method) for of in found]
    assert keys == [
        *((model, method, MODELS[0], method) for method in METHODS for model in MODELS[1:]),
        *((model, method, model, GAUSSIAN) for method in METHODS for model in MODELS),
    ]


@pytest.mark.parametrize("other", [("lite0@224", "gradcam"), ("lite1@224", GAUSSIAN)])
def test_means_and_intervals_are_those_of_paired_photos(known, other):
    of = one(differences(known, METHODS, Metric.ENERGY), "lite1@224", "gradcam", *other)
    mine, theirs = ENERGY["lite1@224", "gradcam"], ENERGY[other]
    for found, some in ((of.every, np.full(PHOTOS, True)), (of.small, SMALL)):
        assert found.n == some.sum()
        assert found.mean == pytest.approx((mine[some] - theirs[some]).mean())
        assert (found.low, found.high) == pytest.approx(bootstrapped(mine[some], theirs[some]), abs=0.002)
    assert of.every.high - of.every.low < 0.3 * (interval(mine).high - interval(mine).low)


def test_photos_without_one_of_the_pair_are_left_out(known):
    for metric in (Metric.ENERGY, Metric.MAXBOX):
        found = differences(known, METHODS, metric)
        assert one(found, *BROKEN, "lite0@224", "cam").every.n == PHOTOS - 1
        assert one(found, *BROKEN, "lite2@260", GAUSSIAN).every.n == PHOTOS - 1
        assert one(found, "lite1@224", "cam", "lite0@224", "cam").every.n == PHOTOS
    fits = {key: np.delete(CURVES[key] >= 0.5, MISSING, axis=0) for key in (BROKEN, ("lite0@224", "cam"))}
    best = {key: of.mean(axis=0).max() for key, of in fits.items()}
    of = one(found, *BROKEN, "lite0@224", "cam")
    assert of.every.mean == pytest.approx(best[BROKEN] - best["lite0@224", "cam"])


def test_box_accuracy_chooses_both_thresholds_in_each_resample_but_not_for_the_hard_photos(known):
    of = one(differences(known, METHODS, Metric.MAXBOX), "lite1@224", "cam", "lite1@224", GAUSSIAN)
    fits = [CURVES["lite1@224", method] >= 0.5 for method in ("cam", GAUSSIAN)]
    shares = [one.mean(axis=0) for one in fits]
    assert of.every.mean == pytest.approx(shares[0].max() - shares[1].max())
    rng = np.random.default_rng(2)
    draws = [rng.integers(PHOTOS, size=PHOTOS) for _ in range(3000)]
    resampled = [fits[0][draw].mean(axis=0).max() - fits[1][draw].mean(axis=0).max() for draw in draws]
    assert (of.every.low, of.every.high) == pytest.approx(np.quantile(resampled, [0.025, 0.975]), abs=0.02)
    at = [share.argmax() for share in shares]
    assert of.small.mean == pytest.approx(fits[0][SMALL, at[0]].mean() - fits[1][SMALL, at[1]].mean())


def test_a_model_alone_is_compared_with_the_gaussian_only(known):
    settings = dataclasses.replace(known.run.settings, models=MODELS[2:])
    alone = results.Results(dataclasses.replace(known.run, settings=settings), known.frame)
    (of,) = differences(alone, ("cam",), Metric.MAXBOX)
    assert (of.minus_model, of.minus_method) == ("lite2@260", GAUSSIAN)
