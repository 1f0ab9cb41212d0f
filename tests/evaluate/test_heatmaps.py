import numpy as np
import pytest
import scipy.ndimage

from effviz.errors import SettingsError
from effviz.evaluate import heatmaps as grid
from effviz.evaluate.dataset_samples import GroundTruth, Mask
from effviz.evaluate.heatmaps import (
    CROP_CONTROLS,
    GRID_SIDE,
    PHOTO_CONTROLS,
    THRESHOLDS,
    Control,
    Heatmap,
    both_box_ious,
    cell_cover,
    control_heatmap,
    control_map,
    energy,
    evidence_on,
    pointing,
    smooth_heatmap,
    strongest_cell,
    to_heatmap,
)
from effviz.explain import placement
from effviz.explain.data_types import Box
from effviz.explain.placement import Calibration, Placement

CROP = Box(50, 0, 150, 100)  # the centre square of a photo twice as wide as high
WIDE = (200, 100)
RANDOM = (Control.RANDOM, Control.CROP_RANDOM)


def drawn(control, seed="s", seen=CROP, size=WIDE):
    return control_heatmap(control, seed, seen, size)


@pytest.mark.parametrize("control", RANDOM)
def test_the_same_seed_gives_the_same_random_map_and_another_another(control):
    assert np.array_equal(drawn(control, "a 0").values, drawn(control, "a 0").values)
    assert not np.array_equal(drawn(control, "a 0").values, drawn(control, "a 1").values)
    assert np.array_equal(drawn(control, 3).values, drawn(control, "3").values)


@pytest.mark.parametrize("control", RANDOM)
def test_a_random_map_is_even_on_average(control):
    mean = np.mean([drawn(control, seed).seen for seed in range(400)], axis=0)
    assert mean == pytest.approx(np.full(mean.shape, 0.5), abs=0.08)  # sigma 0.29 / 20 = 0.015
    assert np.corrcoef(drawn(control, 0).seen.ravel(), drawn(control, 1).seen.ravel())[0, 1] < 0.5


def test_a_gaussian_lies_in_the_middle_with_a_quarter_as_sigma():
    values = drawn(Control.GAUSSIAN).values
    # one sigma to the right of the middle, a quarter of 96 cells: exp(-1/2) of the top
    assert values[47:49, 71:73].mean() / values[47:49, 47:49].mean() == pytest.approx(np.exp(-0.5), abs=2e-3)
    np.testing.assert_allclose(values, values[::-1, ::-1])
    np.testing.assert_allclose(values, values.T)


def test_a_gaussian_in_the_crop_has_a_quarter_of_the_crop_as_sigma_and_ends_with_it():
    found = drawn(Control.CROP_GAUSSIAN)
    assert (found.rows, found.columns) == ((0, GRID_SIDE), (24, 72))  # half of the width
    assert found.values[47:49, 59:61].mean() / found.values[47:49, 47:49].mean() == pytest.approx(
        np.exp(-0.5), abs=4e-3
    )
    assert not found.values[:, :24].any()
    assert not found.values[:, 72:].any()
    np.testing.assert_allclose(found.values, found.values[::-1, ::-1], atol=1e-12)


@pytest.mark.parametrize("control", [Control.UNIFORM, Control.CROP_UNIFORM])
def test_uniform_is_the_same_everywhere(control):
    found = drawn(control)
    assert np.ptp(found.seen) == 0
    assert found.values.sum() == (GRID_SIDE**2 if control is Control.UNIFORM else GRID_SIDE**2 / 2)


@pytest.mark.parametrize("control", Control)
def test_no_control_in_the_crop_leaves_it_and_those_over_the_photo_do_not_know_it(control):
    here, there = drawn(control, "s", Box(0, 0, 100, 100)), drawn(control, "s", Box(100, 0, 200, 100))
    assert np.array_equal(here.values, there.values) is (control in PHOTO_CONTROLS)
    if control in CROP_CONTROLS:
        np.testing.assert_allclose(here.values[:, :48], there.values[:, 48:], atol=1e-12)
        assert not here.values[:, 48:].any()
    assert not here.values.flags.writeable


def test_half_of_a_lead_over_the_photos_gaussian_may_be_the_crop_alone():
    """With a centred object, the crop's Gaussian has more evidence on it, and does not depend on the photo."""
    truth = GroundTruth((Box(60, 10, 140, 90),))
    inside, over = (energy(drawn(control), truth, WIDE) for control in (Control.CROP_GAUSSIAN, Control.GAUSSIAN))
    in_80, in_40 = 0.8904, 0.5763  # of a Gaussian, within 1.6 and 0.8 sigma
    ends = 0.9545  # within the crop's 2 sigma, and the photo's
    assert inside == pytest.approx((in_80 / ends) ** 2, abs=0.01)
    assert over == pytest.approx(in_80 / ends * in_40 / ends, abs=0.01)


@pytest.mark.parametrize("control", PHOTO_CONTROLS)
def test_in_place_of_a_map_it_says_what_the_map_says(make_map, control):
    entry = make_map(np.zeros((9, 8)), Box(3, 4, 100, 101), bias=2.0)
    other = control_map(entry, control, "s")
    assert other.values.shape == (9, 8)
    assert other.values.dtype == np.float32
    assert not other.values.flags.writeable
    assert (other.seen, other.target_index, other.model) == (entry.seen, entry.target_index, entry.model)
    assert other.bias == 0
    if control is Control.GAUSSIAN:
        assert np.unravel_index(other.values.argmax(), (9, 8)) in [(4, 3), (4, 4)]
    if control is Control.RANDOM:
        assert not np.array_equal(other.values, control_map(entry, control, "t").values)


# Heatmaps.

MOVED = Calibration("lite0@224", 224, 28.0, 0.0, 1.0, 0.1, 0.5, 100, "by hand", "a" * 64)
PHOTO = (320, 160)
HEAT_CROP = Box(100, 0, 260, 160)


def noise(height=7, width=7):
    return np.random.default_rng(height).normal(size=(height, width))


@pytest.mark.parametrize("shape", [(7, 7), (5, 9), (1, 1), (64, 64), (300, 300)])
def test_it_is_the_positive_map_read_linearly_and_averaged_in_cells(make_map, shape):
    found = to_heatmap(make_map(noise(*shape), HEAT_CROP, photo_size=PHOTO))
    x = (np.arange(GRID_SIDE * 4) + 0.5) / 4 * 320 / GRID_SIDE
    y = (np.arange(GRID_SIDE * 4) + 0.5) / 4 * 160 / GRID_SIDE
    places = np.meshgrid(y / 160 * shape[0] - 0.5, (x - 100) / 160 * shape[1] - 0.5, indexing="ij")
    read = scipy.ndimage.map_coordinates(np.maximum(noise(*shape), 0), places, order=1, mode="nearest")
    expected = read.reshape(GRID_SIDE, 4, GRID_SIDE, 4).mean(axis=(1, 3))
    # the model saw 100..260 of 320 px: cells 10/3 px wide, the first 30 and the last 18 unseen
    assert (found.rows, found.columns) == ((0, 96), (30, 78))
    expected[:, :30], expected[:, 78:] = 0, 0
    np.testing.assert_allclose(found.values, expected, atol=1e-6)
    assert (found.values >= 0).all()
    assert not found.values.flags.writeable
    assert found.seen.shape == (96, 48)


def test_nothing_is_where_the_model_did_not_see(make_map):
    found = to_heatmap(make_map(np.ones((5, 5)), Box(20, 10, 90, 60), photo_size=(96, 96)))
    assert (found.rows, found.columns) == ((10, 60), (20, 90))
    assert found.values.sum() == pytest.approx(50 * 70)
    assert (found.seen == 1).all()


def test_a_map_finer_than_the_grid_is_averaged_and_not_picked_from(make_map):
    # one cell of 384 x 384 has all evidence; a grid cell is 4 x 4 of them
    values = np.zeros((384, 384))
    values[193, 131] = 16
    found = to_heatmap(make_map(values, Box(0, 0, 384, 384), photo_size=(384, 384)))
    assert found.values[48, 32] == pytest.approx(1)
    assert found.values.sum() == pytest.approx(1)


def test_the_unit_is_kept(make_map):
    assert to_heatmap(make_map([[3.0]])).values == pytest.approx(np.full((GRID_SIDE, GRID_SIDE), 3.0))


def test_no_positive_evidence_is_empty(make_map):
    assert not to_heatmap(make_map(-np.ones((3, 3)))).values.any()
    assert to_heatmap(make_map(np.eye(3))).values.any()


def test_a_crop_that_reaches_outside_the_photo(make_map):
    # 16 px each side outside: of the 4 cells of 48 px, the middle two whole and 32 px of the outer ones
    found = to_heatmap(make_map([[1, 2, 3, 4]], Box(-16, 0, 176, 160), photo_size=(160, 160)))
    assert (found.rows, found.columns) == ((0, GRID_SIDE), (0, GRID_SIDE))
    assert found.values[0, 0] == 1  # 5/3 px into the photo is 18 px into a cell with its centre at 24: flat
    # photo and crop have the same centre: halfway between 2 and 3
    assert found.values[0, 47:49].mean() == pytest.approx(2.5)


def test_calibrated_placement_moves_it(make_map, monkeypatch):
    # the map shows a place one of 8 cells too far right: it must move left by an eighth
    values = np.zeros((8, 8))
    values[4, 4] = 1
    entry = make_map(values, Box(0, 0, 96, 96), photo_size=(96, 96))
    monkeypatch.setattr(placement, "calibrations", lambda: {MOVED.model: MOVED})
    plain, moved = to_heatmap(entry).values, to_heatmap(entry, Placement.CALIBRATED).values
    np.testing.assert_allclose(moved[:, :84], plain[:, 12:], atol=1e-9)


def test_a_model_that_was_never_measured_has_no_calibrated_heat(make_map):
    with pytest.raises(SettingsError):
        to_heatmap(make_map([[1.0]], model="scaled-d9@97"), Placement.CALIBRATED)


def test_cells_that_a_box_covers_in_part_count_by_that_part():
    # from a quarter into the second cell to half way into the fourth
    assert cell_cover(1.25 / GRID_SIDE, 3.5 / GRID_SIDE)[:5] == pytest.approx([0, 0.75, 1, 0.5, 0])
    assert cell_cover(-1, 2) == pytest.approx(np.ones(GRID_SIDE))
    assert cell_cover(0.3, 0.3).sum() == 0


def test_evidence_on_overlapping_boxes_counts_once():
    photo = (GRID_SIDE, GRID_SIDE)
    values = np.random.default_rng(0).random((GRID_SIDE, GRID_SIDE))
    truth = GroundTruth((Box(10.25, 20, 40, 60.5), Box(30, 50, 80, 90), Box(-5, -5, 3, 1)))
    fine = np.kron(values, np.ones((4, 4))) / 16
    mask = np.zeros(fine.shape, bool)
    for box in truth.boxes:
        mask[max(0, int(4 * box.y0)) : int(4 * box.y1), max(0, int(4 * box.x0)) : int(4 * box.x1)] = True
    assert evidence_on(Heatmap(values), truth, photo) == pytest.approx(fine[mask].sum())


@pytest.mark.parametrize("size", [(96, 96), (500, 375), (37, 61), (1000, 90)])
def test_evidence_on_a_mask_equals_that_on_the_box_it_paints(size):
    width, height = size
    box = Box(width // 5, height // 4, width // 2, height - 3)
    mask = np.zeros((height, width), bool)
    mask[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
    values = np.random.default_rng(1).random((GRID_SIDE, GRID_SIDE))
    on_box = evidence_on(Heatmap(values), GroundTruth((box,)), size)
    assert evidence_on(Heatmap(values), GroundTruth((), Mask.of(mask)), size) == pytest.approx(on_box)


def test_evidence_on_a_mask_of_any_shape():
    mask = np.random.default_rng(2).random((192, 288)) < 0.3
    values = np.random.default_rng(3).random((GRID_SIDE, GRID_SIDE))
    expected = (values * mask.reshape(GRID_SIDE, 2, GRID_SIDE, 3).mean(axis=(1, 3))).sum()
    assert evidence_on(Heatmap(values), GroundTruth((), Mask.of(mask)), (288, 192)) == pytest.approx(expected)


def test_a_mask_is_brought_to_the_grid_once_for_all_maps_of_its_photo(monkeypatch):
    asked = []
    monkeypatch.setattr(grid, "_covers", lambda *of, real=grid._covers: (asked.append(of), real(*of))[1])
    truth = GroundTruth((), Mask.of(np.random.default_rng(4).random((192, 288)) < 0.3))
    first, second = (
        evidence_on(Heatmap(np.full((GRID_SIDE, GRID_SIDE), value)), truth, (288, 192)) for value in (1.0, 2.0)
    )
    assert second == pytest.approx(2 * first)
    assert len(asked) == 2 * (len(truth.mask.strips) // grid.STRIPS_AT_ONCE + 1)  # horizontally and vertically


def bumps(*places: tuple[int, int]) -> Heatmap:
    values = np.zeros((GRID_SIDE, GRID_SIDE))
    for row, column in places:
        values[row, column] = 1
    return Heatmap(values, (8, 88), (24, 72), (0.5, 0.5))


def test_one_blur_for_all_maps_is_a_gaussian_in_the_photos_own_pixels():
    """Sigma 0.1 of the shorter side: 10 px, which are 9.6 cells down and 4.8 across a photo twice as wide."""
    found = smooth_heatmap(bumps((48, 48)), 0.1, (200, 100))
    assert found.values[48, 53] / found.values[48, 48] == pytest.approx(np.exp(-((5 / 4.8) ** 2) / 2), rel=1e-3)
    assert found.values[58, 48] / found.values[48, 48] == pytest.approx(np.exp(-((10 / 9.6) ** 2) / 2), rel=1e-3)
    assert found.peak is None  # the strongest place is determined again
    assert not found.values.flags.writeable


def test_by_blurring_no_evidence_leaves_the_crop_and_none_is_made():
    corner, middle = smooth_heatmap(bumps((8, 24)), 0.1, (100, 100)), smooth_heatmap(bumps((48, 48)), 0.05, (100, 100))
    assert (
        corner.values.sum() == corner.seen.sum() == pytest.approx(0.25 + 0.25 / 9.6 / np.sqrt(2 * np.pi) * 2, abs=0.01)
    )
    assert middle.values.sum() == pytest.approx(1)


def test_a_strong_cell_at_the_border_stays_strongest_about_its_centre(make_map):
    """3 x 3 cells of 32 px each; a blur with reflection would peak at the very border."""
    values = np.zeros((3, 3))
    values[0, 1] = 1
    found = smooth_heatmap(to_heatmap(make_map(values, Box(0, 0, 96, 96), photo_size=(96, 96))), 0.15, (96, 96))
    row, column = np.unravel_index(found.values.argmax(), found.values.shape)
    assert (8 <= row <= 24, 44 <= column <= 52) == (True, True)


def test_after_the_blur_a_fine_map_and_its_mean_over_coarse_cells_are_alike(make_map):
    """Averaging 4 to 3 cells blurs, 6 to 3 is exact; one kernel treats every grid the same."""
    fine = np.kron(np.random.default_rng(0).random((3, 3)), np.ones((2, 2)))  # 6 x 6 cells with 3 x 3's content
    coarse = fine[::2, ::2]
    before, after = [], []
    for values in (fine, coarse):
        drawn = to_heatmap(make_map(values, Box(0, 0, 96, 96), photo_size=(96, 96)))
        for found, kept in ((drawn, before), (smooth_heatmap(drawn, 0.15, (96, 96)), after)):
            kept.append(found.values / found.values.sum())
    gap = [np.abs(one - other).sum() for one, other in (before, after)]
    assert gap[1] < 0.4 * gap[0]


# Localisation.

LOCALISATION_PHOTO = (192, 96)  # a grid cell is 2 x 1 px


def uniform() -> Heatmap:
    return control_heatmap(Control.UNIFORM, 0, Box(0, 0, 192, 96), LOCALISATION_PHOTO)


def centre_gaussian() -> Heatmap:
    return control_heatmap(Control.GAUSSIAN, 0, Box(0, 0, 192, 96), LOCALISATION_PHOTO)


def painted(*parts: tuple[int, int, int, int, float]) -> Heatmap:
    """Return a heatmap from rectangles of grid cells (x0, y0, x1, y1) with a value."""
    values = np.zeros((GRID_SIDE, GRID_SIDE))
    for x0, y0, x1, y1, value in parts:
        values[y0:y1, x0:x1] = value
    return Heatmap(values)


def box_ious(heat, truth, photo_size):
    return both_box_ious(heat, truth, photo_size)[0]


def box_ious_v2(heat, truth, photo_size):
    return both_box_ious(heat, truth, photo_size)[1]


def iou(a, b) -> float:
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def by_hand(found: Heatmap, boxes, size):
    """Compute MaxBoxAcc's boxes with SciPy: label, fill, take the largest; then compare in photo pixels."""
    seen, largest, every = found.seen, [], []
    across, down = size[0] / GRID_SIDE, size[1] / GRID_SIDE
    for threshold in THRESHOLDS:
        labels, count = scipy.ndimage.label(seen >= seen.min() + threshold * np.ptp(seen), np.ones((3, 3)))
        areas, scores = [], []
        for number in range(1, count + 1):
            rows, columns = np.nonzero(labels == number)
            box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            moved = np.add(box, (found.columns[0], found.rows[0]) * 2) * (across, down, across, down)
            scores.append(max(iou(moved, other) for other in boxes))
            areas.append(scipy.ndimage.binary_fill_holes(labels == number).sum())
        largest.append(scores[int(np.argmax(areas))])
        every.append(max(scores))
    return np.array(largest), np.array(every)


def test_energy_by_hand():
    # 100 cells of 3 and 300 of 1; the box has half of the first and none of the others: 150 of 600
    found = painted((0, 0, 10, 10, 3), (50, 50, 60, 80, 1))
    assert energy(found, GroundTruth((Box(0, 0, 20, 5),)), LOCALISATION_PHOTO) == pytest.approx(0.25)
    assert energy(found, GroundTruth((Box(0, 0, 192, 96), Box(0, 0, 192, 96))), LOCALISATION_PHOTO) == pytest.approx(1)


def test_uniform_has_the_objects_share_as_its_energy():
    truth = GroundTruth((Box(3.3, 4.4, 55.5, 66.6), Box(20, 30, 180.5, 80)))
    assert energy(uniform(), truth, LOCALISATION_PHOTO) == pytest.approx(truth.share(LOCALISATION_PHOTO))


def test_what_a_crop_hides_is_neither_gained_nor_lost(make_map):
    # the model saw the right half, with equal evidence; the object is the middle half of the photo
    found = to_heatmap(make_map(np.ones((7, 7)), Box(96, 0, 192, 96), photo_size=LOCALISATION_PHOTO))
    truth = GroundTruth((Box(48, 0, 144, 96),))
    assert energy(found, truth, LOCALISATION_PHOTO) == pytest.approx(0.5)
    # the box drawn is 96..192: 48 of 144 px in common with 48..144
    assert box_ious(found, truth, LOCALISATION_PHOTO) == pytest.approx(np.full(50, 48 / 144))
    assert not pointing(found, GroundTruth((Box(0, 0, 96, 96),)), LOCALISATION_PHOTO)


def test_a_map_without_evidence_is_nowhere():
    nothing, whole = painted(), GroundTruth((Box(0, 0, 192, 96),))
    assert energy(nothing, whole, LOCALISATION_PHOTO) == 0
    assert pointing(nothing, whole, LOCALISATION_PHOTO) is False
    assert not any(scores.any() for scores in both_box_ious(nothing, whole, LOCALISATION_PHOTO))


def test_an_object_outside_the_photo_is_never_found():
    outside = GroundTruth((Box(300, 0, 400, 100),))
    assert energy(uniform(), outside, LOCALISATION_PHOTO) == 0
    assert pointing(uniform(), outside, LOCALISATION_PHOTO, 15) is False
    assert not box_ious(uniform(), outside, LOCALISATION_PHOTO).any()


def test_pointing_by_hand():
    # the strongest cell (30, 40) has its centre at x = 61, y = 40.5
    found = painted((30, 40, 31, 41, 2), (80, 80, 96, 96, 1))
    assert pointing(found, GroundTruth((Box(60, 40, 62, 41),)), LOCALISATION_PHOTO)
    assert not pointing(found, GroundTruth((Box(62, 40, 99, 41),)), LOCALISATION_PHOTO)
    assert not pointing(found, GroundTruth((Box(70, 52.5, 99, 99),)), LOCALISATION_PHOTO, 14.9)
    assert pointing(found, GroundTruth((Box(70, 52.5, 99, 99),)), LOCALISATION_PHOTO, 15)  # 9 and 12 px away
    mask = np.zeros((96, 192), bool)
    mask[40, 61] = True
    assert pointing(found, GroundTruth((), Mask.of(mask)), LOCALISATION_PHOTO)


@pytest.mark.parametrize("marked", [True, False])
def test_a_point_on_the_objects_right_or_lower_border_is_beside_it(marked):
    found = Heatmap(np.ones((GRID_SIDE, GRID_SIDE)), peak=(0.5, 0.5))  # x = 96, y = 48
    for box, expected in ((Box(90, 40, 96, 60), False), (Box(90, 40, 100, 48), False), (Box(96, 48, 99, 50), True)):
        truth = GroundTruth((box,))
        if marked:
            mask = np.zeros((96, 192), bool)
            mask[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
            truth = GroundTruth((), Mask.of(mask))
        assert pointing(found, truth, LOCALISATION_PHOTO) is expected
        assert pointing(found, truth, LOCALISATION_PHOTO, 1)


def test_a_place_moved_to_the_photos_far_corner_is_in_its_last_pixel():
    found = Heatmap(np.ones((GRID_SIDE, GRID_SIDE)), peak=(1.0, 1.0))
    mask = np.zeros((96, 192), bool)
    mask[95, 191] = True
    assert pointing(found, GroundTruth((Box(191, 95, 192, 96),)), LOCALISATION_PHOTO)
    assert pointing(found, GroundTruth((), Mask.of(mask)), LOCALISATION_PHOTO)


def test_pointing_without_a_map_of_its_own_takes_a_cell_of_what_was_seen():
    # the first row and column seen are 50 and 40: x = 2 * (40.5) = 81, y = 50.5
    values = np.zeros((GRID_SIDE, GRID_SIDE))
    values[50, 40] = 1
    found = Heatmap(values, (50, 60), (40, 60))
    assert pointing(found, GroundTruth((Box(80, 50, 82, 51),)), LOCALISATION_PHOTO)
    assert not pointing(found, GroundTruth((Box(0, 0, 80, 96), Box(0, 51, 192, 96))), LOCALISATION_PHOTO)


def test_of_equally_strong_places_the_middle_one():
    assert strongest_cell(painted((20, 30, 31, 35, 1)).values) == (32, 25)
    assert strongest_cell(painted((0, 0, 4, 4, 1), (20, 0, 24, 4, 1), (12, 0, 13, 4, 1)).values)[1] == 12
    assert strongest_cell(uniform().values) in [(47, 47), (47, 48), (48, 47), (48, 48)]


def test_which_of_two_equal_cells_is_larger_is_not_left_to_rounding():
    values = np.zeros((7, 7), np.float32)
    values[1, 1] = values[3, 5] = 1.0
    expected = strongest_cell(values)
    values[3, 5] = np.nextafter(np.float32(1), np.float32(2), dtype=np.float32)
    assert strongest_cell(values) == expected == (1, 1)
    values[3, 5] = 1.0001
    assert strongest_cell(values) == (3, 5)


def test_the_strongest_place_of_a_crop_is_that_of_the_photo(make_map):
    # the model saw x 60..160, y 40..90, in cells of 25 x 12.5 px; row 1, column 2 has its centre at (122.5, 58.75)
    values = np.zeros((4, 4))
    values[1, 2] = 1
    found = to_heatmap(make_map(values, Box(60, 40, 160, 90), photo_size=LOCALISATION_PHOTO))
    assert found.peak == pytest.approx((122.5 / 192, 58.75 / 96))
    assert pointing(found, GroundTruth((Box(122.4, 58.7, 122.6, 58.8),)), LOCALISATION_PHOTO)
    assert not pointing(found, GroundTruth((Box(122.6, 58.7, 124, 60),)), LOCALISATION_PHOTO)


def test_a_cell_at_the_border_of_a_map_points_to_its_own_centre(make_map):
    # 4 cells of 48 px: linear reading is flat in the outer half cells, 0..24 px, and falls from 24 on
    values = np.zeros((4, 4))
    values[0, 0] = 1
    assert to_heatmap(make_map(values, Box(0, 0, 192, 192), photo_size=(192, 192))).peak == pytest.approx(
        (24 / 192, 24 / 192)
    )


def test_two_peaks_that_are_almost_equal_are_not_mixed_up(make_map):
    # averaging over a grid would blur the narrow one below the broad one beside a strong neighbour
    values = np.zeros((7, 7))
    values[1, 1], values[5, 5], values[5, 4] = 1.0, 0.999, 0.998
    found = to_heatmap(make_map(values, Box(0, 0, 96, 96), photo_size=(96, 96)))
    assert found.peak == pytest.approx((1.5 / 7, 1.5 / 7))


def test_calibrated_cells_point_to_where_they_lie(make_map, monkeypatch):
    # slope 0.5 draws the cells twice as wide: row 0, at y = 12 plain, lies at 48 - 2 * 36 = -24: moved to the edge
    half = Calibration("lite0@224", 224, 0.0, 0.0, 0.5, 0.1, 0.5, 100, "by hand", "a" * 64)
    monkeypatch.setattr(placement, "calibrations", lambda: {half.model: half})
    values = np.zeros((4, 4))
    values[0, 2] = 1  # centre plain at x = 60: calibrated at 48 + 2 * 12 = 72
    found = to_heatmap(make_map(values, Box(0, 0, 96, 96), photo_size=(96, 96)), Placement.CALIBRATED)
    assert found.peak == pytest.approx((72 / 96, 0))


def test_box_around_the_largest_part_by_hand():
    # at 0.5 and more the small strong part alone; below both, of which the weak one is larger
    found = painted((0, 0, 10, 10, 1.0), (50, 50, 70, 80, 0.5))
    scores = box_ious(found, GroundTruth((Box(100, 50, 140, 80),)), LOCALISATION_PHOTO)  # exactly the weak part
    assert scores[1:26] == pytest.approx(1)
    assert not scores[26:].any()
    assert scores[0] == pytest.approx(40 * 30 / (192 * 96))  # every cell reaches the minimum
    every = box_ious_v2(found, GroundTruth((Box(0, 0, 20, 10),)), LOCALISATION_PHOTO)
    assert every[1:] == pytest.approx(1)


def test_parts_that_touch_at_a_corner_are_one():
    found = painted((0, 0, 10, 10, 1), (10, 10, 20, 20, 1))
    assert box_ious(found, GroundTruth((Box(0, 0, 40, 20),)), LOCALISATION_PHOTO)[30] == pytest.approx(1)


def test_a_thin_line_has_the_area_of_its_cells():
    # a line of 60 cells is larger than a square of 49
    found = painted((0, 0, 60, 1, 1), (80, 80, 87, 87, 1))
    assert box_ious(found, GroundTruth((Box(0, 0, 120, 1),)), LOCALISATION_PHOTO)[10] == pytest.approx(1)


def test_a_hole_is_filled_and_an_island_in_it_is_a_part():
    # a frame of 2 * 20 + 2 * 18 = 76 cells around 18 x 18 is larger than a block of 15 x 15 = 225
    values = np.zeros((GRID_SIDE, GRID_SIDE))
    values[10:30, 10:30], values[11:29, 11:29] = 1, 0
    values[50:65, 50:65] = 1
    values[18:22, 18:22] = 1
    found, truth = Heatmap(values), GroundTruth((Box(20, 10, 60, 30),))
    assert box_ious(found, truth, LOCALISATION_PHOTO)[10] == pytest.approx(1)
    assert box_ious_v2(found, GroundTruth((Box(36, 18, 44, 22),)), LOCALISATION_PHOTO)[10] == pytest.approx(1)


def test_the_best_of_several_boxes_counts():
    found = painted((10, 10, 20, 20, 1))
    truth = GroundTruth((Box(150, 70, 170, 90), Box(20, 10, 40, 20), Box(20, 10, 192, 96)))
    assert box_ious(found, truth, LOCALISATION_PHOTO)[10] == pytest.approx(1)


def test_a_hole_is_no_part():
    values = np.zeros((GRID_SIDE, GRID_SIDE))
    values[10:40, 10:40], values[20:30, 20:30] = 1, 0
    around_the_hole = GroundTruth((Box(38, 19, 62, 31),))  # the hole and the cells beside it: 12 x 12 of 30 x 30
    assert box_ious_v2(Heatmap(values), around_the_hole, LOCALISATION_PHOTO)[10] == pytest.approx(144 / 900)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("crop", [Box(0, 0, 192, 96), Box(48, 0, 144, 96), Box(13, 7, 180, 91)])
def test_boxes_equal_those_of_scipy(make_map, seed, crop):
    rng = np.random.default_rng(seed)
    found = to_heatmap(make_map(rng.normal(0.2, 1, (9, 7)), crop, photo_size=LOCALISATION_PHOTO))
    boxes = [(10, 20, 90, 70), (100, 5, 180, 96), (40.5, 30, 60, 92)]
    largest, every = both_box_ious(found, GroundTruth(tuple(Box(*box) for box in boxes)), LOCALISATION_PHOTO)
    expected = by_hand(found, boxes, LOCALISATION_PHOTO)
    assert largest == pytest.approx(expected[0])
    assert every == pytest.approx(expected[1])


def test_thresholds_are_of_the_maps_own_range():
    values = np.random.default_rng(5).random((GRID_SIDE, GRID_SIDE)) * np.outer(
        np.hanning(GRID_SIDE), np.hanning(GRID_SIDE)
    )
    truth = GroundTruth((Box(60, 30, 130, 70),))
    assert box_ious(Heatmap(3 * values + 7), truth, LOCALISATION_PHOTO) == pytest.approx(
        box_ious(Heatmap(values), truth, LOCALISATION_PHOTO)
    )


def test_a_gaussian_in_the_middle_grows_as_the_threshold_falls():
    # exp(-((x - 0.5) / 0.25)^2 / 2) falls to v at 0.5 +- 0.25 sqrt(-2 ln v); v = low + threshold * (1 - low)
    truth = GroundTruth((Box(48, 24, 144, 72),))
    values = centre_gaussian().values
    scores = box_ious(centre_gaussian(), truth, LOCALISATION_PHOTO)
    for index in (10, 25, 40):
        value = values.min() + THRESHOLDS[index] * np.ptp(values)
        side = min(1.0, 2 * 0.25 * np.sqrt(-2 * np.log(value)))
        expected = min(side, 0.5) ** 2 / max(side, 0.5) ** 2
        assert scores[index] == pytest.approx(expected, abs=0.03)
