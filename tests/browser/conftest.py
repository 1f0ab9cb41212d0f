"""A real server on a free port and a real Chromium, for journeys that no simulation can stand in for."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, WebSocket, expect, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg

from effviz.bench import server
from effviz.bench.browser import FLAGS

START_S = 60
PATIENCE_MS = 90_000  # a first visit loads torch and the models
LOOK_MS = 2000
LOOKS = 30
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'

Visit = Callable[..., Page]

expect.set_options(timeout=START_S * 1000)  # waits end when the state is there; this is for slow machines


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        reason = "Chromium is not installed: install your distribution's package `chromium` to drive a real browser."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="package")
def address(chromium: str) -> Iterator[str]:
    """Where the app answers; the server lives as long as these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        with server.running() as running:
            yield running.address


@pytest.fixture(scope="package")  # Playwright's event loop would be in the way of other tests' loops
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """Open a path of the app in a fresh session and wait until its script has run.

    Ends with a failure if a page of the test threw an error in the browser.
    """
    contexts = []
    mistakes: list[str] = []

    def opened(path: str = "/", width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda mistake: mistakes.append(str(mistake)))
        page.goto(address + path)
        page.wait_for_selector(IDLE, timeout=START_S * 1000)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not mistakes


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


@pytest.fixture
def compare(browser: Browser, address: str) -> Iterator[Callable[..., Compared]]:
    """Open a comparison in a fresh session and wait for its maps; what goes over the line is counted.

    Ends with a failure if a page of the test threw an error in the browser.
    """
    contexts = []
    mistakes: list[str] = []

    def opened(path: str, width: int = 1280, touch: bool = False) -> Compared:
        context = browser.new_context(viewport={"width": width, "height": 1000}, has_touch=touch)
        contexts.append(context)
        found = Compared(context.new_page(), Line())
        found.page.on("pageerror", lambda mistake: mistakes.append(str(mistake)))
        found.page.on("websocket", found.line.listen)
        found.page.goto(address + path)
        found.ready()
        return found

    yield opened
    for context in contexts:
        context.close()
    assert not mistakes
