import dataclasses
import json

import pytest

from effviz.errors import SettingsError
from effviz.explain import placement
from effviz.explain.placement import Calibration, Placement, calibrations, place, store_calibration
from effviz.zoo import state_dicts

FIRST = Calibration("lite0@224", 224, 1.5, -2.0, 0.93, 0.2, 0.3, 49, "by hand", "a" * 64)
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


def test_the_shipped_weights_are_those_that_were_measured():
    for label, entry in calibrations().items():
        assert entry.weights_sha256 == state_dicts.PACKAGE_FILES[label.partition("@")[0]][1]


def test_a_calibration_with_other_weights_of_the_same_name_is_not_used(make_map, monkeypatch):
    """Two networks of one shape may have had one name: what was measured with the first says nothing of the second."""
    monkeypatch.setattr(placement, "calibrations", lambda: {FIRST.model: FIRST})
    same, other = (make_map([[1.0, 0.0]], model=FIRST.model, weights_sha256=letter * 64) for letter in "ab")
    assert placement.calibration_of(same) == FIRST
    assert placement.calibration_of(other) is None
    place(same, 224, 224, Placement.CALIBRATED)
    with pytest.raises(SettingsError, match=r"measured with other weights .* effviz calibrate lite0@224"):
        place(other, 224, 224, Placement.CALIBRATED)


def test_an_entry_of_before_that_does_not_name_its_weights_is_not_used(tmp_path):
    path = tmp_path / "calibration.json"
    before = {name: value for name, value in dataclasses.asdict(FIRST).items() if name != "weights_sha256"}
    path.write_text(json.dumps({FIRST.model: (placement._seal(before), before)}))
    assert calibrations(path) == {}


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
