"""A real server on a free port and a real Chromium, for journeys that no simulation can stand in for."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from effviz.bench import server
from effviz.bench.browser import FLAGS

START_S = 60

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


@pytest.fixture(scope="session")
def address(chromium: str) -> Iterator[str]:
    """Where the app answers; the server lives as long as the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        with server.running() as running:
            yield running.address


@pytest.fixture(scope="session")
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
        page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=START_S * 1000)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not mistakes
