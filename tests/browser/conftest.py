"""A real server on a free port and a real Chromium, for journeys that no simulation can stand in for."""

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

# What a test reads once and asserts has to be there at that moment, and "idle" promises less than it seems to: a click
# has not begun its rerun yet, a component is mounted after the script has ended, a chart is drawn and then given its
# size, a picture is read later still. So tests wait on what they assert: with `expect` where it knows how to, else with
# the functions below.

NEXT_FRAME = "new Promise((done) => requestAnimationFrame(done))"


def poll(page: Page, check: Callable[[], T]) -> T:
    """Look again at every frame until none of the assertions in `check` fails, as `expect` does for what it knows."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > end:
                raise
        page.evaluate(NEXT_FRAME)


def idle(page: Page) -> None:
    """Wait until the page's script has run; after a click, wait for what it changes first."""
    page.wait_for_selector(IDLE, timeout=PATIENCE_MS)


def whole(page: Page) -> None:
    """Wait until nothing of the page is still to come, or still to go."""
    idle(page)
    for part in ('[data-testid$="Skeleton"]', '[data-stale="true"]'):
        expect(page.locator(part)).to_have_count(0)


SCROLLED_WIDTHS = """[document.documentElement, document.querySelector("[data-testid=stMain]")].map(
  (one) => one.scrollWidth)"""


def fits(page: Page, width: int) -> None:
    """The whole page is there, and nothing scrolls sideways: a chart is wider until it is given its size."""
    whole(page)

    def narrow() -> None:
        assert max(page.evaluate(SCROLLED_WIDTHS)) <= width

    poll(page, narrow)


# Until a picture has been read it has no height, and what lies below it is not yet where it will be.
ARE_READ = "all => all.length > 0 && all.every((one) => one.complete && one.naturalWidth > 0)"


def pictures_are_read(pictures: Locator) -> None:
    """Wait until the page has read these pictures, of which there is one at least."""

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
    """Where something is in the window once it has stopped moving, for a hand that goes there."""
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
    """Wait until no more is drawn on the canvases within, and frames come as they should."""
    root.evaluate(STILL)


# Streamlit's grey boxes in place of what is still to come pulse without end: at sixty frames a second, drawn without a
# graphics card, they take up to half of what a visit takes of the processor.
STILL_WAITING = """{
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('[data-testid$="Skeleton"], [data-testid$="Skeleton"] * { animation: none !important }');
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""

Visit = Callable[..., Page]

expect.set_options(timeout=PATIENCE_MS)  # waits end when the state is there; this is for slow machines


@pytest.fixture(scope="session")
def chromium() -> None:
    """Chromium is here, or the test is left out; CI has to have it."""
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        reason = "Chromium is not installed: install your distribution's package `chromium` to drive a real browser."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="package")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server looks for runs of `effviz evaluate`."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="package")
def address(chromium: None, runs: Path) -> Iterator[str]:
    """Where the app answers; the server lives as long as these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("EFFVIZ_RUNS", str(runs))
        with app_sessions.start_server() as running:
            yield running.address


@pytest.fixture(scope="package")  # Playwright's event loop would be in the way of other tests' loops
def browser(chromium: None) -> Iterator[Browser]:
    with bench_browser.start_chromium() as running:
        yield running


class Window:
    """A window of the browser: every visit loads the app anew, so it is a new session of the server.

    Streamlit's scripts are read and compiled once a window, which is most of what a visit takes of the processor.
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
    """What windows share: files that they have read."""
    with browser.new_context() as context:
        context.add_init_script(STILL_WAITING)
        yield context


@pytest.fixture(scope="package")
def shared_window(context: BrowserContext, address: str) -> Window:
    return Window(context, address)


@pytest.fixture
def window(shared_window: Window) -> Iterator[Window]:
    """The window of all tests; ends with a failure if a page of the test threw an error in the browser."""
    shared_window.mistakes.clear()
    yield shared_window
    shared_window.page.mouse.up()  # of a test that failed in the middle of a drag
    assert not shared_window.mistakes


@pytest.fixture
def visit(window: Window) -> Visit:
    """Open a path of the app in a new session and wait until its script has run."""
    return window.visit


@pytest.fixture
def new_window(browser: Browser, address: str) -> Iterator[Callable[..., Window]]:
    """Open a window of its own, for a test that changes what neither a visit nor `tools` would set back."""
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
    """Chromium's own tools of the window of all tests; what they set is as before when they are put away."""
    session = window.page.context.new_cdp_session(window.page)
    yield session
    session.detach()


def follow(page: Page, name: str, path: str) -> None:
    """Go to another page by its link, and wait until that page's script has run: then a click meets no half of it."""
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
    """Press Stop as soon as it is there, which it is looked for at every frame: work may last less than a second."""
    page.wait_for_function(STOP)


def unfold(page: Page, name: str) -> None:
    """Open a part of the strip above the maps; another one that is open closes."""
    button = page.locator(".st-key-strip").get_by_test_id("stPopoverButton").filter(has_text=name)
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_test_id("stPopoverBody")).to_have_count(1)


def upload(page: Page, *files: Path) -> None:
    """Put files into the one upload box: a file that is taken brings an empty box; the old one goes a moment later."""
    box = page.locator('input[type="file"]')
    expect(box).to_have_count(1)
    box.set_input_files(files)


@pytest.fixture
def press_point() -> Callable[[Page, int], None]:
    """Click a point of a page's Plotly charts, by its number."""

    def pressed(page: Page, number: int) -> None:
        """Point at it until its label shows: a chart that is still finding its size moves its points away."""
        point = page.locator(".js-plotly-plot .scatterlayer .trace .points path").nth(number)
        label = page.locator(".hoverlayer .hovertext").first
        for _look in range(LOOKS):
            point.evaluate(STANDS)
            point.hover(force=True)  # what catches the mouse lies above the points
            try:
                label.wait_for(timeout=LOOK_MS)
                break
            except TimeoutError:
                page.mouse.move(0, 0)
        point.click(force=True)

    return pressed


@dataclass
class Line:
    """What goes to the server, and how much comes back."""

    sent: list[str] = field(default_factory=list)  # kinds of messages
    received: list[int] = field(default_factory=list)  # their lengths in bytes

    newest: bytes | None = None  # what the widgets were in the last message

    def listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self.send)
        socket.on("framereceived", lambda frame: self.received.append(len(frame)))

    def send(self, frame: str | bytes) -> None:
        """What is told again, since the server has not answered for two seconds, is one message: see sender.js."""
        message = BackMsg.FromString(frame if isinstance(frame, bytes) else frame.encode())
        if message.WhichOneof("type") != "rerun_script":
            self.sent.append(str(message))  # one that no test expects should say why it came
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
        """What holds a map and takes the keyboard."""
        return self.page.locator("figure.tile .stage").nth(place)

    def idle(self) -> None:
        idle(self.page)

    def ready(self) -> None:
        """Wait until all maps are there, the page's script is done, and all that can be seen is drawn."""
        expect(self.maps).to_have_count(self.count, timeout=PATIENCE_MS)  # they come one by one
        self.idle()
        expect(self.maps.first).not_to_have_attribute("data-drawn", "0")
        self.settled()

    def settled(self) -> None:
        """Wait until the grid draws no more."""
        settled(self.page.locator(".effviz-grid"))

    def open_look(self) -> None:
        """Unfold the controls of the look."""
        self.page.get_by_role("button", name=re.compile("^Look")).click()

    def pixels(self, canvas: Locator) -> list[int]:
        """A few hundred of the canvas's numbers, from everywhere."""
        found: list[int] = canvas.evaluate(
            "one => { const {data} = one.getContext('2d').getImageData(0, 0, one.width, one.height);"
            " return Array.from({length: 400}, (_, i) => data[Math.floor(i * data.length / 400)]); }"
        )
        return found

    def changes(self, act: Callable[[], object], canvas: Locator) -> None:
        """Act, and wait until the canvas shows something else."""
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
    """Open a comparison in a new session and wait for its maps; what goes over the line is counted."""
    found = Compared(window.visit(path, **look), window.line, maps_of(path))
    found.ready()
    return found


def maps_of(path: str) -> int:
    """How many maps an address asks for: a first visit shows five models and one photo."""
    asked = parse_qs(urlsplit(path).query)
    models, photos = (asked[name][0].split(",") if name in asked else [] for name in ("models", "photos"))
    return (len(models) or FIRST_MODELS) * (len(photos) or 1)


@pytest.fixture
def compare(window: Window) -> Callable[..., Compared]:
    """Open a comparison in the window of all tests."""
    return partial(comparison, window)
