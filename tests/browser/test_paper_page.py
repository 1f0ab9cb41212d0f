"""Through the sections of the Paper page as a visitor goes: charts, links, files, and a narrow window."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from effviz.ui.paper.sections import EXISTING

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]

# Charts of a section; a section that is not named here has at least one.
CHARTS = {
    **{"problem": 2, "figure2": 0, "figure3": 1, "figure4": 1, "table1": 1, "objective": 1, "search": 5},
    **{"results": 2, "table3": 1, "latency": 1, "figure7": 1, "recipe": 5, "transfer": 2},
}
DRAWINGS = {"problem": 1, "figure2": 1, "table1": 1}  # by components of our own
LOOKS = ((1280, "light"), (1280, "dark"), (390, "light"))

# Where the words beside a chart's points run over its edge.
CUT = """charts => charts.flatMap(chart => {
    const { left, right } = chart.querySelector(".main-svg").getBoundingClientRect();
    return [...chart.querySelectorAll(".textpoint text")]
        .filter(text => { const box = text.getBoundingClientRect(); return box.left < left || box.right > right + 1; })
        .map(text => text.textContent);
})"""


def drawn(page: Page, name: str) -> None:
    """Wait until the section has run and shown its figures, and fail if anything went wrong."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    charts = page.locator(".js-plotly-plot")
    if name in CHARTS:
        expect(charts).to_have_count(CHARTS[name])
    if CHARTS.get(name) == 0:
        expect(page.get_by_role("img", name=re.compile("Baseline: 224 pixel input"))).to_be_visible()
    else:
        expect(charts.locator(".main-svg").first).to_be_attached()
    for broken in ("Something went wrong", "Traceback"):
        expect(page.get_by_text(broken)).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def savable(page: Page, name: str) -> None:
    """Every figure can be saved in all three ways; tables bring more CSV files."""
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)  # all charts stand there
    charts = page.locator(".js-plotly-plot").count()
    for button in ("Save as SVG", "Save as PNG"):
        expect(page.get_by_role("button", name=button)).to_have_count(charts + DRAWINGS.get(name, 0))
    files = page.get_by_test_id("stDownloadButton").get_by_role("button", name="CSV")
    expect(files.nth(max(charts, 1) - 1)).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), LOOKS, ids=lambda value: str(value))
def test_every_section_is_a_click_away_and_draws_its_figures(
    visit: Visit, tmp_path: Path, width: int, scheme: str
) -> None:
    """One picture of each section is left in the test's folder, to be looked at."""
    page = visit("/paper?section=transfer", width=width, scheme=scheme)
    for section in EXISTING.values():
        page.get_by_role("radio", name=section.label, exact=True).click()
        expect(page.get_by_role("heading", level=2)).to_have_text(section.title)
        drawn(page, section.name)
        savable(page, section.name)
        shot = tmp_path / f"{section.name}-{width}-{scheme}.png"
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=shot)
        page.set_viewport_size({"width": width, "height": 900})
        assert shot.stat().st_size > 20_000


def test_the_recipe_changes_a_photo_before_the_visitors_eyes(visit: Visit) -> None:
    page = visit("/paper?section=recipe&seed=5")
    pictures = page.locator("figure img")
    expect(pictures).to_have_count(8)
    assert page.evaluate("[...document.querySelectorAll('figure img')].every(picture => picture.naturalWidth > 100)")
    first = pictures.nth(1).get_attribute("src")
    page.get_by_role("button", name="Draw again").click()
    expect(page).to_have_url(re.compile("seed=6"))
    expect(pictures.nth(1)).not_to_have_attribute("src", first or "")


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


@pytest.mark.parametrize(("button", "model"), [("five scalings", "mini-compound@127"), ("Scaling axes", "lite2@260")])
def test_figure_7_opens_its_comparisons_though_another_one_was_looked_at_before(
    visit: Visit, button: str, model: str
) -> None:
    page = visit("/?models=b1")
    page.get_by_role("link", name="Paper", exact=True).click()
    page.get_by_role("radio", name="Fig. 7", exact=True).click()
    page.get_by_role("button", name=re.compile(button)).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("differently scaled"))
    expect(page.get_by_test_id("stMultiSelect").first).to_contain_text(model)


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
    drawn(page, "figure4")
    expect(page.get_by_test_id("stDownloadButton")).to_have_count(2)  # that of the table below may be there first
    with page.expect_download() as saving:
        page.get_by_test_id("stDownloadButton").get_by_role("button", name="CSV").first.click()
    lines = Path(saving.value.path()).read_text().splitlines()
    assert lines[0] == "series,origin,network,macs_billions,top1_pct,source"
    assert len(lines) == 1 + 34 + 6  # every dot of Fig. 4, and those that are recomputed


@pytest.mark.parametrize("scheme", ["light", "dark"])
# Plotly's, a drawing of our own, and Plotly's in three dimensions
@pytest.mark.parametrize("name", ["figure3", "figure2", "problem"])
def test_a_saved_figure_brings_its_own_ground(visit: Visit, name: str, scheme: str) -> None:
    """Words on the page's ground are readable on any slide: nothing of the picture is transparent."""
    page = visit(f"/paper?section={name}", scheme=scheme)
    drawn(page, name)
    ground = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save as PNG").first.click()
    with Image.open(saving.value.path()) as saved:
        assert saved.convert("RGBA").getchannel("A").getextrema() == (255, 255)
        assert f"rgb{saved.convert('RGB').getpixel((2, 2))}" == ground


@pytest.mark.parametrize("name", EXISTING)
def test_a_phone_never_scrolls_sideways_and_cuts_no_label(visit: Visit, name: str) -> None:
    page = visit(f"/paper?section={name}", width=390)
    drawn(page, name)
    assert page.locator(".js-plotly-plot").evaluate_all(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
