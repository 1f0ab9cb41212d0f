"""The comparison grid in a real browser: what it does without the server, and what it asks the server for."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocket, expect

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
PATIENCE_MS = 90_000
FIVE = "/"
TWO = "/?models=lite0@224,lite2@260&photos=dog"


def maps(page: Page) -> Locator:
    return page.locator("figure.tile canvas[aria-label]")


def stage(page: Page, place: int) -> Locator:
    return page.locator("figure.tile .stage").nth(place)


def drawn(page: Page) -> int:
    """How often all maps together were drawn."""
    return int(maps(page).evaluate_all("all => all.reduce((sum, one) => sum + Number(one.dataset.drawn), 0)"))


def pixels(canvas: Locator) -> list[int]:
    """A few hundred of the canvas's numbers, from everywhere."""
    found: list[int] = canvas.evaluate(
        "one => { const {data} = one.getContext('2d').getImageData(0, 0, one.width, one.height);"
        " return Array.from({length: 400}, (_, i) => data[Math.floor(i * data.length / 400)]); }"
    )
    return found


def ready(page: Page) -> Page:
    """Wait until all maps are drawn and the page's script is done."""
    expect(maps(page).last).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE_MS)
    expect(maps(page).first).not_to_have_attribute("data-drawn", "0")
    return page


class Line:
    """What goes to the server."""

    def __init__(self) -> None:
        self.sent: list[object] = []

    def listen(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self.sent.append(frame))


@pytest.fixture
def overheard(browser: Browser, address: str) -> Iterator[Callable[[str], tuple[Page, Line]]]:
    """Open a page whose messages to the server are counted."""
    contexts = []

    def opened(path: str) -> tuple[Page, Line]:
        context = browser.new_context(viewport={"width": 1280, "height": 1400})
        contexts.append(context)
        page, line = context.new_page(), Line()
        page.on("websocket", line.listen)
        page.goto(address + path)
        return ready(page), line

    yield opened
    for context in contexts:
        context.close()


def changes(page: Page, act: Callable[[], object], canvas: Locator) -> None:
    """Act, and wait until the canvas shows something else."""
    before = pixels(canvas)
    count = canvas.get_attribute("data-drawn")
    act()
    expect(canvas).not_to_have_attribute("data-drawn", count or "")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert pixels(canvas) != before


def slide(control: Locator, value: int) -> None:
    """Drag without letting go."""
    control.evaluate(
        "(one, value) => { one.value = value; one.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


def test_looking_in_another_way_sends_nothing(overheard: Callable[[str], tuple[Page, Line]]) -> None:
    page, line = overheard(TWO)
    first = maps(page).first
    assert line.sent  # the page did talk before
    before = len(line.sent)
    names = page.locator(".classes button")
    shown = first.get_attribute("data-class")
    changes(page, lambda: names.nth(2).hover(), first)
    assert first.get_attribute("data-class") != shown
    changes(page, lambda: page.locator(".aside .name").hover(), first)
    assert first.get_attribute("data-class") == shown
    changes(page, lambda: names.nth(3).click(), first)
    for name, value in (("Opacity", 90), ("Hide what is below", 60), ("Contour", 40)):
        changes(page, lambda name=name, value=value: slide(page.get_by_label(name, exact=False).first, value), first)
    stage(page, 0).click(position={"x": 120, "y": 80})
    expect(page.get_by_text(re.compile("^Cell of row"))).to_be_visible()
    stage(page, 0).press("Escape")
    changes(page, lambda: stage(page, 0).press("+"), first)
    changes(page, lambda: stage(page, 0).press("Shift+ArrowRight"), maps(page).last)
    changes(page, lambda: stage(page, 0).dblclick(), first)
    page.get_by_label("Swipe").check()
    swipe = page.locator(".swipe canvas")
    expect(swipe).to_be_visible()
    changes(page, lambda: slide(page.get_by_label("Where the left map ends"), 20), swipe)
    assert len(line.sent) == before


def test_letting_go_of_a_control_tells_the_server_and_the_link_follows(
    overheard: Callable[[str], tuple[Page, Line]],
) -> None:
    page, line = overheard(TWO)
    before = len(line.sent)
    opacity = page.get_by_label("Opacity")
    for value in range(20, 80):
        slide(opacity, value)
    opacity.fill("80")  # and let go
    expect(page).to_have_url(re.compile("opacity=80"))
    assert 1 <= len(line.sent) - before <= 2  # a drag of sixty steps would send more; the page may send one of its own
    page.get_by_role("combobox", name="Scale", exact=True).select_option("shared")
    expect(page).to_have_url(re.compile("scale=shared"))
    page.reload()
    ready(page)
    expect(page.get_by_label("Opacity")).to_have_value("80")
    expect(page.get_by_role("combobox", name="Scale", exact=True)).to_have_value("shared")


def test_a_picked_class_says_so_in_every_map(visit: Visit) -> None:
    page = ready(visit(TWO))
    chosen = page.locator(".classes button").nth(2)
    name = chosen.locator("span").first.inner_text()
    chosen.click()
    expect(chosen).to_have_attribute("aria-checked", "true")
    expect(page.locator("figure.tile").get_by_text(re.compile(f"^map: {name}"))).to_have_count(2)
    for place in (0, 1):
        expect(maps(page).nth(place)).to_have_attribute(
            "aria-label", re.compile(f"^(Evidence for {name} is strongest in|No positive evidence for {name})")
        )
    chosen.press("ArrowUp")
    expect(page.locator(".classes button").nth(1)).to_have_attribute("aria-checked", "true")


def test_cells_are_asked_by_keyboard_and_spoken(visit: Visit) -> None:
    page = ready(visit(TWO))
    stage(page, 0).focus()
    stage(page, 0).press("ArrowRight")
    expect(stage(page, 1)).to_be_focused()
    expect(stage(page, 0)).to_have_attribute("tabindex", "-1")
    stage(page, 1).press("Enter")
    spoken = page.locator("[aria-live=polite].spoken")
    expect(spoken).to_have_text(re.compile(r"lite2@260, row \d, column \d: \+\d.* for German Shepherd Dog. By itself"))
    before = spoken.inner_text()
    stage(page, 1).press("ArrowDown")
    expect(spoken).not_to_have_text(before)
    expect(page.locator(".panel th[scope=col]")).to_have_text(["Model", "lite0@224", "lite2@260"])
    expect(page.locator(".panel ol").first.locator("li")).to_have_count(5)
    stage(page, 1).press("Escape")
    expect(page.get_by_role("button", name="Let go")).to_be_hidden()
    stage(page, 1).press("ArrowLeft")
    expect(stage(page, 0)).to_be_focused()


def test_the_cells_of_a_map_add_up_to_the_logit_that_is_shown(visit: Visit) -> None:
    page = ready(visit("/?models=lite0@224&photos=dog"))
    stage(page, 0).press("Enter")
    for _ in range(7):
        stage(page, 0).press("ArrowUp")
        stage(page, 0).press("ArrowLeft")
    total, logit, cell = 0.0, 0.0, page.locator(".panel tbody td").first
    for row in range(7):
        for column in range(7):
            expect(page.get_by_text(f"Cell of row {row + 1}, column {column + 1} of lite0@224")).to_be_visible()
            found = re.match(r"([+−])([\d.]+) of ([\d.]+)", cell.inner_text())
            assert found
            total += float(found[2]) * (1 if found[1] == "+" else -1)
            logit = float(found[3])
            stage(page, 0).press("ArrowRight")
        for _ in range(7):
            stage(page, 0).press("ArrowLeft")
        stage(page, 0).press("ArrowDown")
    # The classifier's bias is left; 49 numbers of two digits are off by at most 49 * 0.005.
    assert abs(total - logit) < 0.25 + 0.5


def test_what_matters_in_a_cell_is_drawn_on_the_photo(visit: Visit) -> None:
    page = ready(visit(TWO))
    stage(page, 0).press("Enter")
    photo = page.locator(".photo canvas")
    before = pixels(photo)
    page.get_by_role("button", name="What matters in it?").click()
    expect(page.get_by_text(re.compile(r"^90 % of what matters to the cell .* lies in [\d.]+ % of"))).to_be_visible()
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    assert pixels(photo) != before
    stage(page, 0).press("ArrowUp")
    expect(page.get_by_role("button", name="What matters in it?")).to_be_visible()


def test_one_map_can_be_enlarged(visit: Visit) -> None:
    page = ready(visit(FIVE))
    tile = page.locator("figure.tile").nth(1)
    before = tile.bounding_box()
    assert before is not None
    tile.hover()
    button = page.get_by_role("button", name="Enlarge the map of lite1@224")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    after = tile.bounding_box()
    assert after is not None
    assert after["width"] > 2 * before["width"]


def test_maps_are_large_on_a_desk_and_two_abreast_on_a_phone(visit: Visit) -> None:
    box = stage(ready(visit(FIVE)), 0).bounding_box()
    assert box is not None
    assert box["width"] >= 210
    page = ready(visit(FIVE, width=390))
    places = page.locator("figure.tile .stage").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map(({y, width}) => [y, width])"
    )
    assert all(width >= 150 for _, width in places)
    assert places[0][0] == places[1][0] < places[2][0]
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_the_wheel_scrolls_the_page_until_the_map_has_the_keyboard(visit: Visit) -> None:
    page = ready(visit(TWO))
    first = maps(page).first
    stage(page, 0).hover()
    main = page.locator("[data-testid=stMain]")
    start = main.evaluate("one => one.scrollTop")
    page.mouse.wheel(0, 200)
    page.wait_for_function("start => document.querySelector('[data-testid=stMain]').scrollTop > start", arg=start)
    stage(page, 0).focus()
    stage(page, 0).hover()
    changes(page, lambda: page.mouse.wheel(0, -100), first)
    expect(page.locator(".row")).to_have_class(re.compile("zoomed"))
    page.get_by_role("button", name="Whole photo").click()
    expect(page.locator(".row")).not_to_have_class(re.compile("zoomed"))


def test_a_browser_without_a_canvas_gets_still_pictures(browser: Browser, address: str) -> None:
    context = browser.new_context()
    context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page = context.new_page()
    page.goto(address + "/?models=lite0@224")
    expect(page.locator(".st-key-grid img[alt^='Evidence for']").first).to_be_visible(timeout=PATIENCE_MS)
    context.close()


def test_a_model_that_cannot_be_read_leaves_its_sentence_in_its_place(visit: Visit) -> None:
    page = visit("/?models=lite0@224,scaled-d1-w0.5@64&photos=dog")
    ready(page)
    expect(page.locator("figure.tile .loud")).to_have_text("Untrained: random weights, this map means nothing.")
    expect(maps(page).nth(1)).to_have_attribute("aria-label", re.compile("is untrained"))
