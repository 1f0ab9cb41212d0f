import math

import numpy as np
import pytest

from effviz.explain import sample_photos
from effviz.explain.calibration_run import Cutout, cutouts, paste
from effviz.explain.images import read


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
