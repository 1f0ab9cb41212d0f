"""Ray Data: two workers on this machine give the rows of one process, also when one of them is killed."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from effviz import cluster
from effviz.cluster import Cluster
from effviz.errors import SettingsError, WeightsError
from effviz.evaluate import ray_engine, records, settings
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.manifest import Manifest
from effviz.evaluate.ray_engine import Measurer
from effviz.evaluate.run import Watch, evaluate
from effviz.evaluate.samples import Dataset
from effviz.evaluate.settings import Metric, Settings

PHOTOS = 24
ASKED = Settings(
    ("lite0@64",), metrics=(Metric.ENERGY, Metric.POINTING, Metric.MAXBOX, Metric.DROP), targets="prediction"
)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Noise with a box each, one photo without a box, and a file that is no photo."""
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
    """The rows of a finished run by what they measure; none may be there twice."""
    found = [row for table in records.read([run / records.RESULTS]) for row in table.to_pylist()]
    by_key = {tuple(row[name] for name in ("photo", "model", "method", "metric", "error")): row for row in found}
    assert len(by_key) == len(found)
    return by_key


@pytest.mark.ray
@pytest.mark.usefixtures("ray_stops")
def test_workers_give_the_same_rows_also_when_one_is_killed(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, descendants: Callable[[bytes], list[int]]
) -> None:
    monkeypatch.setattr(settings, "MOST_PHOTOS_A_PART", 1)
    before: list[int] = []
    after: list[int] = []
    left: list[int] = []

    def kill(done: int, total: int) -> None:
        after[:] = descendants(b"ray::MapWorker") or after
        if done and not before:
            before.extend(after)
            left.append(total - done)
            os.kill(before[0], signal.SIGKILL)

    evaluate(dataset, ASKED, tmp_path / "local")
    done = evaluate(dataset, ASKED, tmp_path / "ray", Watch(kill), ray_engine.on(Cluster(2)))
    assert done.finished
    assert len(before) == 2
    assert left[0] > PHOTOS // 2
    assert before[0] not in after
    ours, theirs = rows(tmp_path / "ray"), rows(tmp_path / "local")
    # 23 photos with a box: the map and three controls by four metrics; one without: drop alone, and a row that says why
    assert len(ours) == 23 * 16 + 4 + 1 + 1
    assert ours.keys() == theirs.keys()
    for key, row in ours.items():
        numbers = {name for name, value in theirs[key].items() if isinstance(value, float | list)}
        assert {name: row[name] for name in row.keys() - numbers} == {
            name: value for name, value in theirs[key].items() if name not in numbers
        }
        for name in numbers:
            assert row[name] == pytest.approx(theirs[key][name], abs=1e-6), (key, name)


def test_a_run_with_nothing_left_starts_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "joined", lambda of: pytest.fail("Ray was started"))
    run = Manifest(Path(), ASKED, "", "", 0, 1, (), {})
    assert list(ray_engine.on(Cluster(2)).measure([], run)) == []


def test_a_worker_with_other_weights_does_not_measure() -> None:
    with pytest.raises(WeightsError, match="other weights of lite0@64"):
        Measurer(ASKED, ("0" * 64,), 1)


def test_without_ray_one_sentence_says_how_it_comes_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install -e '\.\[ray\]'"):
        ray_engine.on(Cluster(2))


def test_an_address_where_nobody_answers_is_one_sentence() -> None:
    with (
        pytest.raises(SettingsError, match="No Ray cluster answers at 'nowhere'"),
        cluster.joined(Cluster(2, "nowhere")),
    ):
        pass
