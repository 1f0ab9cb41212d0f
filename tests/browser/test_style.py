"""Small words can be read on light and on dark, and nothing lies on them where there is no mouse."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from tests.browser.conftest import IDLE

pytestmark = pytest.mark.browser

WORDS = {
    "caption": '[data-testid="stCaptionContainer"] p',
    "link in a caption": '[data-testid="stCaptionContainer"] a',
    "code in a caption": '[data-testid="stCaptionContainer"] code',
    "axis": ".js-plotly-plot :is(.xtick text, .ytick text, .xtitle, .ytitle)",
    "point": ".js-plotly-plot .textpoint text",
}
# WCAG 2's contrast of an element's words with what lies behind them, with every fading on the way.
CONTRAST = """element => {
    const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = colour => {
        brush.clearRect(0, 0, 1, 1);
        brush.fillStyle = colour;
        brush.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (top, below) => below.map((value, i) => top[i] * top[3] + value * (1 - top[3]));
    const linear = value => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const up = [];
    for (let at = element; at; at = at.parentElement) up.push(getComputedStyle(at));
    const behind = up.reduceRight((below, style) => over(rgba(style.backgroundColor), below), [255, 255, 255]);
    const ink = rgba(element instanceof SVGElement ? up[0].fill : up[0].color);
    ink[3] *= up.reduce((fading, style) => fading * style.opacity, up[0].fillOpacity);
    const [dark, light] = [over(ink, behind), behind].map(luminance).sort((one, other) => one - other);
    return (light + 0.05) / (dark + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("section", "kinds"),
    [("figure3", ("caption", "link in a caption", "axis", "point")), ("recipe", ("code in a caption", "axis"))],
)
def test_small_words_stand_out(visit: Callable[..., Page], section: str, kinds: tuple[str, ...], scheme: str) -> None:
    page = visit(f"/paper?section={section}", scheme=scheme)
    for kind in kinds:
        words = page.locator(WORDS[kind])
        expect(words.first).to_be_attached()
        for element in words.all():
            stands_out(page, element, kind)


def stands_out(page: Page, element: Locator, kind: str) -> None:
    """Look until the words have come: Streamlit lets them fade in when a script has run again."""
    try:
        page.wait_for_function(f"element => ({CONTRAST})(element) >= 4.5", arg=element.element_handle())  # WCAG 1.4.3
    except TimeoutError:
        pytest.fail(f"{kind} {element.text_content()!r} has a contrast of {element.evaluate(CONTRAST):.2f}")


def test_tool_bars_stay_away_from_fingers(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(f"{address}/paper?section=figure3")
    page.wait_for_selector(IDLE)
    expect(page.locator(".js-plotly-plot .modebar").first).to_be_attached()
    expect(page.locator(".js-plotly-plot .modebar").first).not_to_be_visible()
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    table.tap()
    expect(page.get_by_test_id("stElementToolbar").first).not_to_be_visible()
    with page.expect_download() as saved:  # the button works through the hidden bar
        page.get_by_role("button", name="Save as SVG").first.tap()
    assert saved.value.suggested_filename == "effviz-figure3.svg"
    context.close()
