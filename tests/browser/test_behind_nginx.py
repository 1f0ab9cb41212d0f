"""The app as docs/deploy.md puts it before strangers: its headers must not break what the pages do."""

import re
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from effviz.bench import app_sessions
from effviz.explain import sample_photos
from tests.browser.conftest import STILL_WAITING, idle, unfold

pytestmark = pytest.mark.browser


def test_pages_work_under_the_content_security_policy_and_at_a_path_of_a_site(
    browser: Browser, behind_nginx: Callable[..., AbstractContextManager[str]]
) -> None:
    """docs/deploy.md: nginx.conf with `location /effviz/`, and `effviz app --base-path effviz`."""

    def command(port: int) -> list[str]:
        return [*app_sessions.effviz_app(port), "--base-path=effviz"]

    with (
        app_sessions.start_server(command, {"OMP_NUM_THREADS": "1"}, "/effviz") as server,
        behind_nginx(server.port, path="/effviz") as site,
    ):
        page = browser.new_page()
        page.add_init_script(STILL_WAITING)
        said: list[str] = []
        sockets: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("websocket", lambda socket: sockets.append(urlsplit(socket.url).path))
        page.goto(f"{site}/effviz/?models=lite0@64&photos=owl")
        idle(page)
        expect(page.locator("figure.tile canvas").first).to_be_visible()
        unfold(page, "Photos")
        page.locator('input[type="file"]').first.set_input_files(sample_photos.find("bee").path)
        expect(page.get_by_text("bee.jpg").first).to_be_visible()
        page.get_by_role("link", name="Scale").first.click()
        expect(page.get_by_role("heading", name="How does one number scale a network?")).to_be_visible()
        expect(page).to_have_url(re.compile(r"/effviz/scale(\?|$)"))
        expect(page.locator(".js-plotly-plot").first).to_be_visible()
        page.goto(f"{site}/effviz/tradeoff")
        idle(page)
        expect(page.locator(".js-plotly-plot").first).to_be_visible()
        page.close()
        assert set(sockets) == {"/effviz/_stcore/stream"}
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{site}/scale")
    assert not [text for text in said if "Content Security Policy" in text or "Refused to" in text]
