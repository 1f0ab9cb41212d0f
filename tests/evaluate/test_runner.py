"""Whole runs on a few photos: killed and stopped runs resume, other runs are refused."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from effviz.errors import SettingsError
from effviz.evaluate import run_settings, run_store, run_summary, runner
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.heatmaps import Control
from effviz.evaluate.run_settings import Metric, RunSettings
from effviz.evaluate.run_store import RESULTS_FILE
from effviz.evaluate.runner import Chunk, Workers
from effviz.explain.data_types import Method

KILLED = Path(__file__).with_name("killed.py")
SETTINGS = RunSettings(("lite0@64", "lite0@96"))  # the same as in killed.py


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch, loaded):
    monkeypatch.setattr(run_settings, "MAX_PHOTOS_PER_CHUNK", 2)
    monkeypatch.setattr(runner, "load", lambda ref: loaded(ref.label))
    monkeypatch.setattr(runner, "load_all", lambda refs: [loaded(ref.label) for ref in refs])


@pytest.fixture(scope="module")
def models(loaded):
    return [loaded(label) for label in SETTINGS.models]


@pytest.fixture(scope="module")
def data(eight_photos):
    return open_dataset(eight_photos)


@pytest.fixture(scope="module")
def uninterrupted(data, models, tmp_path_factory):
    """Return the rows of a run measured in one call, and in one chunk."""
    folder = tmp_path_factory.mktemp("whole")
    runner.evaluate(data, SETTINGS, folder, workers=runner.local_workers(models))
    return table(folder)


def table(folder):
    return pq.read_table(folder / RESULTS_FILE).to_pylist()


class StopError(Exception):
    """Raised to stop a run."""


def begin(data, settings, folder, photos=1):
    """Stop a run after a number of photos, and return its manifest."""

    def stop(done, _total):
        if done >= photos:
            raise StopError

    with pytest.raises(StopError):
        runner.evaluate(data, settings, folder, stop)
    return run_store.read_manifest(folder)


def key(row):
    return tuple(row[name] or "" for name in ("photo", "model", "method", "metric"))


def same(found, expected):
    """Assert that two tables have the same rows in any order, with numbers equal to 1e-6."""
    assert len(found) == len(expected)
    for row, other in zip(sorted(found, key=key), sorted(expected, key=key), strict=True):
        assert {name: value for name, value in row.items() if not isinstance(value, float | list)} == {
            name: value for name, value in other.items() if not isinstance(value, float | list)
        }
        for name in ("value", "probability", "box_share", "curve"):
            np.testing.assert_allclose(
                np.array(row[name], float), np.array(other[name], float), atol=1e-6, equal_nan=True
            )


def goes_on(folder, data, uninterrupted, parts):
    """Check that the existing part of a run is kept, and that it ends with the same rows as an undisturbed run."""
    assert len(run_store.chunk_files(folder)) == parts
    assert not run_store.read_manifest(folder).finished
    written = []
    done = runner.evaluate(data, SETTINGS, folder, lambda photos, of: written.append((photos, of)))
    # existing rows are not measured again
    assert written == [(photos, 8) for photos in range(2 * parts, 10, 2)]
    assert done.finished
    same(table(folder), uninterrupted)
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "results.parquet",
        "run.json",
    ]


def test_another_process_that_measures_is_left_alone_and_when_it_is_killed_the_run_goes_on(
    eight_photos, data, tmp_path, uninterrupted
):
    words = [sys.executable, str(KILLED), str(eight_photos), str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "here\n"
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        with pytest.raises(SettingsError, match=r"Another process is measuring into .* --out") as caught:
            runner.evaluate(data, SETTINGS, tmp_path)
        assert "\n" not in str(caught.value)
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        print(file=process.stdin, flush=True)
        assert process.stdout.readline() == "here\n"  # it continues to write, undisturbed
        process.kill()
    goes_on(tmp_path, data, uninterrupted, parts=2)


@pytest.fixture(scope="module")
def broken_off(data, models, tmp_path_factory):
    """Return copies of a run's folder as a kill leaves it: a file is written, but not yet moved into place."""
    folder, copies, move = tmp_path_factory.mktemp("whole") / "run", {}, Path.replace

    def copied(path, target):
        place = len(copies) + 1
        copies[place] = shutil.copytree(folder, folder.with_name(f"copy-{place}"))
        return move(path, target)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_settings, "MAX_PHOTOS_PER_CHUNK", 2)
        patched.setattr(Path, "replace", copied)
        runner.evaluate(data, SETTINGS, folder, workers=runner.local_workers(models))
    return copies


@pytest.mark.parametrize(
    ("place", "parts"),
    [
        (4, 1),  # run.json and a part with its hash are in place, the second part is not
        (10, 4),  # all parts are in place, the table is not
        (11, 4),  # the table is in place, run.json does not list it yet
    ],
)
def test_a_run_that_was_broken_off_at_any_place_ends_with_the_same_rows(broken_off, data, uninterrupted, place, parts):
    goes_on(broken_off[place], data, uninterrupted, parts)


def flip(file, _other):
    data = file.read_bytes()
    file.write_bytes(data[:60] + bytes([data[60] ^ 1]) + data[61:])


def zero(file, _other):
    data = file.read_bytes()
    file.write_bytes(data[:8] + bytes(200) + data[208:])


def truncate(file, _other):
    file.write_bytes(file.read_bytes()[:-100] + b"PAR1")


def swap(file, other):
    """Replace a table with the complete one of another run, in the same format."""
    shutil.copy(other / RESULTS_FILE, file)


def remove(file, _other):
    file.unlink()


def pipe(file, _other):
    file.unlink()
    os.mkfifo(file)


@pytest.fixture(scope="module")
def finished(data, models, tmp_path_factory):
    """Return the folders of two runs."""
    workers, folder = runner.local_workers(models), tmp_path_factory.mktemp("finished")
    for name, settings in (("run", SETTINGS), ("other", dataclasses.replace(SETTINGS, limit=4))):
        runner.evaluate(data, settings, folder / name, workers=workers)
    return folder


@pytest.mark.parametrize("damage", [flip, zero, truncate, swap, remove, pipe])
def test_results_that_are_not_what_the_run_wrote_are_not_used_but_measured_again(
    data, finished, uninterrupted, tmp_path, caplog, damage
):
    if damage is pipe and not hasattr(os, "mkfifo"):
        pytest.skip("needs pipes")
    folder = shutil.copytree(finished / "run", tmp_path / "run")
    damage(folder / RESULTS_FILE, finished / "other")
    with pytest.raises(SettingsError, match=r"results\.parquet cannot be read .*`effviz evaluate`"):
        run_summary.load_results(folder)
    with pytest.raises(SettingsError, match=r"results\.parquet cannot be read"):
        run_summary.read_accuracies(run_store.read_manifest(folder))
    caplog.clear()
    assert runner.evaluate(data, SETTINGS, folder).finished
    assert caplog.messages == [
        f"{folder / RESULTS_FILE} is damaged or from another run: all photos are measured again."
    ]
    same(table(folder), uninterrupted)
    run_summary.load_results(folder)


BEFORE = Path(__file__).with_name("runs_of_before")  # made by the commit before modules got their current names
OLD = RunSettings(("lite0@64",))


def test_a_run_of_before_is_read_and_left_as_it_is(three_photos, tmp_path, monkeypatch):
    monkeypatch.setenv("EFFVIZ_ENGINE", "openvino")
    folder = shutil.copytree(BEFORE / "finished", tmp_path / "run")
    found = {of.metric: of for of in run_summary.metric_means(run_summary.load_results(folder)) if of.method == "cam"}
    rows = table(folder)
    by_hand = [row["value"] for row in rows if (row["method"], row["metric"]) == ("cam", "energy")]
    assert found[Metric.ENERGY].every.mean == pytest.approx(sum(by_hand) / 3)
    done = runner.evaluate(
        open_dataset(three_photos), OLD, folder, workers=Workers(lambda *_: pytest.fail("it is finished"))
    )
    assert done.finished
    assert table(folder) == rows


def test_a_run_of_before_goes_on(three_photos, tmp_path, monkeypatch, models):
    monkeypatch.setenv("EFFVIZ_ENGINE", "openvino")
    folder = shutil.copytree(BEFORE / "unfinished", tmp_path / "run")
    (part,) = run_store.chunk_files(folder, run_store.read_manifest(folder).key).values()
    begun, told = pq.read_table(part).to_pylist(), []
    workers = runner.local_workers(models[:1])
    runner.evaluate(open_dataset(three_photos), OLD, folder, lambda done, of: told.append((done, of)), workers)
    assert told == [(2, 3), (3, 3)]
    kept = [row for row in table(folder) if row["photo"] in ("cat.jpg", "dog.jpg")]
    assert [row["curve"] for row in kept] == [row["curve"] for row in begun]
    assert {key(row) for row in table(folder)} == {key(row) for row in table(BEFORE / "finished")}


def test_a_part_that_is_gone_is_no_result(data, tmp_path, models):
    def loses(parts, wanted):
        for number, found in enumerate(runner.local_workers(models).measure(parts, wanted)):
            yield found
            if number == 1:
                run_store.remove_chunks(wanted.folder)

    with pytest.raises(SettingsError, match="2 of the measured chunks are missing") as caught:
        runner.evaluate(data, SETTINGS, tmp_path, workers=Workers(loses))
    assert "\n" not in str(caught.value)
    assert not run_store.read_manifest(tmp_path).finished
    assert not (tmp_path / RESULTS_FILE).exists()


def test_a_run_that_is_stopped_goes_on(data, tmp_path, uninterrupted):
    begun = begin(data, SETTINGS, tmp_path, 4)
    assert not begun.finished
    assert list(run_store.chunk_files(tmp_path)) == [0, 2]
    assert begun.seconds > 0
    done = runner.evaluate(data, SETTINGS, tmp_path)
    assert done.finished
    assert done.seconds > begun.seconds
    same(table(tmp_path), uninterrupted)


def test_a_finished_run_is_left_as_it_is(data, tmp_path):
    few = dataclasses.replace(SETTINGS, models=("lite0@64",), limit=2)
    first = runner.evaluate(data, few, tmp_path)
    stamp = (tmp_path / RESULTS_FILE).stat().st_mtime_ns

    def never(*_):
        raise AssertionError("nothing is left to measure")

    assert runner.evaluate(data, few, tmp_path, workers=Workers(never)) == first
    assert (tmp_path / RESULTS_FILE).stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methods": (Method.EIGENCAM,)}, r"methods \['cam'\], but you asked for methods \['eigencam'\]"),
        ({"seed": 3}, "seed 0, but you asked for seed 3"),
        ({"models": ("lite0@96",)}, "models"),
        ({"limit": 3}, "limit 2, but you asked for limit 3"),
    ],
)
def test_another_run_in_the_same_folder_is_refused_in_one_sentence(data, tmp_path, changes, words):
    few = dataclasses.replace(SETTINGS, models=("lite0@64",), limit=2)
    begin(data, few, tmp_path)
    with pytest.raises(SettingsError, match=words) as caught:
        runner.evaluate(data, dataclasses.replace(few, **changes), tmp_path)
    assert "--out" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_photos_or_weights_are_another_run(data, tmp_path):
    few = dataclasses.replace(SETTINGS, models=("lite0@64",), limit=2)
    runner.evaluate(data, few, tmp_path)
    with pytest.raises(SettingsError, match="fingerprint"):
        runner.evaluate(dataclasses.replace(data, fingerprint="0"), few, tmp_path)
    content = json.loads((tmp_path / "run.json").read_text())
    content["models"][0]["weights_sha256"] = "0" * 64
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(SettingsError, match="weights of lite0@64"):
        runner.evaluate(data, few, tmp_path)


def test_a_folder_that_cannot_be_made_is_said(data, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="--out"):
        runner.evaluate(data, dataclasses.replace(SETTINGS, models=("lite0@64",), limit=1), tmp_path / "file" / "run")


def broken(parts, _wanted):
    """Fail with an error of another disk than that of the run's folder."""
    raise OSError(5, "Input/output error", "photos/cat.jpg")
    yield parts


def test_only_what_writes_into_the_folder_is_blamed_on_it(data, tmp_path, monkeypatch):
    few = dataclasses.replace(SETTINGS, models=("lite0@64",), limit=2)
    with pytest.raises(OSError, match=r"photos/cat\.jpg"):
        runner.evaluate(data, few, tmp_path, workers=Workers(broken))

    def full(*_):
        raise OSError("no space left")  # without an error number, and so without the system's text

    monkeypatch.setattr(run_store, "write_chunk", full)
    with pytest.raises(SettingsError, match=r"Cannot write to .* \(no space left\)"):
        runner.evaluate(data, few, tmp_path)


@pytest.fixture
def stopped(data, tmp_path):
    """Return the settings of a stopped run, and a function that changes its run.json."""
    few = dataclasses.replace(SETTINGS, models=("lite0@64",), limit=5)
    assert not begin(data, few, tmp_path).finished

    def write(change):
        content = json.loads((tmp_path / "run.json").read_text())
        change(content)
        (tmp_path / "run.json").write_text(json.dumps(content))

    return few, write


def test_a_run_goes_on_with_its_engine_alone(data, tmp_path, stopped):
    few, write = stopped
    write(lambda content: content["models"][0].update(engine="abacus"))
    with pytest.raises(SettingsError, match=r"on the engine abacus.*EFFVIZ_ENGINE=abacus") as caught:
        runner.evaluate(data, few, tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / RESULTS_FILE).touch()
    write(lambda content: content.update(finished=True))
    assert runner.evaluate(data, few, tmp_path).networks[0].engine == "abacus"  # nothing is left to measure


def test_each_sitting_says_its_versions(data, tmp_path, stopped, caplog):
    few, write = stopped
    write(lambda content: content["versions"].update(torch="0.1"))
    assert begin(data, few, tmp_path).versions["torch"] == "0.1"
    assert "torch 0.1, now" in caplog.text
    caplog.clear()
    done = runner.evaluate(data, few, tmp_path)
    assert caplog.text == ""  # the same versions as the call before
    assert [versions["torch"] == metadata.version("torch") for versions in done.sittings] == [True, True]
    assert json.loads((tmp_path / "run.json").read_text())["sittings"] == [dict(of) for of in done.sittings]


def test_what_an_earlier_version_began_does_not_go_on_with_other_controls(data, tmp_path, stopped):
    """Finished runs of that version can still be read."""
    few, write = stopped
    write(lambda content: content.update(format=1))
    with pytest.raises(SettingsError, match="unfinished run of an earlier version") as caught:
        runner.evaluate(data, few, tmp_path)
    assert "\n" not in str(caught.value)
    (tmp_path / RESULTS_FILE).touch()
    write(lambda content: content.update(finished=True))
    assert runner.evaluate(data, few, tmp_path).format == 1
    write(lambda content: content.update(format=3))
    with pytest.raises(SettingsError, match="not a run folder"):
        run_store.read_manifest(tmp_path)


def test_runs_of_before_say_nothing_of_sittings(data, tmp_path, stopped):
    few, write = stopped
    write(lambda content: content.pop("sittings"))
    assert run_store.read_manifest(tmp_path).sittings == ()
    assert runner.evaluate(data, few, tmp_path).finished


def test_the_manifest_says_what_made_the_rows(data, tmp_path, loaded):
    few = dataclasses.replace(SETTINGS, models=("lite0@64",), limit=3)
    model = loaded("lite0@64")
    runner.evaluate(data, few, tmp_path)
    content = json.loads((tmp_path / "run.json").read_text())
    assert content["settings"]["seed"] == content["seed"] == 0
    assert content["models"][0]["weights_sha256"] == model.weights_sha256
    assert content["dataset"]["photos"] == 3
    assert {"effviz", "python", "torch", "numpy"} <= content["versions"].keys()
    assert {(of["method"], of["metric"]) for of in content["thresholds"]} == {
        (method, "maxbox") for method in ("cam", *Control)
    }
    known = run_summary.load_results(tmp_path)
    for of in known.run.thresholds:
        assert known.values(of.method, Metric.MAXBOX)[of.model].mean() == pytest.approx(of.accuracy)


def test_a_choice_of_photos_is_the_same_in_every_run(data, tmp_path):
    few = dataclasses.replace(SETTINGS, models=("lite0@64",), limit=3, seed=7)
    for name in ("a", "b"):
        runner.evaluate(data, few, tmp_path / name)
    same(table(tmp_path / "a"), table(tmp_path / "b"))
    assert len({row["photo"] for row in table(tmp_path / "a")}) == 3


def test_no_more_photos_are_open_than_two_parts_have(data, tmp_path, loaded):
    """Memory does not grow with the number of photos, because chunks are taken only as they are measured."""
    taken = []

    def parts():
        for start in range(0, 8, 2):
            taken.append(start)
            yield Chunk(start, tuple(data.samples[start : start + 2]))

    few = dataclasses.replace(SETTINGS, models=("lite0@64",))
    begun = begin(data, few, tmp_path)
    found = runner.local_workers([loaded("lite0@64")]).measure(parts(), begun)
    assert [part.start for part, _ in [next(found)]] == [0]
    assert len(taken) == runner.CHUNKS_AHEAD
    assert next(found)[0].start == 2
    assert len(taken) == runner.CHUNKS_AHEAD + 1
    found.close()
    assert len(taken) == runner.CHUNKS_AHEAD + 1


def test_parts_may_come_back_in_any_order(data, tmp_path, uninterrupted, models):

    def backwards(parts, wanted):
        yield from reversed(list(runner.local_workers(models).measure(parts, wanted)))

    runner.evaluate(data, SETTINGS, tmp_path, workers=Workers(backwards))
    same(table(tmp_path), uninterrupted)


def test_models_that_are_loaded_are_not_loaded_again(data, tmp_path, monkeypatch, loaded):
    few = dataclasses.replace(SETTINGS, models=("lite0@64",), limit=1)
    workers = runner.local_workers([loaded("lite0@64")])
    for name in ("load", "load_all"):
        monkeypatch.setattr(runner, name, lambda _of: pytest.fail("loaded again"))
    done = runner.evaluate(data, few, tmp_path, workers=workers)
    assert done.finished
    assert done.networks[0].weights_sha256 == workers.models[0].weights_sha256
