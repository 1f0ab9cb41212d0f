"""The app as docs/deploy.md puts it before strangers: its headers must not break what the pages do."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from effviz.explain import sample_photos
from tests.browser.conftest import unfold

IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'

pytestmark = pytest.mark.browser


def test_pages_work_under_the_content_security_policy(
    browser: Browser, address: str, behind_nginx: Callable[[int], AbstractContextManager[str]]
) -> None:
    with behind_nginx(urlsplit(address).port or 0) as proxied:
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{proxied}/?models=lite0@64&photos=owl")
        page.wait_for_selector(IDLE)
        expect(page.locator("figure.tile canvas").first).to_be_visible()
        unfold(page, "Photos")
        page.locator('input[type="file"]').first.set_input_files(sample_photos.find("bee").path)
        expect(page.get_by_text("bee.jpg").first).to_be_visible()
        for path in ("/scale", "/tradeoff"):
            page.goto(proxied + path)
            page.wait_for_selector(IDLE)
            expect(page.locator(".js-plotly-plot").first).to_be_visible()
        page.close()
    assert not [text for text in said if "Content Security Policy" in text or "Refused to" in text]
