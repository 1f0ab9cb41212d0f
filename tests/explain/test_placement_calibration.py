import dataclasses
import json

import pytest

from effviz.errors import SettingsError
from effviz.explain import placement
from effviz.explain.placement import Calibration, calibrations, store_calibration

FIRST = Calibration("lite0@224", 224, 1.5, -2.0, 0.93, 0.2, 0.3, 49, "by hand")
SECOND = dataclasses.replace(FIRST, model="lite2@260", resolution_px=260, slope=0.83)


def test_what_is_stored_is_read_back(tmp_path):
    path = tmp_path / "calibration.json"
    store_calibration(FIRST, path)
    store_calibration(SECOND, path)
    assert calibrations(path) == {"lite0@224": FIRST, "lite2@260": SECOND}
    assert [entry.name for entry in tmp_path.iterdir()] == ["calibration.json"]


def test_measuring_again_replaces_the_old_entry(tmp_path):
    path = tmp_path / "calibration.json"
    store_calibration(FIRST, path)
    store_calibration(dataclasses.replace(FIRST, slope=0.95), path)
    assert calibrations(path)["lite0@224"].slope == 0.95


def test_without_a_file_nothing_is_calibrated(tmp_path):
    assert calibrations(tmp_path / "none.json") == {}


def test_an_unknown_model_is_refused_with_the_command_that_helps():
    with pytest.raises(SettingsError, match="effviz calibrate b7@600"):
        placement.find_calibration("b7@600")


def test_the_shipped_file_names_its_entries_by_their_model_and_none_is_damaged():
    shipped = json.loads(placement.CALIBRATION_FILE.read_text())
    assert calibrations().keys() == shipped.keys()
    for label, entry in calibrations().items():
        assert entry.model == label
        assert label.endswith(f"@{entry.resolution_px}")


@pytest.mark.parametrize("damage", ["flip", "swap"])
def test_a_damaged_entry_is_not_used_and_the_others_are(tmp_path, caplog, damage):
    path = tmp_path / "calibration.json"
    third = dataclasses.replace(FIRST, model="b0@224")
    for entry in (FIRST, SECOND, third):
        store_calibration(entry, path)
    known = json.loads(path.read_text())
    if damage == "flip":
        known["lite0@224"][1]["slope"] = 0.94
    else:
        known["lite0@224"], known["b0@224"] = known["b0@224"], known["lite0@224"]
    path.write_text(json.dumps(known))
    left = {"lite2@260": SECOND} | ({"b0@224": third} if damage == "flip" else {})
    assert calibrations(path) == left
    assert "The calibration of lite0@224 is damaged and not used: measure it again." in caplog.messages
    store_calibration(FIRST, path)
    assert calibrations(path)["lite0@224"] == FIRST


@pytest.mark.parametrize("content", [b"", b"\0" * 900, b'{"lite0@224": [', b'{"lite0@224": 3}', b"[]"])
def test_a_file_that_is_none_is_no_calibration_and_one_line(tmp_path, caplog, content):
    path = tmp_path / "calibration.json"
    path.write_bytes(content)
    assert calibrations(path) == {}
    assert len(caplog.messages) == 1
