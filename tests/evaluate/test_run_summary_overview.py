"""The summary of a run whose rows are never all in memory is that of all of them."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from effviz.evaluate import run_store, run_summary
from effviz.evaluate.heatmaps import LEVELS
from effviz.evaluate.run_settings import Metric, RunSettings
from effviz.evaluate.run_store import Manifest, MeasuredModel, Measurement

MODELS = ("lite0@224", "lite2@260")
METRICS = (Metric.ENERGY, Metric.MAXBOX, Metric.AGREE_RANK)


def rows():
    random = np.random.default_rng(1)
    for number in range(9):
        for model in MODELS:
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
    yield Measurement("10.jpg", MODELS[0], label=3, prediction=3, error="There is no such class.")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    monkeypatch.setattr(run_store, "ROWS_PER_GROUP", 8)
    networks = tuple(MeasuredModel(model, "a" * 64, "openvino") for model in MODELS)
    begun = Manifest(Path(), RunSettings(MODELS, metrics=METRICS), "/data", "f" * 64, 11, 32, networks, {})
    begun = run_store.open_run(tmp_path, begun)
    for start, row in enumerate(rows()):
        run_store.write_chunk(tmp_path, start, [row])
    return run_store.save_manifest(begun, finished=True, thresholds=run_store.merge_chunks(tmp_path))


def same(found, expected) -> None:
    """Tell that numbers are equal; those that are not known are, too."""
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
    ]  # a control's ranks are no failure
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
