"""Overlays on the page: no tool bars without a mouse, and the navigation in a narrow window."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit, idle

pytestmark = pytest.mark.browser


def test_tool_bars_stay_away_from_fingers(new_window: Callable[..., Any]) -> None:
    page = new_window(has_touch=True, is_mobile=True).visit("/paper?section=figure3", width=390)
    expect(page.locator(".js-plotly-plot .modebar").first).to_be_attached()
    expect(page.locator(".js-plotly-plot .modebar").first).not_to_be_visible()
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    table.tap()
    expect(page.get_by_test_id("stElementToolbar").first).not_to_be_visible()
    with page.expect_download() as saved:  # the button works through the hidden bar
        page.get_by_role("button", name="Save as SVG").first.tap()
    assert saved.value.suggested_filename == "effviz-figure3.svg"


def test_in_a_narrow_window_the_navigation_closes_by_a_link_and_by_its_arrow(visit: Visit) -> None:
    page = visit("/glossary", width=390)  # as a desktop browser; Streamlit closes it only on phones
    navigation, language = page.get_by_test_id("stSidebar"), page.locator(".st-key-language")
    page.get_by_test_id("stExpandSidebarButton").click()
    expect(navigation).to_have_attribute("data-collapsed", "false")
    expect(language).to_be_hidden()
    page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    expect(navigation).to_have_attribute("data-collapsed", "true")
    expect(language).to_be_visible()
    page.get_by_test_id("stExpandSidebarButton").click()
    navigation.get_by_role("link", name="Trade-off").click()
    expect(navigation).to_have_attribute("data-collapsed", "true")
    expect(page.get_by_role("heading", level=1)).to_have_text("What does accuracy cost?")
    idle(page)
