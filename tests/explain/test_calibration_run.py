"""The arithmetic on hand-made numbers, and the real models on objects pasted into real photos."""

import dataclasses
import functools
import math
from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy import ndimage

from effviz.errors import SettingsError
from effviz.explain import calibration_run as calibrating
from effviz.explain import sample_photos
from effviz.explain.activation_maps import activation_map
from effviz.explain.calibration_run import (
    Cutout,
    Sighting,
    calibrate,
    cutouts,
    evidence_centre,
    fit,
    paste,
    right_class,
)
from effviz.explain.data_types import Photo
from effviz.explain.forward_pass import forward
from effviz.explain.images import read
from effviz.explain.placement import SHIPPED_FILE, Placement, place, read_calibrations
from effviz.zoo.catalogue import parse_model
from effviz.zoo.loading import load

LITE0 = parse_model("lite0@224")  # 7 cells of 32 px
SHIPPED = read_calibrations(SHIPPED_FILE)


def line(slope, offset_x, offset_y, to_border=100.0):
    """Return sightings that are exactly on a line."""
    places = [(x, y) for x in range(-70, 71, 20) for y in range(-60, 61, 20)]
    return [Sighting(x, y, slope * x + offset_x, slope * y + offset_y, to_border) for x, y in places]


def test_a_line_is_found_again():
    found = fit(LITE0, line(0.83, 4.0, -2.5), "a" * 64)
    assert (found.slope, found.offset_x, found.offset_y) == pytest.approx((0.83, 4.0, -2.5))
    assert (found.model, found.resolution_px, found.plantings) == ("lite0@224", 224, 56)
    assert found.error_cells == pytest.approx(0, abs=1e-3)


def test_the_plain_error_is_the_distance_in_cells():
    # everything 16 px right and 12 px down: 20 px, with 32 px per cell
    found = fit(LITE0, line(1.0, 16.0, 12.0), "a" * 64)
    assert found.plain_error_cells == pytest.approx(20 / 32)
    assert found.error_cells == pytest.approx(0, abs=1e-3)


def test_noise_is_what_remains():
    rng = np.random.default_rng(0)
    noisy = [
        one._replace(found_x=one.found_x + rng.normal(0, 8), found_y=one.found_y + rng.normal(0, 8))
        for one in line(0.9, 1.0, 2.0) * 20
    ]
    found = fit(LITE0, noisy, "a" * 64)
    assert (found.slope, found.offset_x, found.offset_y) == pytest.approx((0.9, 1.0, 2.0), abs=0.6)
    # two directions of 8 px each, stretched by 1 / slope, with 32 px per cell
    assert found.error_cells == pytest.approx(8 * math.sqrt(2) / 0.9 / 32, rel=0.05)


def test_sightings_at_the_border_count_for_the_error_only():
    clear, squeezed = line(0.9, 0.0, 0.0), line(0.2, 0.0, 0.0, to_border=15.9)
    found = fit(LITE0, clear + squeezed, "a" * 64)
    assert found.slope == pytest.approx(0.9)
    assert found.plantings == len(clear) + len(squeezed)
    assert found.error_cells > 0.5


def test_too_few_sightings_are_refused():
    with pytest.raises(SettingsError, match="recognised planted objects only 29 times; calibration needs 30"):
        fit(LITE0, line(0.9, 0.0, 0.0)[:29], "a" * 64)


def test_the_evidence_centre_is_the_centre_of_mass_of_the_positive_part():
    values = np.random.default_rng(1).normal(size=(7, 9)).astype(np.float32)
    row, column = ndimage.center_of_mass(np.maximum(values, 0))
    assert evidence_centre(values) == pytest.approx(((column + 0.5) / 9, (row + 0.5) / 7))


def test_an_untrained_model_is_refused():
    with pytest.raises(SettingsError, match="cannot be calibrated"):
        calibrate(parse_model("scaled-d1.4-w1.2@224"))


def test_a_model_of_other_classes_is_refused():
    ten = dataclasses.replace(LITE0, spec=dataclasses.replace(LITE0.spec, classes=("tench", "radio")))
    with pytest.raises(SettingsError, match="1000 classes"):
        calibrate(ten)


def test_a_quick_calibration_of_a_real_model_agrees_with_the_shipped_one(monkeypatch):
    """Use fewer objects and places than `effviz calibrate`; progress is reported for each."""
    few = [one for one in cutouts() if one.sample in {"red_panda", "baseball"}]
    monkeypatch.setattr(calibrating, "cutouts", lambda: few)
    monkeypatch.setattr(calibrating, "PLACES", 5)
    told = []
    found = calibrate(LITE0, lambda done, total: told.append((done, total)))
    assert told == [(done, 100) for done in range(1, 101)]
    shipped = SHIPPED["lite0@224"]
    assert found.weights_sha256 == shipped.weights_sha256
    assert found.slope == pytest.approx(shipped.slope, abs=0.1)
    assert (found.offset_x, found.offset_y) == pytest.approx((shipped.offset_x, shipped.offset_y), abs=5)


@pytest.mark.parametrize("label", SHIPPED)
def test_the_shipped_calibrations_mend_more_than_they_harm(label):
    shipped = SHIPPED[label]
    assert shipped.error_cells < shipped.plain_error_cells
    assert shipped.error_cells < 0.5
    assert shipped.plantings > 300
    assert 0.7 < shipped.slope <= 1


# All objects whose class is in none of the backgrounds and that are recognised in more than a few places.
OBJECTS = ("baseball", "koala", "lemur", "panda", "red_panda")
BACKGROUNDS = ("china_temple", "coffee", "rocket", "taj_mahal")
# the object's centre in the input
CORNERS = [(x, y) for y in (0.25, 0.75) for x in (0.25, 0.75)]


@pytest.fixture(scope="module", params=["lite0", "lite2"])  # 32 px per cell, and 260 px on nine cells
def model(request):
    return load(parse_model(request.param))


def objects():
    return [one for one in cutouts() if one.sample in OBJECTS]


@functools.cache
def backdrop(name, side):
    with Image.open(sample_photos.find(name).path) as image:
        return np.asarray(ImageOps.fit(image.convert("RGB"), (side, side)))


def pasted(model, cutout, background, corner):
    """Return a photo with an object as long as 0.4 of the input, and the object's centre in the photo."""
    size_px = model.ref.resolution_px
    side = math.floor(size_px / model.ref.spec.crop_pct)
    margin = round((side - size_px) / 2)
    back = backdrop(background, side)
    sized = cutout.sized(round(0.4 * size_px))
    height, width = sized.opaque.shape
    x, y = (round(margin + part * size_px - length / 2) for part, length in zip(corner, (width, height), strict=True))
    return Photo(paste(back, sized, x, y), "", cutout.sample), (x + width / 2, y + height / 2)


def strongest_centre(values):
    """Return the centroid of the pixels above half of the map's maximum, where a person sees the object marked."""
    strong = np.nan_to_num(np.where(values >= np.nanmax(values) / 2, values, 0))
    y, x = ndimage.center_of_mass(strong)
    return x + 0.5, y + 0.5


def test_an_object_pasted_off_centre_on_real_photos_is_found_within_one_cell(model):
    """Use the map of the object's most probable class, wherever the object is recognised at all (top five).

    The shipped calibrations were fitted on grey; that they also improve these positions is an independent check.
    """
    cell_px = model.ref.resolution_px / math.ceil(model.ref.resolution_px / 32)
    distances = []
    for cutout, background, corner in product(objects(), BACKGROUNDS, CORNERS):
        photo, true = pasted(model, cutout, background, corner)
        seen = forward(model, photo)
        label = right_class(seen, cutout.labels)
        if label is None:
            continue
        drawn = activation_map(seen, label)
        found = [strongest_centre(place(drawn, photo.height, photo.width, how).values) for how in Placement]
        middle = (photo.width / 2, photo.height / 2)  # the control: where a person or a centred blob would point
        distances.append([math.dist(true, point) / cell_px for point in (*found, middle)])
    plain, calibrated, control = np.array(distances).T
    assert len(plain) >= 25
    assert plain.max() < 1
    assert calibrated.max() < 1
    assert calibrated.mean() < plain.mean()
    assert control.min() > 2


# Planted objects.


def disc():
    opaque = np.zeros((10, 20), np.uint8)
    opaque[:, 5:15] = 255
    return Cutout("disc", (1,), np.full((10, 20, 3), (200, 100, 50), np.uint8), opaque)


def test_only_the_opaque_part_is_pasted_where_it_was_asked_for():
    background = np.zeros((40, 60, 3), np.uint8)
    picture = paste(background, disc(), 30, 12)
    rows, columns = np.nonzero(picture[..., 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (12, 21, 35, 44)
    assert picture[15, 40].tolist() == [200, 100, 50]
    assert not background.any()


def test_half_opaque_pixels_are_mixed():
    soft = Cutout("soft", (1,), np.full((4, 4, 3), 200, np.uint8), np.full((4, 4), 128, np.uint8))
    assert abs(int(paste(np.zeros((4, 4, 3), np.uint8), soft, 0, 0)[0, 0, 0]) - 200 * 128 / 255) <= 1


def test_a_cut_out_is_resized_by_its_longer_side():
    assert disc().sized(40).opaque.shape == (20, 40)
    assert disc().sized(5).rgb.shape == (2, 5, 3)


def test_mirroring_turns_picture_and_mask_together():
    lopsided = Cutout(
        "l", (1,), np.arange(24, dtype=np.uint8).reshape(2, 4, 3), np.arange(8, dtype=np.uint8).reshape(2, 4)
    )
    mirrored = lopsided.mirrored()
    assert mirrored.opaque[0].tolist() == [3, 2, 1, 0]
    assert mirrored.rgb[0, 0].tolist() == lopsided.rgb[0, 3].tolist()
    paste(np.zeros((4, 4, 3), np.uint8), mirrored, 0, 0)


@pytest.mark.parametrize("cutout", cutouts(), ids=lambda cutout: cutout.sample)
def test_every_cut_out_is_a_soft_ellipse_of_a_bundled_photo(cutout):
    sample = sample_photos.find(cutout.sample)
    photo = read(sample.path.read_bytes(), sample.name)
    assert cutout.labels == sample.labels
    height, width = cutout.opaque.shape
    assert cutout.rgb.shape == (height, width, 3)
    assert height <= photo.height
    assert width <= photo.width
    assert cutout.opaque[height // 2, width // 2] == 255
    assert cutout.opaque[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
    # an ellipse covers pi / 4 of its box; it keeps a twentieth of the shorter side away from each edge
    shorter, longer = sorted((height, width))
    covered = math.pi / 4 * 0.9 * (1 - 0.1 * shorter / longer)
    assert (cutout.opaque / 255).mean() == pytest.approx(covered, abs=0.02)
    assert ((cutout.opaque > 0) & (cutout.opaque < 255)).any()
