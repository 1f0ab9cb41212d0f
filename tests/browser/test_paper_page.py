"""Through the sections of the Paper page as a visitor goes: charts, words, links, files, and a narrow window."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, TimeoutError, expect

from effviz.ui.paper.exhibit import EXISTING
from tests.browser.conftest import Window, fits, follow, idle, pictures_are_read, poll, whole

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]

# Charts of a section; a section that is not named here has at least one.
CHARTS = {
    **{"problem": 2, "figure2": 0, "figure3": 1, "figure4": 1, "table1": 1, "objective": 1, "search": 5},
    **{"results": 2, "table3": 1, "latency": 1, "figure7": 1, "recipe": 5, "transfer": 2},
}
DRAWINGS = {"problem": 1, "figure2": 1, "table1": 1}  # by components of our own
# Plotly's, a drawing of our own, and Plotly's in three dimensions, of which an empty scene has about 10 kB
SAVED = {"figure3": ("figure3", 3000), "figure2": ("figure2", 3000), "problem": ("region", 20_000)}
LOOKS = ((1280, "dark"), (390, "light"))
WORDS = {
    "caption": '[data-testid="stCaptionContainer"] p',
    "link in a caption": '[data-testid="stCaptionContainer"] a',
    "code in a caption": '[data-testid="stCaptionContainer"] code',
    "axis": ".js-plotly-plot :is(.xtick text, .ytick text, .xtitle, .ytitle)",
    "point": ".js-plotly-plot .textpoint text",
}
KINDS = {
    "figure3": ("caption", "link in a caption", "axis", "point"),
    "recipe": ("code in a caption", "axis"),
}  # some of

# Words whose contrast with what lies behind them, with every fading on the way, is less than WCAG 2 asks for (1.4.3).
FAINT = """selector => {
    const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const known = {};
    const painted = colour => {
        brush.clearRect(0, 0, 1, 1);
        brush.fillStyle = colour;
        brush.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const rgba = colour => [...(known[colour] ??= painted(colour))];
    const over = (top, below) => below.map((value, i) => top[i] * top[3] + value * (1 - top[3]));
    const linear = value => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const contrast = element => {
        const up = [];
        for (let at = element; at; at = at.parentElement) up.push(getComputedStyle(at));
        const behind = up.reduceRight((below, style) => over(rgba(style.backgroundColor), below), [255, 255, 255]);
        const ink = rgba(element instanceof SVGElement ? up[0].fill : up[0].color);
        ink[3] *= up.reduce((fading, style) => fading * style.opacity, up[0].fillOpacity);
        const [dark, light] = [over(ink, behind), behind].map(luminance).sort((one, other) => one - other);
        return (light + 0.05) / (dark + 0.05);
    };
    const found = [...document.querySelectorAll(selector)].map(element => [element.textContent, contrast(element)]);
    return found.filter(([, value]) => value < 4.5).map(([words, value]) => `${words}: ${value.toFixed(2)}`);
}"""

# Where the words beside a chart's points run over its edge.
CUT = """charts => charts.flatMap(chart => {
    const { left, right } = chart.querySelector(".main-svg").getBoundingClientRect();
    return [...chart.querySelectorAll(".textpoint text")]
        .filter(text => { const box = text.getBoundingClientRect(); return box.left < left || box.right > right + 1; })
        .map(text => text.textContent);
})"""


def drawn(page: Page, name: str) -> None:
    """Wait until the section has run and shown its figures, and fail if anything went wrong."""
    whole(page)
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
    files = page.get_by_test_id("stDownloadButton").get_by_role("button", name="CSV")

    def each() -> None:
        charts = page.locator(".js-plotly-plot").count()
        for button in ("Save as SVG", "Save as PNG"):
            assert page.get_by_role("button", name=button).count() == charts + DRAWINGS.get(name, 0)
        assert files.count() >= max(charts, 1)

    poll(page, each)
    expect(files.last).to_be_visible()


@pytest.fixture(scope="module", params=LOOKS, ids="{0[0]}-{0[1]}".format)
def paper(request: pytest.FixtureRequest, context: BrowserContext, address: str) -> Iterator[Page]:
    """The page in one look; sections are opened by a click."""
    width, scheme = request.param
    window = Window(context, address)
    yield window.visit("/paper?section=transfer", width, scheme=scheme)
    window.page.close()
    assert not window.mistakes


def opened(page: Page, name: str) -> None:
    page.get_by_role("radio", name=EXISTING[name].label, exact=True).click()
    expect(page.get_by_role("heading", level=2)).to_have_text(EXISTING[name].title)
    drawn(page, name)


def readable(page: Page, name: str) -> None:
    """Look until the words have come: Streamlit lets them fade in when a script has run again."""
    for kind in KINDS.get(name, ()):
        expect(page.locator(WORDS[kind]).first).to_be_attached()
    every = ", ".join(WORDS.values())
    try:
        page.wait_for_function(f"selector => !({FAINT})(selector).length", arg=every)
    except TimeoutError:
        pytest.fail(f"hard to read: {page.evaluate(FAINT, every)}")


def saved(page: Page, file: str, ending: str) -> Path:
    with page.expect_download() as saving:
        page.get_by_role("button", name=f"Save as {ending.upper()}").first.click()
    assert saving.value.suggested_filename == f"effviz-{file}.{ending}"
    return Path(saving.value.path())


def saved_whole(page: Page, file: str, least: int) -> None:
    """Nothing of the picture is transparent; charts and drawings are slides, white and 16:9, on any page."""
    png, svg = saved(page, file, "png"), saved(page, file, "svg")
    assert min(path.stat().st_size for path in (png, svg)) > least
    assert svg.read_bytes().startswith(b"<svg")
    with Image.open(png) as picture:
        assert picture.convert("RGBA").getchannel("A").getextrema() == (255, 255)
        assert picture.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
        assert picture.size == (1920, 1080)
    if file == "figure3":
        says_what_it_is(svg.read_text("utf-8"))
    if file == "figure2":
        drawing_says_what_it_is(svg.read_text("utf-8"))


def says_what_it_is(svg: str) -> None:
    """The slide's words: a title, the source and licence, and none smaller than 24 px."""
    words = re.findall(r"<text[^>]*?font-size: ([\d.]+)px[^>]*>(.*?)</text>", svg)
    shown = " ".join(re.sub("<.*?>", "", text) for _size, text in words)
    assert "Figure 3: one dimension alone" in shown
    assert "Source: Tan and Le 2019, arXiv:1905.11946. Drawn by EffViz (Apache-2.0)." in shown
    assert min(float(size) for size, text in words if text) >= 24


def drawing_says_what_it_is(svg: str) -> None:
    """The same of a drawing, whose words are enlarged with it."""
    root = ET.fromstring(svg)
    drawing = next(part for part in root if part.tag.endswith("svg"))
    scale = float(drawing.get("width", 0)) / float(drawing.get("viewBox", "").split()[2])
    shown = " ".join(part.text or "" for part in root)
    assert "Figure 2: five ways to grow a network" in shown
    assert "Source: Tan and Le 2019, arXiv:1905.11946; tensorflow/tpu. Drawn by EffViz (Apache-2.0)." in shown
    words = [part for part in drawing.iter() if part.tag.endswith("text") and part.text]
    assert len(words) > 20
    assert min(scale * float(part.get("font-size", 0)) for part in words) >= 24 - 1e-6


@pytest.mark.parametrize("name", EXISTING)
def test_a_section_is_a_click_away_and_can_be_read_and_saved(paper: Page, name: str) -> None:
    opened(paper, name)
    savable(paper, name)
    readable(paper, name)
    width = paper.viewport_size["width"]
    if name in SAVED and not (name == "problem" and width == 390):  # drawing three dimensions takes seconds
        saved_whole(paper, *SAVED[name])
    fits(paper, width)

    def words_are_whole() -> None:
        assert paper.locator(".js-plotly-plot").evaluate_all(CUT) == []

    poll(paper, words_are_whole)


def test_the_recipe_changes_a_photo_before_the_visitors_eyes(visit: Visit) -> None:
    page = visit("/paper?section=recipe&seed=5")
    pictures = page.locator("figure img")
    expect(pictures).to_have_count(8)
    pictures_are_read(pictures)
    assert pictures.evaluate_all("all => all.every(picture => picture.naturalWidth > 100)")
    first = pictures.nth(1).get_attribute("src")
    page.get_by_role("button", name="Draw again").click()
    expect(page).to_have_url(re.compile("seed=6"))
    expect(pictures.nth(1)).not_to_have_attribute("src", first or "")


def test_a_link_brings_a_section_back_with_its_choices(visit: Visit, address: str) -> None:
    page = visit("/paper?section=figure2")  # the first section draws in three dimensions, which takes a while
    page.get_by_role("radio", name=EXISTING["table7"].label, exact=True).click()
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


def test_figure_7_opens_its_comparisons_though_another_one_was_looked_at_before(visit: Visit) -> None:
    page = visit("/?models=b1&photos=,")  # without photos there are no maps to wait for
    for button, model in (("five scalings", "mini-compound@127"), ("Scaling axes", "lite2@260")):
        follow(page, "Paper", "/paper")
        page.get_by_role("radio", name=EXISTING["figure7"].label, exact=True).click()
        page.get_by_role("button", name=re.compile(button)).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("differently scaled"))
        idle(page)
        page.get_by_role("button", name="Models", exact=True).click()
        expect(page.get_by_test_id("stMultiSelect").first).to_contain_text(model)
        page.keyboard.press("Escape")


def test_a_block_of_table_1_is_drawn_with_its_words(visit: Visit) -> None:
    page = visit("/paper?section=table1&stage=4&block4=2")
    block = page.get_by_role("img", name=re.compile("Block diagram from 28 × 28 × 40"))
    expect(block).to_be_visible()
    expect(block.get_by_text("240 → 10, 2.4 k MACs")).to_be_visible()


def test_a_figure_is_saved_as_csv(visit: Visit) -> None:
    page = visit("/paper?section=figure4")
    drawn(page, "figure4")
    expect(page.get_by_test_id("stDownloadButton")).to_have_count(2)  # that of the table below may be there first
    with page.expect_download() as saving:
        page.get_by_test_id("stDownloadButton").get_by_role("button", name="CSV").first.click()
    lines = Path(saving.value.path()).read_text().splitlines()
    assert lines[0] == "series,origin,network,macs_billions,top1_pct,source"
    assert len(lines) == 1 + 34 + 6  # every dot of Fig. 4, and those that are recomputed
