import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import fits, follow, idle, standing

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]


def shown(page: Page, name: str) -> Locator:
    return page.locator(f'[data-show="{name}"]')


def thumb(page: Page) -> tuple[float, float]:
    """Return the centre of the slider's thumb, which travels the track minus its own width."""
    slider = page.get_by_role("slider")
    box = standing(slider)
    share = float(slider.input_value()) / float(slider.get_attribute("max") or "0")
    return box["x"] + 11 + share * (box["width"] - 22), box["y"] + box["height"] / 2


def test_on_a_first_visit_no_request_leaves_the_server_and_a_base_and_phi_can_be_moved(window: Any) -> None:
    asked: list[str] = []
    listen = lambda request: asked.append(request.url)  # noqa: E731
    window.page.on("request", listen)
    page = window.visit("/scale")
    expect(shown(page, "phi")).to_have_text("1.00")
    a_base_out_of_its_range_says_so_and_there_is_a_way_back(page)
    idle(page)
    numbers_and_drawing_change_while_phi_is_dragged_before_it_is_let_go(page)
    page.remove_listener("request", listen)
    assert asked
    assert not [url for url in asked if not url.startswith((window.address, "data:", "blob:"))]


def a_base_out_of_its_range_says_so_and_there_is_a_way_back(page: Page) -> None:
    alpha = page.get_by_label("α, for depth")
    alpha.fill("1.7")
    alpha.press("Enter")
    expect(page.get_by_text(re.compile("^α is 1.7, but must be between 1 and 1.5"))).to_be_visible()
    expect(shown(page, "depth")).to_have_text("×1.20")
    page.get_by_role("button", name="Back to the paper's values").click()
    expect(page.get_by_text(re.compile("^α is 1.7"))).to_have_count(0)
    expect(alpha).to_have_value("1.20")


def numbers_and_drawing_change_while_phi_is_dragged_before_it_is_let_go(page: Page) -> None:
    expect(shown(page, "phi")).to_have_text("1.00")
    expect(page.locator("svg .current .title")).to_have_text("φ = 1.00")
    before = {name: shown(page, name).text_content() for name in ("depth", "width", "resolution", "params", "macs")}
    drawn = page.locator("svg .current .more").last.get_attribute("d")
    x, y = thumb(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 150, y, steps=5)
    expect(shown(page, "phi")).not_to_have_text("1.00")
    for name, text in before.items():
        assert shown(page, name).text_content() != text, name
    assert page.locator("svg .current .more").last.get_attribute("d") != drawn
    assert "phi=" not in page.url
    held = shown(page, "phi").text_content()
    page.mouse.up()
    expect(page).to_have_url(re.compile(rf"phi={float(held or 0):g}$"))
    expect(shown(page, "phi")).to_have_text(held or "")
    expect(page.get_by_text(f"The network at φ = {held}")).to_be_visible()


def test_a_link_brings_phi_back_keys_move_it_and_a_change_of_page_keeps_it(visit: Visit) -> None:
    page = visit("/scale?phi=0.95")
    expect(shown(page, "phi")).to_have_text("0.95")
    the_arrow_keys_move_phi_and_the_screen_reader_hears_what_it_means(page)
    a_move_that_is_lost_on_the_way_is_told_again(page)
    is_b0(page)
    page.get_by_role("slider").press("ArrowRight")
    expect(page).to_have_url(re.compile(r"phi=0.05$"))
    follow(page, "Trade-off", "/tradeoff")
    page.get_by_role("link", name="Scale", exact=True).click()
    expect(shown(page, "phi")).to_have_text("0.05")
    expect(page).to_have_url(re.compile(r"phi=0.05$"))


def the_arrow_keys_move_phi_and_the_screen_reader_hears_what_it_means(page: Page) -> None:
    slider = page.get_by_role("slider")
    slider.focus()
    slider.press("ArrowRight")
    expect(shown(page, "phi")).to_have_text("1.00")
    expect(slider).to_have_attribute(
        "aria-valuetext", "phi 1.00: depth 1.20, width 1.10, 258 pixels, 9.11 M parameters, 993 M MACs"
    )
    expect(page).to_have_url(re.compile(r"/scale$"))
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")
    expect(page).to_have_url(re.compile(r"phi=0.9$"))
    expect(shown(page, "phi")).to_have_text("0.90")


# Moves the slider by six steps, faster than answers arrive; simulated keys are slower on a busy machine.
FAST_HAND = """
  async (range) => {
    for (let step = 0; step < 6; step += 1) {
      range.value = Number(range.value) + 1;
      for (const name of ["input", "change"]) range.dispatchEvent(new Event(name, { bubbles: true }));
      await new Promise((next) => setTimeout(next, 20));
    }
  }
"""


def test_the_rule_can_be_reset_and_answers_to_older_moves_never_pull_the_slider_back(visit: Visit) -> None:
    page = visit("/scale?phi=1&alpha=1.3")
    expect(shown(page, "depth")).to_have_text("×1.30")
    page.get_by_role("button", name="Back to the paper's values").click()
    expect(shown(page, "depth")).to_have_text("×1.20")
    expect(page).not_to_have_url(re.compile("alpha"))
    idle(page)
    shown(page, "phi").evaluate(
        """(output) => {
          window.seen = [];
          new MutationObserver(() => window.seen.push(Number(output.textContent))).observe(output, {childList: true});
        }"""
    )
    page.get_by_role("slider").evaluate(FAST_HAND)
    expect(page).to_have_url(re.compile(r"phi=1.3$"))
    expect(page.get_by_text("The network at φ = 1.30")).to_be_visible()
    seen = page.evaluate("window.seen")
    assert seen == sorted(seen)
    assert seen[-1] == 1.3


MOVE_BACK = """
  (range, steps) => {
    range.value = Number(range.value) - steps;
    for (const name of ["input", "change"]) range.dispatchEvent(new Event(name, { bubbles: true }));
  }
"""
LOSE_ONE = """
  () => {
    const send = WebSocket.prototype.send;
    window.lost = 0;
    WebSocket.prototype.send = function () { window.lost += 1; WebSocket.prototype.send = send; };
  }
"""


def a_move_that_is_lost_on_the_way_is_told_again(page: Page) -> None:
    """Move to phi = 0 from the next position."""
    slider = page.get_by_role("slider")
    slider.evaluate(MOVE_BACK, 17)  # steps, from 0.9
    expect(page).to_have_url(re.compile(r"phi=0.05$"))
    idle(page)
    page.evaluate(LOSE_ONE)
    slider.press("ArrowLeft")
    page.wait_for_function("() => window.lost === 1")
    expect(page).to_have_url(re.compile(r"phi=0$"))
    expect(page.get_by_text("The network at φ = 0.00")).to_be_visible()
    expect(shown(page, "phi")).to_have_text("0.00")


def is_b0(page: Page) -> None:
    # Table 1 and 2 of the paper, and 5,288,548 parameters as torchvision counts them.
    for name, text in {"resolution": "224 px", "blocks": "16", "params": "5.29 M", "macs": "386 M"}.items():
        expect(shown(page, name)).to_have_text(text)
    labels = ["stem 32", "1 × 16", "2 × 24", "2 × 40", "3 × 80", "3 × 112", "4 × 192", "1 × 320"]
    expect(page.locator("svg .current .label")).to_have_text(labels)


def test_a_link_that_makes_no_sense_gets_one_sentence_and_a_narrow_window_scrolls_downwards_only(visit: Visit) -> None:
    page = visit("/scale?phi=abc", width=390)
    expect(page.get_by_text("phi must be a number from -2 to 8")).to_be_visible()
    expect(shown(page, "phi")).to_have_text("1.00")
    expect(page.get_by_role("heading", name="Spend a budget")).to_be_attached()
    fits(page, 390)


def test_phi_leads_to_maps_and_back(visit: Visit) -> None:
    page = visit("/?models=lite0@224&photos=dog&phi=1")
    follow(page, "Scale", "/scale")
    page.get_by_role("radio", name="EfficientNet-Lite").click()
    page.get_by_role("button", name=re.compile(r"scaled-lite-d1.2-w1.1@258, untrained$")).first.click()
    title = page.locator("figure.tile .title b")
    expect(title).to_have_text(["lite0@224", "scaled-lite-d1.2-w1.1@258"], timeout=180_000)
    expect(page.locator("figure.tile .loud")).to_have_text(
        "Untrained: the weights are random, so this map means nothing."
    )
    expect(page).to_have_url(re.compile(r"scaled-lite-d1.2-w1.1"))
    follow(page, "Scale", "/scale")
    expect(shown(page, "phi")).to_have_text("1.00")
    page.get_by_role("button", name="Show it above").click()
    expect(shown(page, "phi")).not_to_have_text("1.00")
    expect(page.get_by_text(f"The network at φ = {shown(page, 'phi').text_content()} costs")).to_be_visible()
    slider = page.get_by_role("slider")  # it can still be dragged
    before = shown(page, "phi").text_content()
    slider.press("ArrowRight")
    expect(shown(page, "phi")).not_to_have_text(before or "")
    expect(page.get_by_text(f"The network at φ = {shown(page, 'phi').text_content()} costs")).to_be_visible()
