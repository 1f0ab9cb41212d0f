"""The comparison grid by keyboard, screen reader and touch, and with reduced motion."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.conftest import poll, standing, unfold

pytestmark = pytest.mark.browser

Compare = Callable[..., Any]  # opens a comparison: see conftest.py
TWO = "/?models=lite0@224,lite2@260&photos=dog"
PATIENCE_MS = 180_000  # a different model is loaded

FOCUSED = """
  () => {
    let one = document.activeElement;
    while (one.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    const label = one.labels?.[0]?.querySelector("[data-word]");
    return one.getAttribute("aria-label") ?? (label ?? one).textContent;
  }
"""


def focused(page: Page) -> str:
    """Return the focused element, as a screen reader would call it."""
    found: str = page.evaluate(FOCUSED)
    return found


def test_one_comparison_by_keyboard_alone(compare: Compare) -> None:
    grid = compare(TWO)
    tab_reaches_everything_once_and_in_the_order_of_the_page(grid)
    the_answer_about_a_cell_is_spoken_and_the_keyboard_is_not_lost(grid)
    everything_about_a_map_can_be_done_by_keyboard(grid)


def tab_reaches_everything_once_and_in_the_order_of_the_page(grid: Any) -> None:
    page = grid.page
    page.locator(".fold").focus()
    page.keyboard.press("Enter")
    order = []
    for _ in range(17):
        page.keyboard.press("Tab")
        order.append(focused(page))
    controls = ["Colour scale", "Palette", "Opacity", "Hide values weaker than", "Contour", "Placement", "Cells"]
    assert order[:12] == ["Swipe", "Difference", "Draw a box", "Save as PNG", "Copy link", *controls]
    assert order[12:15] == ["Each model's own first guess", "Map of lite0@224", "Enlarge the map of lite0@224"]
    assert re.fullmatch(r"About this model \(\d+ ms\)", order[15])
    assert order[16] == "Enlarge the map of lite2@260"  # the arrow keys reach the other map


def the_answer_about_a_cell_is_spoken_and_the_keyboard_is_not_lost(grid: Any) -> None:
    page = grid.page
    grid.stage(0).press("Enter")
    spoken = page.locator(".inspector [aria-live=polite]")
    page.get_by_role("button", name="Show what this cell reacts to").press("Enter")
    expect(spoken).to_have_text(re.compile(r"^(One moment …|90 % of what matters)"))
    expect(spoken).to_have_text(re.compile(r"^90 % of what matters to the cell .* is in [\d.]+ % of"))
    release = page.get_by_role("button", name="Release cell")
    expect(release).to_be_focused()
    grid.stage(0).press("ArrowUp")
    grid.stage(0).press("ArrowDown")  # back: its description is read again, after the cell
    expect(spoken).to_have_text(
        re.compile(r"^lite0@224, row .* This cell alone: .*\. 90 % of what matters to the cell")
    )
    release.press("Enter")
    expect(grid.stage(0)).to_be_focused()


def everything_about_a_map_can_be_done_by_keyboard(grid: Any) -> None:
    page = grid.page
    row, first = page.locator(".row"), grid.stage(0)
    zoomed = re.compile("zoomed")
    first.press("+")
    first.press("=")
    expect(row).to_have_class(zoomed)
    grid.changes(lambda: first.press("Shift+ArrowDown"), grid.maps.first)
    first.press("-")
    first.press("-")
    expect(row).not_to_have_class(zoomed)
    first.press("+")
    first.press("0")
    expect(row).not_to_have_class(zoomed)
    first.press(" ")
    title = page.get_by_text(re.compile("^Cell at row"))
    for key, place in (("ArrowUp", "row 1, column 1"), ("ArrowDown", "row 7, column 7")):
        for _ in range(8):  # beyond the map
            first.press(key)
            first.press(key.replace("Up", "Left").replace("Down", "Right"))
        expect(title).to_have_text(re.compile(place))
    first.press("Escape")
    first.press("Tab")
    button = page.get_by_role("button", name="Enlarge the map of lite0@224")
    expect(button).to_be_focused()
    button.press(" ")
    expect(button).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("million parameters").first).to_be_visible()


ANSWER = """
  (name) => {
    const plain = { class: name, threshold: 0, contour: 0, placement: "plain", cells: false };
    const look = { scale: "own", palette: "inferno", opacity: 55, ...plain };
    dispatchEvent(new CustomEvent("effviz-grid-news", { detail: { look, answer: null, move: 0 } }));
  }
"""


def test_the_keyboard_stays_with_the_class_when_the_page_runs_again(compare: Compare) -> None:
    grid = compare("/?models=lite0@224&photos=dog")
    page = grid.page
    page.locator(".classes button").first.focus()
    page.keyboard.press("ArrowDown")
    chosen = page.locator(".classes button").nth(1)
    expect(chosen).to_be_focused()
    page.evaluate(ANSWER, chosen.locator("span").first.inner_text())
    expect(chosen).to_be_focused()
    expect(chosen).to_have_attribute("aria-checked", "true")
    page.get_by_role("button", name=re.compile("^Add Lite2")).evaluate("(one) => one.click()")  # focus stays
    expect(page.locator("figure.tile")).to_have_count(2, timeout=PATIENCE_MS)
    expect(page.locator(".classes [aria-checked=true]")).to_be_focused()


MOVES = """
  (root) => [...root.getRootNode().querySelectorAll("*")].flatMap((one) => ["", "::before", "::after"].map((part) => {
    const style = getComputedStyle(one, part || null);
    const moves = style.transitionDuration.split(", ").some((time) => time !== "0s") || style.animationName !== "none"
      || style.scrollBehavior === "smooth";
    return moves ? `${one.tagName} ${one.className}${part}` : "";
  })).filter(Boolean)
"""


def test_a_screen_reader_hears_what_a_map_shows_and_nothing_moves_for_those_who_asked_for_that(
    compare: Compare,
) -> None:
    grid = compare(TWO)
    page = grid.page
    shows = re.compile("^Evidence for German Shepherd Dog is strongest in")
    for place in (0, 1):
        expect(grid.stage(place)).to_have_accessible_description(shows)
    chosen = page.locator(".classes button").nth(2)
    name = chosen.locator("span").first.inner_text()
    chosen.press(" ")
    sentence = f"(Evidence for {name} is strongest in .*|No positive evidence for {name} .*)"
    expect(grid.stage(0)).to_have_accessible_description(re.compile(f"^{sentence}$"))
    spoken = page.locator(".aside [aria-live=polite]")
    expect(spoken).to_have_text(re.compile(f"^lite0@224: {sentence} lite2@260: {sentence}$"))
    assert page.locator(".effviz-grid").evaluate(MOVES)  # the check detects what does move
    page.emulate_media(reduced_motion="reduce")
    unfold(page, "Photos")

    def rests(part: str) -> None:
        assert page.locator(part).evaluate(MOVES) == []

    for part in (".effviz-grid", ".strip"):
        poll(page, partial(rests, part))
    page.locator("figure.tile").first.hover()
    page.get_by_role("button", name="Enlarge the map of lite0@224").click()
    grid.stage(0).press("+")
    assert page.locator(".effviz-grid").evaluate("(one) => one.getRootNode().getAnimations().length") == 0


def test_two_fingers_zoom_a_map_and_one_moves_it(compare: Compare, tools: CDPSession) -> None:
    tools.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    grid = compare(TWO, width=390)
    page = grid.page
    assert page.evaluate("navigator.maxTouchPoints") == 2
    box = standing(grid.stage(0))
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(event: str, *places: tuple[float, float]) -> None:
        points = [{"x": left, "y": top, "id": finger} for finger, (left, top) in enumerate(places)]
        tools.send("Input.dispatchTouchEvent", {"type": event, "touchPoints": points})

    touch("touchStart", (x - 10, y), (x + 10, y))
    for apart in (15, 20, 30, 40):
        touch("touchMove", (x - apart, y), (x + apart, y))
    touch("touchEnd")
    expect(page.locator(".row")).to_have_class(re.compile("zoomed"))
    assert page.evaluate("visualViewport.scale") == 1  # the map, not the page

    def move() -> None:
        touch("touchStart", (x, y))
        for step in (5, 15, 30):
            touch("touchMove", (x + step, y + step))
        touch("touchEnd")

    grid.changes(move, grid.maps.last)  # the other map moves along
