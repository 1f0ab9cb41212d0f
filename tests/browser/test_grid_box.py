"""A box on the photo and the saved image, computed by the browser alone."""

import base64
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from effviz.explain.activation_maps import activation_map
from effviz.explain.placement import place
from effviz.ui import cache
from effviz.zoo.catalogue import parse_model
from tests.browser.conftest import standing

pytestmark = pytest.mark.browser

Compare = Callable[..., Any]  # opens a comparison: see conftest.py
TWO = "/?models=lite0@224,lite2@260&photos=dog"
SAID = re.compile(
    r"^(\d+) % of the evidence in ([\d.]+) % of what \S+ saw: ([\d.]+) times a uniform map; peak (?:in|out)side\."
)


def boxed(page: Page, tile: int) -> Locator:
    return page.locator("figure.tile .boxed").nth(tile)


def draw(page: Page, on: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag between two places, in fractions of the element under the mouse, without releasing."""
    frame = standing(on)
    (x0, y0), (x1, y1) = ((frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]) for x, y in (start, end))
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
    page.mouse.move(x1, y1)


def test_boxes_and_the_picture_of_one_comparison(compare: Compare) -> None:
    grid = compare(TWO)
    a_box_can_be_written_in_numbers(grid)
    a_box_is_measured_in_every_map_while_it_is_drawn(grid)
    grid.page.get_by_role("button", name="Remove the box").click()
    grid.page.get_by_label("Draw a box").uncheck()
    the_picture_that_is_saved_is_the_one_that_is_seen(grid)


def a_box_is_measured_in_every_map_while_it_is_drawn(grid: Any) -> None:
    page, line = grid.page, grid.line
    before = len(line.sent)
    page.get_by_label("Draw a box").check()
    draw(page, page.locator(".photo .stage"), (0.05, 0.05), (0.5, 0.5))
    for tile in (0, 1):
        expect(boxed(page, tile)).to_have_text(SAID)
    half = boxed(page, 0).inner_text()
    page.mouse.move(5, 5)  # beyond the photo: the box ends at its edge
    page.mouse.up()
    expect(page.get_by_label("left", exact=True)).to_have_value("0")
    expect(boxed(page, 0)).not_to_have_text(half)
    expect(page.locator(".box [aria-live=polite]")).to_have_text(
        re.compile(
            r"^lite0@224: The box lies outside the white frame: .* lite2@260: The box lies outside the white frame: "
        )
    )
    draw(page, grid.stage(1), (0.01, 0.01), (0.99, 0.99))
    page.mouse.up()
    # The model saw less than the box.
    expect(boxed(page, 1)).to_have_text(
        re.compile(r"^100 % .* in 100\.0 % of what lite2@260 saw: 1\.0 times a uniform map;")
    )
    expect(page.get_by_text(re.compile(r"^The box covers 9[5-7]\.\d% of the photo\.$"))).to_be_visible()
    assert len(line.sent) == before


def test_a_box_says_how_much_an_even_map_would_have_in_it(compare: Compare) -> None:
    grid = compare("/?models=lite0@224&photos=dog")
    page = grid.page
    page.get_by_label("Draw a box").check()
    box = {"left": 100, "top": 36, "right": 400, "bottom": 288}
    for edge, value in box.items():
        page.get_by_label(edge, exact=True).fill(str(value))
    found = SAID.match(boxed(page, 0).inner_text())
    assert found is not None
    share, part, times = (float(number) for number in found.groups()[:3])
    # By hand: the dog's 768 x 576 px become 341 x 256, of which columns 58 to 282 and rows 16 to 240 are cut out.
    left, right = 58 * 768 / 341, 282 * 768 / 341
    assert part == pytest.approx(100 * (400 - left) * (288 - 36) / ((right - left) * (540 - 36)), abs=0.051)
    assert (
        boxed(page, 0)
        .inner_text()
        .endswith(f"{100 * (left - 100) / 300:.0f} % of the box lies outside the white frame.")
    )
    # Compute the map differently from the browser: as a sum over the photo's pixels.
    entry = activation_map(cache.forward(parse_model("lite0@224"), cache.sample("dog")), 235)
    evidence = np.nan_to_num(place(replace(entry, values=np.maximum(entry.values, 0)), 576, 768).values)
    assert share == pytest.approx(100 * evidence[36:288, 100:400].sum() / evidence.sum(), abs=1)
    assert times == pytest.approx(share / part, abs=0.05 + 0.5 / part)


def a_box_can_be_written_in_numbers(grid: Any) -> None:
    page = grid.page
    box = page.get_by_label("Draw a box")
    expect(boxed(page, 0)).to_be_hidden()
    box.focus()
    box.press(" ")
    left, top, right, bottom = (page.get_by_label(name, exact=True) for name in ("left", "top", "right", "bottom"))
    size = [int(each.get_attribute("max") or "") for each in (right, bottom)]
    grid.changes(lambda: right.fill("1"), grid.maps.first)
    expect(boxed(page, 0)).to_have_text("The box lies outside the white frame: lite0@224 did not see it.")
    right.fill(str(10 * size[0]))
    bottom.fill(str(10 * size[1]))
    # By hand: it saw 504 * 504.5 of 768 * 576 pixels, as below.
    expect(boxed(page, 0)).to_have_text(
        "100 % of the evidence in 100.0 % of what lite0@224 saw: 1.0 times a uniform map; peak inside. "
        "43 % of the box lies outside the white frame."
    )
    bottom.press("Tab")
    expect(bottom).to_have_value(str(size[1]))
    for edge in (left, top):
        expect(edge).to_have_value("0")
    page.get_by_role("button", name="Remove the box").click()
    expect(boxed(page, 0)).to_be_hidden()
    expect(right).to_have_value("")


def saved(page: Page) -> Image.Image:
    with page.expect_download() as download:
        page.locator("button.save").click()
    assert re.fullmatch(
        r"effviz-grid(-[\w-]+)?\.png", download.value.suggested_filename
    )  # with its class, if one is chosen
    picture = Image.open(io.BytesIO(Path(download.value.path()).read_bytes()))
    assert picture.format == "PNG"
    return picture.convert("RGB")


CELL, GAP = 400, 14  # from sheet.js


def in_sheet(picture: Image.Image, column: int, like: Image.Image) -> np.ndarray:
    """Return a column's image in the first row, as large as its canvas."""
    left = GAP + column * (CELL + GAP)
    height = round(CELL * like.height / like.width)
    cut = picture.crop((left, GAP, left + CELL, GAP + height))
    return np.asarray(cut.resize(like.size)).astype(int)


def the_picture_that_is_saved_is_the_one_that_is_seen(grid: Any) -> None:
    page = grid.page
    plain = saved(page)
    page.locator(".classes button").nth(3).click()
    for name, value in (("Hide values weaker than", 60), ("Opacity", 100)):
        grid.slide(name, value)
    grid.changes(lambda: grid.stage(0).press("+"), grid.maps.last)
    picture = saved(page)
    assert picture.width == GAP + 3 * (CELL + GAP)
    for column, canvas in enumerate([page.locator(".photo canvas"), grid.maps.first, grid.maps.last]):
        data = canvas.evaluate("(one) => one.toDataURL('image/png').split(',')[1]")
        shown = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
        difference = np.abs(in_sheet(picture, column, shown) - np.asarray(shown).astype(int))
        assert np.median(difference) <= 4  # drawn at a different size
        if column:
            assert np.median(np.abs(in_sheet(plain, column, shown) - np.asarray(shown).astype(int))) > 10
