import io
import os

import numpy as np
import pytest
from PIL import Image

from effviz.report import image_files
from effviz.report.image_files import (
    CELL_PX,
    GAP_PX,
    LINE_PX,
    GridPicture,
    grid_png,
)


def plain(colour, height=180, width=360):
    return GridPicture(np.full((height, width, 3), colour, np.uint8), ("tabby 90 %", "logit 7.5"))


def opened(grid):
    return np.asarray(Image.open(io.BytesIO(grid_png(*grid))))


TWO = (("lite0@224", "lite2@260"), [("dog.jpg", (plain((200, 0, 0)), plain((0, 200, 0))))], "CAM, shared scale")


def test_each_picture_stands_in_its_place():
    picture = opened(TWO)
    assert picture.shape[1] == GAP_PX + 2 * (CELL_PX + GAP_PX)
    top = GAP_PX + 2 * LINE_PX  # below the column's and the row's labels
    np.testing.assert_array_equal(picture[top : top + 180, GAP_PX : GAP_PX + CELL_PX], plain((200, 0, 0)).picture)
    second = GAP_PX + CELL_PX + GAP_PX
    np.testing.assert_array_equal(picture[top : top + 180, second : second + CELL_PX], plain((0, 200, 0)).picture)


def test_labels_captions_and_the_footer_are_written():
    picture = opened(TWO)
    ink = (picture < 100).all(axis=2)
    top = GAP_PX + 2 * LINE_PX
    assert ink[GAP_PX : GAP_PX + LINE_PX, GAP_PX + CELL_PX :].any()  # the second model's name
    assert ink[GAP_PX + LINE_PX : top, :200].any()  # the photo's name
    assert ink[top + 180 : top + 180 + 2 * LINE_PX].any()  # captions
    assert ink[-LINE_PX - GAP_PX :].any()  # footer


def test_rows_may_differ_in_height():
    tall, flat = plain((9, 9, 9), 720, 360), plain((9, 9, 9), 90, 360)
    one = opened((("m",), [("a", (flat,))])).shape[0]
    both = opened((("m",), [("a", (flat,)), ("b", (tall,))])).shape[0]
    assert both - one == 720 + LINE_PX * 3 + GAP_PX


def test_the_same_grid_gives_the_same_bytes():
    assert grid_png(*TWO) == grid_png(*TWO)


def test_texts_are_in_the_file_and_not_in_the_picture():
    data = grid_png(*TWO, {"EffViz link": "https://example.test/?class=Ж"})
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.text == {"EffViz link": "https://example.test/?class=Ж"}
        np.testing.assert_array_equal(np.asarray(picture), opened(TWO))


def test_a_long_name_does_not_run_into_the_next_column():
    named = (("W" * 200, "x"), [("line\nbreak Ω Ж", (plain((0, 0, 0)), plain((0, 0, 0))))])
    picture = opened(named)
    gap = slice(GAP_PX + CELL_PX, GAP_PX + CELL_PX + GAP_PX)
    assert (picture[GAP_PX : GAP_PX + LINE_PX, gap] == 255).all()


def test_a_row_with_too_few_pictures_is_a_mistake_in_the_program():
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        grid_png(("a", "b"), [("dog.jpg", (plain((0, 0, 0)),))])


def test_nothing_still_gives_a_picture():
    assert opened(((), ())).shape[2] == 3


def test_chinese_letters_are_no_boxes():
    if image_files._cjk_font() is image_files._font():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no font with Chinese letters (Debian: fonts-noto-cjk)")
    deep, wide, unknown = (opened(((name,), (), name)) for name in ("深度", "寬度", "\u2fff\u2fff"))
    assert (deep != wide).any()
    assert (deep != unknown).any()
