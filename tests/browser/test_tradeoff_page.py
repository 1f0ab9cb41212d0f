"""A click on the chart, the address, and a narrow window."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import fits, poll

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
Press = Callable[[Page, int], None]
ENDS = "all => all.map((one) => one.getBoundingClientRect()).map(({ left, right }) => [left, right])"
CHART = ".js-plotly-plot"  # the first shows all networks; the mini family's follow


def test_a_click_on_a_point_opens_its_card_and_adds_it_to_the_comparison(visit: Visit, press_point: Press) -> None:
    page = visit("/tradeoff?recipes=")
    press_point(page, 3)  # the fourth point of the first series
    expect(page.get_by_role("heading", name="EfficientNet-B3")).to_be_visible()
    expect(page).to_have_url(re.compile("network=EfficientNet-B3"))
    page.get_by_role("button", name="Add to compare").click()
    expect(page.get_by_role("button", name="In the comparison")).to_be_disabled()
    expect(page).to_have_url(re.compile(r"models=.*b3%40300"))
    choices_stand_in_the_address(page)
    page.get_by_role("link", name="Open Compare").click()
    expect(page.get_by_text("b3@300").first).to_be_visible()


def choices_stand_in_the_address(page: Page) -> None:
    """tests/ui/test_tradeoff_page.py checks how they are restored from it."""
    page.get_by_role("radio", name="Params").click()
    page.get_by_role("radio", name="v1").click()
    expect(page).to_have_url(re.compile("cost=Params"))
    expect(page).to_have_url(re.compile("paper=v1"))
    expect(page.locator(CHART).first).to_contain_text("EfficientNet, paper v1")
    expect(page.locator(CHART).first).to_contain_text("Parameters (millions)")


def test_a_phone_shows_the_whole_page_and_a_screen_reader_the_charts_name(visit: Visit) -> None:
    page = visit("/tradeoff?network=EfficientNet-B3&families=ResNet", width=390, scheme="dark")
    expect(page.locator(f"{CHART} .main-svg").first).to_be_visible()
    expect(page.get_by_role("figure", name=re.compile("Scatter chart of ImageNet top-1"))).to_be_visible()
    fits(page, 390)

    def charts_are_whole() -> None:
        ends = page.locator(CHART).evaluate_all(ENDS)
        assert ends
        assert all(left >= 0 and right <= 390 for left, right in ends)

    poll(page, charts_are_whole)
