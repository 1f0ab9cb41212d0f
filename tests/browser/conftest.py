"""A real server on a free port and a real Chromium, for journeys that no simulation can stand in for."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, TimeoutError, WebSocket, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from effviz.bench import app_sessions
from effviz.bench import app_timing as bench_browser

START_S = 60
PATIENCE_MS = 90_000  # a first visit loads torch and the models
LOOK_MS = 2000
LOOKS = 30
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'

# Every picture has been read: until then it has no height, and what lies below it is not yet where it will be.
READ = """selector => [...document.querySelectorAll(selector)].every(
    picture => picture.complete && picture.naturalWidth > 0)"""


def pictures_are_read(page: Page, selector: str) -> None:
    """Wait until the page has read these pictures."""
    page.wait_for_function(READ, arg=selector, timeout=PATIENCE_MS)


# Streamlit's grey boxes in place of what is still to come pulse without end: at sixty frames a second, drawn without a
# graphics card, they take up to half of what a visit takes of the processor.
STILL_WAITING = """{
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('[data-testid$="Skeleton"], [data-testid$="Skeleton"] * { animation: none !important }');
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""

Visit = Callable[..., Page]

expect.set_options(timeout=START_S * 1000)  # waits end when the state is there; this is for slow machines


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
        self.page.wait_for_selector(IDLE, timeout=START_S * 1000)
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
    """Open a window of its own, for a test that changes what a visit would not set back: clock, touch, language."""
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


def unfold(page: Page, name: str) -> None:
    """Open a part of the strip above the maps; another one that is open closes."""
    page.locator(".st-key-strip").get_by_test_id("stPopoverButton").filter(has_text=name).click()
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

    def listen(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.sent.append(_kind(frame)))
        socket.on("framereceived", lambda frame: self.received.append(len(frame)))


def _kind(frame: str | bytes) -> str:
    """What a message asks for; one that no test expects should say why it came."""
    message = BackMsg.FromString(frame if isinstance(frame, bytes) else frame.encode())
    return "rerun" if message.WhichOneof("type") == "rerun_script" else str(message)


@dataclass(slots=True)
class Compared:
    """The Compare page with its grid drawn."""

    page: Page
    line: Line

    @property
    def maps(self) -> Locator:
        return self.page.locator("figure.tile canvas[aria-label]")

    def stage(self, place: int) -> Locator:
        """What holds a map and takes the keyboard."""
        return self.page.locator("figure.tile .stage").nth(place)

    def idle(self) -> None:
        self.page.wait_for_selector(IDLE, timeout=PATIENCE_MS)

    def ready(self) -> None:
        """Wait until all maps are drawn and the page's script is done."""
        expect(self.maps.last).to_be_visible(timeout=PATIENCE_MS)
        self.idle()
        expect(self.maps.first).not_to_have_attribute("data-drawn", "0")

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
        expect(canvas).not_to_have_attribute("data-drawn", count or "")
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert self.pixels(canvas) != before

    def slide(self, label: str, value: int) -> None:
        """Drag a slider without letting go."""
        self.page.get_by_label(label, exact=False).first.evaluate(
            "(one, value) => { one.value = value; one.dispatchEvent(new Event('input', {bubbles: true})); }", value
        )


def comparison(window: Window, path: str, **look: Any) -> Compared:
    """Open a comparison in a new session and wait for its maps; what goes over the line is counted."""
    found = Compared(window.visit(path, **look), window.line)
    found.ready()
    return found


@pytest.fixture
def compare(window: Window) -> Callable[..., Compared]:
    """Open a comparison in the window of all tests."""
    return partial(comparison, window)
