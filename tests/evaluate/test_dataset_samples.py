"""Masks against pictures drawn by Pillow and packed by COCO's own code; what does not fit its photo is a sentence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw
from pycocotools import mask as coco

from effviz.evaluate.dataset_samples import draw_outlines, read_outline

SIZE = (60, 40)  # width, height


def pixels(outlines, size=SIZE) -> np.ndarray:
    """Draw outlines as a file has them, (H, W)."""
    found = np.zeros(size[::-1], bool)
    for x0, y0, x1, y1 in draw_outlines([read_outline(outline) for outline in outlines], size).strips.astype(int):
        found[y0:y1, x0:x1] = True
    return found


def rectangles(*edges) -> np.ndarray:
    picture = Image.new("1", SIZE)
    for each in edges:
        ImageDraw.Draw(picture).rectangle(each, fill=1)
    return np.asarray(picture)


def test_polygons_are_filled_together():
    first, second = [10, 5, 40, 5, 40, 25, 10, 25], [30, 20, 50, 20, 50, 35, 30, 35]
    expected = rectangles((10, 5, 39, 24), (30, 20, 49, 34))
    np.testing.assert_array_equal(pixels([[first, second]]), expected)
    np.testing.assert_array_equal(pixels([[first], [second]]), expected)


def test_run_lengths_count_down_the_columns():
    # 2 columns of 40 empty pixels, then 5 marked ones at the top of the third
    found = pixels([{"counts": [80, 5, 60 * 40 - 85], "size": [40, 60]}])
    assert np.argwhere(found).tolist() == [[0, 2], [1, 2], [2, 2], [3, 2], [4, 2]]


@given(arrays.arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_packed_run_lengths_are_those_that_coco_packs(mask):
    packed = coco.encode(np.asfortranarray(mask, np.uint8))
    outline = {"counts": packed["counts"].decode(), "size": packed["size"]}
    np.testing.assert_array_equal(pixels([outline], mask.shape[::-1]), mask)


def test_long_run_lengths_are_read_whole():
    mask = np.zeros((1500, 2000), bool)  # a run of half a million takes four letters
    mask[:, 700:1100] = True
    packed = coco.encode(np.asfortranarray(mask, np.uint8))
    outline = {"counts": packed["counts"].decode(), "size": [1500, 2000]}
    np.testing.assert_array_equal(pixels([outline], (2000, 1500)), mask)


def test_what_is_packed_and_what_is_drawn_go_together():
    polygon, counts = [[10, 5, 40, 5, 40, 25, 10, 25]], {"counts": [0, 40, 60 * 40 - 40], "size": [40, 60]}
    np.testing.assert_array_equal(pixels([polygon, counts]), rectangles((10, 5, 39, 24), (0, 0, 0, 39)))


@pytest.mark.parametrize(
    ("outline", "words"),
    [
        ({"counts": [5, 5], "size": [40, 60]}, "do not add up"),
        ({"counts": [], "size": [40, 60]}, "do not add up"),
        ({"counts": [2401, -1], "size": [40, 60]}, "do not add up"),
        ({"counts": [2**63 - 1, 2**63 - 1, 2402], "size": [40, 60]}, "do not add up"),  # 2400 where numbers wrap around
        ({"counts": [10**12], "size": [10**6, 10**6]}, "another size"),
        ({"counts": "", "size": [40, 60]}, "not packed"),
        ({"counts": "no!", "size": [40, 60]}, "not packed"),
        ({"counts": "\ud800", "size": [40, 60]}, "surrogates"),
        ({"counts": "0P", "size": [40, 60]}, "not packed"),  # ends within a number
        ({"counts": "o" * 50 + "0", "size": [40, 60]}, "not packed"),  # a number of 250 bits
        ({"counts": "PP1", "size": [40, 60]}, "do not add up"),
        ([[0, 0, 1e9, 0, 1e9, 1e9]], "far outside"),
        ([[0, 0, float("nan"), 0, 9, 9]], "far outside"),
    ],
)
def test_an_outline_that_does_not_fit_its_photo_is_said(outline, words):
    with pytest.raises(ValueError, match=words):
        draw_outlines([read_outline(outline)], SIZE)


def test_a_polygon_that_reaches_over_the_border_is_cut_there():
    np.testing.assert_array_equal(pixels([[[50, 30, 90, 30, 90, 70, 50, 70]]]), rectangles((50, 30, 59, 39)))
