"""The grid's arithmetic in the browser matches Python's, on the same maps."""

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from effviz.evaluate.dataset_samples import GroundTruth
from effviz.evaluate.heatmaps import energy, pointing, to_heatmap
from effviz.explain import placement
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import ActivationMap, Box, Floats, Method, Photo, TargetLayer
from effviz.explain.overlay import (
    OverlayStyle,
    Palette,
    Scale,
    describe_map,
    overlay,
    palette_colours,
    peak_region,
    rescale,
)
from effviz.explain.placement import Placement, RasterOptions, place
from effviz.ui.compare.grid_data import summary_words
from effviz.ui.components import file_text, grid
from effviz.ui.components.grid import ARITHMETIC, pack

pytestmark = pytest.mark.browser

MEASURED = "lite0@260"  # has a calibrated placement with offsets of several pixels
Ask = Callable[..., Any]


def golden(values: Floats, size: tuple[int, int] = (64, 48), seen: Box | None = None) -> ActivationMap:
    """Return a map of any values on a photo of `size` (width, height)."""
    return ActivationMap(
        values=values.astype(np.float32),
        bias=0.0,
        method=Method.CAM,
        layer=TargetLayer.LAST,
        model=MEASURED,
        weights_sha256=placement.find_calibration(MEASURED).weights_sha256,
        trained=True,
        photo="photo",
        photo_sha256="0" * 64,
        photo_size=size,
        target_index=7,
        target_name="cock",
        logit=1.0,
        probability=0.5,
        seen=seen or Box(0, 0, *size),
    )


def maps() -> dict[str, ActivationMap]:
    random = np.random.default_rng(3)
    return {
        "random": golden(random.normal(size=(7, 7))),
        "finer, not square": golden(random.normal(3, 2, size=(9, 5)), (37, 81), Box(2.3, 11.7, 34.9, 75.2)),
        "seen beyond the photo": golden(random.normal(size=(4, 4)), (50, 40), Box(-6.5, -3.2, 45.1, 48.0)),
        "constant": golden(np.full((3, 4), 2.5)),
        "all negative": golden(-random.uniform(0.1, 3, size=(5, 5))),
        "zero": golden(np.zeros((6, 6))),
        "one cell": golden(np.array([[1.75]])),
        "equal cells": golden(random.integers(-1, 3, size=(7, 7))),
        "tiny": golden(1e-7 * random.normal(size=(7, 7))),
    }


def halved(of: ActivationMap) -> ActivationMap:
    """Return the map in half precision, as the browser gets it, computed with NumPy alone."""
    most = np.abs(of.values).max() or np.float32(1)
    return replace(of, values=(np.float64(most) * (of.values / most).astype(np.float16)).astype(np.float32))


@pytest.fixture(scope="module")
def sheet(browser: Browser) -> Iterator[Page]:
    """Return an empty page with the grid's functions."""
    page = browser.new_page()
    page.add_script_tag(content=file_text(grid.__name__, *ARITHMETIC, "painter.js", "inspector.js"))
    yield page
    page.close()


@pytest.fixture
def ask(sheet: Page) -> Ask:
    return lambda script, *values: sheet.evaluate(f"([{','.join('abcdef'[: len(values)])}]) => {script}", list(values))


def flat(values: Floats) -> list[float]:
    return [float(value) for value in values.ravel()]


def test_every_half_float_is_read_as_numpy_reads_it(ask: Ask) -> None:
    bits = np.arange(2**16, dtype="<u2")
    found = np.array(ask("Array.from(halves(bytesOf(a)))", base64.b64encode(bits.tobytes()).decode()), np.float32)
    np.testing.assert_array_equal(found, bits.view("<f2").astype(np.float32))


@pytest.mark.parametrize("name", maps())
def test_packed_maps_come_back_to_half_a_thousandth(ask: Ask, name: str) -> None:
    values = maps()[name].values
    first, second = np.array(ask("unpack(a).map((map) => Array.from(map))", pack([values, -values])))
    # Half floats have 11 significant bits: the error is at most 2^-12 of the largest value.
    np.testing.assert_allclose(first, values.ravel(), atol=2.0**-12 * max(1e-30, np.abs(values).max()), rtol=0)
    np.testing.assert_array_equal(second, -first)


@pytest.mark.parametrize("scale", list(Scale))
def test_maps_are_scaled_together_as_python_does(ask: Ask, scale: Scale) -> None:
    views = [[entry] for entry in maps().values()] + [list(maps().values())]
    for view in views:
        found = ask(
            "rescale(a.map((map) => new Float32Array(map)), b).map((one) => ({...one, values: Array.from(one.values)}))",
            [flat(entry.values) for entry in view],
            str(scale),
        )
        for ours, theirs in zip(found, rescale(view, scale), strict=True):
            np.testing.assert_allclose(ours["values"], theirs.values.ravel(), rtol=1e-6)
            np.testing.assert_allclose([ours["low"], ours["high"]], [theirs.low, theirs.high], rtol=1e-6)
            assert ours["signed"] == theirs.signed


def where(of: ActivationMap) -> dict[str, Any]:
    found, (rows, columns) = placement.find_calibration(of.model), of.values.shape
    offsets = {"x": found.offset_x / found.resolution_px, "y": found.offset_y / found.resolution_px}
    seen = [of.seen.x0, of.seen.y0, of.seen.x1, of.seen.y1]
    return {
        "rows": rows,
        "columns": columns,
        "seen": seen,
        "size": of.photo_size,
        "calibration": {"slope": found.slope, **offsets},
    }


PARTS = """
  (() => {
    const window = {left: 0, top: 0, width: d[0], height: d[1], fullWidth: d[0], fullHeight: d[1]};
    const axes = axesOf(b, window, c.placement);
    const xs = weightsOf(axes.x, 0, d[0], c.cells);
    const ys = weightsOf(axes.y, 0, d[1], c.cells);
    const parts = new Float32Array(d[0] * d[1]);
    const [scaled] = rescale([new Float32Array(a)], c.scale);
    spread(scaled, xs, ys, b.columns, parts);
    return Array.from(parts);
  })()
"""


@pytest.mark.parametrize(("placement", "cells"), list(product(Placement, (False, True))))
@pytest.mark.parametrize("name", maps())
def test_maps_are_drawn_out_to_the_pixels_that_python_finds(
    ask: Ask, name: str, placement: Placement, cells: bool
) -> None:
    of = maps()[name]
    for scale, size in product((Scale.OWN, Scale.DENSITY), (None, 29)):
        (scaled,) = rescale([of], scale)
        placed = place(of, of.photo_size[1], of.photo_size[0], placement, RasterOptions(cells, size))
        height, width = placed.values.shape
        look = {"placement": str(placement), "cells": cells, "scale": str(scale)}
        found = np.array(ask(PARTS, flat(of.values), where(of), look, [width, height]), np.float32)
        expected = scaled.fractions(placed.values).ravel()
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        np.testing.assert_allclose(found, expected, atol=2e-6)


DRAWN = """
  (async () => {
    const photo = new Image();
    photo.src = d;
    await photo.decode();
    const [width, height] = [photo.width, photo.height];
    const whole = {left: 0, top: 0, width, height, fullWidth: width, fullHeight: height};
    const canvas = document.createElement("canvas");
    Object.assign(canvas, {width, height});
    const [scaled] = rescale([new Float32Array(a)], c.scale);
    const painter = new Painter();
    painter.update(scaled, b, c, whole, pixelsOf(bytesOf(e)), "");
    painter.compose(canvas.getContext("2d"), photo, c.opacity / 100);
    const rgba = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    return Array.from(rgba).filter((_, i) => i % 4 < 3);
  })()
"""

STYLES = [
    ("plain", Scale.OWN, OverlayStyle()),
    (
        "calibrated cells",
        Scale.RANK,
        OverlayStyle(Palette.CIVIDIS, 0.8, Placement.CALIBRATED, RasterOptions(cells=True)),
    ),
    ("contour", Scale.SHARE, OverlayStyle(Palette.TURBO, 0.3, contour=0.6)),
    ("signed contour", Scale.DENSITY, OverlayStyle(Palette.JET, 1.0, contour=0.25)),
    ("threshold", Scale.OWN, OverlayStyle(Palette.TURBO, 0.8, threshold=0.35)),
    ("signed threshold and contour", Scale.DENSITY, OverlayStyle(contour=0.4, threshold=0.35)),
    ("photo alone", Scale.SHARED, OverlayStyle(opacity=0.0)),
]


@pytest.mark.parametrize(("scale", "style"), [entry[1:] for entry in STYLES], ids=[entry[0] for entry in STYLES])
@pytest.mark.parametrize("name", maps())
def test_a_canvas_shows_the_picture_that_python_draws(ask: Ask, name: str, scale: Scale, style: OverlayStyle) -> None:
    of = maps()[name]
    width, height = of.photo_size
    rgb = np.random.default_rng(1).integers(0, 256, size=(height, width, 3), dtype=np.uint8)
    (scaled,) = rescale([of], scale)
    expected = overlay(Photo(rgb, "", "noise"), scaled, style)
    look = {
        "placement": str(style.placement),
        "cells": style.view.cells,
        "scale": str(scale),
        "opacity": 100 * style.opacity,
        "contour": 100 * (style.contour or 0),
        "threshold": 100 * style.threshold,
        "palette": str(style.palette),
    }
    palette = palette_colours(Palette.DIVERGING if scale is Scale.DENSITY else style.palette)
    found = ask(DRAWN, flat(of.values), where(of), look, png(rgb), base64.b64encode(palette.tobytes()).decode())
    difference = np.abs(np.array(found).reshape(height, width, 3) - expected.astype(int)).max(axis=2)
    # Chromium blends in integers; a part between two colours may get its neighbour's.
    assert np.mean(difference > 2) < 0.005
    assert difference.max() <= 12


def png(rgb: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def test_what_is_below_the_threshold_is_not_coloured(ask: Ask) -> None:
    parts = [0.0, 0.29, 0.31, 0.5, 0.9, 1.0]
    script = """
      (() => {
        const pixels = new Uint32Array(6);
        tint(new Float32Array(a), new Uint32Array(256).fill(1), b, c, pixels);
        return [...pixels];
      })()
    """
    assert ask(script, parts, 0.3, False) == [0, 0, 1, 1, 1, 1]
    assert ask(script, parts, 0.3, True) == [1, 1, 1, 0, 1, 1]  # 0.5 means none; 0.31 is 0.38 against
    assert ask(script, parts, 0, False) == [1] * 6


@pytest.mark.parametrize("placement", Placement)
@pytest.mark.parametrize("name", maps())
def test_maps_are_read_over_the_whole_photo_as_python_reads_them(ask: Ask, name: str, placement: Placement) -> None:
    of = maps()[name]
    found = ask("Array.from(heat(new Float32Array(a), b, c).values)", flat(of.values), where(of), placement.value)
    expected = to_heatmap(of, placement).values.ravel()
    np.testing.assert_allclose(found, expected, atol=1e-12 * max(1.0, float(expected.max())), rtol=1e-9)


BOXES = [
    (0, 0, 1, 1),
    (0.1, 0.2, 0.45, 0.9),
    (0.5, 0.5, 0.51, 0.53),
    (0.25, 0, 0.25, 1),
    (0, 0.6, 1, 1),
    (0.3, 0.1, 1, 0.4),
]


@pytest.mark.parametrize("placement", Placement)
@pytest.mark.parametrize("name", maps())
def test_a_box_holds_what_python_finds_in_it(ask: Ask, name: str, placement: Placement) -> None:
    of = maps()[name]
    width, height = of.photo_size
    boxes = [Box(x0 * width, y0 * height, x1 * width, y1 * height) for x0, y0, x1, y1 in BOXES]
    found = ask(
        "(() => { const found = heat(new Float32Array(a), b, c);"
        " return d.map((box) => [energyIn(found, box, b.size), pointsInto(found, box, b.size)]); })()",
        flat(of.values),
        where(of),
        placement.value,
        [[box.x0, box.y0, box.x1, box.y1] for box in boxes],
    )
    python = to_heatmap(of, placement)
    for box, (share, hit) in zip(boxes, found, strict=True):
        truth = GroundTruth((box,))
        assert share == pytest.approx(energy(python, truth, of.photo_size), abs=1e-9)
        assert hit == pointing(python, truth, of.photo_size)


def test_what_an_even_map_has_in_a_box(ask: Ask) -> None:
    # By hand, on a photo of 100 x 80 px of which a model saw 80 x 80: half as wide and half as high, and beside it.
    script = "a.map((box) => Object.values(seenIn(box, [10, 0, 90, 80], [100, 80])))"
    inside, partly, beside, all_of_it = ask(
        script, [[10, 0, 50, 40], [50, 40, 100, 100], [92, 0, 100, 80], [0, 0, 100, 80]]
    )
    assert inside == pytest.approx([0.25, 0])
    assert partly == pytest.approx([0.25, 1 - 1600 / 3000])
    assert beside == [0, 1]
    assert all_of_it == pytest.approx([1, 0.2])
    even = golden(np.ones((5, 5)), (100, 80), Box(10, 0, 90, 80))
    held = ask(
        "energyIn(heat(new Float32Array(a), b, 'plain'), [20, 10, 60, 50], [100, 80])", flat(even.values), where(even)
    )
    assert held == pytest.approx(ask("seenIn([20, 10, 60, 50], [10, 0, 90, 80], [100, 80]).part"), rel=0.03)


def test_numbers_are_printed_as_python_prints_them(ask: Ask) -> None:
    random = np.random.default_rng(5)
    values = [0.0, 0.5, 1.5, 2.5, 62.5, 0.125, 1e-5, 123456.0, -0.3, 9.995, 99.5, 1e21]
    values += [float(value) for value in random.normal(size=200) * 10.0 ** random.integers(-7, 7, size=200)]
    for digits in (2, 3):
        assert ask(f"a.map((value) => general(value, {digits}))", values) == [f"{v:.{digits}g}" for v in values]
    shares = [0.0, 0.125, 0.625, 0.005, 1.0, *map(float, random.uniform(size=200))]
    for digits in (0, 1):
        assert ask(f"a.map((part) => percent(part, {digits}))", shares) == [f"{share:.{digits}%}" for share in shares]


@pytest.mark.parametrize("method", [Method.CAM, Method.EIGENCAM])
@pytest.mark.parametrize("name", maps())
def test_the_sentence_about_a_map_is_the_one_that_python_says(ask: Ask, name: str, method: Method) -> None:
    of = replace(maps()[name], method=method)
    found = ask(
        "summary(new Float32Array(a), {...b, name: c}, d)",
        flat(of.values),
        where(of),
        of.target_name,
        summary_words(method),
    )
    assert found == describe_map(of)
    assert CAM_METHODS[method].title in found or of.target_name in found


def test_every_ninth_of_the_photo_has_its_name(ask: Ask) -> None:
    for row, column in product(range(3), range(3)):
        values = np.zeros((3, 3), np.float32)
        values[row, column] = 1
        of = golden(values)
        found = ask(
            "summary(new Float32Array(a), {...b, name: ''}, d)", flat(values), where(of), "", summary_words(of.method)
        )
        assert f" {peak_region(of)} of" in found


@pytest.mark.parametrize("zoom", [1, 1.7, 5])
def test_a_zoomed_window_is_a_part_of_the_whole_drawn_larger(ask: Ask, zoom: float) -> None:
    found = ask(
        """
        (() => {
          const window = windowOf({zoom: a, x: 0.3, y: 0.9}, 40, 30);
          const axis = {start: 3 * a, end: 30 * a, n: 7, slope: 0.9, offset: 0.02};
          const whole = weightsOf(axis, 0, window.fullWidth, false);
          const part = weightsOf(axis, window.left, 40, false);
          const same = (name) => String(whole[name].slice(window.left, window.left + 40)) === String(part[name]);
          return {window, same: same("part") && same("low")};
        })()
        """,
        zoom,
    )
    assert found["same"]
    window = found["window"]
    assert (window["fullWidth"], window["fullHeight"]) == (round(40 * zoom), round(30 * zoom))
    assert 0 <= window["left"] <= window["fullWidth"] - 40
    assert window["top"] == window["fullHeight"] - 30  # beyond the lower border, so clamped to it


def test_zooming_keeps_the_place_under_the_pointer(ask: Ask) -> None:
    view = ask("zoomed({zoom: 2, x: 0.2, y: 0.3}, 1.5, 0.25, 0.5, 16)")
    assert view["zoom"] == 3
    # by hand: 0.2 + 0.25 / 2 = 0.325 stays at a quarter of the window, 0.3 + 0.5 / 2 = 0.55 in its middle
    assert view["x"] + 0.25 / 3 == pytest.approx(0.325)
    assert view["y"] + 0.5 / 3 == pytest.approx(0.55)
    assert ask("zoomed({zoom: 2, x: 0.2, y: 0.3}, 0.1, 0.25, 0.5, 16)") == {"zoom": 1, "x": 0, "y": 0}
    assert ask("panned({zoom: 2, x: 0.2, y: 0.3}, -1, 1)") == {"zoom": 2, "x": 0.5, "y": 0}


@pytest.mark.parametrize(
    ("field", "whole"),
    [
        ([50, 0, 350, 300], True),
        ([58, 6, 342, 294], True),  # 2 % of 400 px across and of 300 px down
        ([59, 0, 350, 300], False),
        ([50, 0, 341, 300], False),
        ([50, 7, 350, 300], False),
        ([50, 0, 350, 293], False),
    ],
)
def test_a_frame_that_would_lie_on_that_of_what_the_model_saw_is_not_drawn(
    ask: Ask, field: list[float], whole: bool
) -> None:
    cells = {"cell": {"place": {"seen": [50, 0, 350, 300], "size": [400, 300]}}}
    assert ask("Cells.prototype.seesAll.call({...a, field: () => b}, 0, 0)", cells, field) is whole


def compared(ask: Ask, first: ActivationMap, second: ActivationMap) -> dict[str, Any] | None:
    """Return where two maps differ, as computed by the page."""
    found: dict[str, Any] | None = ask(
        "(() => { const found = differenceOf({map: new Float32Array(a), place: b}, {map: new Float32Array(c), place: d},"
        " 'plain'); return found && {...found, first: [...found.first], second: [...found.second],"
        " values: [...found.values]}; })()",
        *(flat(first.values), where(first), flat(second.values), where(second)),
    )
    return found


def test_what_two_maps_differ_in_is_found_by_hand(ask: Ask) -> None:
    found = compared(ask, golden(np.array([[3, 1, -5]])), golden(np.array([[1, 0, 1]])))
    assert found is not None
    assert found["first"] == [0.75, 0.25, 0]  # negative evidence does not count
    assert found["second"] == [0.5, 0, 0.5]
    assert found["values"] == [-0.25, -0.25, 0.5]
    assert (found["peak"], found["elsewhere"]) == (2, 0.5)


def test_a_finer_grid_is_no_difference(ask: Ask) -> None:
    coarse = np.random.default_rng(5).uniform(0, 4, size=(3, 4))
    fine = np.repeat(np.repeat(coarse, 2, axis=0), 3, axis=1)
    for first, second in ((coarse, fine), (fine, coarse)):
        found = compared(ask, golden(first), golden(second))
        assert found is not None
        np.testing.assert_allclose(found["first"], coarse.ravel() / coarse.sum(), rtol=1e-6)
        np.testing.assert_allclose(found["values"], 0, atol=1e-6)
        assert found["elsewhere"] == pytest.approx(0, abs=1e-6)


def test_maps_without_a_part_or_evidence_in_common_have_no_difference(ask: Ask) -> None:
    even, none = golden(np.ones((2, 2))), golden(-np.ones((2, 2)))
    assert compared(ask, even, none) is None
    assert (
        compared(ask, golden(np.ones((2, 2)), seen=Box(0, 0, 20, 20)), golden(np.ones((2, 2)), seen=Box(30, 0, 60, 40)))
        is None
    )


def sampled(of: ActivationMap, onto: ActivationMap, seen: Box) -> tuple[Floats, Floats]:
    """Return a map's share in each of another grid's cells, and how much of each both saw, from 1200 x 1200 points."""
    shares, parts = np.zeros(onto.values.shape), np.zeros(onto.values.shape)
    size, (rows, columns) = 1200, onto.values.shape
    xs = seen.x0 + (np.arange(size) + 0.5) / size * (seen.x1 - seen.x0)
    ys = seen.y0 + (np.arange(size) + 0.5) / size * (seen.y1 - seen.y0)

    def cell_of(one: ActivationMap) -> tuple[Any, Any]:
        down, across = one.values.shape
        x = (xs - one.seen.x0) / (one.seen.x1 - one.seen.x0) * across
        y = (ys - one.seen.y0) / (one.seen.y1 - one.seen.y0) * down
        return np.floor(y).astype(int), np.floor(x).astype(int)

    values = np.maximum(of.values.astype(float), 0)[np.ix_(*cell_of(of))]
    there = np.ix_(*cell_of(onto))
    np.add.at(shares, there, values)
    np.add.at(parts, there, 1.0)
    whole = (onto.seen.x1 - onto.seen.x0) * (onto.seen.y1 - onto.seen.y0) / rows / columns
    area = (seen.x1 - seen.x0) * (seen.y1 - seen.y0) / size**2
    return shares / shares.sum(), parts * area / whole


def test_maps_of_other_grids_and_crops_differ_as_numpy_counts_it(ask: Ask) -> None:
    random = np.random.default_rng(8)
    size = (600, 400)
    coarse = golden(random.normal(1, 2, size=(7, 7)), size, Box(90, 10, 480, 390))
    fine = golden(random.normal(1, 2, size=(9, 11)), size, Box(60, -20, 455, 370))
    seen = Box(90, 10, 455, 370)
    first, parts = sampled(coarse, coarse, seen)
    second, _ = sampled(fine, coarse, seen)
    for one, other, sign in ((coarse, fine, 1), (fine, coarse, -1)):
        found = compared(ask, one, other)
        assert found is not None
        shares = [found["first"], found["second"]][::sign]
        np.testing.assert_allclose(shares, [first.ravel(), second.ravel()], atol=5e-4)
        apart = np.divide(second - first, parts, out=np.zeros_like(parts), where=parts > 0.02).ravel()
        np.testing.assert_allclose(
            np.where(parts.ravel() > 0.02, sign * np.array(found["values"]), 0), apart, atol=2e-3
        )
        assert found["peak"] == np.abs(second - first).argmax()
        assert found["elsewhere"] == pytest.approx(np.abs(second - first).sum() / 2, abs=1e-3)


def test_a_part_of_what_was_seen_keeps_its_cells(ask: Ask) -> None:
    axis = {"start": 10, "end": 90, "n": 7, "slope": 0.9, "offset": 0.03}
    whole, part = ask("[edgesOf(a), edgesOf(cutTo(a, 22, 61))]", axis)
    np.testing.assert_allclose(part, whole, rtol=1e-12)
