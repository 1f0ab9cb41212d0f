"""The lesson in a real browser: by keyboard alone, for a room, on paper, and a figure in a frame."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from effviz import i18n
from effviz.ui.lesson.questions import STEPS
from tests.browser.conftest import PATIENCE_MS, Window, idle, pictures_are_read, poll, whole

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
# Sizes in px of all visible text.
SIZES = """() => [...document.querySelectorAll(".stMain *")]
    .filter(part => [...part.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()))
    .filter(part => !part.closest("style, script, [hidden], .katex-mathml") && part.checkVisibility())
    .map(part => [part.textContent.trim().slice(0, 40), parseFloat(getComputedStyle(part).fontSize)])"""


# Whether the guess is at this place on the chart.
GUESSED = """guess =>
  document.querySelector(".js-plotly-plot")?.data?.some(({ y }) => Array.from(y ?? []).some(
    (one) => Math.abs(one - guess) < 1e-6))"""


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)
    idle(page)


def keys_are_heard(page: Page, of: str) -> None:
    """Wait for the script that handles keys; it loads after the elements that it controls."""
    expect(page.locator(".st-key-keys [data-heard]")).to_have_attribute("data-heard", of)


@pytest.fixture(params=["en", "zh_TW"])
def say(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """Return the translation of an English text."""
    token = i18n.thread_language.set(request.param)
    yield lambda text: i18n._(text)
    i18n.thread_language.reset(token)


def test_the_lesson_by_keyboard_alone(visit: Visit, say: Callable[[str], str]) -> None:
    page = visit(f"/lesson?lesson=2&lang={i18n.language_tag(i18n.current_language())}")
    page.get_by_role("heading", name=say(STEPS[1].title)).wait_for()
    slider = page.get_by_role("slider")
    legend = page.locator(".js-plotly-plot .legendtext")
    depth = say("{method}, printed").format(method=say("Depth"))
    expect(legend).to_have_text([depth, say("Your guess")])
    expect(slider).to_be_visible()
    whole(page)
    tab_to(page, "input[type=range], [role=slider]")
    page.keyboard.press("ArrowRight")  # moves the slider, not the page
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"78\.1"))
    page.wait_for_function(GUESSED, arg=78.1)  # Streamlit sends a slider's value a moment later
    idle(page)
    heading(page, say(STEPS[1].title))
    tab_to(page, ".st-key-lesson-answer button")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stAlert")).to_contain_text("79.68")
    expect(page.get_by_text("78.1 %")).to_be_visible()
    expect(legend).to_have_count(4)
    idle(page)
    page.evaluate("document.activeElement.blur()")
    keys_are_heard(page, "step 2")
    page.keyboard.press("ArrowRight")
    heading(page, say(STEPS[2].title))
    expect(page).to_have_url(re.compile("lesson=3"))
    keys_are_heard(page, "step 3")
    page.keyboard.press("ArrowLeft")
    heading(page, say(STEPS[1].title))
    keys_are_heard(page, "step 2")
    page.keyboard.press("ArrowLeft")
    heading(page, say(STEPS[0].title))


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus."""
    for _press in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"no Tab leads to {selector}")


def test_every_step_is_one_screen(window: Window) -> None:
    """At 1280 x 800 a whole step is visible, before and after its answer."""
    page = window.visit("/lesson", height=800)
    for number in range(1, len(STEPS) + 1):
        heading(page, STEPS[number - 1].title)
        if STEPS[number - 1].name == "maps":
            expect(page.locator(".st-key-lesson-maps img")).to_have_count(10, timeout=PATIENCE_MS)
            pictures_are_read(page.locator(".st-key-lesson-maps img"))
            poll(page, partial(stand_in_two_rows, page.locator(".st-key-lesson-maps img")))
        else:
            page.get_by_role("button", name="Show the answer").click()
            expect(page.get_by_text("Try this:")).to_be_visible()
        whole(page)
        poll(page, partial(ends_on_the_screen, page, STEPS[number - 1].name))
        page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your guesses and the answers")


def stand_in_two_rows(pictures: Locator) -> None:
    tops = pictures.evaluate_all("all => all.map(one => Math.round(one.getBoundingClientRect().top))")
    assert len(set(tops)) == 2, "five columns of two maps"


def ends_on_the_screen(page: Page, name: str) -> None:
    assert page.evaluate("document.querySelector('.st-key-lesson-next').getBoundingClientRect().bottom") <= 800, name


def test_a_room_reads_every_word(visit: Visit) -> None:
    page = visit("/lesson?lesson=3&present=true", width=1920, height=1080)
    expect(page.locator(".js-plotly-plot .legendtext").first).to_be_visible()
    expect(page.get_by_test_id("stHeader")).not_to_be_visible()
    expect(page.get_by_text("1.4 points at 16 billion")).to_have_count(0)
    page.get_by_role("button", name="Show the answer").click()
    expect(page.get_by_text("1.4 points at 16 billion")).to_be_visible()
    whole(page)

    def is_read_from_afar() -> None:
        sizes = page.evaluate(SIZES)
        assert len(sizes) > 20
        assert [word for word in sizes if word[1] < 20] == []
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight") <= 1080

    poll(page, is_read_from_afar)
    page.evaluate("document.activeElement.blur()")
    keys_are_heard(page, "step 3")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stHeader")).to_be_visible()
    page = visit("/lesson?lesson=1&present=true", width=1920, height=1080)
    page.get_by_role("button", name="Show the answer").click()
    expect(page.locator(".networks .title")).to_have_count(4)
    whole(page)

    def drawing_is_read_from_afar() -> None:
        words = page.locator(".networks svg text").evaluate_all(
            "all => all.map(one => parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().a)"
        )
        assert words
        assert min(words) >= 20
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight") <= 1080

    poll(page, drawing_is_read_from_afar)


def test_the_handout_is_a_file_of_several_pages(visit: Visit, tmp_path: Path) -> None:
    page = visit("/lesson?handout=questions")
    expect(
        page.get_by_text("answers are in EffViz: the Lesson page.")
    ).to_be_visible()  # this machine's address does not help
    expect(page.get_by_role("heading", level=3)).to_have_count(len(STEPS))
    whole(page)
    file = tmp_path / "handout.pdf"
    page.pdf(path=file, format="A4")
    pages = len(re.findall(rb"/Type\s*/Page\b", file.read_bytes()))
    assert 2 <= pages <= 5


def test_one_figure_in_a_frame(visit: Visit) -> None:
    page = visit("/?embed=figure8&lang=zh-TW")
    expect(page.locator(".js-plotly-plot .legendtext").first).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(1)
    expect(page.get_by_role("heading", name="圖 8")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh-TW")
    expect(page.get_by_test_id("stHeader")).not_to_be_visible()
    expect(page.get_by_text("對數座標")).not_to_be_visible()


def test_a_figure_fills_the_screen_and_gives_way_again(visit: Visit) -> None:
    page = visit("/paper?section=figure4")
    page.get_by_role("button", name="Fill the screen").click()
    expect(page).to_have_url(re.compile(r"/\?embed=figure4&present=true$"))
    expect(page.locator(".js-plotly-plot .legendtext").first).to_be_visible()
    whole(page)

    def is_read_from_afar() -> None:
        sizes = page.locator(".js-plotly-plot text").evaluate_all(
            "all => all.map(one => parseFloat(getComputedStyle(one).fontSize))"
        )
        assert sizes
        assert min(sizes) >= 20

    poll(page, is_read_from_afar)
    keys_are_heard(page, "")
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("section=figure4$"))
    expect(page.get_by_role("button", name="Fill the screen")).to_be_visible()


def test_mistakes_stand_beside_the_right_maps(visit: Visit) -> None:
    page = visit("/wrong_maps")
    expect(page.get_by_role("heading", level=2)).to_have_count(10, timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stImage").locator("img")).to_have_count(20)
    idle(page)
    pictures_are_read(page.locator(".stMain img"))
    assert page.evaluate(
        "[...document.querySelectorAll('.stMain img')].every(one => one.naturalWidth > 100 && one.alt)"
    )
