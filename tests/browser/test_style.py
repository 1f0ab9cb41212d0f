"""Nothing lies on the page where there is no mouse."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

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
