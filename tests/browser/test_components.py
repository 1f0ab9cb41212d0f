"""Code shared by the components, on a page without a server: reporting moves to Python, and surviving its reruns."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from effviz.scaling import Family, ScalingRule
from effviz.ui import components
from effviz.ui.components import grid, phi
from effviz.ui.components.phi import phi_table, slider_words

pytestmark = pytest.mark.browser

Ask = Callable[..., Any]


@pytest.fixture
def sheet(browser: Browser) -> Iterator[Page]:
    """Return an empty page whose clock is stopped until the test advances it."""
    page = browser.new_page()
    page.clock.install(time=0)
    page.clock.pause_at(3600)  # far in the future, so that it cannot pass by itself
    yield page
    page.close()


@pytest.fixture
def sender(sheet: Page) -> Ask:
    """Run a line of code with the sender, and return the moves sent so far."""
    sheet.add_script_tag(
        content=components.SENDER
        + "const sent = []; const sender = new Sender(document.body, ({ value, move }) => sent.push([value, move]));"
    )

    def asked(line: str = "") -> Any:
        return sheet.evaluate(f"() => {{ {line}; return sent; }}")

    return asked


def test_the_answer_to_a_move_is_known_by_its_number_not_by_its_value(sheet: Page, sender: Ask) -> None:
    sender("sender.hear(0); sender.tell(0.95); sender.tell(0.9); sender.tell(0.95)")
    heard = "() => [1, 2, 3].map((move) => sender.hear(move))"
    assert sheet.evaluate(heard) == [False, False, True]
    sheet.clock.run_for(200_000)
    assert sender() == [[0.95, 1], [0.9, 2], [0.95, 3]]  # an answered move is not sent again


def test_an_unanswered_move_is_told_again_five_times_and_ever_more_seldom(sheet: Page, sender: Ask) -> None:
    sender("sender.tell('x')")
    told = []
    for second in range(1, 200):
        sheet.clock.run_for(1000)
        told += [second] * (len(sender()) - len(told) - 1)
    assert told == [2, 6, 14, 30, 62]  # 2 s, then 4, 8, 16 and 32 more
    assert {tuple(each) for each in sender()} == {("x", 1)}
    assert sheet.evaluate("() => sender.hear(0)")  # from now on, Python's answers count


def test_nothing_is_told_again_while_python_is_at_work(sheet: Page, sender: Ask) -> None:
    sender("sender.tell('x'); document.body.dataset.testScriptState = 'running'")
    sheet.clock.run_for(100_000)
    assert len(sender()) == 1
    sender("document.body.dataset.testScriptState = 'notRunning'")
    sheet.clock.run_for(2000)
    assert len(sender()) == 2


def test_an_element_that_is_gone_says_no_more(sheet: Page, sender: Ask) -> None:
    sender("sender.root = document.createElement('p'); sender.tell('x')")
    sheet.clock.run_for(100_000)
    assert len(sender()) == 1


def test_moves_are_counted_on_where_an_earlier_element_left_off(sender: Ask) -> None:
    assert sender("sender.hear(7); sender.tell('x')") == [["x", 8]]


MOUNT = """
  async ([script, data]) => {
    const { default: mount } = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
    const asked = { data: [data], parentElement: document.body, setStateValue: () => {}, setTriggerValue: () => {} };
    const goodbye = mount(asked);
    mount(asked);
    goodbye();
  }
"""


NEWS = """
  async (script) => {
    const { default: mount } = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
    const heard = [];
    addEventListener("effviz-grid-news", ({ detail }) => heard.push(detail));
    const ask = () => dispatchEvent(new Event("effviz-grid-news-wanted"));
    const goodbyes = ["first", "second"].map((data) => mount({ data: [data] }));
    ask();
    goodbyes[0](); // for a call that was overtaken
    ask();
    mount({ data: ["late"] })(); // this one, too, though it came after the newer one
    goodbyes[1](); // the page has changed
    ask();
    return heard;
  }
"""


def test_a_grid_that_comes_later_hears_the_newest_news_only(sheet: Page) -> None:
    heard = sheet.evaluate(NEWS, components.file_text(grid.__name__, "channel.js") + components.NEWS)
    assert heard[:2] == ["first", "second"]  # when they arrive
    assert heard[2:4] == ["second", "second"]  # when it is needed
    assert heard[4:] == ["late", "second"]  # the result of an older call is replaced


DRAWN_AT_ITS_WIDTH = """
  () => {
    const drawing = document.querySelector(".drawing");
    const { width } = drawing.getBoundingClientRect();
    return width < 700 && drawing.querySelector("svg").viewBox.baseVal.width === Math.round(width);
  }
"""


def test_a_call_that_a_newer_one_overtook_takes_nothing_with_it(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    html = components.file_text(phi.__name__, "phi.html")
    page.set_content(html.replace("<!-- menu -->", components.MENU_HTML))
    script = phi.SHARED_JS + components.file_text(phi.__name__, "element.js")
    table = phi_table(ScalingRule(), Family.EFFICIENTNET)
    shown = {"value": 1.0, "move": 0, "variant": "full", "colour": "#123456", "words": slider_words()}
    menu = components.menu_data("phi", "phi", None)
    page.evaluate(MOUNT, [script, json.loads(json.dumps({**table, **shown, **menu}))])
    page.set_viewport_size({"width": 700, "height": 800})
    page.wait_for_function(DRAWN_AT_ITS_WIDTH)
    page.close()


LATE = """
  async (script) => {
    const { default: mount } = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
    const asked = { parentElement: document.body, setStateValue: () => {}, setTriggerValue: () => {} };
    const call = (data) => mount({ ...asked, data: [data] });
    const goodbye = call("second");
    call("first")(); // overtaken, so it is told goodbye at once
    goodbye();
    call("third");
    return window.updates;
  }
"""


def test_an_older_call_that_comes_late_does_not_stay_in_the_grid(browser: Browser) -> None:
    fake = "class Grid { update(data) { (window.updates ??= []).push(data); } close() {} }"
    page = browser.new_page()
    page.set_content('<div class="effviz-grid"></div>')
    assert page.evaluate(LATE, components.NEWEST + fake + components.file_text(grid.__name__, "mount.js")) == [
        "second",
        "first",
        "second",
        "third",
    ]
    page.close()
