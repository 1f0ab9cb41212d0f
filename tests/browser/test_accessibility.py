"""Accessibility for screen readers, keyboards and low vision: axe-core checks every page, light and dark."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import poll, unfold, whole

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
AXE = Path(__file__).parents[2] / ".venv/node_modules/axe-core/axe.min.js"
COMPARE = "/?models=lite0@224,lite2@260&photos=dog"
PAGES = [COMPARE, "/lesson", "/scale", "/tradeoff", "/evaluate", "/paper", "/wrong_maps", "/glossary"]

# Violations in Streamlit's own elements that cannot be changed, each with the reason why it is acceptable.
ALLOWED = {
    ("presentation-role-conflict", "stFileUploaderDropzone"): "a place to drop files is named for those who hear it "
    "although it is only presentation; the button inside it does the same and has its own name",
}


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.is_file():
        reason = "axe-core is not installed: `make test` installs it."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return AXE.read_text(encoding="utf-8")


RUN = """
  async ([within, rules]) => {
    const options = { resultTypes: ["violations"], ...(rules && { runOnly: rules }) };
    const found = await axe.run(within ?? document, options);
    const say = ({ any, all, none }) => [...any, ...all, ...none].map(({ message }) => message).join(" ");
    const tell = (id, node) =>
      ({ id, target: node.target.flat().join(" "), html: node.html.slice(0, 200), why: say(node) });
    return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => tell(id, node)));
  }
"""


# Streamlit fades elements that a script run will replace, out and in again: half-faded text has less contrast.
AT_REST = """
  () => {
    const trees = [document, ...[...document.querySelectorAll("*")].map((one) => one.shadowRoot).filter(Boolean)];
    return !trees.some((tree) => tree.getAnimations().some((one) => one instanceof CSSTransition));
  }
"""


COLOURS = ["color-contrast", "link-in-text-block"]  # the only rules that a dark page changes: axe's category "color"


def violations(page: Page, axe: str, within: str | None = None, rules: list[str] | None = None) -> list[str]:
    """Return axe-core's violations on a settled page, except allowed ones; optionally for some rules only.

    axe-core has to find a violation twice, because the page may start to fade while it runs.
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(axe)
    first = seen(page, within, rules)
    return [one for one in seen(page, within, rules) if one in first] if first else []


def seen(page: Page, within: str | None, rules: list[str] | None) -> list[str]:
    whole(page)
    page.wait_for_function(AT_REST)
    found: list[dict[str, Any]] = page.evaluate(RUN, [within, rules])
    return [
        f"{one['id']}: {one['target']} {one['html']} ({one['why']})"
        for one in found
        if not any(one["id"] == rule and part in one["target"] + one["html"] for rule, part in ALLOWED)
    ]


DARK = "rgb(16, 22, 29)"  # the background of .streamlit/config.toml


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_light_or_dark(visit: Visit, axe: str, path: str) -> None:
    page = visit(path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    found = everywhere(page, axe, path)
    page.emulate_media(color_scheme="dark")
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", DARK)
    found += everywhere(page, axe, path, COLOURS)
    assert not found, "\n".join(found)
    if path == SHORT:
        axe_is_heard_when_something_is_wrong(page, axe)


SHORT = "/glossary"
WRONG = """
  document.querySelector("h1").insertAdjacentHTML("afterend", '<img src="data:,"><p style="color: #606060">faint</p>')
"""


def axe_is_heard_when_something_is_wrong(page: Page, axe: str) -> None:
    """Check that axe-core finds planted violations on a dark page."""
    page.evaluate(WRONG)
    assert {one.partition(":")[0] for one in violations(page, axe)} == {"image-alt", "color-contrast"}
    assert {one.partition(":")[0] for one in violations(page, axe, rules=COLOURS)} == {"color-contrast"}


def everywhere(page: Page, axe: str, path: str, rules: list[str] | None = None) -> list[str]:
    """Check the page, and the content of its expanders."""
    found = violations(page, axe, rules=rules)
    for fold in ("Photos", "Models", "Method") if path == COMPARE else ():
        unfold(page, fold)
        found += violations(page, axe, "[data-testid=stPopoverBody]", rules)
    page.keyboard.press("Escape")
    return found


BUTTONS_AROUND = """
  (table) => {
    const container = table.closest("[data-testid=stElementContainer]");
    for (const [where, id] of [["beforebegin", "before"], ["afterend", "after"]])
      container.insertAdjacentHTML(where, `<button id="${id}">${id}</button>`);
    document.getElementById("before").focus();
  }
"""


OUTLINE = """
  (one) => {
    const { outlineStyle, outlineWidth, outlineColor, color } = getComputedStyle(one);
    return [outlineStyle, outlineWidth, outlineColor === color];
  }
"""


def test_the_keyboard_is_seen_in_the_navigation_and_passes_a_table_by_one_press_of_tab(visit: Visit) -> None:
    page = visit("/tradeoff")
    table = page.get_by_test_id("stDataFrame").first
    expect(table.locator("canvas").first).to_be_attached()  # the table component, which loads on demand
    whole(page)
    where_the_keyboard_is_in_the_navigation_is_seen(page)
    a_table_is_passed_by_one_press_of_tab_and_its_buttons_can_be_reached(page, table)


def where_the_keyboard_is_in_the_navigation_is_seen(page: Page) -> None:
    link = page.get_by_test_id("stTopNavLink").nth(1)
    link.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")  # by keyboard, which shows the focus ring
    expect(link).to_be_focused()

    def marked() -> None:
        assert link.evaluate(OUTLINE) == ["solid", "2px", True]

    poll(page, marked)


def a_table_is_passed_by_one_press_of_tab_and_its_buttons_can_be_reached(page: Page, table: Locator) -> None:
    table.evaluate(BUTTONS_AROUND)
    page.mouse.move(0, 0)
    page.keyboard.press("Tab")
    expect(page.locator("[data-testid=stDataFrame] :focus")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.locator("#after")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.locator("[data-testid=stElementToolbar] :focus")).to_have_count(1)
