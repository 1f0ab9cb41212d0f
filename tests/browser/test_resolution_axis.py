"""One network's live input size: each map is from a real pass, and dragging sends few requests, however fast."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

Compare = Callable[..., Any]  # opens a comparison: see conftest.py

# Drags over slider positions in a single browser task, faster than any server could answer.
DRAG = """(range, positions) => {
  for (const position of positions) {
    range.value = position;
    range.dispatchEvent(new Event("input", {bubbles: true}));
  }
}"""


def switched_on(page: Page) -> Locator:
    """Return the slider, with the answer for the training size."""
    page.locator("label", has_text="Change the input size").click()
    axis = page.locator(".input-size")
    expect(axis).to_have_attribute("data-shown", "224", timeout=180_000)
    return axis


def test_the_map_the_guesses_and_the_macs_follow_the_input_size(compare: Compare) -> None:
    grid = compare("/?models=lite0@224&photos=dog")
    axis = switched_on(grid.page)
    a_hand_that_moves_faster_than_passes_come_asks_for_its_newest_size_alone(grid, axis)
    axis.get_by_role("slider").evaluate(DRAG, [4])
    expect(axis).to_have_attribute("data-shown", "224")
    expect(axis.locator(".trained")).to_have_text("trained at 224 px")
    expect(axis.locator(".note")).to_have_text("224 px is the training size.")
    facts, slider = axis.locator("dd"), axis.get_by_role("slider")
    expect(facts.nth(1)).to_have_text("7 × 7")
    own = grid.pixels(axis.locator("canvas"))
    slider.focus()
    slider.press("End")
    expect(axis).to_have_attribute("data-shown", "448")
    expect(facts.nth(1)).to_have_text("14 × 14")
    expect(axis.locator(".note")).to_have_text(re.compile("^Above the training size of 224 px"))
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^448 pixels: 1.54 B MACs, 14 × 14 cells$"))
    assert grid.pixels(axis.locator("canvas")) != own
    # timm counts 0.385 B MACs at 224 px without batch norm; four times the pixels cost four times as much.
    expect(facts.first).to_have_text("1.54 B")
    expect(axis.locator("li.explained")).to_have_text(re.compile(r"^German Shepherd Dog \d+%$"))
    slider.press("Home")
    expect(axis).to_have_attribute("data-shown", "96")
    expect(facts.nth(1)).to_have_text("3 × 3")
    expect(axis.locator(".note")).to_have_text(re.compile("^Below the training size of 224 px"))
    grid.idle()
    asked = len(grid.line.sent)
    slider.press("End")  # already answered
    expect(axis).to_have_attribute("data-shown", "448")
    assert len(grid.line.sent) == asked


def a_hand_that_moves_faster_than_passes_come_asks_for_its_newest_size_alone(grid: Any, axis: Locator) -> None:
    grid.idle()
    asked = len(grid.line.sent)
    axis.get_by_role("slider").evaluate(DRAG, list(range(12)))
    expect(axis).to_have_attribute("data-shown", "448")
    expect(axis.locator("b.at")).to_have_text(re.compile("^lite0 at 448 px, map of "))
    grid.idle()
    # One request for 96 px at the start, and at most one more, for the position when the answer arrived.
    assert 1 <= len(grid.line.sent) - asked <= 2
