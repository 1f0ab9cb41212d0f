import dataclasses
import json

import numpy as np
import pytest
import torch

from effviz.errors import SettingsError
from effviz.explain import placement
from effviz.explain.data_types import Box
from effviz.explain.placement import (
    Calibration,
    Placement,
    RasterOptions,
    calibrations,
    place,
    read_calibrations,
    store_calibration,
)
from effviz.zoo import state_dicts

CELLS = RasterOptions(cells=True)


def noise(height=7, width=7):
    return np.random.default_rng(3).normal(size=(height, width))


def hot(height, width, row, column):
    values = np.zeros((height, width))
    values[row, column] = 1
    return values


def centroid(values):
    weight = np.nan_to_num(values)
    y, x = np.indices(weight.shape) + 0.5
    return (x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()


@pytest.mark.parametrize("shape", [(7, 7), (8, 9), (1, 1), (1, 5)])
def test_smooth_is_torchs_bilinear_when_all_was_seen(make_map, shape):
    values = noise(*shape)
    placed = place(make_map(values, Box(0, 0, 90, 70)), 70, 90)
    expected = torch.nn.functional.interpolate(
        torch.tensor(values)[None, None], size=(70, 90), mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(placed.values, expected[0, 0].numpy(), atol=1e-6)
    assert placed.values.dtype == np.float32


def test_cells_are_blocks_when_all_was_seen(make_map):
    values = noise(3, 4)
    placed = place(make_map(values, Box(0, 0, 40, 30)), 30, 40, view=CELLS)
    np.testing.assert_array_equal(placed.values, np.kron(values, np.ones((10, 10))).astype(np.float32))
    assert placed.cell_edges_x == pytest.approx((0, 10, 20, 30, 40))
    assert placed.cell_edges_y == pytest.approx((0, 10, 20, 30))


def test_nothing_is_shown_outside_what_the_model_saw(make_map):
    seen = Box(10.4, 5.6, 50.4, 25.6)
    placed = place(make_map(noise(), seen), 40, 60)
    inside = np.isfinite(placed.values)
    # a pixel counts when its centre was seen: columns 10 (10.5) to 49 (49.5), rows 6 (6.5) to 25 (25.5)
    assert np.flatnonzero(inside.any(axis=0)).tolist() == list(range(10, 50))
    assert np.flatnonzero(inside.any(axis=1)).tolist() == list(range(6, 26))


def test_a_cells_centre_is_where_the_crop_puts_it(make_map):
    # a photo 500 x 300 of which the model saw x 100..400, y 0..300, in 10 x 10 cells of 30 px
    placed = place(make_map(hot(10, 10, 2, 7), Box(100, 0, 400, 300)), 300, 500)
    assert centroid(placed.values) == pytest.approx((100 + 7.5 * 30, 2.5 * 30), abs=1e-3)
    row, column = np.unravel_index(np.nanargmax(placed.values), placed.values.shape)
    assert abs(column + 0.5 - 325) <= 0.5
    assert abs(row + 0.5 - 75) <= 0.5


def test_a_photo_smaller_than_the_map_still_gets_its_values(make_map):
    placed = place(make_map(np.full((20, 20), 3.0), Box(0, 0, 16, 16)), 16, 16)
    assert (placed.values == 3).all()


def test_a_box_that_reaches_outside_the_photo_is_cut(make_map):
    placed = place(make_map(noise(4, 4), Box(-20, -20, 60, 60)), 40, 40, view=CELLS)
    np.testing.assert_array_equal(placed.values[::20, ::20], noise(4, 4)[1:3, 1:3].astype(np.float32))


def test_a_smaller_raster_keeps_the_proportions(make_map):
    full = place(make_map(hot(10, 10, 2, 7), Box(100, 0, 400, 300)), 300, 500)
    small = place(make_map(hot(10, 10, 2, 7), Box(100, 0, 400, 300)), 300, 500, view=RasterOptions(longest_px=250))
    assert small.values.shape == (150, 250)
    rows, columns = np.isfinite(small.values).nonzero()
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (50, 0, 200, 150)
    assert np.multiply(centroid(small.values), 2) == pytest.approx(centroid(full.values), abs=0.2)


def test_a_raster_is_never_enlarged(make_map):
    assert place(make_map(noise()), 224, 224, view=RasterOptions(longest_px=9999)).values.shape == (224, 224)


@pytest.fixture
def _measured(monkeypatch):
    """Evidence of lite0@224 appears at 0.8 of the true distance, 7 px right and 3.5 px up."""
    by_hand = Calibration("lite0@224", 224, 7.0, -3.5, 0.8, 0.1, 0.5, 100, "by hand", "a" * 64)
    monkeypatch.setattr(placement, "calibrations", lambda: {"lite0@224": by_hand})


@pytest.mark.usefixtures("_measured")
def test_calibrated_cells_lie_where_the_line_says(make_map):
    # cell 5 of 7 appears at 5.5 * 32 = 176: (176 - 112 - 7) / 0.8 + 112 = 183.25
    # row 3 appears at 112: (112 - 112 + 3.5) / 0.8 + 112 = 116.375
    placed = place(make_map(hot(7, 7, 3, 5)), 224, 224, Placement.CALIBRATED)
    assert centroid(placed.values) == pytest.approx((183.25, 116.375), abs=1e-2)
    assert placed.cell_edges_x[5] == pytest.approx((160 - 112 - 7) / 0.8 + 112)
    assert placed.cell_edges_y[0] == pytest.approx((0 - 112 + 3.5) / 0.8 + 112)


@pytest.mark.usefixtures("_measured")
def test_calibrated_offsets_are_in_input_pixels_not_the_photos(make_map):
    placed = place(make_map(hot(7, 7, 3, 5), Box(0, 0, 448, 448)), 448, 448, Placement.CALIBRATED)
    assert centroid(placed.values) == pytest.approx((366.5, 232.75), abs=1e-2)


@pytest.mark.usefixtures("_measured")
def test_a_model_that_was_not_measured_is_refused(make_map):
    with pytest.raises(SettingsError, match=r"b0@224 is not calibrated; calibrated models: lite0@224"):
        place(make_map(noise(), model="b0@224"), 224, 224, Placement.CALIBRATED)


def test_the_values_cannot_be_written(make_map):
    with pytest.raises(ValueError, match="read-only"):
        place(make_map(noise()), 50, 50).values[0] = 1


# Calibration.

FIRST = Calibration("lite0@224", 224, 1.5, -2.0, 0.93, 0.2, 0.3, 49, "by hand", "a" * 64)
SECOND = dataclasses.replace(FIRST, model="lite2@260", resolution_px=260, slope=0.83)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return the calibration file in the user's models folder, which need not exist."""
    monkeypatch.setenv("EFFVIZ_MODELS", str(tmp_path / "my models"))
    return tmp_path / "my models" / "calibration.json"


def test_what_is_stored_is_read_back_and_replaced_beside_ones_own_models(own):
    before = placement.SHIPPED_FILE.read_bytes()
    for entry in (FIRST, SECOND, dataclasses.replace(FIRST, slope=0.95)):
        store_calibration(entry)
    assert read_calibrations(own) == {"lite0@224": dataclasses.replace(FIRST, slope=0.95), "lite2@260": SECOND}
    assert [entry.name for entry in own.parent.iterdir()] == ["calibration.json"]
    assert placement.SHIPPED_FILE.read_bytes() == before
    assert calibrations()["lite0@224"].slope == 0.95
    assert calibrations().keys() > {"lite0@224", "lite2@260"}  # the other shipped calibrations are still there


def test_a_folder_that_cannot_be_written_is_one_sentence_before_anything_is_measured(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EFFVIZ_MODELS", str(tmp_path / "file"))
    with pytest.raises(SettingsError, match="Set EFFVIZ_MODELS to a folder that you can write to"):
        placement.check_calibration_writable()


def test_without_a_file_nothing_is_calibrated(tmp_path):
    assert read_calibrations(tmp_path / "none.json") == {}


def test_an_unknown_model_is_refused_with_the_command_that_helps():
    with pytest.raises(SettingsError, match="effviz calibrate b7@600"):
        placement.find_calibration("b7@600")


def test_the_shipped_file_names_its_entries_by_their_model_and_none_is_damaged():
    shipped = json.loads(placement.SHIPPED_FILE.read_text())
    assert read_calibrations(placement.SHIPPED_FILE).keys() == shipped.keys()
    for label, entry in read_calibrations(placement.SHIPPED_FILE).items():
        assert entry.model == label
        assert label.endswith(f"@{entry.resolution_px}")


def test_the_shipped_weights_are_those_that_were_measured():
    for label, entry in read_calibrations(placement.SHIPPED_FILE).items():
        assert entry.weights_sha256 == state_dicts.PACKAGE_FILES[label.partition("@")[0]][1]


def test_a_calibration_with_other_weights_of_the_same_name_is_not_used(make_map, monkeypatch):
    """Two networks of one shape may have had the same name; a calibration of one does not apply to the other."""
    monkeypatch.setattr(placement, "calibrations", lambda: {FIRST.model: FIRST})
    same, other = (make_map([[1.0, 0.0]], model=FIRST.model, weights_sha256=letter * 64) for letter in "ab")
    assert placement.calibration_of(same) == FIRST
    assert placement.calibration_of(other) is None
    place(same, 224, 224, Placement.CALIBRATED)
    with pytest.raises(SettingsError, match=r"calibrated with different weights .* effviz calibrate lite0@224"):
        place(other, 224, 224, Placement.CALIBRATED)


def test_an_entry_of_before_that_does_not_name_its_weights_is_not_used(tmp_path):
    path = tmp_path / "calibration.json"
    before = {name: value for name, value in dataclasses.asdict(FIRST).items() if name != "weights_sha256"}
    path.write_text(json.dumps({FIRST.model: (placement._seal(before), before)}))
    assert read_calibrations(path) == {}


@pytest.mark.parametrize("damage", ["flip", "swap"])
def test_a_damaged_entry_is_not_used_and_the_others_are(own, caplog, damage):
    third = dataclasses.replace(FIRST, model="b0@224")
    for entry in (FIRST, SECOND, third):
        store_calibration(entry)
    known = json.loads(own.read_text())
    if damage == "flip":
        known["lite0@224"][1]["slope"] = 0.94
    else:
        known["lite0@224"], known["b0@224"] = known["b0@224"], known["lite0@224"]
    own.write_text(json.dumps(known))
    left = {"lite2@260": SECOND} | ({"b0@224": third} if damage == "flip" else {})
    assert read_calibrations(own) == left
    assert "The calibration of lite0@224 is damaged and not used: measure it again." in caplog.messages
    store_calibration(FIRST)
    assert read_calibrations(own)["lite0@224"] == FIRST


@pytest.mark.parametrize("content", [b"", b"\0" * 900, b'{"lite0@224": [', b'{"lite0@224": 3}', b"[]"])
def test_a_file_that_is_none_is_no_calibration_and_one_line(tmp_path, caplog, content):
    path = tmp_path / "calibration.json"
    path.write_bytes(content)
    assert read_calibrations(path) == {}
    assert len(caplog.messages) == 1
