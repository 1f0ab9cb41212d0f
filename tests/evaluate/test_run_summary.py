"""Differences on the same photos, in a run whose numbers are all generated in this file."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from effviz.evaluate import run_store, run_summary
from effviz.evaluate.heatmaps import LEVELS
from effviz.evaluate.intervals import mean, paired_mean, paired_share
from effviz.evaluate.run_settings import Metric, RunSettings
from effviz.evaluate.run_store import Manifest, MeasuredModel, Measurement
from effviz.evaluate.run_summary import find_differences
from effviz.explain.data_types import Method

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
MISSING = 7  # one model has no value for this photo
BROKEN = ("lite2@260", "cam")


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    settings = RunSettings(MODELS, tuple(map(Method, METHODS)), (Metric.ENERGY, Metric.MAXBOX))
    networks = tuple(MeasuredModel(model, "a" * 64, "openvino") for model in MODELS)
    run = run_store.open_run(folder, Manifest(Path(), settings, "/data", "f" * 64, PHOTOS, 32, networks, {}))
    run_store.write_chunk(folder, 0, list(rows()))
    run_store.save_manifest(run, finished=True, thresholds=run_store.merge_chunks(folder))
    return run_summary.load_results(folder)


def rows():
    for (model, method), values in ENERGY.items():
        for photo, value in enumerate(values):
            if (model, method) == BROKEN and photo == MISSING:
                continue
            row = Measurement(f"{photo:02}.jpg", model, method, "energy", value, off_centre=bool(SMALL[photo]))
            yield row
            curve = CURVES[model, method][photo]
            yield dataclasses.replace(row, metric="maxbox", value=None, curve=curve)


def one(found, *key):
    (of,) = [of for of in found if (of.model, of.method, of.minus_model, of.minus_method) == key]
    return of


def test_each_other_model_minus_the_first_and_each_one_minus_the_gaussian(known):
    found = find_differences(known, METHODS, Metric.ENERGY)
    keys = [(of.model, of.method, of.minus_model, of.minus_method) for of in found]
    assert keys == [
        *((model, method, MODELS[0], method) for method in METHODS for model in MODELS[1:]),
        *((model, method, model, GAUSSIAN) for method in METHODS for model in MODELS),
    ]


@pytest.mark.parametrize("other", [("lite0@224", "gradcam"), ("lite1@224", GAUSSIAN)])
def test_means_and_intervals_are_those_of_paired_photos(known, other):
    of = one(find_differences(known, METHODS, Metric.ENERGY), "lite1@224", "gradcam", *other)
    mine, theirs = ENERGY["lite1@224", "gradcam"], ENERGY[other]
    for found, some in ((of.every, np.full(PHOTOS, True)), (of.small, SMALL)):
        assert found.n == some.sum()
        assert found.mean == pytest.approx((mine[some] - theirs[some]).mean())
        alone = paired_mean(mine[some] - theirs[some])
        assert (found.low, found.high) == pytest.approx((alone.low, alone.high))
        assert found.p >= alone.p
    assert of.every.high - of.every.low < 0.3 * (mean(mine).high - mean(mine).low)


def test_photos_without_one_of_the_pair_are_left_out(known):
    for metric in (Metric.ENERGY, Metric.MAXBOX):
        found = find_differences(known, METHODS, metric)
        assert one(found, *BROKEN, "lite0@224", "cam").every.n == PHOTOS - 1
        assert one(found, *BROKEN, "lite2@260", GAUSSIAN).every.n == PHOTOS - 1
        assert one(found, "lite1@224", "cam", "lite0@224", "cam").every.n == PHOTOS
    fits = {key: np.delete(CURVES[key] >= 0.5, MISSING, axis=0) for key in (BROKEN, ("lite0@224", "cam"))}
    best = {key: of.mean(axis=0).max() for key, of in fits.items()}
    of = one(found, *BROKEN, "lite0@224", "cam")
    assert of.every.mean == pytest.approx(best[BROKEN] - best["lite0@224", "cam"])


def test_box_accuracy_is_compared_at_each_maps_own_threshold(known):
    of = one(find_differences(known, METHODS, Metric.MAXBOX), "lite1@224", "cam", "lite1@224", GAUSSIAN)
    fits = [CURVES["lite1@224", method] >= 0.5 for method in ("cam", GAUSSIAN)]
    mine, theirs = (fit[:, fit.mean(axis=0).argmax()].astype(float) for fit in fits)
    for found, some in ((of.every, np.full(PHOTOS, True)), (of.small, SMALL)):
        alone = paired_share(mine[some] - theirs[some])
        assert (found.mean, found.low, found.high) == pytest.approx((alone.mean, alone.low, alone.high))


def test_p_values_are_corrected_for_all_methods_of_the_measure_whichever_are_asked_for(known):
    """Ten pairs: the smallest p counts ten times, the largest at least once."""
    every, some = (find_differences(known, of, Metric.ENERGY) for of in (METHODS, METHODS[:1]))
    assert some == tuple(of for of in every if of.method == "cam")
    alone = [
        paired_mean(
            np.delete(ENERGY[of.model, of.method] - ENERGY[of.minus_model, of.minus_method], MISSING)
            if BROKEN in ((of.model, of.method), (of.minus_model, of.minus_method))
            else ENERGY[of.model, of.method] - ENERGY[of.minus_model, of.minus_method]
        ).p
        for of in every
    ]
    assert len(alone) == 10
    order = np.argsort(alone)
    expected = np.minimum(np.maximum.accumulate(np.array(alone)[order] * np.arange(10, 0, -1)), 1)
    assert [every[number].every.p for number in order] == pytest.approx(expected)


AREAS = {
    ("lite0@224", "cam"): [0.5, 0.6, 0.7, 0.8],
    ("lite0@224", GAUSSIAN): [0.6, 0.8, 0.9, 0.9],
    ("lite0@448", "cam"): [0.10, 0.12, 0.14, 0.16],  # a fifth of the confidence in everything
    ("lite0@448", GAUSSIAN): [0.12, 0.16, 0.18, 0.18],
}


@pytest.fixture
def unsure(tmp_path):
    settings = RunSettings(("lite0@224", "lite0@448"), (Method.CAM,), (Metric.DELETION,))
    networks = tuple(MeasuredModel(model, "a" * 64, "openvino") for model in settings.models)
    run = run_store.open_run(tmp_path, Manifest(Path(), settings, "/data", "f" * 64, 4, 32, networks, {}))
    of = [(key, photo, value) for key, values in AREAS.items() for photo, value in enumerate(values)]
    run_store.write_chunk(
        tmp_path, 0, [Measurement(f"{photo}.jpg", *key, "deletion", value) for key, photo, value in of]
    )
    run_store.save_manifest(run, finished=True, thresholds=run_store.merge_chunks(tmp_path))
    return run_summary.load_results(tmp_path)


def test_a_less_sure_model_is_not_better_for_that(unsure):
    """Its areas are lower by 0.52 on average, but its lead over its own Gaussian is smaller: -0.03 against -0.15."""
    between, first, second = find_differences(unsure, ("cam",), Metric.DELETION)
    assert between.of_leads
    assert between.every.mean == pytest.approx(0.12)
    assert (first.every.mean, second.every.mean) == pytest.approx((-0.15, -0.03))
    assert not first.of_leads
    assert set(unsure.compared("cam", Metric.DELETION)["lite0@448"].round(3)) == {-0.02, -0.04}


def test_between_models_nothing_is_said_where_one_has_no_control(unsure):
    without = unsure.frame[(unsure.frame["model"] == "lite0@224") | (unsure.frame["method"] == "cam")]
    (alone,) = find_differences(run_summary.Results(unsure.run, without), ("cam",), Metric.DELETION)
    assert not alone.beside_model


@pytest.mark.parametrize(("inside", "other"), [(True, "control-crop-gaussian"), (False, GAUSSIAN)])
def test_maps_are_compared_with_the_gaussian_in_the_crop_where_it_was_measured(known, inside, other):
    """Older runs have only the control over the whole photo."""
    frame = known.frame
    if inside:
        crop = frame[frame["method"] == GAUSSIAN].assign(method="control-crop-gaussian")
        frame = pd.concat([frame, crop])
    found = find_differences(run_summary.Results(known.run, frame), METHODS, Metric.ENERGY)
    assert {of.minus_method for of in found if not of.beside_model} == {other}


def test_a_model_alone_is_compared_with_the_gaussian_only(known):
    settings = dataclasses.replace(known.run.settings, models=MODELS[2:])
    alone = run_summary.Results(dataclasses.replace(known.run, settings=settings), known.frame)
    (of,) = find_differences(alone, ("cam",), Metric.MAXBOX)
    assert (of.minus_model, of.minus_method) == ("lite2@260", GAUSSIAN)


# Summarising a run without loading all rows at once gives the summary of all rows.

OVERVIEW_MODELS = ("lite0@224", "lite2@260")
METRICS = (Metric.ENERGY, Metric.MAXBOX, Metric.AGREE_RANK)


def overview_rows():
    random = np.random.default_rng(1)
    for number in range(9):
        for model in OVERVIEW_MODELS:
            same = {"label": 3, "prediction": 3 + number % 2, "probability": 0.1 * number, "off_centre": number > 5}
            base = Measurement(f"{number}.jpg", model, "cam", **same)
            for method in ("cam", "control-uniform"):
                energy = dataclasses.replace(base, method=method, metric="energy", value=float(random.random()))
                yield energy
                curve = random.random(LEVELS).astype(np.float32)
                yield dataclasses.replace(energy, metric="maxbox", value=None, curve=curve)
        yield dataclasses.replace(base, metric="agree_rank", value=0.5)
        reason = "It is the same everywhere."
        yield dataclasses.replace(base, method="control-uniform", metric="agree_rank", error=reason)
    yield Measurement("9.jpg", error="9.jpg is empty.")
    yield Measurement("10.jpg", OVERVIEW_MODELS[0], label=3, prediction=3, error="There is no such class.")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    monkeypatch.setattr(run_store, "ROWS_PER_GROUP", 8)
    networks = tuple(MeasuredModel(model, "a" * 64, "openvino") for model in OVERVIEW_MODELS)
    begun = Manifest(Path(), RunSettings(OVERVIEW_MODELS, metrics=METRICS), "/data", "f" * 64, 11, 32, networks, {})
    begun = run_store.open_run(tmp_path, begun)
    for start, row in enumerate(overview_rows()):
        run_store.write_chunk(tmp_path, start, [row])
    return run_store.save_manifest(begun, finished=True, thresholds=run_store.merge_chunks(tmp_path))


def same(found, expected) -> None:
    """Assert that numbers are equal; unknown ones are equal, too."""
    assert repr(found) == repr(expected)


def test_it_is_the_summary_of_all_rows(run: Manifest) -> None:
    whole = run_summary.load_results(run.folder)
    same(run_summary.read_metric_means(run), run_summary.metric_means(whole))
    same(run_summary.read_accuracies(run), run_summary.model_accuracies(whole))
    assert run_summary.read_failures(run) == run_summary.find_failures(whole)
    # by hand: two models by a method and a control have energy and maxbox, one has agree_rank by the method alone
    assert len(run_summary.read_metric_means(run)) == 2 * 2 * 2 + 1
    first, _ = run_summary.read_accuracies(run)
    assert (first.top1.mean, first.top1.n) == (pytest.approx(6 / 10), 10)
    assert [of.photo for of in run_summary.read_failures(run)] == [
        "9.jpg",
        "10.jpg",
    ]  # missing ranks of a control are not a failure
    assert not any(math.isnan(cell.every.mean) for cell in run_summary.read_metric_means(run))


def test_the_rows_of_one_metric_are_in_memory_at_a_time(run: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, load = [], run_summary.load_results

    def watched(*asked):
        known = load(*asked)
        seen.append(set(known.frame["metric"]))
        return known

    monkeypatch.setattr(run_summary, "load_results", watched)
    run_summary.read_metric_means(run)
    assert seen == [{metric.value} for metric in METRICS]
