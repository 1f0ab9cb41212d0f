import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from effviz.errors import DatasetError
from effviz.evaluate.dataset_samples import GroundTruth, Mask
from effviz.explain.data_types import Box

PHOTO = (100, 50)  # width, height
corner = st.integers(-5, 25)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), corner, corner, st.integers(0, 20), st.integers(0, 20))


def painted(truth: GroundTruth, width: int, height: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    for box in truth.boxes:
        mask[max(0, int(box.y0)) : max(0, int(box.y1)), max(0, int(box.x0)) : max(0, int(box.x1))] = True
    return mask


def test_overlapping_boxes_count_once():
    # 40x20 and 40x20 with 20x10 in common: 1600 - 200 of 5000 pixels
    truth = GroundTruth((Box(0, 0, 40, 20), Box(20, 10, 60, 30)))
    assert truth.share(PHOTO) == pytest.approx(1400 / 5000)


@given(st.lists(boxes, max_size=5))
def test_share_and_points_equal_painting(found):
    truth, mask = GroundTruth(tuple(found)), painted(GroundTruth(tuple(found)), 20, 15)
    assert truth.share((20, 15)) == pytest.approx(mask.mean())
    assert [[truth.holds(x + 0.5, y + 0.5, (20, 15)) for x in range(20)] for y in range(15)] == mask.tolist()


@given(st.lists(boxes, max_size=5))
def test_the_parts_of_the_union_do_not_overlap(found):
    parts = GroundTruth(tuple(found)).union((20, 15))
    area = sum((part.x1 - part.x0) * (part.y1 - part.y0) for part in parts)
    assert area == painted(GroundTruth(tuple(found)), 20, 15).sum()
    assert (painted(GroundTruth(parts), 20, 15) == painted(GroundTruth(tuple(found)), 20, 15)).all()


def test_what_lies_outside_the_photo_is_left_out():
    assert GroundTruth((Box(-50, -10, 10, 60),)).share(PHOTO) == pytest.approx(10 * 50 / 5000)
    assert GroundTruth((Box(120, 0, 140, 10),)).share(PHOTO) == 0
    assert GroundTruth((Box(120, 0, 140, 10),)).inside(PHOTO) == ()


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(0, 0, 20, 20), True),
        (Box(40, 20, 60, 30), False),  # small, in the middle
        (Box(0, 0, 45, 50), False),  # 45 %, beside the middle
        (Box(0, 0, 25, 50), False),  # exactly a quarter is not under a quarter
        (Box(0, 0, 24.9, 50), True),
        (Box(30, 0, 50, 50), True),  # ends where the middle is
        (Box(50, 25, 60, 40), False),  # begins there
        (Box(200, 0, 210, 10), False),  # not in the photo
    ],
)
def test_small_and_off_centre(box, expected):
    assert GroundTruth((box,)).small_and_off_centre(PHOTO) is expected


def test_a_mask_says_what_is_object_whatever_the_boxes_say():
    mask = np.zeros((50, 100), bool)
    mask[10:20, 30:50] = True
    truth = GroundTruth((Box(0, 0, 100, 50),), Mask.of(mask))
    assert truth.share(PHOTO) == pytest.approx(0.04)
    assert truth.holds(30.5, 10.5, PHOTO)
    assert not truth.holds(29.5, 10.5, PHOTO)
    assert truth.small_and_off_centre(PHOTO)
    assert GroundTruth((), Mask.of(mask)).inside(PHOTO) == (Box(30, 10, 50, 20),)
    assert GroundTruth((), Mask.of(np.zeros((50, 100), bool))).inside(PHOTO) == ()


@given(st.lists(boxes, max_size=5))
def test_strips_cover_the_pixels_that_are_marked(found):
    pixels = painted(GroundTruth(tuple(found)), 20, 15)
    truth = GroundTruth((), Mask.of(pixels))
    assert truth.share((20, 15)) == pytest.approx(pixels.mean())
    assert [[truth.holds(x + 0.5, y + 0.5, (20, 15)) for x in range(20)] for y in range(15)] == pixels.tolist()
    assert sum(x1 - x0 for x0, _y0, x1, _y1 in truth.mask.strips) == pixels.sum()


def test_a_mask_takes_little_memory_whatever_the_photos_size():
    pixels = np.zeros((3000, 4000), bool)
    pixels[1000:2000, 500:3500] = True
    assert Mask.of(pixels).strips.shape == (1000, 4)  # one strip a row: 32 kB for 12 MB


def test_distance_by_hand():
    # 3 px left and 4 px above the corner (30, 10)
    mask = np.zeros((50, 100), bool)
    mask[10:20, 30:50] = True
    for truth in (GroundTruth((Box(30, 10, 50, 20), Box(90, 40, 95, 45))), GroundTruth((), Mask.of(mask))):
        assert truth.distance(27, 6, PHOTO) == pytest.approx(5)
        assert truth.distance(40, 26, PHOTO) == pytest.approx(6)
        assert truth.distance(40, 15, PHOTO) == 0
    assert GroundTruth(()).distance(1, 1, PHOTO) == math.inf


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(DatasetError, match="A mask has 50 x 100 pixels and its photo 100 x 50"):
        GroundTruth((), Mask.of(np.zeros((100, 50), bool))).share(PHOTO)
