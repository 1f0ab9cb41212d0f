import numpy as np
import pytest
import scipy.ndimage

from effviz.errors import SettingsError
from effviz.evaluate import heatmaps as grid
from effviz.evaluate.dataset_samples import GroundTruth, Mask
from effviz.evaluate.heatmaps import GRID_SIDE, Heatmap, cell_cover, evidence_on, smooth_heatmap, to_heatmap
from effviz.explain import placement
from effviz.explain.data_types import Box
from effviz.explain.placement import Calibration

MOVED = Calibration("lite0@224", 224, 28.0, 0.0, 1.0, 0.1, 0.5, 100, "by hand", "a" * 64)
PHOTO = (320, 160)
CROP = Box(100, 0, 260, 160)


def noise(height=7, width=7):
    return np.random.default_rng(height).normal(size=(height, width))


@pytest.mark.parametrize("shape", [(7, 7), (5, 9), (1, 1), (64, 64), (300, 300)])
def test_it_is_the_positive_map_read_linearly_and_averaged_in_cells(make_map, shape):
    found = to_heatmap(make_map(noise(*shape), CROP, photo_size=PHOTO))
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
    # one cell of 384 x 384 holds all: a grid cell is 4 x 4 of them
    values = np.zeros((384, 384))
    values[193, 131] = 16
    found = to_heatmap(make_map(values, Box(0, 0, 384, 384), photo_size=(384, 384)))
    assert found.values[48, 32] == pytest.approx(1)
    assert found.values.sum() == pytest.approx(1)


def test_the_unit_is_kept(make_map):
    assert to_heatmap(make_map([[3.0]])).values == pytest.approx(np.full((GRID_SIDE, GRID_SIDE), 3.0))


def test_no_positive_evidence_is_empty(make_map):
    assert to_heatmap(make_map(-np.ones((3, 3)))).empty
    assert not to_heatmap(make_map(np.eye(3))).empty


def test_a_crop_that_reaches_outside_the_photo(make_map):
    # 16 px each side outside: of the 4 cells of 48 px, the middle two whole and 32 px of the outer ones
    found = to_heatmap(make_map([[1, 2, 3, 4]], Box(-16, 0, 176, 160), photo_size=(160, 160)))
    assert (found.rows, found.columns) == ((0, GRID_SIDE), (0, GRID_SIDE))
    assert found.values[0, 0] == 1  # 5/3 px into the photo is 18 px into a cell with its centre at 24: flat
    # the middle of the photo is that of the crop: halfway between 2 and 3
    assert found.values[0, 47:49].mean() == pytest.approx(2.5)


def test_calibrated_placement_moves_it(make_map, monkeypatch):
    # the map shows a place one of 8 cells further right than it is: it must move left by an eighth
    values = np.zeros((8, 8))
    values[4, 4] = 1
    entry = make_map(values, Box(0, 0, 96, 96), photo_size=(96, 96))
    monkeypatch.setattr(placement, "calibrations", lambda: {MOVED.model: MOVED})
    plain, moved = to_heatmap(entry).values, to_heatmap(entry, calibrated=True).values
    np.testing.assert_allclose(moved[:, :84], plain[:, 12:], atol=1e-9)


def test_a_model_that_was_never_measured_has_no_calibrated_heat(make_map):
    with pytest.raises(SettingsError):
        to_heatmap(make_map([[1.0]], model="scaled-d9@97"), calibrated=True)


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
    assert len(asked) == 2 * (len(truth.mask.strips) // grid.STRIPS_AT_ONCE + 1)  # across and down


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
    assert found.peak is None  # the strongest place is sought anew
    assert not found.values.flags.writeable


def test_by_blurring_no_evidence_leaves_the_crop_and_none_is_made():
    corner, middle = smooth_heatmap(bumps((8, 24)), 0.1, (100, 100)), smooth_heatmap(bumps((48, 48)), 0.05, (100, 100))
    assert (
        corner.values.sum() == corner.seen.sum() == pytest.approx(0.25 + 0.25 / 9.6 / np.sqrt(2 * np.pi) * 2, abs=0.01)
    )
    assert middle.values.sum() == pytest.approx(1)


def test_a_strong_cell_at_the_border_stays_strongest_about_its_centre(make_map):
    """Of 3 x 3 cells, 32 px each; a blur that is thrown back has its top at the very border."""
    values = np.zeros((3, 3))
    values[0, 1] = 1
    found = smooth_heatmap(to_heatmap(make_map(values, Box(0, 0, 96, 96), photo_size=(96, 96))), 0.15, (96, 96))
    row, column = np.unravel_index(found.values.argmax(), found.values.shape)
    assert (8 <= row <= 24, 44 <= column <= 52) == (True, True)


def test_after_the_blur_a_fine_map_and_its_mean_over_coarse_cells_are_alike(make_map):
    """Averaging 4 to 3 cells blurs, 6 to 3 is exact; one kernel treats every grid the same."""
    fine = np.kron(np.random.default_rng(0).random((3, 3)), np.ones((2, 2)))  # 6 x 6 cells that say what 3 x 3 say
    coarse = fine[::2, ::2]
    before, after = [], []
    for values in (fine, coarse):
        drawn = to_heatmap(make_map(values, Box(0, 0, 96, 96), photo_size=(96, 96)))
        for found, kept in ((drawn, before), (smooth_heatmap(drawn, 0.15, (96, 96)), after)):
            kept.append(found.values / found.values.sum())
    gap = [np.abs(one - other).sum() for one, other in (before, after)]
    assert gap[1] < 0.4 * gap[0]
