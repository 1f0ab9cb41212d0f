"""Run a real server on a free port and a real Chromium, for tests that no simulation can replace."""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Locator, Page, TimeoutError, WebSocket, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from effviz.bench import app_sessions
from effviz.bench import app_timing as bench_browser

PATIENCE_MS = 180_000  # a first visit loads torch and the models
LOOK_MS = 2000
LOOKS = 30
FIRST_MODELS = 5
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'

T = TypeVar("T")

# "Idle" promises less than it seems to: after a click the rerun has not started yet, components mount after the script
# ends, charts get their size after they are drawn, and images load later still. So tests wait for what they assert:
# with `expect` where it can, otherwise with the functions below.

NEXT_FRAME = "new Promise((done) => requestAnimationFrame(done))"


def poll(page: Page, check: Callable[[], T]) -> T:
    """Retry `check` at every frame until none of its assertions fails, like Playwright's `expect`."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > end:
                raise
        page.evaluate(NEXT_FRAME)


def idle(page: Page) -> None:
    """Wait until the page's script has run; after a click, first wait for what the click changes."""
    page.wait_for_selector(IDLE, timeout=PATIENCE_MS)


def whole(page: Page) -> None:
    """Wait until the page has no placeholders and no stale elements left."""
    idle(page)
    for part in ('[data-testid$="Skeleton"]', '[data-stale="true"]'):
        expect(page.locator(part)).to_have_count(0)


SCROLLED_WIDTHS = """[document.documentElement, document.querySelector("[data-testid=stMain]")].map(
  (one) => one.scrollWidth)"""


def fits(page: Page, width: int) -> None:
    """Wait until the page is complete and nothing scrolls sideways; charts are too wide until they get their size."""
    whole(page)

    def narrow() -> None:
        assert max(page.evaluate(SCROLLED_WIDTHS)) <= width

    poll(page, narrow)


# An image has no height until it is loaded, so elements below it still move.
ARE_READ = "all => all.length > 0 && all.every((one) => one.complete && one.naturalWidth > 0)"


def pictures_are_read(pictures: Locator) -> None:
    """Wait until the page has loaded these images, at least one."""

    def read() -> None:
        assert pictures.evaluate_all(ARE_READ)

    poll(pictures.page, read)


STANDS = """
  (one) => new Promise((done) => {
    let before = "", still = 0;
    const look = () => {
      const { x, y, width, height } = one.getBoundingClientRect();
      const now = [x, y, width, height].join();
      still = now === before ? still + 1 : 0;
      before = now;
      if (still > 5) done({ x, y, width, height });
      else requestAnimationFrame(look);
    };
    look();
  })
"""


def standing(on: Locator) -> dict[str, float]:
    """Return an element's position in the window once it has stopped moving, for the mouse."""
    on.scroll_into_view_if_needed()
    found: dict[str, float] = on.evaluate(STANDS)
    return found


STILL = """
  (root) => new Promise((done) => {
    const drawn = () => [...root.querySelectorAll("canvas")].map((one) => one.dataset.drawn).join();
    let before = drawn(), still = 0;
    const look = () => {
      const now = drawn();
      still = now === before ? still + 1 : 0;
      before = now;
      if (still > 5) done();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  })
"""


def settled(root: Locator) -> None:
    """Wait until the canvases inside an element no longer change from frame to frame."""
    root.evaluate(STILL)


# Streamlit's grey placeholders pulse continuously: at sixty frames per second, without a graphics card, they take up to
# half of a visit's CPU time.
STILL_WAITING = """{
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('[data-testid$="Skeleton"], [data-testid$="Skeleton"] * { animation: none !important }');
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""

Visit = Callable[..., Page]

expect.set_options(timeout=PATIENCE_MS)  # waits end as soon as the state is reached; the limit is for slow machines


@pytest.fixture(scope="session")
def chromium() -> None:
    """Skip the test if Chromium is not installed; in CI, fail."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        reason = "Chromium is not installed: install your distribution's package `chromium` to drive a real browser."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="package")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder where the server looks for runs of `effviz evaluate`."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="package")
def address(chromium: None, runs: Path) -> Iterator[str]:
    """Return the app's address; the server runs as long as these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("EFFVIZ_RUNS", str(runs))
        with app_sessions.start_server() as running:
            yield running.address


@pytest.fixture(scope="package")  # Playwright's event loop would conflict with other tests' loops
def browser(chromium: None) -> Iterator[Browser]:
    with bench_browser.start_chromium() as running:
        yield running


class Window:
    """A browser window: every visit reloads the app, and so starts a new session on the server.

    A window loads and compiles Streamlit's scripts once; they would take most of a visit's CPU time.
    """

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page, self.address = context.new_page(), address
        self.page.set_default_timeout(PATIENCE_MS)
        self.line, self.mistakes = Line(), list[str]()
        self.page.on("pageerror", lambda mistake: self.mistakes.append(str(mistake)))
        self.page.on("websocket", lambda socket: self.line.listen(socket))

    def visit(
        self,
        path: str = "/",
        width: int = 1280,
        height: int = 900,
        scheme: str = "light",
        motion: str = "no-preference",
    ) -> Page:
        """Open a path of the app and wait until its script has run."""
        self.line = Line()
        self.page.mouse.move(0, 0)
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme=scheme, reduced_motion=motion)
        self.page.goto(self.address + path)
        idle(self.page)
        return self.page


@pytest.fixture(scope="package")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return the browser context, whose windows share a file cache."""
    with browser.new_context() as context:
        context.add_init_script(STILL_WAITING)
        yield context


@pytest.fixture(scope="package")
def shared_window(context: BrowserContext, address: str) -> Window:
    return Window(context, address)


@pytest.fixture
def window(shared_window: Window) -> Iterator[Window]:
    """Return the window that all tests share; fail if a page of the test threw an error in the browser."""
    shared_window.mistakes.clear()
    yield shared_window
    shared_window.page.mouse.up()  # in case a test failed in the middle of a drag
    assert not shared_window.mistakes


@pytest.fixture
def visit(window: Window) -> Visit:
    """Open a path of the app in a new session and wait until its script has run."""
    return window.visit


@pytest.fixture
def new_window(browser: Browser, address: str) -> Iterator[Callable[..., Window]]:
    """Open a separate window, for a test whose changes neither a visit nor `tools` would reset."""
    opened: list[Window] = []

    def opening(**options: Any) -> Window:
        context = browser.new_context(**options)
        context.add_init_script(STILL_WAITING)
        opened.append(Window(context, address))
        return opened[-1]

    yield opening
    for each in opened:
        each.page.context.close()
    assert not [mistake for each in opened for mistake in each.mistakes]


@pytest.fixture
def tools(window: Window) -> Iterator[CDPSession]:
    """Return DevTools for the shared window; detaching resets their settings."""
    session = window.page.context.new_cdp_session(window.page)
    yield session
    session.detach()


def follow(page: Page, name: str, path: str) -> None:
    """Go to another page by its link, and wait until its script has run, so that clicks meet a complete page."""
    page.get_by_role("link", name=name, exact=True).click()
    expect(page).to_have_url(re.compile(rf"{path}(\?|$)"))
    idle(page)


STOP = """() => {
  const buttons = [...document.querySelectorAll("[data-testid=stMain] button")];
  const stop = buttons.find((one) => one.innerText.endsWith("Stop"));
  stop?.click();
  return Boolean(stop);
}"""


def stop(page: Page) -> None:
    """Click Stop as soon as it appears, checking at every frame, because work may take less than a second."""
    page.wait_for_function(STOP)


def unfold(page: Page, name: str) -> None:
    """Open a part of the strip above the maps; a part that was open closes."""
    button = page.locator(".st-key-strip").get_by_test_id("stPopoverButton").filter(has_text=name)
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_test_id("stPopoverBody")).to_have_count(1)


def upload(page: Page, *files: Path) -> None:
    """Put files into the only upload box; an accepted file adds an empty box before the old one disappears."""
    box = page.locator('input[type="file"]')
    expect(box).to_have_count(1)
    box.set_input_files(files)


@pytest.fixture
def press_point() -> Callable[[Page, int], None]:
    """Return a function that clicks a point of a page's Plotly charts, by its number."""

    def pressed(page: Page, number: int) -> None:
        """Hover until the point's label shows: a chart that is still resizing moves its points."""
        point = page.locator(".js-plotly-plot .scatterlayer .trace .points path").nth(number)
        label = page.locator(".hoverlayer .hovertext").first
        for _look in range(LOOKS):
            point.evaluate(STANDS)
            point.hover(force=True)  # a transparent layer above the points catches the mouse
            try:
                label.wait_for(timeout=LOOK_MS)
                break
            except TimeoutError:
                page.mouse.move(0, 0)
        point.click(force=True)

    return pressed


@dataclass
class Line:
    """The messages to the server, and the sizes of its responses."""

    sent: list[str] = field(default_factory=list)  # kinds of messages
    received: list[int] = field(default_factory=list)  # their lengths in bytes

    newest: bytes | None = None  # widget states in the last message

    def listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self.send)
        socket.on("framereceived", lambda frame: self.received.append(len(frame)))

    def send(self, frame: str | bytes) -> None:
        """Count a message and its repetitions, sent after two seconds without an answer, once; see sender.js."""
        message = BackMsg.FromString(frame if isinstance(frame, bytes) else frame.encode())
        if message.WhichOneof("type") != "rerun_script":
            self.sent.append(str(message))  # keep the text, to explain an unexpected message
            return
        widgets = message.rerun_script.widget_states.SerializeToString(deterministic=True)
        if widgets != self.newest:
            self.sent.append("rerun")
        self.newest = widgets


@dataclass(slots=True)
class Compared:
    """The Compare page with its grid drawn."""

    page: Page
    line: Line
    count: int  # of maps

    @property
    def maps(self) -> Locator:
        return self.page.locator("figure.tile canvas[aria-label]")

    def stage(self, place: int) -> Locator:
        """Return the element that holds a map and takes the keyboard focus."""
        return self.page.locator("figure.tile .stage").nth(place)

    def idle(self) -> None:
        idle(self.page)

    def ready(self) -> None:
        """Wait until all maps exist, the page's script has ended, and everything visible is drawn."""
        expect(self.maps).to_have_count(self.count, timeout=PATIENCE_MS)  # they appear one by one
        self.idle()
        expect(self.maps.first).not_to_have_attribute("data-drawn", "0")
        self.settled()

    def settled(self) -> None:
        """Wait until the grid has stopped drawing."""
        settled(self.page.locator(".effviz-grid"))

    def open_look(self) -> None:
        """Open the Look controls."""
        self.page.get_by_role("button", name=re.compile("^Look")).click()

    def pixels(self, canvas: Locator) -> list[int]:
        """Return a few hundred pixel values from all over the canvas."""
        found: list[int] = canvas.evaluate(
            "one => { const {data} = one.getContext('2d').getImageData(0, 0, one.width, one.height);"
            " return Array.from({length: 400}, (_, i) => data[Math.floor(i * data.length / 400)]); }"
        )
        return found

    def changes(self, act: Callable[[], object], canvas: Locator) -> None:
        """Call `act` and wait until the canvas changes."""
        before = self.pixels(canvas)
        count = canvas.get_attribute("data-drawn")
        act()

        def other() -> None:
            assert canvas.get_attribute("data-drawn") not in (count, "0")
            assert self.pixels(canvas) != before

        poll(self.page, other)

    def slide(self, label: str, value: int) -> None:
        """Drag a slider without letting go."""
        self.page.get_by_label(label, exact=False).first.evaluate(
            "(one, value) => { one.value = value; one.dispatchEvent(new Event('input', {bubbles: true})); }", value
        )


def comparison(window: Window, path: str, **look: Any) -> Compared:
    """Open a comparison in a new session and wait for its maps; messages are counted."""
    found = Compared(window.visit(path, **look), window.line, maps_of(path))
    found.ready()
    return found


def maps_of(path: str) -> int:
    """Return how many maps an address requests; a first visit shows five models and one photo."""
    asked = parse_qs(urlsplit(path).query)
    models, photos = (asked[name][0].split(",") if name in asked else [] for name in ("models", "photos"))
    return (len(models) or FIRST_MODELS) * (len(photos) or 1)


@pytest.fixture
def compare(window: Window) -> Callable[..., Compared]:
    """Return a function that opens a comparison in the shared window."""
    return partial(comparison, window)
