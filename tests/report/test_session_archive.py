"""A session is restored unchanged; files that only look like a session are refused before they are read."""

import dataclasses
import hashlib
import io
import json
import stat
import struct
import time
import zipfile
from collections.abc import Callable
from importlib import metadata

import numpy as np
import pytest

from effviz import optional_packages
from effviz.errors import SettingsError
from effviz.explain import placement
from effviz.explain.data_types import Box
from effviz.explain.overlay import OverlayStyle, Palette, Scale
from effviz.explain.placement import Calibration, Placement, RasterOptions
from effviz.report import session_archive
from effviz.report.html_report import PictureTile
from effviz.report.session_archive import (
    SessionArchive,
    SessionPhoto,
    SessionRow,
    maps_npz,
    read_session,
    session_zip,
    settings_json,
)
from effviz.zoo.catalogue import parse_model
from effviz.zoo.model import Model, Weights

LAWN = SessionPhoto("../lawn <b>Ж.png", b"a lawn")
DOG = SessionPhoto("German shepherd", b"a dog", "dog")
SESSION = SessionArchive("models=lite0%40224&class=Ж", (LAWN, DOG))
SAVED = session_zip(SESSION, "0.1.0", {"report.html": b"<p>", "maps.npz": b"maps"})


def rewritten(change: Callable[[dict[str, bytes]], object] = lambda _files: None) -> bytes:
    """Return the saved session zipped again, with changed files."""
    with zipfile.ZipFile(io.BytesIO(SAVED)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def index(**changes: object) -> bytes:
    """Return the saved session with a different index."""

    def change(files: dict[str, bytes]) -> None:
        files["session.json"] = json.dumps({**json.loads(files["session.json"]), **changes}).encode()

    return rewritten(change)


def renamed(name: str) -> bytes:
    """Return the saved session with an additional file of any name."""
    return rewritten(lambda files: files.update({name: b"x"}))


def refusal(data: bytes) -> str:
    with pytest.raises(SettingsError) as caught:
        read_session(data, "holiday.zip")
    assert str(caught.value).startswith("holiday.zip ") or "session.json" in str(caught.value)
    return str(caught.value)


def test_a_session_comes_back_as_it_was() -> None:
    assert read_session(SAVED, "a.zip") == SESSION
    assert session_zip(SESSION, "0.1.0", {"report.html": b"<p>", "maps.npz": b"maps"}) == SAVED
    assert read_session(rewritten(), "a.zip") == SESSION  # zipped by another program
    with zipfile.ZipFile(io.BytesIO(SAVED)) as archive:
        assert archive.namelist()[-2:] == ["photos/01 _lawn_b_Ж.png", "photos/02 German_shepherd"]


@pytest.mark.parametrize(
    "name",
    [
        *("../evil", "/etc/passwd", "photos/../../x", "photos\\01 x", "C:\\x", "photos/01 a/b", "photos/"),
        *("photos/99 \x01", "__MACOSX/x", "settings.json/x", "photos/1 x", "more.txt"),
    ],
)
def test_a_file_of_any_other_name_is_refused_before_anything_is_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = renamed(name)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    assert "is not a session saved by EffViz" in refusal(data)


def patched(find: bytes, at: int, value: bytes, last: bool = True) -> bytes:
    """Return the saved session with an overwritten number in its directory."""
    place = (SAVED.rindex(find) if last else SAVED.index(find)) + at
    return SAVED[:place] + value + SAVED[place + len(value) :]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (patched(b"PK\5\6", 10, struct.pack("<H", 60_000)), "more than 20 files"),
        (patched(b"PK\5\6", 12, struct.pack("<L", 2**20)), "more than 20 files"),
        (patched(b"PK\1\2", 24, struct.pack("<L", 21 * 2**20)), "more than 20 MB per photo"),
        (patched(b"PK\1\2", 24, struct.pack("<L", 2**21), last=False), "more than 20 MB per photo"),
        (rewritten(lambda files: [files.update({f"photos/{n} x": b""}) for n in range(10, 26)]), "20 files"),
        (SAVED + b"\0", "is not a session"),
        (SAVED[:-22] + b"PK\6\7" + bytes(16) + SAVED[-22:], "is not a session"),
        (patched(b"PK\1\2", 8, struct.pack("<H", 1)), "is not a session"),
        (b"", "is not a session"),
        (b"PK\5\6" + bytes(18), "is not a session"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "is not a session"),
        (SAVED[: len(SAVED) // 2], "is not a session"),
        (patched(b"a lawn", 0, b"A lawn"), "is not a session"),
    ],
)
def test_hostile_and_damaged_zips_are_one_sentence_before_anything_is_read(
    data: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if b"A lawn" not in data:
        monkeypatch.setattr(zipfile.ZipFile, "open", None)
    assert said in refusal(data)


def test_photos_together_and_one_by_one_have_the_limits_of_the_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_archive, "MOST_PHOTO_BYTES", 10)
    assert "MB of photos" in refusal(SAVED)
    monkeypatch.setattr(session_archive, "MOST_BYTES", 100)
    assert "contains more than" in refusal(SAVED)
    monkeypatch.setattr(session_archive, "MOST_PHOTOS", 1)
    monkeypatch.setattr(session_archive, "MOST_BYTES", 2**20)
    assert "more than 1 photos" in refusal(SAVED)


@pytest.mark.parametrize(
    "data",
    [
        index(version=2),
        index(address=3),
        index(photos=[{"file": "photos/07 missing", "name": "x", "sha256": "0" * 64}]),
        index(photos=[{"file": "../../etc/passwd", "name": "x", "sha256": "0" * 64}]),
        index(
            photos=[{"file": "photos/02 German_shepherd", "name": "x", "sha256": hashlib.sha256(DOG.data).hexdigest()}]
            * 2
        ),
        index(more=1),
        rewritten(lambda files: files.update({"session.json": b"[" * 100_000})),
        rewritten(lambda files: files.update({"session.json": b"\xff"})),
        rewritten(lambda files: files.pop("session.json")),
        rewritten(lambda files: files.update({"photos/01 _lawn_b_Ж.png": b"another lawn"})),
    ],
)
def test_an_index_that_makes_no_sense_is_one_sentence(data: bytes) -> None:
    refusal(data)


def test_a_link_to_a_file_is_read_as_the_text_that_it_is() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("photos/01 x")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
        photo = {"file": "photos/01 x", "name": "x", "sha256": "0" * 64}
        archive.writestr("session.json", json.dumps({"version": 1, "effviz": "1", "address": "", "photos": [photo]}))
    assert "is not a session" in refusal(buffer.getvalue())


def test_the_page_needs_nothing_else_and_escapes_what_it_shows() -> None:
    tile = PictureTile(b"jpeg", "<alt>", "<b>lite0</b>")
    page = session_archive.session_page([SessionRow("<script>x</script>", [tile], "by <i>")], [("Method", "<CAM>")])
    assert "<script" not in page
    assert "&lt;script&gt;x" in page
    assert "https://" not in page
    assert 'src="data:image/jpeg;base64,' in page
    assert len(page) < 20_000


# Comparison export.


def test_the_maps_come_back_bit_by_bit_under_names_that_say_what_they_are(make_map):
    named = [
        ("my dog/1.jpg", "lite0@224", "Dog"),
        ("my dog/1.jpg", "lite0@224", "Cat, tabby"),
        ("Ж", "lite0@224", "Dog"),
    ]
    named += [("my dog/1.jpg", "lite0@224", "Cat, tabby"), ("my dog/1.jpg", "lite2@260", "Dog")]
    maps = [
        dataclasses.replace(
            make_map(np.random.default_rng(n).normal(size=(7 + n, 7))), photo=photo, model=model, target_name=of
        )
        for n, (photo, model, of) in enumerate(named)
    ]
    keys = [
        "my_dog_1.jpg__lite0@224",
        "my_dog_1.jpg__lite0@224__Cat_tabby",
        "Ж__lite0@224",
        "my_dog_1.jpg__lite0@224__Cat_tabby__2",
        "my_dog_1.jpg__lite2@260",
    ]
    with np.load(io.BytesIO(maps_npz(maps)), allow_pickle=False) as file:
        assert file.files == ["facts", *keys]
        assert [fact["key"] for fact in json.loads(str(file["facts"]))] == keys
        for key, entry in zip(keys, maps, strict=True):
            np.testing.assert_array_equal(file[key], entry.values)
            assert file[key].dtype == np.float32


def test_each_map_says_what_made_it(make_map):
    made = make_map([[1.0, -2.0]], Box(1, 2, 3, 4), bias=0.25, photo="Ж.jpg")
    with np.load(io.BytesIO(maps_npz([made])), allow_pickle=False) as file:
        (facts,) = json.loads(str(file["facts"]))
    assert facts == {
        "key": "Ж.jpg__lite0@224",
        "photo": "Ж.jpg",
        "photo_sha256": "0" * 64,
        "photo_size": [224, 224],
        "model": "lite0@224",
        "weights_sha256": "a" * 64,
        "trained": True,
        "method": "cam",
        "layer": "last",
        "target_index": 235,
        "target_name": "German Shepherd Dog",
        "logit": 7.5,
        "probability": 0.9,
        "bias": 0.25,
        "seen": [1, 2, 3, 4],
        "map_height": 1,
        "map_width": 2,
        "map_min": -2,
        "map_max": 1,
    }


def test_the_same_maps_give_the_same_bytes_at_any_time(make_map, monkeypatch):
    first = maps_npz([make_map(np.eye(7))])
    monkeypatch.setattr(time, "time", lambda: 4e9)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(3e9))
    assert maps_npz([make_map(np.eye(7))]) == first


# Comparison export settings.

HASH = "ab" * 32


@pytest.fixture
def comparison(make_map):
    shared = Weights(parse_model("lite0").spec, {}, HASH)
    models = (Model(parse_model("lite0"), shared), Model(parse_model("lite0@260"), shared))
    style = OverlayStyle(Palette.INFERNO, 0.4, Placement.PLAIN, RasterOptions(cells=True, longest_px=300), 0.7, 0.2)
    return models, (make_map([[1.0, 2.0]]),), "top1", Scale.SHARE, style


def test_everything_needed_to_repeat_it_is_there(comparison):
    facts = json.loads(settings_json(*comparison))
    assert facts["shown"] == {
        "scale": "share",
        "palette": "inferno",
        "opacity": 0.4,
        "contour": 0.7,
        "threshold": 0.2,
        "cells": True,
        "longest_px": 300,
        "placement": "plain",
        "calibrations": {},
    }
    assert facts["target"] == "top1"
    assert [model["label"] for model in facts["models"]] == ["lite0@224", "lite0@260"]
    assert {model["weights_sha256"] for model in facts["models"]} == {HASH}
    assert facts["models"][0]["crop_pct"] == 0.875
    assert facts["maps"][0]["photo_sha256"] == "0" * 64
    assert facts["maps"][0]["method"] == "cam"
    assert facts["versions"]["torch"] == metadata.version("torch")
    assert facts["versions"]["grad-cam"] == metadata.version("grad-cam")


def test_where_torch_is_not_installed_the_settings_name_the_others(comparison, monkeypatch):
    def without_torch(name):
        if name in ("grad-cam", "timm", "torch", "torchvision"):
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", without_torch)
    monkeypatch.setattr(optional_packages, "versions", optional_packages.versions.__wrapped__)
    assert json.loads(settings_json(*comparison))["versions"].keys() == {"effviz", "python", "numpy", "pillow"}


def test_the_same_comparison_gives_the_same_bytes(comparison):
    assert settings_json(*comparison) == settings_json(*comparison)


def test_the_corrections_of_a_calibrated_placement_are_written_down(comparison, monkeypatch):
    by_hand = {
        label: Calibration(label, px, 1.5, -2.0, 0.9, 0.1, 0.3, 49, "by hand", HASH)
        for label, px in (("lite0@224", 224), ("lite0@260", 260))
    }
    monkeypatch.setattr(placement, "calibrations", lambda: by_hand)
    style = OverlayStyle(placement=Placement.CALIBRATED)
    facts = json.loads(settings_json(*comparison[:-1], style))
    assert facts["shown"]["calibrations"]["lite0@260"] == {
        "offset_x": 1.5,
        "offset_y": -2.0,
        "slope": 0.9,
        "made": "by hand",
    }


def test_a_model_without_calibration_is_left_out_of_the_corrections(comparison, monkeypatch):
    only = Calibration("lite0@224", 224, 1.5, -2.0, 0.9, 0.1, 0.3, 49, "by hand", HASH)
    monkeypatch.setattr(placement, "calibrations", lambda: {"lite0@224": only})
    style = OverlayStyle(placement=Placement.CALIBRATED)
    facts = json.loads(settings_json(*comparison[:-1], style))
    assert list(facts["shown"]["calibrations"]) == ["lite0@224"]
