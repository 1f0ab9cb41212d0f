"""Visitors from China or Taiwan read Chinese characters, not boxes, and change the language with one click."""

import os
import re

import pytest
from playwright.sync_api import CDPSession, expect

from tests.browser.conftest import Window, fits, idle, poll, whole

pytestmark = pytest.mark.browser

RIGHT_ENDS = "all => all.map((one) => one.getBoundingClientRect().right)"
CHINESE = re.compile("[\u4e00-\u9fff]")


def fonts(tools: CDPSession, selector: str) -> dict[str, int]:
    """Return how many letters of an element each font drew, according to Chromium's DevTools."""
    for domain in ("DOM", "CSS"):
        tools.send(f"{domain}.enable")
    root = tools.send("DOM.getDocument")["root"]["nodeId"]
    node = tools.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
    used = tools.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    return {font["familyName"]: font["glyphCount"] for font in used}


def test_chinese_is_read_from_the_browsers_wish_english_is_one_click_away_and_a_phone_shows_both(
    window: Window, tools: CDPSession
) -> None:
    wish = {"userAgent": window.page.evaluate("navigator.userAgent"), "acceptLanguage": "zh-CN"}
    tools.send("Emulation.setUserAgentOverride", wish)
    page = window.visit("/evaluate?run=:study")
    expect(page.get_by_role("heading", level=1)).to_have_text("縮放會讓活化圖更好嗎？")
    expect(page.locator("html")).to_have_attribute("lang", "zh-TW")
    menu = page.locator(".st-key-language")
    expect(menu.get_by_role("button")).to_have_text(["English", re.compile("繁體中文")])
    whole(page)

    def beside_the_links() -> None:
        box, ends = menu.bounding_box(), page.get_by_test_id("stTopNavLink").evaluate_all(RIGHT_ENDS)
        assert box
        assert box["y"] + box["height"] < 60  # inside the navigation
        assert ends
        assert max(ends) <= box["x"]

    poll(page, beside_the_links)
    drawn = fonts(tools, "h1")
    if not any("CJK" in name or "TC" in name for name in drawn):
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no font with Chinese letters, only {drawn}")
    expect(page.locator(".js-plotly-plot").first).to_contain_text(CHINESE)
    menu.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Does scaling make maps better?")
    expect(page).to_have_url(re.compile("lang=en"))
    expect(menu.get_by_role("button")).to_have_count(1)
    idle(page)
    menu.get_by_role("button").click()
    page.get_by_role("menuitem", name="繁體中文").or_(page.get_by_role("option", name="繁體中文")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("縮放會讓活化圖更好嗎？")
    expect(page).to_have_url(re.compile("lang=zh-TW"))
    expect(page.locator("html")).to_have_attribute("lang", "zh-TW")
    on_a_phone_the_menu_fits_and_nothing_scrolls_sideways(window)


def on_a_phone_the_menu_fits_and_nothing_scrolls_sideways(window: Window) -> None:
    page = window.visit("/glossary", width=390)
    expect(page.locator(".st-key-language").get_by_role("button").last).to_be_visible()
    fits(page, 390)
