"""Curves that are read for many models and methods at once are those that were written, each at its place."""

from pathlib import Path

import numpy as np
import pytest

from effviz.evaluate import manifest, merging, overlaps, records, results
from effviz.evaluate.localisation import LEVELS
from effviz.evaluate.manifest import Manifest, Network
from effviz.evaluate.records import Row
from effviz.evaluate.results import Results
from effviz.evaluate.settings import Metric, Settings
from effviz.explain.results import Method

MODELS, METHODS = ("lite0@224", "lite2@260"), ("cam", "eigencam")
WRITTEN = {
    (model, method): np.random.default_rng(number).random((3, LEVELS)).astype(np.float32)
    for number, (model, method) in enumerate((model, method) for model in MODELS for method in METHODS)
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Photos in turn, so that no model's rows lie together; the second photo lacks one map."""
    folder: Path = tmp_path_factory.mktemp("run")
    settings = Settings(MODELS, tuple(map(Method, METHODS)), (Metric.MAXBOX, Metric.MAXBOX_V2))
    networks = tuple(Network(model, "a" * 64, "openvino") for model in MODELS)
    begun = manifest.opened(folder, Manifest(Path(), settings, "/data", "f" * 64, 3, 32, networks, {}))
    rows = [
        Row(f"{photo}.jpg", model, method, metric, curve=curves[photo] if metric == "maxbox" else 1 - curves[photo])
        for photo in range(3)
        for (model, method), curves in WRITTEN.items()
        for metric in ("maxbox", "maxboxv2")
        if (photo, model, method) != (1, "lite2@260", "eigencam")
    ]
    records.write_part(folder, 0, rows)
    manifest.kept(begun, finished=True, thresholds=merging.merge(folder))
    return results.load(folder)


def test_each_model_and_method_has_its_own_curves(run: Results) -> None:
    found = overlaps.read(run, MODELS, METHODS)
    assert set(found) == set(WRITTEN)
    for key, curves in WRITTEN.items():
        kept = [0, 2] if key == ("lite2@260", "eigencam") else [0, 1, 2]
        assert found[key].photos == tuple(f"{photo}.jpg" for photo in kept)
        np.testing.assert_array_equal(found[key].curves, curves[kept])


def test_nothing_else_is_read_than_what_is_asked_for(run: Results) -> None:
    assert set(overlaps.read(run, ("lite2@260",), ("cam", "control-random"))) == {("lite2@260", "cam")}
    assert overlaps.read(run, ("gone@64",), METHODS) == {}
