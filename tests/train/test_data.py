"""Decoding a folder of images: what is kept, skipped, refused, and reused."""

import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from effviz.errors import DatasetError, SettingsError
from effviz.evaluate.datasets import open_dataset
from effviz.train import data


def test_pictures_lie_in_the_order_of_their_folders(folder: Path) -> None:
    known = data.data_set(folder, 16)
    assert known.classes == ("blue", "red")
    assert known.train.pixels.shape == (24, 16, 16, 3)
    assert list(known.train.labels) == [0] * 12 + [1] * 12
    assert list(known.val.labels) == [0] * 5 + [1] * 5
    means = known.val.pixels.reshape(10, -1, 3).mean(1)  # by hand: red dominates the first channel, blue the third
    assert list(means.argmax(1)) == [2] * 5 + [0] * 5


def test_a_picture_is_cut_to_its_middle_square(tmp_path: Path) -> None:
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = 255  # the middle third of a strip is white
    Image.fromarray(pixels).save(tmp_path / "strip.png")
    assert data.square(tmp_path / "strip.png", 20).min() == 255


def test_bad_files_are_skipped_and_named(folder: Path) -> None:
    (folder / "train" / "red" / "broken.jpg").write_bytes(b"no picture")
    (folder / "train" / "red" / "notes.txt").write_text("left alone")
    known = data.data_set(folder, 16)
    assert len(known.train) == 24
    assert len(known.train.skipped) == 1
    assert "red/broken.jpg is not an image" in known.train.skipped[0]
    assert list(known.train.labels) == [0] * 12 + [1] * 12


def test_what_was_decoded_is_found_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = data.data_set(folder, 16)
    monkeypatch.setattr(data, "square", None)  # decoding again would fail
    again = data.data_set(folder, 16)
    assert np.array_equal(first.train.pixels, again.train.pixels)
    assert first.fingerprint == again.fingerprint


def test_another_size_or_another_file_is_another_data_set(folder: Path) -> None:
    first = data.data_set(folder, 16).fingerprint
    assert data.data_set(folder, 24).fingerprint != first
    (folder / "val" / "red" / "00.jpg").unlink()
    assert data.data_set(folder, 16).fingerprint != first


def test_a_moved_or_copied_folder_is_the_same_data_set(folder: Path, tmp_path: Path) -> None:
    first = data.data_set(folder, 16).fingerprint
    copied = shutil.copytree(folder, tmp_path / "elsewhere", copy_function=shutil.copyfile)  # with new timestamps
    assert data.data_set(copied, 16).fingerprint == first


def test_a_cut_off_decoding_leaves_nothing_that_could_be_taken_for_whole(
    folder: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, side_px: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(data, "square", fail)
        with pytest.raises(KeyboardInterrupt):
            data.data_set(folder, 16)
    assert not list(own_cache.glob("[!.]*"))
    assert len(data.data_set(folder, 16).train) == 24


def test_only_the_last_decoded_folders_are_kept(folder: Path, own_cache: Path) -> None:
    for side_px in range(16, 16 + data.DATA_SETS_KEPT):
        data.data_set(folder, side_px)
    data.data_set(folder, 64)
    assert len(list(own_cache.iterdir())) == data.DATA_SETS_KEPT + 2  # two are added after the old ones go


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: folder.joinpath("val").rename(folder / "test"), "val contains 0 class folders"),
        (
            lambda folder: [path.unlink() for path in (folder / "train/red").iterdir()],
            "red contains no readable picture",
        ),
        (lambda folder: folder.joinpath("val/green").mkdir(), "has the class 'green', which train/ does not have"),
        (
            lambda folder: [path.write_bytes(b"no picture") for path in (folder / "val/blue").iterdir()],
            "blue contains no readable picture",
        ),
    ],
)
def test_what_is_no_data_set_is_one_sentence(folder: Path, spoil, sentence: str) -> None:
    spoil(folder)
    with pytest.raises(DatasetError, match=sentence):
        data.data_set(folder, 16)


def test_no_room_on_the_disk_is_said_before_anything_is_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data.shutil, "disk_usage", lambda place: SimpleNamespace(free=1000))
    with pytest.raises(DatasetError, match="Free up space"):
        data.data_set(folder, 16)


@pytest.mark.parametrize("file", [data.PIXELS_FILE, data.INDEX_FILE])
@pytest.mark.parametrize("damage", ["flip", "zero", "truncate", "swap", "remove"])
def test_decoded_pictures_that_were_changed_are_decoded_again(
    folder: Path, own_cache: Path, caplog: pytest.LogCaptureFixture, file: str, damage: str
) -> None:
    whole = np.array(data.data_set(folder, 16).train.pixels)
    places = sorted(own_cache.iterdir(), key=lambda place: (place / data.PIXELS_FILE).stat().st_size)
    small, large = (place / file for place in places)  # of val and of train
    known = large.read_bytes()
    match damage:
        case "flip":
            large.write_bytes(known[:-20] + bytes([known[-20] ^ 1]) + known[-19:])
        case "zero":
            large.write_bytes(known[:-40] + bytes(40))
        case "truncate":
            large.write_bytes(known[:-10])
        case "swap":
            shutil.copy(small, large)
        case "remove":
            large.unlink()
    found = data.data_set(folder, 16).train
    assert np.array_equal(found.pixels, whole)
    assert list(found.labels) == [0] * 12 + [1] * 12
    assert caplog.messages == [f"The decoded pictures in {large.parent} are damaged and are decoded again."]


def test_pictures_of_another_part_in_a_parts_place_are_not_used(
    folder: Path, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = data.data_set(folder, 16)
    small, large = sorted(own_cache.iterdir(), key=lambda place: (place / data.PIXELS_FILE).stat().st_size)
    shutil.rmtree(large)
    shutil.copytree(small, large)
    assert len(data.data_set(folder, 16).train) == len(first.train) == 24
    assert len(caplog.messages) == 1


def test_a_cache_that_cannot_be_written_is_one_sentence(folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"Cannot write to .*file/effviz/pictures .*XDG_CACHE_HOME"):
        data.data_set(folder, 16)


def test_folders_are_read_as_effviz_evaluate_reads_them(folder: Path, tmp_path: Path) -> None:
    """Hidden folders are not classes, links are followed, and subfolders belong to their class."""
    for part in ("train", "val"):
        (folder / part / ".ipynb_checkpoints").mkdir()
        (folder / part / "red").rename(tmp_path / f"elsewhere-{part}")
        (folder / part / "red").symlink_to(tmp_path / f"elsewhere-{part}", target_is_directory=True)
    (folder / "train" / "blue" / "deeper").mkdir()
    shutil.copy(folder / "train" / "blue" / "00.jpg", folder / "train" / "blue" / "deeper")
    (folder / "train" / "blue" / "lost.jpg").symlink_to(folder / "nothing.jpg")
    known = data.data_set(folder, 16)
    assert known.classes == ("blue", "red")
    assert list(known.train.labels) == [0] * 13 + [1] * 12
    judged = open_dataset(folder)
    assert [sample.class_names for sample in judged.samples] == [("blue",)] * 5 + [("red",)] * 5


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_in_another_code_are_read_and_can_be_written(folder: Path) -> None:
    for part in ("train", "val"):
        (folder / part / "red").rename(os.fsdecode(os.fsencode(folder / part) + b"/caf\xe9"))
    known = data.data_set(folder, 16)
    assert known.classes == ("blue", r"caf\udce9")
    assert known.classes[1] == open_dataset(folder).samples[-1].class_names[0]
