"""Through the sections of the Paper page as a visitor goes: charts, links, files, and a narrow window."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]

# Label of the section, its name in the address, how its heading starts, its number of charts.
SECTIONS = (
    ("Fig. 2", "figure2", "Figure 2:", 0),
    ("Fig. 3", "figure3", "Figure 3:", 1),
    ("Fig. 4", "figure4", "Figure 4:", 1),
    ("Table 1", "table1", "Table 1:", 1),
    ("Table 2, Figs. 1, 5", "results", "Table 2,", 2),
    ("Table 3", "table3", "Table 3:", 1),
    ("Table 7, Fig. 8", "table7", "Table 7 ", 2),
    ("Tables 5, 6, Fig. 6", "transfer", "Tables 5 ", 2),
)


def test_every_section_is_a_click_away_and_shows_its_charts(visit: Visit) -> None:
    page = visit("/paper?section=transfer")
    for label, _, heading, charts in SECTIONS:
        page.get_by_role("radio", name=label, exact=True).click()
        expect(page.get_by_role("heading", level=2)).to_have_text(re.compile(f"^{heading}"))
        expect(page.locator(".js-plotly-plot")).to_have_count(charts)
        if charts:
            expect(page.locator(".js-plotly-plot .trace").first).to_be_attached()
        expect(page.get_by_text("Something went wrong")).to_have_count(0)


def test_a_link_brings_a_section_back_with_its_choices(visit: Visit, address: str) -> None:
    page = visit("/paper")
    page.get_by_role("radio", name="Table 7, Fig. 8", exact=True).click()
    page.get_by_role("radio", name="v1", exact=True).click()
    expect(page).to_have_url(re.compile("paper=v1"))
    expect(page).to_have_url(re.compile("section=table7"))
    again = visit(page.url.removeprefix(address))
    expect(again.get_by_role("heading", level=2)).to_have_text(re.compile("^Table 7"))
    expect(again.get_by_role("radio", name="v1", exact=True)).to_be_checked()


def test_figure_2_is_drawn_and_follows_its_sliders(visit: Visit) -> None:
    page = visit("/paper?section=figure2&d=4.0")
    drawing = page.get_by_role("img", name=re.compile("Baseline: 224 pixel input"))
    expect(drawing).to_be_visible()
    expect(drawing.locator(".depth .label")).to_have_text(
        ["stem 32", "4 × 16", "8 × 24", "8 × 40", "12 × 80", "12 × 112", "16 × 192", "4 × 320"]
    )
    page.get_by_role("slider", name="Depth, d").press("ArrowLeft")
    expect(page).to_have_url(re.compile(r"d=3\.95"))


def test_a_block_of_table_1_is_drawn_with_its_words(visit: Visit) -> None:
    page = visit("/paper?section=table1&stage=4&block4=2")
    block = page.get_by_role("img", name=re.compile("Block diagram from 28 × 28 × 40"))
    expect(block).to_be_visible()
    expect(block.get_by_text("240 → 10, 2.4 k MACs")).to_be_visible()


@pytest.mark.parametrize(
    ("section", "ending", "start"),
    [(name, *kind) for name in ("figure3", "figure2") for kind in (("svg", b"<svg"), ("png", b"\x89PNG"))],
)
def test_figures_are_saved_as_svg_and_png(visit: Visit, section: str, ending: str, start: bytes) -> None:
    page = visit(f"/paper?section={section}")
    if section != "figure2":
        expect(page.locator(".js-plotly-plot .trace").first).to_be_attached()
    else:
        expect(page.get_by_role("img", name=re.compile("Baseline"))).to_be_visible()
    with page.expect_download() as saving:
        page.get_by_role("button", name=f"Save as {ending.upper()}").click()
    assert saving.value.suggested_filename == f"effviz-{section}.{ending}"
    data = Path(saving.value.path()).read_bytes()
    assert data.startswith(start)
    assert len(data) > 3000


def test_a_figure_is_saved_as_csv(visit: Visit) -> None:
    page = visit("/paper?section=figure4")
    with page.expect_download() as saving:
        page.get_by_role("button", name="CSV").click()
    lines = Path(saving.value.path()).read_text().splitlines()
    assert lines[0] == "series,origin,network,macs_billions,top1_pct,source"
    assert len(lines) == 1 + 34 + 6  # every dot of Fig. 4, and those that are recomputed


@pytest.mark.parametrize("name", [name for _, name, _, _ in SECTIONS])
def test_a_phone_never_scrolls_sideways(visit: Visit, name: str) -> None:
    page = visit(f"/paper?section={name}", width=390)
    expect(page.get_by_role("heading", level=2)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
