"""The Paper page on the problem and on the goal of the search in a real browser: links, files, a narrow window."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]


def test_a_link_brings_the_limits_back(visit: Visit, address: str) -> None:
    page = visit("/paper?section=problem")
    page.get_by_role("slider", name="MACs at most (billion)").press("ArrowRight")
    expect(page).to_have_url(re.compile(r"macs=2\.5"))
    page.get_by_role("radio", name="Compound", exact=True).first.click()
    expect(page).to_have_url(re.compile("cut=compound"))
    again = visit(page.url.removeprefix(address))
    expect(again.get_by_role("slider", name="MACs at most (billion)")).to_have_attribute("aria-valuetext", "2.5")
    expect(again.get_by_role("radio", name="Compound", exact=True).first).to_be_checked()


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<svg"), ("png", b"\x89PNG")])
def test_the_region_in_three_dimensions_is_saved(visit: Visit, ending: str, start: bytes) -> None:
    page = visit("/paper?section=problem")
    expect(page.locator(".st-key-region .js-plotly-plot canvas").first).to_be_visible()
    with page.expect_download() as saving:
        page.get_by_role("button", name=f"Save as {ending.upper()}").first.click()
    assert saving.value.suggested_filename == f"effviz-region.{ending}"
    data = Path(saving.value.path()).read_bytes()
    assert data.startswith(start)
    assert len(data) > 20_000  # an empty scene has about 10 kB


def test_t_and_w_stand_in_the_address(visit: Visit) -> None:
    page = visit("/paper?section=objective")
    expect(page.locator(".js-plotly-plot .trace").first).to_be_attached()
    page.get_by_role("slider", name="Exponent w").press("ArrowLeft")
    expect(page).to_have_url(re.compile(r"weight=-0\.08"))
    page.get_by_role("slider", name="Target T (million MACs)").press("ArrowRight")
    expect(page).to_have_url(re.compile("target=410"))
    expect(page.get_by_text("T = 410 million")).to_be_visible()


@pytest.mark.parametrize(("section", "charts"), [("problem", 2), ("objective", 1)])
def test_a_phone_never_scrolls_sideways(visit: Visit, section: str, charts: int) -> None:
    page = visit(f"/paper?section={section}", width=390)
    expect(page.locator(".js-plotly-plot")).to_have_count(charts)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
