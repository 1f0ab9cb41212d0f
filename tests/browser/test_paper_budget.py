"""The Paper page on the problem and on the goal of the search in a real browser: links."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]


def test_a_link_brings_the_limits_back(visit: Visit, address: str) -> None:
    page = visit("/paper?section=problem")
    page.get_by_role("slider", name="Limit of MACs (billion)").press("ArrowRight")
    expect(page).to_have_url(re.compile(r"macs=2\.5"))
    page.get_by_role("radio", name="Compound", exact=True).first.click()
    expect(page).to_have_url(re.compile("cut=compound"))
    again = visit(page.url.removeprefix(address))
    expect(again.get_by_role("slider", name="Limit of MACs (billion)")).to_have_attribute("aria-valuetext", "2.5")
    expect(again.get_by_role("radio", name="Compound", exact=True).first).to_be_checked()


def test_t_and_w_stand_in_the_address(visit: Visit) -> None:
    page = visit("/paper?section=objective")
    expect(page.locator(".js-plotly-plot .trace").first).to_be_attached()
    page.get_by_role("slider", name="Exponent w").press("ArrowLeft")
    expect(page).to_have_url(re.compile(r"weight=-0\.08"))
    page.get_by_role("slider", name="Target T (million MACs)").press("ArrowRight")
    expect(page).to_have_url(re.compile("target=410"))
    expect(page.get_by_text("T = 410 million")).to_be_visible()
