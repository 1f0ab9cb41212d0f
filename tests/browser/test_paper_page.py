"""Visit the sections of the Paper page: charts, text, links, files, and a narrow window."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, TimeoutError, expect

from effviz.ui.paper.exhibit import EXISTING
from tests.browser.conftest import Window, fits, pictures_are_read, poll, whole

pytestmark = pytest.mark.browser

# Number of charts per section; a section that is not listed has at least one.
CHARTS = {
    **{"problem": 2, "figure2": 0, "figure3": 1, "figure4": 1, "table1": 1, "objective": 1, "search": 5},
    **{"results": 2, "table3": 1, "latency": 1, "figure7": 1, "recipe": 5, "transfer": 2},
}
DRAWINGS = {"problem": 1, "figure2": 1, "table1": 1}  # drawn by our own components
# Plotly's, our own drawing, and Plotly's in 3D, where an empty scene has about 10 kB
SAVED = {"figure3": ("figure3", 3000), "figure2": ("figure2", 3000), "problem": ("region", 20_000)}
LOOKS = ((1280, "dark"), (390, "light"))
BACKGROUND = {"dark": "rgb(16, 22, 29)", "light": "rgb(255, 255, 255)"}  # of .streamlit/config.toml
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

# Text whose contrast with its background, including all opacities, is below WCAG 2's minimum (1.4.3).
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

# Where labels of a chart's points run over its edge.
CUT = """charts => charts.flatMap(chart => {
    const drawing = chart.querySelector(".main-svg");
    if (!drawing) return ["not drawn"];
    const { left, right } = drawing.getBoundingClientRect();
    return [...chart.querySelectorAll(".textpoint text")]
        .filter(text => { const box = text.getBoundingClientRect(); return box.left < left || box.right > right + 1; })
        .map(text => text.textContent);
})"""


def drawn(page: Page, name: str) -> None:
    """Wait until the section has run and shows its figures; fail on any error."""
    whole(page)
    charts = page.locator(".js-plotly-plot")
    if name in CHARTS:
        expect(charts).to_have_count(CHARTS[name])
    if CHARTS.get(name) == 0:
        expect(page.get_by_role("img", name=re.compile("Baseline: 224 pixel input"))).to_be_visible()
    else:
        expect(charts.locator(".main-svg").first).to_be_attached()
    for broken in ("An unexpected error", "Traceback"):
        expect(page.get_by_text(broken)).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def savable(page: Page, name: str) -> None:
    """Every figure can be saved in all three formats; tables add CSV files."""
    files = page.get_by_test_id("stDownloadButton").get_by_role("button", name="CSV")

    def each() -> None:
        charts = page.locator(".js-plotly-plot").count()
        for button in ("Save as SVG", "Save as PNG"):
            assert page.get_by_role("button", name=button).count() == charts + DRAWINGS.get(name, 0)
        assert files.count() >= max(charts, 1)

    poll(page, each)
    expect(files.last).to_be_visible()


# Whether charts fill their containers, which takes a moment after the window is resized.
SIZED = """charts => charts.every(chart => {
    const [drawn, place] = [chart.querySelector(".main-svg"), chart.closest("[data-testid=stPlotlyChart]")]
        .map(part => part?.getBoundingClientRect().width);
    return Math.abs(drawn - place) < 2;
})"""


@pytest.fixture(scope="module")
def paper(shared_window: Window) -> Iterator[Page]:
    """Return the page; a click opens a section."""
    shared_window.mistakes.clear()
    yield shared_window.visit("/paper?section=transfer", LOOKS[0][0], scheme=LOOKS[0][1])
    assert not shared_window.mistakes


def looks(page: Page) -> tuple[tuple[int, str], ...]:
    """Return the colour scheme in which the previous section was shown last, and the other one."""
    return LOOKS if page.viewport_size == {"width": LOOKS[0][0], "height": 900} else LOOKS[::-1]


def seen_in(page: Page, width: int, scheme: str) -> None:
    """Resize the window, and wait until the page and its charts have adapted."""
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", BACKGROUND[scheme])

    def followed() -> None:
        assert page.locator(".js-plotly-plot").evaluate_all(SIZED)

    poll(page, followed)


def opened(page: Page, name: str) -> None:
    page.get_by_role("radio", name=EXISTING[name].label, exact=True).click()
    expect(page.get_by_role("heading", level=2)).to_have_text(EXISTING[name].title)
    drawn(page, name)


def readable(page: Page, name: str) -> None:
    """Retry until the text is readable, because Streamlit fades it in after a rerun."""
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
    """The image is opaque; charts and drawings are slides, white and 16:9, on any page."""
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
    """Check the slide's text: a title, the source and licence, none smaller than 24 px."""
    words = re.findall(r"<text[^>]*?font-size: ([\d.]+)px[^>]*>(.*?)</text>", svg)
    shown = " ".join(re.sub("<.*?>", "", text) for _size, text in words)
    assert "Figure 3: scaling one dimension alone" in shown
    assert "Source: Tan and Le 2019, arXiv:1905.11946. Drawn by EffViz (Apache-2.0)." in shown
    assert min(float(size) for size, text in words if text) >= 24


def drawing_says_what_it_is(svg: str) -> None:
    """Check the same for a drawing, whose text is scaled with it."""
    root = ET.fromstring(svg)
    drawing = next(part for part in root if part.tag.endswith("svg"))
    scale = float(drawing.get("width", 0)) / float(drawing.get("viewBox", "").split()[2])
    shown = " ".join(part.text or "" for part in root)
    assert "Figure 2: four ways to scale B0" in shown
    assert "Source: Tan and Le 2019, arXiv:1905.11946; tensorflow/tpu. Drawn by EffViz (Apache-2.0)." in shown
    words = [part for part in drawing.iter() if part.tag.endswith("text") and part.text]
    assert len(words) > 20
    assert min(scale * float(part.get("font-size", 0)) for part in words) >= 24 - 1e-6


@pytest.mark.parametrize("name", EXISTING)
def test_a_section_is_a_click_away_and_can_be_read_and_saved(paper: Page, name: str) -> None:
    opened(paper, name)
    for width, scheme in looks(paper):
        seen_in(paper, width, scheme)
        savable(paper, name)
        readable(paper, name)
        if name in SAVED and width > 390:  # the same on any page, and drawing in 3D takes seconds
            saved_whole(paper, *SAVED[name])
        fits(paper, width)
        words_are_whole(paper)
    if name in USED:
        USED[name](paper)


def words_are_whole(page: Page) -> None:
    def are_whole() -> None:
        assert page.locator(".js-plotly-plot").evaluate_all(CUT) == []

    poll(page, are_whole)


def figure_2_follows_its_sliders(page: Page) -> None:
    drawing = page.get_by_role("img", name=re.compile("Baseline: 224 pixel input"))
    for press, depth, labels in (
        ("ArrowLeft", "d=1.95", ["stem 32", "2 × 16", "4 × 24", "4 × 40", "6 × 80", "6 × 112", "8 × 192", "2 × 320"]),
        ("Home", "d=1", ["stem 32", "1 × 16", "2 × 24", "2 × 40", "3 × 80", "3 × 112", "4 × 192", "1 × 320"]),
    ):
        page.get_by_role("slider", name="Depth, d").press(press)
        expect(page).to_have_url(re.compile(rf"{re.escape(depth)}(\.0)?(&|$)"))
        expect(drawing.locator(".depth .label")).to_have_text(labels)


def a_figure_is_saved_as_csv(page: Page) -> None:
    expect(page.get_by_test_id("stDownloadButton")).to_have_count(2)  # the table below may have its button first
    with page.expect_download() as saving:
        page.get_by_test_id("stDownloadButton").get_by_role("button", name="CSV").first.click()
    lines = Path(saving.value.path()).read_text().splitlines()
    assert lines[0] == "series,origin,network,macs_billions,top1_pct,source"
    assert len(lines) == 1 + 34 + 6  # every dot of Fig. 4, and recomputed ones


def a_block_is_drawn_with_its_words(page: Page) -> None:
    page.get_by_role("radiogroup", name="Block").get_by_role("radio", name="2", exact=True).click()
    block = page.get_by_role("img", name=re.compile("Block diagram from 28 × 28 × 40"))
    expect(block).to_be_visible()
    expect(block.get_by_text("240 → 10, 2.4 k MACs")).to_be_visible()


def the_recipe_changes_a_photo_before_the_visitors_eyes(page: Page) -> None:
    pictures = page.locator("figure img")
    expect(pictures).to_have_count(8)
    pictures_are_read(pictures)
    assert pictures.evaluate_all("all => all.every(picture => picture.naturalWidth > 100)")
    first = pictures.nth(1).get_attribute("src")
    page.get_by_role("button", name="Draw again").click()
    expect(page).to_have_url(re.compile("seed="))
    expect(pictures.nth(1)).not_to_have_attribute("src", first or "")


# A visitor's actions in a section.
USED = {
    "figure2": figure_2_follows_its_sliders,
    "figure4": a_figure_is_saved_as_csv,
    "table1": a_block_is_drawn_with_its_words,
    "recipe": the_recipe_changes_a_photo_before_the_visitors_eyes,
}
