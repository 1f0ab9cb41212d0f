"""Rows on disk: they are read as written, parts are complete, and thresholds match a calculation by hand."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow.parquet as pq
import pytest

from effviz import file_io
from effviz.errors import SettingsError
from effviz.evaluate import run_store
from effviz.evaluate.heatmaps import LEVELS, THRESHOLDS
from effviz.evaluate.run_settings import Metric
from effviz.evaluate.run_store import RESULTS_FILE, Measurement

ASKED = ("photo", "model", "method", "metric", "value", "target_index", "error")  # what every reader may rely on


def overlaps(**at):
    """Return a curve that is 0 except at some levels."""
    curve = np.zeros(LEVELS, np.float32)
    for level, overlap in at.items():
        curve[int(level[1:])] = overlap
    return curve


def box(photo, curve, metric="maxbox", method="cam"):
    return Measurement(photo, "lite0@224", method, metric, None, 7, curve=curve)


def test_rows_come_back_as_they_were(tmp_path):
    curve = np.linspace(0, 1, LEVELS, dtype=np.float32)
    rows = [
        Measurement("a", "lite0@224", "cam", "energy", 0.5, 7, None, "plain", "f" * 64, 7, 8, 0.25, 0.1, True),
        Measurement("a", "lite0@224", "cam", "deletion", 0.25, 7, curve=curve),
        Measurement("b.jpg", error="It is broken."),
    ]
    run_store.write_chunk(tmp_path, 0, rows)
    run_store.merge_chunks(tmp_path)
    table = pq.read_table(tmp_path / RESULTS_FILE)
    assert set(ASKED) <= set(table.column_names)
    first, second, third = table.to_pylist()
    assert first == {
        "photo": "a", "model": "lite0@224", "method": "cam", "metric": "energy", "value": 0.5, "target_index": 7,
        "error": None, "placement": "plain", "photo_sha256": "f" * 64, "label": 7, "prediction": 8,
        "probability": 0.25, "box_share": 0.1, "off_centre": True, "curve": None,
    }  # fmt: skip
    np.testing.assert_array_equal(np.array(second["curve"], np.float32), curve)
    assert {name: value for name, value in third.items() if value is not None} == {
        "photo": "b.jpg",
        "error": "It is broken.",
    }


def test_parts_are_in_the_photos_order_and_half_files_are_none(tmp_path):
    for start in (64, 0, 1000000):
        run_store.write_chunk(tmp_path, start, [Measurement(str(start))])
    (tmp_path / "parts" / ".part-000000032.parquet.77").write_bytes(b"half")
    assert list(run_store.chunk_files(tmp_path)) == [0, 64, 1000000]
    run_store.merge_chunks(tmp_path)
    assert pq.read_table(tmp_path / RESULTS_FILE)["photo"].to_pylist() == ["0", "64", "1000000"]
    run_store.remove_chunks(tmp_path)
    assert run_store.chunk_files(tmp_path) == {}


@pytest.mark.parametrize("left", [0, 2, 400])
def test_a_part_that_a_power_cut_cut_off_is_none(tmp_path, left):
    run_store.write_chunk(tmp_path, 0, [Measurement("whole")])
    run_store.write_chunk(tmp_path, 32, [Measurement("cut")])
    path = run_store.chunk_files(tmp_path)[32]
    path.write_bytes(path.read_bytes()[:left])
    assert list(run_store.chunk_files(tmp_path)) == [0]


@pytest.mark.parametrize("damage", ["flip", "zero", "truncate", "swap", "other run", "no seal"])
def test_a_part_that_is_not_what_the_run_wrote_is_none_and_told_in_one_line(tmp_path, caplog, damage):
    for start in (0, 32):
        run_store.write_chunk(tmp_path, start, [Measurement(f"photo {start}", value=1.5)], "key")
    first, second = run_store.chunk_files(tmp_path, "key").values()
    data = first.read_bytes()
    middle = len(data) // 2
    match damage:
        case "flip":
            first.write_bytes(data[:60] + bytes([data[60] ^ 1]) + data[61:])
        case "zero":
            first.write_bytes(data[:8] + bytes(middle - 8) + data[middle:])
        case "truncate":
            first.write_bytes(data[:middle] + b"PAR1")
        case "swap":
            first.write_bytes(second.read_bytes())
            first.with_suffix(run_store.SEAL_SUFFIX).write_bytes(second.with_suffix(run_store.SEAL_SUFFIX).read_bytes())
        case "other run":
            run_store.write_chunk(tmp_path, 0, [Measurement("photo 0", value=9.0)], "another key")
        case _:
            first.with_suffix(run_store.SEAL_SUFFIX).unlink()
    assert list(run_store.chunk_files(tmp_path, "key")) == [32]
    assert caplog.messages == [f"{first} is damaged or from another run: its photos are measured again."]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_in_the_place_of_a_part_is_none_and_not_waited_for(tmp_path):
    run_store.write_chunk(tmp_path, 0, [Measurement("whole")])
    os.mkfifo(tmp_path / run_store.CHUNKS_FOLDER / "part-000000032.parquet")
    assert list(run_store.chunk_files(tmp_path, "")) == [0]


def test_two_cannot_measure_into_one_folder_at_once_and_the_next_one_can(tmp_path):
    def second():
        with run_store.lock_run(tmp_path):
            pass

    with run_store.lock_run(tmp_path), ThreadPoolExecutor(1) as other:
        for attempt in (second, lambda: other.submit(second).result()):
            with pytest.raises(SettingsError, match="Another process is measuring into"):
                attempt()
    second()
    assert (tmp_path / run_store.LOCK_FILE).exists()


def test_where_the_disk_has_no_locks_a_run_is_measured_with_a_warning(tmp_path, monkeypatch, caplog):
    fcntl = pytest.importorskip("fcntl")

    def flock(_file, _how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with run_store.lock_run(tmp_path):
        pass
    assert "let no other process measure into it" in caplog.text
    assert sorted(path.name for path in tmp_path.iterdir()) == [run_store.LOCK_FILE]


def test_a_failed_write_leaves_nothing_that_counts(tmp_path):
    def fails(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    run_store.write_chunk(tmp_path, 0, [Measurement("old")])
    (path,) = run_store.chunk_files(tmp_path).values()
    with pytest.raises(OSError, match="No space"):
        file_io.write_atomically(path, fails)
    run_store.merge_chunks(tmp_path)
    assert pq.read_table(tmp_path / RESULTS_FILE)["photo"].to_pylist() == ["old"]


def test_a_part_that_is_written_again_counts_once(tmp_path):
    run_store.write_chunk(tmp_path, 0, [Measurement("old")])
    run_store.write_chunk(tmp_path, 0, [Measurement("new")])
    run_store.merge_chunks(tmp_path)
    assert pq.read_table(tmp_path / RESULTS_FILE)["photo"].to_pylist() == ["new"]


def test_large_runs_are_written_some_rows_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(run_store, "ROWS_PER_GROUP", 4)
    for start in range(0, 10, 2):
        run_store.write_chunk(tmp_path, start, [Measurement(str(start)), Measurement(str(start + 1))])
    run_store.merge_chunks(tmp_path)
    file = pq.ParquetFile(tmp_path / RESULTS_FILE)
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [4, 4, 2]
    assert file.read()["photo"].to_pylist() == [str(number) for number in range(10)]


def test_the_box_threshold_is_one_for_all_photos_of_a_model_and_method(tmp_path):
    # by hand: level 10 fits a and b, level 20 fits c alone, so level 10 is the threshold: 2 of 3 photos
    run_store.write_chunk(tmp_path, 0, [box("a", overlaps(_10=0.5)), box("b", overlaps(_10=0.9, _30=0.6))])
    run_store.write_chunk(tmp_path, 2, [box("c", overlaps(_10=0.49, _20=0.8)), box("c", overlaps(_20=0.8), method="x")])
    by_x, by_cam = sorted(run_store.merge_chunks(tmp_path), key=lambda of: of.method != "x")
    assert (by_cam.model, by_cam.method, by_cam.metric) == ("lite0@224", "cam", Metric.MAXBOX)
    assert (by_cam.thresholds, by_cam.accuracy) == ((0.2,), pytest.approx(2 / 3))  # level 10 of 50
    assert (by_x.thresholds, by_x.accuracy) == ((0.4,), 1.0)
    values = pq.read_table(tmp_path / RESULTS_FILE)["value"].to_pylist()
    assert values == [1.0, 1.0, 0.0, 1.0]


def test_version_two_has_a_threshold_for_each_overlap(tmp_path):
    # 0.3: level 5 fits both; 0.5: level 5 fits a; 0.7: level 9 fits b
    rows = [box("a", overlaps(_5=0.6), "maxboxv2"), box("b", overlaps(_5=0.4, _9=0.7), "maxboxv2")]
    run_store.write_chunk(tmp_path, 0, rows)
    (found,) = run_store.merge_chunks(tmp_path)
    assert found.thresholds == (0.1, 0.1, 0.18)
    assert found.accuracy == pytest.approx((1 + 0.5 + 0.5) / 3)
    values = pq.read_table(tmp_path / RESULTS_FILE)["value"].to_pylist()
    assert values == pytest.approx([(1 + 1 + 0) / 3, (1 + 0 + 1) / 3])


@pytest.mark.parametrize("metric", ["maxbox", "maxboxv2"])
def test_the_mean_of_the_values_is_the_accuracy_of_all_photos_together(tmp_path, metric):
    curves = np.random.default_rng(0).random((40, LEVELS)).astype(np.float32)
    for start in range(0, 40, 7):
        rows = [box(str(start + i), curve, metric) for i, curve in enumerate(curves[start : start + 7])]
        run_store.write_chunk(tmp_path, start, rows)
    (found,) = run_store.merge_chunks(tmp_path)
    overlaps = (0.5,) if metric == "maxbox" else (0.3, 0.5, 0.7)
    shares = [(curves >= np.float32(overlap)).mean(axis=0) for overlap in overlaps]
    accuracy = np.mean([share.max() for share in shares])
    assert np.mean(pq.read_table(tmp_path / RESULTS_FILE)["value"].to_numpy()) == pytest.approx(accuracy)
    assert found.accuracy == pytest.approx(accuracy)
    assert found.thresholds == tuple(THRESHOLDS[share.argmax()] for share in shares)  # the lowest of equal values


def test_a_run_without_boxes_has_no_thresholds(tmp_path):
    run_store.write_chunk(tmp_path, 0, [Measurement("a", "m", "cam", "energy", 0.5), Measurement("b", error="broken")])
    assert run_store.merge_chunks(tmp_path) == ()
    assert pq.read_table(tmp_path / RESULTS_FILE)["value"].to_pylist() == [0.5, None]
