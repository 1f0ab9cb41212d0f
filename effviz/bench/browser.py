"""What only a real browser can tell: when something is painted, and how many pictures a second it draws.

Playwright drives Chromium; both are for development only, so they are looked for when they are needed.
"""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from effviz.errors import SettingsError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Playwright

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 120_000
DRAG_S = 3

# Tells when the page's title has been painted: the first frame after the one that has it.
_PAINTED = """
(() => {
  const look = () => {
    if (document.querySelector("h1")) requestAnimationFrame((now) => window.effvizPainted(now));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()
"""

# Keeps when there were how many maps with something drawn in them, in ms from asking for the page.
_DRAWN = """
window.effvizMaps = [];
setInterval(() => {
  const grids = [...document.querySelectorAll("[data-testid^=stBidiComponent]")].map((one) => one.shadowRoot ?? one);
  const maps = grids.flatMap((grid) => [...grid.querySelectorAll("figure.tile canvas[aria-label]")]);
  const drawn = maps.filter((map) => (map.dataset.drawn ?? "0") !== "0").length;
  while (effvizMaps.length < drawn) effvizMaps.push(performance.now());
}, 10);
"""

# From the first touch of a class to the frame after the one in which a map's pixels are others.
_WATCH_CLASS = """
(button) => {
  const canvas = button.getRootNode().querySelector(".tile canvas");
  const pixels = () => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.join();
  const before = pixels();
  window.effvizChanged = new Promise((resolve) => {
    button.addEventListener("pointerenter", (event) => {
      const look = (now) => {
        if (now - event.timeStamp > 5000) resolve(null);
        else if (pixels() === before) requestAnimationFrame(look);
        else requestAnimationFrame((shown) => resolve(shown - event.timeStamp));
      };
      requestAnimationFrame(look);
    }, { once: true });
  });
}
"""

# Moves the thumb by a step before every frame, and counts the frames that show another number than the last one.
_DRAG = """
async (range, duration) => {
  const shown = range.getRootNode().querySelector("[data-show=phi]");
  const first = await new Promise(requestAnimationFrame);
  let now = first;
  let step = Number(range.step);
  let changed = 0;
  while (now - first < duration) {
    const before = shown.textContent;
    if (Number(range.value) + step > range.max || Number(range.value) + step < range.min) step = -step;
    range.value = Number(range.value) + step;
    range.dispatchEvent(new Event("input", { bubbles: true }));
    now = await new Promise(requestAnimationFrame);
    if (shown.textContent !== before) changed += 1;
  }
  return (1000 * changed) / (now - first);
}
"""

# Moves the hand before every frame, as a hand does: moves that Playwright sends reach only every other frame.
_HAND = """
async (stage, [zooming, duration]) => {
  const canvas = stage.querySelector("canvas");
  const { left, top, width, height } = stage.getBoundingClientRect();
  const first = await new Promise(requestAnimationFrame);
  const drawn = new Set([canvas.dataset.drawn]); // and the one that is there already
  let now = first;
  let grown = 0; // the logarithm of how far it has been zoomed in
  while (now - first < duration) {
    const angle = (now - first) / 300;
    const clientX = left + width * (0.5 + 0.4 * Math.sin(angle));
    const at = { pointerId: 1, buttons: 1, bubbles: true, clientX, clientY: top + height / 2 };
    stage.dispatchEvent(new PointerEvent("pointermove", at));
    const size = 0.6 * (1 - Math.cos(angle));
    const wheel = { ...at, ctrlKey: true, cancelable: true, deltaY: 100 * (grown - size) };
    if (zooming) stage.dispatchEvent(new WheelEvent("wheel", wheel));
    grown = size;
    now = await new Promise(requestAnimationFrame);
    drawn.add(canvas.dataset.drawn);
  }
  return (1000 * (drawn.size - 1)) / (now - first);
}
"""


@contextmanager
def chromium() -> "Iterator[Browser]":
    """Run a browser for the block.

    Raises:
        SettingsError: Playwright or Chromium is not installed.
    """
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if find_spec("playwright") is None or found is None:
        raise SettingsError(
            "What a browser shows was not measured: that takes Playwright and Chromium. "
            "Run pip install -r requirements-dev.txt, and install your distribution's package chromium."
        )
    with _playwright() as playwright, playwright.chromium.launch(executable_path=found, args=FLAGS) as browser:
        yield browser


@contextmanager
def _playwright() -> "Iterator[Playwright]":
    """Start Playwright's driver in a session of its own: Ctrl-C reaches this process alone, which then closes all."""
    from playwright.sync_api import sync_playwright

    start = asyncio.create_subprocess_exec
    asyncio.create_subprocess_exec = partial(start, start_new_session=True)
    try:
        playwright = sync_playwright().start()
    finally:
        asyncio.create_subprocess_exec = start
    try:
        yield playwright
    finally:
        playwright.stop()


def new_page(browser: "Browser") -> "Page":
    """A window of its own, with nothing kept from before."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def first_paint_ms(page: "Page", address: str, at_paint: Callable[[], None] = lambda: None) -> float:
    """Open the app in a new window and return how long its title took; `at_paint` runs at that moment.

    The clock starts when the browser begins to ask for the address.
    """
    times: list[float] = []

    def painted(now: float) -> None:
        if not times:
            at_paint()
        times.append(now)

    page.expose_function("effvizPainted", painted)
    page.add_init_script(_PAINTED)
    page.goto(address, wait_until="commit")
    page.get_by_role("heading", level=1).wait_for()
    settled(page)
    return times[0]


def maps_drawn_s(page: "Page", address: str, counts: Sequence[int]) -> list[float]:
    """Open Compare in a new window and return how long it took until so many maps were drawn."""
    page.add_init_script(_DRAWN)
    page.goto(address, wait_until="commit")
    page.wait_for_function(f"window.effvizMaps.length >= {max(counts)}")
    times: list[float] = page.evaluate("window.effvizMaps")
    return [times[count - 1] / 1000 for count in counts]


def settled(page: "Page") -> None:
    """Wait until the page's script has run."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')


def class_to_pixels_ms(page: "Page", button: "Locator") -> float | None:
    """Point at a class and return how long the picture took to change; None where it shows that class already."""
    page.mouse.move(0, 0)
    button.scroll_into_view_if_needed()
    button.evaluate(_WATCH_CLASS)
    button.hover()
    found: float | None = page.evaluate("window.effvizChanged")
    return found


def frames_per_second(slider: "Locator") -> float:
    """Drag the phi slider to and fro and return in how many frames a second another phi was drawn."""
    slider.scroll_into_view_if_needed()
    return float(slider.evaluate(_DRAG, 1000 * DRAG_S))


def pictures_per_second(page: "Page", stage: "Locator", zooming: bool = False) -> float:
    """Drag to and fro on a map, or zoom it in and out meanwhile, and return how often a second it was drawn anew."""
    stage.scroll_into_view_if_needed()
    stage.hover()
    page.mouse.down()
    found = float(stage.evaluate(_HAND, [zooming, 1000 * DRAG_S]))
    page.mouse.up()
    return found
