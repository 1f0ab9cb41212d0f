"""Both sides of the benchmark do the same work on small models; no time is asserted."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from effviz.bench import peer_comparisons, throughput
from effviz.errors import SettingsError
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.measurements import prepare_photo
from effviz.zoo.catalogue import parse_model
from effviz.zoo.loading import load

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    entries = []
    for name, label in (("cat", 281), ("dog", 207), ("panda", 388)):
        shutil.copy(SAMPLES / f"{name}.jpg", folder)
        width, height = Image.open(SAMPLES / f"{name}.jpg").size
        boxes = [[0.1 * width, 0.2 * height, 0.6 * width, 0.9 * height]]
        entries.append({"file": f"{name}.jpg", "label": label, "boxes_xyxy": boxes})
    (folder / "annotations.json").write_text(json.dumps(entries))
    return folder


def test_every_row_is_there_and_the_targets_are_ratios(data):
    ours, engine, peer, share, times = throughput.bench(data, "lite0@64", photos=2, rounds=1)
    assert share.ours == pytest.approx(100 * ours.ours / engine.ours)
    assert times.ours == pytest.approx(ours.ours / peer.ours)
    assert (share.target, times.target) == ("at least 60 %", "at least 5 x")
    assert [row.met for row in (ours, engine, peer)] == [None] * 3


def test_rates_are_photos_a_second_of_each_side(data, monkeypatch):
    times_ms = {"_engine_alone": 500, "_peer": 4000}
    monkeypatch.setattr(
        throughput, "run_ms", lambda side: next(times_ms[name] for name in side.__code__.co_names if name in times_ms)
    )
    monkeypatch.setattr(throughput, "_ours", lambda *of: 0.8)
    rows = throughput.bench(data, "lite0@64", photos=2, rounds=1)
    assert [row.ours for row in rows] == pytest.approx([2 / 0.8, 2 / 0.5, 2 / 4, 100 * 0.5 / 0.8, 4 / 0.8])


def test_all_sides_have_the_same_photos_and_the_peer_measures_the_controls_too(data, monkeypatch):
    asked, measured = [], []
    ours, theirs = throughput.runner.evaluate, throughput.measured
    monkeypatch.setattr(throughput.runner, "evaluate", lambda *of: (asked.append(of[1]), ours(*of))[1])
    monkeypatch.setattr(throughput, "measured", lambda *of: (measured.append(of), theirs(*of))[1])
    throughput.bench(data, "lite0@64", photos=2, rounds=1)
    assert [settings.limit for settings in asked] == [2, 2]  # a warm-up and one round
    assert {metric.value for metric in asked[0].metrics} == {"energy", "pointing", "maxbox"}
    assert len(measured) == 2 * 2 * (1 + 3)


def test_photos_that_nobody_can_measure_are_left_out(data, tmp_path):
    folder = shutil.copytree(data, tmp_path / "data")
    entries = json.loads((folder / "annotations.json").read_text())
    entries[0]["boxes_xyxy"] = []
    (folder / "dog.jpg").write_bytes(b"no picture")
    (folder / "annotations.json").write_text(json.dumps(entries))
    opened = throughput._opened(load(parse_model("lite0@64")), open_dataset(folder), 3)
    assert [one.sample.name for one in opened] == ["panda.jpg"]


def test_photos_without_boxes_are_refused(tmp_path):
    shutil.copy(SAMPLES / "cat.jpg", tmp_path)
    with pytest.raises(SettingsError, match="no boxes"):
        throughput.bench(tmp_path, "lite0@64", photos=1, rounds=1)


def test_the_peers_measures_by_hand():
    heat = np.zeros((10, 10), np.float32)
    heat[2:4, 3:7] = 1.0  # 8 cells
    heat[8, 8] = 0.5
    energy, pointing, overlaps = throughput.measured(heat, np.array([[3.0, 2.0, 7.0, 6.0]]))
    assert energy == pytest.approx(8 / 8.5)
    assert pointing
    assert overlaps[-1] == pytest.approx(8 / 16)  # a box of 4 x 2 in one of 4 x 4
    assert overlaps[0] == pytest.approx(16 / 100)  # everything is at least 0
    # at a quarter there is also a part of 1 cell, before and after the larger one
    heat[0, 0] = 0.5
    assert throughput.measured(heat, np.array([[3.0, 2.0, 7.0, 6.0]]))[2][12] == pytest.approx(8 / 16)
    assert not throughput.measured(heat.T, np.array([[3.0, 2.0, 7.0, 4.0]]))[1]  # its first maximum is at x = 2


def test_boxes_move_with_the_models_crop(data):
    model = load(parse_model("lite0@64"))
    one = prepare_photo(open_dataset(data).samples[0], [model.ref])
    seen, (box,) = one.prepared[0].seen, one.truth.boxes
    ((x0, y0, x1, y1),) = throughput.boxes_in_input(one)
    scale = 64 / (seen.x1 - seen.x0)
    assert (x0, y0) == pytest.approx(((box.x0 - seen.x0) * scale, (box.y0 - seen.y0) * 64 / (seen.y1 - seen.y0)))
    assert (x1 - x0, y1 - y0) == pytest.approx(
        ((box.x1 - box.x0) * scale, (box.y1 - box.y0) * 64 / (seen.y1 - seen.y0))
    )


def test_the_peers_maps_of_any_class_are_its_own():
    model = load(parse_model("lite0@64"))
    pixels = np.random.default_rng(0).standard_normal((1, 3, 64, 64), np.float32)
    explain = peer_comparisons.grad_cam_of_any(model)
    for index in (281, 7):
        np.testing.assert_allclose(
            explain(pixels, index)[0], peer_comparisons.grad_cam(model, index)(pixels), atol=1e-5
        )
