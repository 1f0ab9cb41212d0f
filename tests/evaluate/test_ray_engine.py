"""Ray: two workers on this machine produce the rows of one process, even if one of them is killed."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from effviz import cluster
from effviz.cluster import Cluster
from effviz.errors import SettingsError, WeightsError
from effviz.evaluate import ray_engine, run_settings, run_store
from effviz.evaluate.dataset_samples import Dataset
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.ray_engine import Measurer
from effviz.evaluate.run_settings import Metric, RunSettings
from effviz.evaluate.run_store import Manifest, MeasuredModel
from effviz.evaluate.runner import Chunk, evaluate
from effviz.explain.engines import choose
from effviz.zoo.catalogue import parse_model
from effviz.zoo.loading import load

PHOTOS = 24
WORKERS = 2
PAUSE_S, MOST_LOOKS = 0.1, 600  # interval and number of checks of the workers
ASKED = RunSettings(
    ("lite0@64",), metrics=(Metric.ENERGY, Metric.POINTING, Metric.MAXBOX, Metric.DROP), targets="prediction"
)


# Before the tests that start Ray: a process inside a cluster does not look for another one.
def test_an_address_where_nobody_answers_is_one_sentence() -> None:
    with (
        pytest.raises(SettingsError, match="No Ray cluster answers at 'nowhere'"),
        cluster.connect(Cluster(2, "nowhere")),
    ):
        pass


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Noise images with a box each, one photo without a box, and a file that is not a photo."""
    rng = np.random.default_rng(0)
    entries: list[dict[str, Any]] = [{"file": "broken.jpg", "boxes_xyxy": [[1, 1, 9, 9]]}]
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    for number in range(PHOTOS):
        pixels = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((160, 120), Image.Resampling.BICUBIC).save(tmp_path / f"{number:02}.png")
        x, y = (int(edge) for edge in rng.integers(0, 80, 2))
        entries.append({"file": f"{number:02}.png", "boxes_xyxy": [[x, y, x + 60, y + 40]]})
    del entries[-1]["boxes_xyxy"]
    (tmp_path / "annotations.json").write_text(json.dumps(entries))
    return open_dataset(tmp_path)


def rows(run: Path) -> dict[tuple[str | None, ...], dict[str, Any]]:
    """Return the rows of a finished run by what they measure; none may occur twice."""
    found = [row for table in run_store.read_tables([run / run_store.RESULTS_FILE]) for row in table.to_pylist()]
    by_key = {tuple(row[name] for name in ("photo", "model", "method", "metric", "error")): row for row in found}
    assert len(by_key) == len(found)
    return by_key


@pytest.mark.ray
@pytest.mark.usefixtures("one_ray")
def test_workers_give_the_same_rows_also_when_one_is_killed(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, descendants: Callable[[bytes], list[int]]
) -> None:
    monkeypatch.setattr(run_settings, "MAX_PHOTOS_PER_CHUNK", 1)
    before: list[int] = []
    after: list[int] = []
    left: list[int] = []

    def kill(done: int, total: int) -> None:
        after[:] = descendants(b"ray::MapWorker") or after
        if done and not before:
            for _look in range(MOST_LOOKS):  # on a busy machine the other worker may still be starting
                after[:] = descendants(b"ray::MapWorker")
                if len(after) >= WORKERS:
                    break
                time.sleep(PAUSE_S)
            before.extend(after)
            left.append(total - done)
            os.kill(before[0], signal.SIGKILL)

    evaluate(dataset, ASKED, tmp_path / "local")
    done = evaluate(dataset, ASKED, tmp_path / "ray", kill, ray_engine.ray_workers(Cluster(WORKERS)))
    assert done.finished
    assert len(before) >= WORKERS  # Ray may have started a third process for a worker
    assert left[0] > PHOTOS // 2
    assert before[0] not in after
    ours, theirs = rows(tmp_path / "ray"), rows(tmp_path / "local")
    # 23 photos with a box: a map and three controls by four metrics, three controls in the crop by the three of place;
    # one without: only drop, and a row that says why
    assert len(ours) == 23 * (16 + 9) + 4 + 1 + 1
    assert ours.keys() == theirs.keys()
    for key, row in ours.items():
        numbers = {name for name, value in theirs[key].items() if isinstance(value, float | list)}
        assert {name: row[name] for name in row.keys() - numbers} == {
            name: value for name, value in theirs[key].items() if name not in numbers
        }
        for name in numbers:
            assert row[name] == pytest.approx(theirs[key][name], abs=1e-6), (key, name)


def test_a_run_with_nothing_left_starts_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "connect", lambda *_of: pytest.fail("Ray was started"))
    run = Manifest(Path(), ASKED, "", "", 0, 1, (), {})
    assert list(ray_engine.ray_workers(Cluster(2)).measure([], run)) == []


def of_run(dataset: Dataset, sha256: str = "") -> Manifest:
    """Return a run as the caller describes it."""
    model = load(parse_model("lite0@64"))
    engine = choose(model, 64).engine.name.value
    network = MeasuredModel("lite0@64", sha256 or model.weights_sha256, engine)
    return Manifest(Path(), ASKED, str(dataset.path), "", len(dataset), 1, (network,), {})


TWICE = """
import sys
from effviz.cli import app
for workers in ("3", "2"):
    try:
        app([*sys.argv[1:], workers])
    except SystemExit as end:
        print("exit", end.code, file=sys.stderr)
"""


@pytest.mark.ray
def test_a_cluster_that_runs_already_measures_on_all_its_cores_but_one(
    dataset: Dataset, tmp_path: Path, one_ray: str
) -> None:
    """Run the command in another process, first with more workers than fit."""
    words = ["evaluate", str(dataset.path.parent), "--out", str(tmp_path / "run"), "--json"]
    words += ["--models", "lite0@64", "--targets", "prediction", "--engine", "ray", "--address", one_ray, "--workers"]
    done = subprocess.run(
        [sys.executable, "-c", TWICE, *words], capture_output=True, text=True, check=True, timeout=300
    )
    refused, *more = done.stderr.splitlines()
    asked = f"3 workers with 1 cores each were requested, but the Ray cluster at {one_ray!r} has room for 2"
    assert f"{asked} (1 of its 3 cores stay free)" in refused
    assert (more[0], more[-1]) == ("exit 1", "exit 0")
    assert json.loads(done.stdout)["finished"]
    assert len(rows(tmp_path / "run")) == 23 * 7 * 3 + 1 + 1


def test_what_is_wrong_on_a_worker_is_one_sentence_here(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a worker's code in this process: an exception that it cannot raise comes back as a row, and is raised."""
    monkeypatch.setattr(cluster, "connect", lambda *_of: contextlib.nullcontext())
    monkeypatch.setattr(
        ray_engine,
        "_spread",
        lambda parts, run, of: map(
            Measurer(run.settings, run.networks, of.cores),
            [pa.table({"start": [start], "samples": [packed]}) for start, packed in parts.items()],
        ),
    )
    parts = [Chunk(0, tuple(dataset.samples[:1]))]
    with pytest.raises(WeightsError) as caught:
        next(ray_engine.ray_workers(Cluster(1)).measure(parts, of_run(dataset, "0" * 64)))
    assert str(caught.value).startswith("A worker has different weights for lite0@64 than this machine")
    assert "\n" not in str(caught.value)


def test_a_worker_with_another_engine_does_not_measure(dataset: Dataset) -> None:
    (network,) = of_run(dataset).networks
    worker = Measurer(ASKED, (dataclasses.replace(network, engine="abacus"),), 1)
    table = worker(pa.table({"start": [7], "samples": [ray_engine._packed(())]}))
    error = ray_engine._unpacked(table["rows"][0].as_py())
    assert isinstance(error, SettingsError)
    assert f"lite0@64 on the engine {network.engine}, and this machine on abacus" in str(error)


@pytest.mark.ray
@pytest.mark.usefixtures("one_ray")
def test_a_part_that_kills_its_workers_is_one_sentence(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed:
        def __init__(self, *_known: object) -> None:
            """Act like a worker."""

        def __call__(self, _parts: object) -> object:
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(ray_engine, "Measurer", Killed)
    monkeypatch.setattr(ray_engine, "RETRIES", 1)
    parts = [Chunk(0, tuple(dataset.samples[:1]))]
    with pytest.raises(SettingsError, match=r"a chunk is retried at most 1 times.*--workers") as caught:
        next(ray_engine.ray_workers(Cluster(1)).measure(parts, of_run(dataset)))
    assert "\n" not in str(caught.value)


@pytest.mark.ray
@pytest.mark.usefixtures("one_ray")
def test_a_mistake_of_ours_on_a_worker_is_shown_as_it_is(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.exceptions import RayTaskError

    class Mistaken:
        def __init__(self, *_known: object) -> None:
            """Act like a worker."""

        def __call__(self, _parts: object) -> float:
            return 1 / 0

    monkeypatch.setattr(ray_engine, "Measurer", Mistaken)
    parts = [Chunk(0, tuple(dataset.samples[:1]))]
    with pytest.raises(RayTaskError, match="ZeroDivisionError"):
        next(ray_engine.ray_workers(Cluster(1)).measure(parts, of_run(dataset)))


def test_without_ray_one_sentence_says_how_it_comes_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install -e '\.\[ray\]'"):
        ray_engine.ray_workers(Cluster(2))
