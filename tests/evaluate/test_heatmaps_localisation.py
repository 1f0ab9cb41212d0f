import numpy as np
import pytest
import scipy.ndimage

from effviz.evaluate.dataset_samples import GroundTruth, Mask
from effviz.evaluate.heatmaps import (
    GRID_SIDE,
    THRESHOLDS,
    Control,
    Heatmap,
    best_iou,
    both_box_ious,
    box_ious,
    box_ious_v2,
    control_heatmap,
    energy,
    max_box_acc,
    max_box_acc_v2,
    pointing,
    strongest_cell,
    to_heatmap,
)
from effviz.explain import placement
from effviz.explain.data_types import Box
from effviz.explain.placement import Calibration

PHOTO = (192, 96)  # a grid cell is 2 x 1 px


def uniform() -> Heatmap:
    return control_heatmap(Control.UNIFORM, 0, Box(0, 0, 192, 96), PHOTO)


def centre_gaussian() -> Heatmap:
    return control_heatmap(Control.GAUSSIAN, 0, Box(0, 0, 192, 96), PHOTO)


def painted(*parts: tuple[int, int, int, int, float]) -> Heatmap:
    """Heat from rectangles of grid cells x0, y0, x1, y1 with a value."""
    values = np.zeros((GRID_SIDE, GRID_SIDE))
    for x0, y0, x1, y1, value in parts:
        values[y0:y1, x0:x1] = value
    return Heatmap(values)


def iou(a, b) -> float:
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    common = width * height
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def by_hand(found: Heatmap, boxes, size):
    """MaxBoxAcc's boxes with scipy: label, fill, take the largest; then compare in photo pixels."""
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
    assert energy(found, GroundTruth((Box(0, 0, 20, 5),)), PHOTO) == pytest.approx(0.25)
    assert energy(found, GroundTruth((Box(0, 0, 192, 96), Box(0, 0, 192, 96))), PHOTO) == pytest.approx(1)


def test_uniform_has_the_objects_share_as_its_energy():
    truth = GroundTruth((Box(3.3, 4.4, 55.5, 66.6), Box(20, 30, 180.5, 80)))
    assert energy(uniform(), truth, PHOTO) == pytest.approx(truth.share(PHOTO))


def test_what_a_crop_hides_is_neither_gained_nor_lost(make_map):
    # the model saw the right half, all of it equal; the object is the middle half of the photo
    found = to_heatmap(make_map(np.ones((7, 7)), Box(96, 0, 192, 96), photo_size=PHOTO))
    truth = GroundTruth((Box(48, 0, 144, 96),))
    assert energy(found, truth, PHOTO) == pytest.approx(0.5)
    # the box drawn is 96..192: 48 of 144 px in common with 48..144
    assert box_ious(found, truth, PHOTO) == pytest.approx(np.full(50, 48 / 144))
    assert not pointing(found, GroundTruth((Box(0, 0, 96, 96),)), PHOTO)


def test_a_map_without_evidence_is_nowhere():
    nothing, whole = painted(), GroundTruth((Box(0, 0, 192, 96),))
    assert energy(nothing, whole, PHOTO) == 0
    assert pointing(nothing, whole, PHOTO) is False
    assert not any(scores.any() for scores in both_box_ious(nothing, whole, PHOTO))


def test_an_object_outside_the_photo_is_never_found():
    outside = GroundTruth((Box(300, 0, 400, 100),))
    assert energy(uniform(), outside, PHOTO) == 0
    assert pointing(uniform(), outside, PHOTO, 15) is False
    assert not box_ious(uniform(), outside, PHOTO).any()


def test_pointing_by_hand():
    # the strongest cell (30, 40) has its centre at x = 61, y = 40.5
    found = painted((30, 40, 31, 41, 2), (80, 80, 96, 96, 1))
    assert pointing(found, GroundTruth((Box(60, 40, 62, 41),)), PHOTO)
    assert not pointing(found, GroundTruth((Box(62, 40, 99, 41),)), PHOTO)
    assert not pointing(found, GroundTruth((Box(70, 52.5, 99, 99),)), PHOTO, 14.9)
    assert pointing(found, GroundTruth((Box(70, 52.5, 99, 99),)), PHOTO, 15)  # 9 and 12 px away
    mask = np.zeros((96, 192), bool)
    mask[40, 61] = True
    assert pointing(found, GroundTruth((), Mask.of(mask)), PHOTO)


@pytest.mark.parametrize("marked", [True, False])
def test_a_point_on_the_objects_right_or_lower_border_is_beside_it(marked):
    found = Heatmap(np.ones((GRID_SIDE, GRID_SIDE)), peak=(0.5, 0.5))  # x = 96, y = 48
    for box, expected in ((Box(90, 40, 96, 60), False), (Box(90, 40, 100, 48), False), (Box(96, 48, 99, 50), True)):
        truth = GroundTruth((box,))
        if marked:
            mask = np.zeros((96, 192), bool)
            mask[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = True
            truth = GroundTruth((), Mask.of(mask))
        assert pointing(found, truth, PHOTO) is expected
        assert pointing(found, truth, PHOTO, 1)


def test_a_place_moved_to_the_photos_far_corner_is_in_its_last_pixel():
    found = Heatmap(np.ones((GRID_SIDE, GRID_SIDE)), peak=(1.0, 1.0))
    mask = np.zeros((96, 192), bool)
    mask[95, 191] = True
    assert pointing(found, GroundTruth((Box(191, 95, 192, 96),)), PHOTO)
    assert pointing(found, GroundTruth((), Mask.of(mask)), PHOTO)


def test_pointing_without_a_map_of_its_own_takes_a_cell_of_what_was_seen():
    # the first row and column seen are 50 and 40: x = 2 * (40.5) = 81, y = 50.5
    values = np.zeros((GRID_SIDE, GRID_SIDE))
    values[50, 40] = 1
    found = Heatmap(values, (50, 60), (40, 60))
    assert pointing(found, GroundTruth((Box(80, 50, 82, 51),)), PHOTO)
    assert not pointing(found, GroundTruth((Box(0, 0, 80, 96), Box(0, 51, 192, 96))), PHOTO)


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
    found = to_heatmap(make_map(values, Box(60, 40, 160, 90), photo_size=PHOTO))
    assert found.peak == pytest.approx((122.5 / 192, 58.75 / 96))
    assert pointing(found, GroundTruth((Box(122.4, 58.7, 122.6, 58.8),)), PHOTO)
    assert not pointing(found, GroundTruth((Box(122.6, 58.7, 124, 60),)), PHOTO)


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
    found = to_heatmap(make_map(values, Box(0, 0, 96, 96), photo_size=(96, 96)), calibrated=True)
    assert found.peak == pytest.approx((72 / 96, 0))


def test_box_around_the_largest_part_by_hand():
    # at 0.5 and more the small strong part alone; below both, of which the weak one is larger
    found = painted((0, 0, 10, 10, 1.0), (50, 50, 70, 80, 0.5))
    scores = box_ious(found, GroundTruth((Box(100, 50, 140, 80),)), PHOTO)  # exactly the weak part
    assert scores[1:26] == pytest.approx(1)
    assert not scores[26:].any()
    assert scores[0] == pytest.approx(40 * 30 / (192 * 96))  # everything reaches the minimum
    every = box_ious_v2(found, GroundTruth((Box(0, 0, 20, 10),)), PHOTO)
    assert every[1:] == pytest.approx(1)


def test_parts_that_touch_at_a_corner_are_one():
    found = painted((0, 0, 10, 10, 1), (10, 10, 20, 20, 1))
    assert box_ious(found, GroundTruth((Box(0, 0, 40, 20),)), PHOTO)[30] == pytest.approx(1)


def test_a_thin_line_has_the_area_of_its_cells():
    # a line of 60 cells is larger than a square of 49
    found = painted((0, 0, 60, 1, 1), (80, 80, 87, 87, 1))
    assert box_ious(found, GroundTruth((Box(0, 0, 120, 1),)), PHOTO)[10] == pytest.approx(1)


def test_a_hole_is_filled_and_an_island_in_it_is_a_part():
    # a frame of 2 * 20 + 2 * 18 = 76 cells around 18 x 18 is larger than a block of 15 x 15 = 225
    values = np.zeros((GRID_SIDE, GRID_SIDE))
    values[10:30, 10:30], values[11:29, 11:29] = 1, 0
    values[50:65, 50:65] = 1
    values[18:22, 18:22] = 1
    found, truth = Heatmap(values), GroundTruth((Box(20, 10, 60, 30),))
    assert box_ious(found, truth, PHOTO)[10] == pytest.approx(1)
    assert box_ious_v2(found, GroundTruth((Box(36, 18, 44, 22),)), PHOTO)[10] == pytest.approx(1)


def test_the_best_of_several_boxes_counts():
    found = painted((10, 10, 20, 20, 1))
    truth = GroundTruth((Box(150, 70, 170, 90), Box(20, 10, 40, 20), Box(20, 10, 192, 96)))
    assert box_ious(found, truth, PHOTO)[10] == pytest.approx(1)


def test_a_hole_is_no_part():
    values = np.zeros((GRID_SIDE, GRID_SIDE))
    values[10:40, 10:40], values[20:30, 20:30] = 1, 0
    around_the_hole = GroundTruth((Box(38, 19, 62, 31),))  # the hole and the cells beside it: 12 x 12 of 30 x 30
    assert box_ious_v2(Heatmap(values), around_the_hole, PHOTO)[10] == pytest.approx(144 / 900)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("crop", [Box(0, 0, 192, 96), Box(48, 0, 144, 96), Box(13, 7, 180, 91)])
def test_boxes_equal_those_of_scipy(make_map, seed, crop):
    rng = np.random.default_rng(seed)
    found = to_heatmap(make_map(rng.normal(0.2, 1, (9, 7)), crop, photo_size=PHOTO))
    boxes = [(10, 20, 90, 70), (100, 5, 180, 96), (40.5, 30, 60, 92)]
    largest, every = both_box_ious(found, GroundTruth(tuple(Box(*box) for box in boxes)), PHOTO)
    expected = by_hand(found, boxes, PHOTO)
    assert largest == pytest.approx(expected[0])
    assert every == pytest.approx(expected[1])


def test_thresholds_are_of_the_maps_own_range():
    values = np.random.default_rng(5).random((GRID_SIDE, GRID_SIDE)) * np.outer(
        np.hanning(GRID_SIDE), np.hanning(GRID_SIDE)
    )
    truth = GroundTruth((Box(60, 30, 130, 70),))
    assert box_ious(Heatmap(3 * values + 7), truth, PHOTO) == pytest.approx(box_ious(Heatmap(values), truth, PHOTO))


def test_a_gaussian_in_the_middle_grows_as_the_threshold_falls():
    # exp(-((x - 0.5) / 0.25)^2 / 2) falls to v at 0.5 +- 0.25 sqrt(-2 ln v); v = low + threshold * (1 - low)
    truth = GroundTruth((Box(48, 24, 144, 72),))
    values = centre_gaussian().values
    scores = box_ious(centre_gaussian(), truth, PHOTO)
    for index in (10, 25, 40):
        value = values.min() + THRESHOLDS[index] * np.ptp(values)
        side = min(1.0, 2 * 0.25 * np.sqrt(-2 * np.log(value)))
        expected = min(side, 0.5) ** 2 / max(side, 0.5) ** 2
        assert scores[index] == pytest.approx(expected, abs=0.03)


def test_max_box_acc_by_hand():
    # at the third threshold three of four photos reach 0.5
    ious = np.zeros((4, 50))
    ious[:, 2] = [0.5, 0.6, 0.49, 0.9]
    ious[:, 7] = [0.5, 0.5, 0.0, 0.0]
    assert max_box_acc(ious) == (0.75, pytest.approx(0.04))
    assert max_box_acc(ious, at=0.9) == (0.25, pytest.approx(0.04))
    assert best_iou(ious[3]) == 0.9


def test_max_box_acc_takes_the_lowest_of_equally_good_thresholds():
    assert max_box_acc(np.ones((3, 50))) == (1, 0)


def test_max_box_acc_v2_by_hand():
    # 0.3: all four at index 1; 0.5: two at index 2; 0.7: one at index 2
    ious = np.zeros((4, 50))
    ious[:, 1] = 0.4
    ious[:, 2] = [0.5, 0.8, 0.1, 0.1]
    accuracy, thresholds = max_box_acc_v2(ious)
    assert accuracy == pytest.approx((1 + 0.5 + 0.25) / 3)
    assert thresholds == pytest.approx((0.02, 0.04, 0.04))
