import dataclasses
import json

import pytest

from effviz.errors import SettingsError
from effviz.explain import calibration
from effviz.explain.calibration import Calibration, calibrations, store

FIRST = Calibration("lite0@224", 224, 1.5, -2.0, 0.93, 0.2, 0.3, 49, "by hand")
SECOND = dataclasses.replace(FIRST, model="lite2@260", resolution_px=260, slope=0.83)


def test_what_is_stored_is_read_back(tmp_path):
    path = tmp_path / "calibration.json"
    store(FIRST, path)
    store(SECOND, path)
    assert calibrations(path) == {"lite0@224": FIRST, "lite2@260": SECOND}
    assert [entry.name for entry in tmp_path.iterdir()] == ["calibration.json"]


def test_measuring_again_replaces_the_old_entry(tmp_path):
    path = tmp_path / "calibration.json"
    store(FIRST, path)
    store(dataclasses.replace(FIRST, slope=0.95), path)
    assert calibrations(path)["lite0@224"].slope == 0.95


def test_without_a_file_nothing_is_calibrated(tmp_path):
    assert calibrations(tmp_path / "none.json") == {}


def test_an_unknown_model_is_refused_with_the_command_that_helps():
    with pytest.raises(SettingsError, match="effviz calibrate b7@600"):
        calibration.find("b7@600")


def test_the_shipped_file_names_its_entries_by_their_model():
    for label, entry in json.loads(calibration.PATH.read_text()).items() if calibration.PATH.exists() else ():
        assert entry["model"] == label
        assert label.endswith(f"@{entry['resolution_px']}")
