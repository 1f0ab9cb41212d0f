"""The benchmark's probes: each one measures what it should."""

import pytest
from playwright.sync_api import Browser

from effviz.bench.app_timing import class_to_pixels_ms, first_paint_ms, frames_per_second, new_page, pictures_per_second

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("effviz.bench.app_timing.DRAG_S", 1)


SLOW_SLIDER = """
<input type="range" min="0" max="1" step="0.5"><output data-show="phi"></output>
<script>
  window.passed = new Set();
  document.querySelector("input").addEventListener("input", ({ target }) => {
    const end = performance.now() + 100;
    while (performance.now() < end);
    passed.add(target.value);
    document.querySelector("output").textContent = target.value;
  });
</script>
"""
# Draws in the frame after a mouse move; each image takes as long as `slowness` says.
MAP = """
<div class="stage" style="width: 300px; height: 200px"><canvas data-drawn="0"></canvas></div>
<script>
  const stage = document.querySelector(".stage");
  const { dataset } = document.querySelector("canvas");
  window.slowness = 0;
  window.said = new Set();
  let waiting = false;
  const draw = (event) => {
    if (event.buttons !== 1) return;
    said.add(event.type === "wheel" ? `zoom ${Math.sign(event.deltaY)} ${event.ctrlKey}` : `move ${event.pointerId}`);
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const end = performance.now() + slowness;
      while (performance.now() < end);
      dataset.drawn = Number(dataset.drawn) + 1;
    });
  };
  stage.addEventListener("pointermove", draw);
  stage.addEventListener("wheel", draw);
</script>
"""
TWO_CLASSES = """
<div class="tile"><canvas width="20" height="20"></canvas></div>
<button id="same">same</button><button id="other">other</button>
<script>
  document.querySelector("#other").addEventListener("pointerenter", () => {
    requestAnimationFrame(() => document.querySelector("canvas").getContext("2d").fillRect(0, 0, 9, 9));
  });
</script>
"""


def test_a_slider_that_does_much_at_each_step_draws_few_frames(browser: Browser) -> None:
    page = new_page(browser)
    page.set_content(SLOW_SLIDER)
    # A step takes a tenth of a second on any machine; over one second the clock may be one step early.
    assert 0 < frames_per_second(page.get_by_role("slider")) <= 11
    assert set(page.evaluate("[...passed]")) == {"0", "0.5", "1"}  # there and back


def test_a_slider_whose_drawing_stays_the_same_draws_no_frames(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("effviz.bench.app_timing.DRAG_S", 0.2)
    page = new_page(browser)
    page.set_content(SLOW_SLIDER.split("<script>")[0])
    assert frames_per_second(page.get_by_role("slider")) == 0


def test_maps_that_are_slow_to_draw_are_seen_to_be_so(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("effviz.bench.app_timing.DRAG_S", 1.5)  # the wheel turns back after 0.94 s
    page = new_page(browser)
    page.set_content(MAP)
    quick = pictures_per_second(page, page.locator(".stage"))
    page.evaluate("window.slowness = 200")
    slow = pictures_per_second(page, page.locator(".stage"), zooming=True)
    # Each takes a fifth of a second, however fast the machine; over 1.5 s the clock may be one image early.
    assert 0 < slow <= 6
    assert quick > slow
    # Pointer 1 is the mouse in Chromium; the wheel turns both ways.
    assert set(page.evaluate("[...window.said]")) >= {"move 1", "zoom 1 true", "zoom -1 true"}


def test_maps_that_are_not_drawn_give_no_pictures(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("effviz.bench.app_timing.DRAG_S", 0.2)
    page = new_page(browser)
    page.set_content(MAP.split("<script>")[0])
    assert pictures_per_second(page, page.locator(".stage")) == 0


def test_a_class_that_changes_no_pixel_is_told_from_one_that_does(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = new_page(browser)
    page.set_content(TWO_CLASSES)
    with monkeypatch.context() as soon:
        soon.setattr("effviz.bench.app_timing.SAME_MS", 200)
        assert class_to_pixels_ms(page, page.locator("#same")) is None
    assert (class_to_pixels_ms(page, page.locator("#other")) or 0) > 0


def test_the_first_paint_is_heard_of_once_and_while_the_title_is_there(browser: Browser, address: str) -> None:
    page, heard = new_page(browser), []
    assert first_paint_ms(page, f"{address}/scale", lambda: heard.append(True)) > 0
    assert heard == [True]
    assert page.get_by_role("heading", level=1).is_visible()
