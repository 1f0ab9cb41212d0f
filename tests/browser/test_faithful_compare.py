"""Compare's two checks in a real browser: requested once, then played without the server."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from effviz.zoo import imagenet_classes
from tests.browser.conftest import fits, poll, settled, standing, stop

pytestmark = pytest.mark.browser

Compare = Callable[..., Any]  # opens a comparison: see conftest.py
ONE = "/?models=lite0@96&photos=dog"  # small, because a sequence takes hundreds of passes
TWO = "/?models=lite0@96,lite1@96&photos=dog"
PATIENCE_MS = 180_000


def ask(grid: Any, button: str) -> Locator:
    """Click a button and wait for its sequence."""
    page = grid.page
    before = page.locator(".reel").count()
    page.get_by_role("button", name=button).click()
    expect(page.locator(".reel")).to_have_count(before + 1, timeout=PATIENCE_MS)
    grid.idle()
    reel = page.locator(".reel").last
    expect(reel.locator("canvas").first).to_be_attached()
    expect(reel.locator('canvas[data-drawn="0"]')).to_have_count(0)
    settled(reel)
    return reel


def slider(reel: Locator) -> Locator:
    return reel.get_by_role("slider")


def colours(canvas: Locator) -> list[int]:
    """Return every pixel as one number."""
    found: list[int] = canvas.evaluate(
        "one => Array.from(new Uint32Array(one.getContext('2d').getImageData(0, 0, one.width, one.height).data.buffer))"
    )
    return found


PLAYHEAD = """
  (chart) => {
    const plot = document.querySelector(`.st-key-${chart} .js-plotly-plot`);
    const line = plot?.querySelector(".effviz-playhead");
    if (!line) return null;
    const {xaxis} = plot._fullLayout;
    return xaxis.p2l(parseFloat(line.style.left) + 1 - xaxis._offset);
  }
"""


def stands_at(page: Page, chart: str, x: float, tolerance: float) -> None:
    """Wait until the line reaches this place on a chart, in the unit of its axis."""

    def there() -> None:
        assert page.evaluate(PLAYHEAD, chart) == pytest.approx(x, abs=tolerance)

    poll(page, there)


def test_the_photo_is_taken_away_and_brought_in_by_hand_by_itself_and_by_keyboard(compare: Compare) -> None:
    grid = compare(TWO)
    page, line = grid.page, grid.line
    reel = ask(grid, "Measure")
    expect(reel.locator("canvas")).to_have_count(2)
    page.wait_for_selector(".st-key-faithful-curves .effviz-playhead", state="attached")
    sent, canvas = len(line.sent), reel.locator("canvas").first
    slider(reel).fill("20")
    settled(reel)
    (gone,) = set(colours(canvas))  # only the mean colour
    slider(reel).fill("10")
    settled(reel)
    shares = [colours(canvas).count(gone) / len(colours(canvas))]
    reel.get_by_role("radio", name="Insertion").click()
    settled(reel)
    shares.append(colours(canvas).count(gone) / len(colours(canvas)))
    assert shares == pytest.approx([0.5, 0.5], abs=0.02)  # 10 of 20 steps of equal area
    slider(reel).fill("0")
    settled(reel)
    assert set(colours(canvas)) == {gone}
    stands_at(page, "faithful-curves", 0, 0.2)
    slider(reel).fill("5")
    settled(reel)
    stands_at(page, "faithful-curves", 25, 0.2)  # percent of the area
    explained = imagenet_classes.names()[int(grid.maps.first.get_attribute("data-class"))]
    expect(reel.locator("figcaption div").first).to_have_text(re.compile(rf"^{re.escape(explained)} \d+%$"))
    it_plays_to_the_end(grid, reel)
    assert len(line.sent) == sent
    the_keyboard_does_it_all(grid, reel)
    page.set_viewport_size({"width": 390, "height": 900})
    fits(page, 390)
    for one in (reel.locator("canvas").first, reel.locator("canvas").last, slider(reel)):
        box = standing(one)
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


# Lets the test advance the playback step by step.
TICKS = """
  () => {
    const set = window.setInterval, clear = window.clearInterval;
    const own = new Set();
    window.setInterval = (act, pace, ...more) => {
      if (pace !== 250) return set(act, pace, ...more);
      own.add(act);
      return act;
    };
    window.clearInterval = (one) => own.delete(one) || clear(one);
    window.tick = () => [...own].forEach((act) => act());
  }
"""


def it_plays_to_the_end(grid: Any, reel: Locator) -> None:
    page, canvas = grid.page, reel.locator("canvas").last
    slider(reel).fill("4")
    settled(reel)
    before = grid.pixels(canvas)

    def pass_frames(count: int) -> None:
        page.evaluate("count => { while (count--) window.tick(); }", count)

    page.evaluate(TICKS)
    reel.get_by_role("button", name="Play").click()
    expect(reel.get_by_role("button", name="Pause")).to_be_visible()
    pass_frames(4)
    expect(reel).to_have_attribute("data-frame", "8")
    settled(reel)
    assert grid.pixels(canvas) != before
    reel.get_by_role("button", name="Pause").click()
    expect(reel.get_by_role("button", name="Play")).to_be_visible()
    pass_frames(8)
    expect(reel).to_have_attribute("data-frame", "8")
    reel.get_by_role("button", name="Play").click()
    pass_frames(12)
    expect(slider(reel)).to_have_attribute("aria-valuetext", "The strongest 100 % of the area, as ranked by the map.")
    reel.get_by_role("button", name="Play").click()  # from the start
    pass_frames(1)
    expect(reel).to_have_attribute("data-frame", "1")


def the_keyboard_does_it_all(grid: Any, reel: Locator) -> None:
    page = grid.page
    reel.get_by_role("radio", name="Deletion").click()
    slider(reel).focus()
    slider(reel).press("Home")
    expect(reel).to_have_attribute("data-frame", "0")
    settled(reel)  # otherwise the image before may already be the one after
    grid.changes(lambda: slider(reel).press("ArrowRight"), reel.locator("canvas").first)
    expect(slider(reel)).to_have_attribute("aria-valuetext", "The strongest 5 % of the area, as ranked by the map.")
    slider(reel).press("End")
    expect(reel).to_have_attribute("data-frame", "20")
    slider(reel).press(" ")
    expect(reel.get_by_role("button", name="Pause")).to_be_visible()
    slider(reel).press(" ")
    expect(reel.get_by_role("button", name="Play")).to_be_visible()
    slider(reel).press("Shift+Tab")
    expect(reel.get_by_role("radio", name="Deletion")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(reel.get_by_role("radio", name="Insertion")).to_be_focused()
    expect(reel.get_by_role("radio", name="Insertion")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("Shift+Tab")
    expect(reel.get_by_role("button", name="Play")).to_be_focused()
    page.keyboard.press("Enter")
    expect(reel.get_by_role("button", name="Pause")).to_be_focused()


def test_breaking_the_network_melts_the_map_in_any_palette(compare: Compare) -> None:
    grid = compare(ONE)
    page, line = grid.page, grid.line
    reel = ask(grid, "Break the network")
    page.wait_for_selector(".st-key-sanity-curve .effviz-playhead", state="attached")
    sent, canvas = len(line.sent), reel.locator("canvas")
    settled(reel)
    intact, drawn = grid.pixels(canvas), int(canvas.get_attribute("data-drawn") or "")
    slider(reel).fill("10")
    expect(slider(reel)).to_have_attribute("aria-valuetext", re.compile("this part: stem"))
    settled(reel)
    assert int(canvas.get_attribute("data-drawn") or "") > drawn + 3  # gradually
    assert grid.pixels(canvas) != intact
    stands_at(page, "sanity-curve", 10, 0.05)
    slider(reel).fill("0")
    settled(reel)
    assert grid.pixels(canvas) == intact
    reel.get_by_role("button", name="Play").click()
    expect(reel).to_have_attribute("data-frame", re.compile("^[1-9]"))
    assert len(line.sent) == sent
    slider(reel).fill("5")  # manually, which stops the playback
    expect(reel.get_by_role("button", name="Play")).to_be_visible()
    settled(reel)
    page.locator(".bar button.fold").click()  # the Look controls are collapsed
    palette = page.get_by_role("combobox", name="Palette", exact=True)
    grid.changes(lambda: palette.select_option("turbo"), canvas)
    grid.idle()
    expect(reel).to_have_attribute("data-frame", "5")  # the sequence keeps its position
    less_motion_shows_each_map_at_once(page, reel)


def less_motion_shows_each_map_at_once(page: Page, reel: Locator) -> None:
    page.emulate_media(reduced_motion="reduce")
    canvas = reel.locator("canvas")
    slider(reel).fill("0")
    settled(reel)
    drawn = int(canvas.get_attribute("data-drawn") or "")
    slider(reel).fill("10")
    settled(reel)
    # Once, or again if the page passes the sequence the same data; a gradual change would draw more than three times.
    assert drawn < int(canvas.get_attribute("data-drawn") or "") <= drawn + 3


def test_stop_ends_what_was_begun(compare: Compare) -> None:
    """The input is so large that hundreds of passes, and eleven, still run when the server receives Stop."""
    grid = compare("/?models=lite2@640&photos=dog")
    page = grid.page
    main = page.get_by_test_id("stMain")
    for button in ("Measure", "Break the network"):
        main.get_by_role("button", name=button).click()
        stop(page)
        expect(page.get_by_role("progressbar")).to_have_count(0)
        grid.idle()
        expect(page.locator(".reel")).to_have_count(0)  # work that had continued would show its sequence by now
        expect(main.get_by_role("button", name=button)).to_be_enabled()  # tests/ui covers asking again
