"""The comparison grid in a real browser: what it does without the server, and what it requests."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visit, Window, fits, poll, standing, unfold, whole

pytestmark = pytest.mark.browser

Compare = Callable[..., Any]  # opens a comparison: see conftest.py
PATIENCE_MS = 180_000
ONE = "/?models=lite0@224&photos=dog"
TWO = "/?models=lite0@224,lite2@260&photos=dog"


def drag(page: Page, on: Locator, start: float, end: float) -> None:
    """Drag across the element under the mouse, in fractions of its width, without releasing."""
    box = standing(on)
    page.mouse.move(box["x"] + start * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + (start + end) / 2 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + end * box["width"], box["y"] + box["height"] / 2)


def pinch(page: Page, on: Locator) -> None:
    """Zoom like a trackpad: wheel with Ctrl."""
    on.hover(position={"x": 60, "y": 60})
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")


def test_a_hand_sends_nothing_and_draws_what_it_moves_alone(compare: Compare) -> None:
    grid = compare(TWO)
    looking_in_another_way_sends_nothing(grid)
    grid.page.get_by_label("Swipe").uncheck()
    grid.idle()
    a_hand_draws_what_it_moves_alone_and_on_the_canvases_that_are_there(grid)


def looking_in_another_way_sends_nothing(grid: Any) -> None:
    page, line = grid.page, grid.line
    first, last = grid.maps.first, grid.maps.last
    assert line.sent  # the page did communicate before
    before = len(line.sent)

    def quietly(act: Callable[[], object], canvas: Locator) -> None:
        grid.changes(act, canvas)
        assert line.sent[before:] == []

    names = page.locator(".classes button")
    shown = first.get_attribute("data-class")
    quietly(lambda: names.nth(2).hover(), first)
    assert first.get_attribute("data-class") != shown
    quietly(lambda: page.locator(".aside .name").hover(), first)
    assert first.get_attribute("data-class") == shown
    for name, value in (("Opacity", 90), ("Hide values weaker than", 60), ("Contour", 40)):
        quietly(lambda name=name, value=value: grid.slide(name, value), first)
    grid.stage(0).click(position={"x": 120, "y": 80})
    expect(page.get_by_text(re.compile("^Cell at row"))).to_be_visible()
    grid.stage(0).press("Escape")
    quietly(lambda: grid.stage(0).press("+"), first)
    quietly(lambda: grid.stage(0).press("Shift+ArrowRight"), last)
    page.get_by_role("button", name="Reset zoom").click()
    expect(page.locator(".row")).not_to_have_class(re.compile("zoomed"))
    quietly(lambda: pinch(page, grid.stage(0)), last)  # a change to one map applies to all
    expect(page.locator(".row")).to_have_class(re.compile("zoomed"))
    quietly(lambda: drag(page, grid.stage(1), 0.6, 0.3), first)
    page.mouse.up()
    quietly(lambda: page.get_by_role("button", name="Reset zoom").click(), first)
    page.get_by_label("Swipe").check()
    swipe = page.locator(".swipe canvas")
    expect(swipe).to_be_visible()
    expect(swipe).not_to_have_attribute("data-drawn", "0")
    quietly(lambda: grid.slide("Where the left map ends", 20), swipe)
    quietly(lambda: drag(page, page.locator(".swipe .stage"), 0.2, 0.8), swipe)
    page.mouse.up()
    quietly(lambda: page.locator(".swipe select").first.select_option("lite2@260"), swipe)
    quietly(lambda: page.locator(".swipe select").last.select_option("lite0@224"), swipe)
    grid.open_look()
    page.get_by_label("Opacity").fill("30")  # and release; everything sent earlier has arrived by now
    expect(page).to_have_url(re.compile("opacity=30"))
    assert line.sent[before:] == ["rerun"]


# Workers of the grid, whose script comes from a blob; a chart below may start others at any time.
COUNT_CANVASES = """
  () => {
    const make = document.createElement.bind(document);
    window.made = 0;
    document.createElement = (name, ...more) => {
      window.made += name === "canvas" && new Error().stack.includes("effviz_grid");
      return make(name, ...more);
    };
  }
"""


def a_hand_draws_what_it_moves_alone_and_on_the_canvases_that_are_there(grid: Any) -> None:
    page, hand = grid.page, grid.stage(0)
    page.evaluate(COUNT_CANVASES)
    for _ in range(6):
        grid.changes(lambda: hand.press("+"), grid.maps.first)
    made = page.evaluate("window.made")
    for _ in range(6):
        grid.changes(lambda: hand.press("Shift+ArrowRight"), grid.maps.last)
    assert page.evaluate("window.made") == made
    page.get_by_label("Swipe").check()
    swipe, beside = page.locator(".swipe canvas"), page.locator(".photo canvas")
    expect(swipe).to_be_visible()
    grid.changes(lambda: grid.slide("Where the left map ends", 20), swipe)
    grid.settled()
    drawn = beside.get_attribute("data-drawn")
    for place in (40, 60, 80):
        grid.changes(lambda place=place: grid.slide("Where the left map ends", place), swipe)
    assert beside.get_attribute("data-drawn") == drawn


def test_maps_that_were_new_are_still_in_hand_when_the_page_runs_again(compare: Compare) -> None:
    grid = compare("/?models=lite0@176&photos=owl")  # no other test has computed this map, so a bar was above it
    page = grid.page
    grid.stage(0).press("+")
    zoomed = page.locator(".row.zoomed")
    expect(zoomed).to_be_visible()
    grid.open_look()
    page.get_by_label("Opacity").fill("80")
    expect(page).to_have_url(re.compile("opacity=80"))
    grid.idle()
    expect(zoomed).to_be_visible()


def test_hints_cells_classes_and_the_wheel_of_one_comparison(compare: Compare) -> None:
    grid = compare(TWO)
    cells_are_asked_by_keyboard_and_spoken(grid)
    what_matters_in_a_cell_is_drawn_on_the_photo(grid)
    grid.stage(0).press("Escape")
    the_first_map_says_how_it_is_zoomed_and_a_held_cell_answers_beside_itself(grid)
    a_class_that_is_pointed_at_moves_nothing_and_a_picked_one_says_so_in_every_map(grid)
    grid.idle()
    the_wheel_scrolls_the_page_until_the_map_has_the_keyboard(grid)


def the_first_map_says_how_it_is_zoomed_and_a_held_cell_answers_beside_itself(grid: Any) -> None:
    page, stage = grid.page, grid.stage(1)
    hint, bubble = page.locator(".hint"), page.locator(".bubble")
    expect(page.get_by_role("button", name="Reset zoom")).to_be_hidden()  # not zoomed
    stage.hover()
    expect(hint).to_have_text("Ctrl + wheel to zoom, then drag to move")
    page.locator("h1").hover()
    expect(hint).to_have_count(0)
    stage.hover(position={"x": 200, "y": 100})
    expect(hint).to_have_count(0)
    stage.click(position={"x": 200, "y": 100})
    expect(bubble).to_have_text(re.compile(r"^[+\u2212]\d+\.\d\d of \d+\.\d\d; this cell alone: \w+"))

    def stands_beside_its_cell() -> None:
        (at,), (frame,) = places(page, ".bubble"), places(page, "figure.tile:nth-child(2) .stage")
        cell = frame["width"] / 5  # 9 cells across the crop, a part of the photo
        assert 0 < at["x"] - (frame["x"] + 200) < cell
        assert abs(at["y"] + at["height"] / 2 - (frame["y"] + 100)) < cell

    poll(page, stands_beside_its_cell)
    told = bubble.inner_text()
    stage.press("ArrowDown")
    expect(bubble).not_to_have_text(told)
    stage.press("Escape")
    expect(bubble).to_have_count(0)


def cells_are_asked_by_keyboard_and_spoken(grid: Any) -> None:
    page = grid.page
    grid.stage(0).focus()
    grid.stage(0).press("ArrowRight")
    expect(grid.stage(1)).to_be_focused()
    expect(grid.stage(0)).to_have_attribute("tabindex", "-1")
    grid.stage(1).press("Enter")
    spoken = page.locator(".inspector [aria-live=polite]")
    expect(spoken).to_have_text(
        re.compile(r"lite2@260, row \d, column \d: \+\d.* for German Shepherd Dog. This cell alone")
    )
    before = spoken.inner_text()
    grid.stage(1).press("ArrowDown")
    expect(spoken).not_to_have_text(before)
    expect(page.locator(".panel th[scope=col]")).to_have_text(["Model", "lite0@224", "lite2@260"])
    expect(page.locator(".panel ol").first.locator("li")).to_have_count(5)
    expect(page.locator(".panel tbody th").last).to_have_text("Top classes of this cell alone (logit)")
    expect(page.locator(".inspector > .note")).to_have_text(re.compile("^White frame: what the model saw"))
    expect(page.locator(".panel .note").last).to_have_text(
        re.compile("^The cell's receptive field covers all that the model saw")
    )
    grid.stage(1).press("Escape")
    expect(page.get_by_role("button", name="Release cell")).to_be_hidden()
    grid.stage(1).press("ArrowLeft")
    expect(grid.stage(0)).to_be_focused()


def what_matters_in_a_cell_is_drawn_on_the_photo(grid: Any) -> None:
    page = grid.page
    grid.stage(0).press("Enter")
    photo = page.locator(".photo canvas")
    grid.settled()  # with the cell's square on the photo
    before = grid.pixels(photo)
    page.get_by_role("button", name="Show what this cell reacts to").click()
    expect(
        page.locator(".panel").get_by_text(re.compile(r"^90 % of what matters to the cell .* is in [\d.]+ % of"))
    ).to_be_visible()

    def is_drawn() -> None:
        assert grid.pixels(photo) != before

    poll(page, is_drawn)
    grid.stage(0).press("ArrowUp")
    expect(page.get_by_role("button", name="Show what this cell reacts to")).to_be_visible()


def a_class_that_is_pointed_at_moves_nothing_and_a_picked_one_says_so_in_every_map(grid: Any) -> None:
    page = grid.page
    expect(page.locator(UNDRAWN)).to_have_css("display", "none")  # the sentence is only for browsers that draw no maps
    tile, chosen = page.locator("figure.tile").first, page.locator(".classes button").nth(2)
    name = chosen.locator("span").first.inner_text()
    grid.settled()
    before = tile.evaluate("one => one.offsetHeight")
    chosen.hover()
    expect(tile.get_by_text(re.compile(f"^map: {name}"))).to_be_visible()
    assert tile.evaluate("one => one.offsetHeight") == before
    chosen.click()
    expect(chosen).to_have_attribute("aria-checked", "true")
    expect(page.locator("figure.tile").get_by_text(re.compile(f"^map: {name}"))).to_have_count(2)
    expect(page.locator(".panel tbody th").first).to_have_text(f"Contribution to the logit of {name}")
    for place in (0, 1):
        expect(grid.maps.nth(place)).to_have_attribute(
            "aria-label", re.compile(f"^(Evidence for {name} is strongest in|No positive evidence for {name})")
        )
    chosen.press("ArrowUp")
    expect(page.locator(".classes button").nth(1)).to_have_attribute("aria-checked", "true")


def test_the_cells_of_a_map_add_up_to_the_logit_that_is_shown(compare: Compare) -> None:
    grid = compare("/?models=lite0@96&photos=dog")  # 3 x 3 cells
    page = grid.page
    grid.stage(0).press("Enter")
    for key in ("ArrowUp", "ArrowLeft") * 3:
        grid.stage(0).press(key)
    total, logit, cell = 0.0, 0.0, page.locator(".panel tbody td").first
    for row in range(3):
        for column in range(3):
            expect(page.get_by_text(f"Cell at row {row + 1}, column {column + 1} of lite0@96")).to_be_visible()
            found = re.match(r"([+−])([\d.]+) of ([\d.]+)", cell.inner_text())
            assert found
            total += float(found[2]) * (1 if found[1] == "+" else -1)
            logit = float(found[3])
            grid.stage(0).press("ArrowRight")
        for key in ("ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowDown"):
            grid.stage(0).press(key)
    # The classifier's bias remains; 9 numbers of two digits are off by at most 9 * 0.005.
    assert abs(total - logit) < 0.25 + 0.05


def places(page: Page, what: str) -> list[dict[str, float]]:
    """Return the positions of elements in the window."""
    found: list[dict[str, float]] = page.locator(what).evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map(({x, y, width, height}) => ({x, y, width, height}))"
    )
    return found


@pytest.mark.parametrize("photo", ["dog", "koala"])
def test_a_photo_and_its_five_maps_are_seen_in_one_row_of_a_laptop_and_on_a_phone(compare: Compare, photo: str) -> None:
    grid = compare(f"/?photos={photo}", width=1280, height=800)
    page = grid.page
    whole(page)

    def in_one_row() -> None:
        shown = places(page, ":is(.photo, .tile) .stage")
        assert len(shown) == 6
        assert len({place["y"] for place in shown}) == 1
        assert all(place["width"] >= 185 and place["y"] + place["height"] < 800 for place in shown)
        assert all(place["y"] + place["height"] < 800 for place in places(page, ".tile .lines"))  # and their text
        assert page.locator("[data-testid=stMain]").evaluate("one => [one.scrollTop, one.scrollWidth]") == [0, 1280]

    poll(page, in_one_row)
    if photo == "koala":
        an_enlarged_map_fits_the_window_below_the_bar_and_escape_leaves_it(grid)
    else:
        on_a_phone_the_first_map_is_beside_the_photo_on_the_first_screen(page)


def an_enlarged_map_fits_the_window_below_the_bar_and_escape_leaves_it(grid: Any) -> None:
    page, tile = grid.page, grid.page.locator("figure.tile").nth(1)
    stage = grid.stage(1)
    before = standing(stage)["width"]
    tile.hover()
    button = page.get_by_role("button", name="Enlarge the map of lite1@224")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")

    def fits_below_the_bar() -> None:
        (after,), (bar,) = places(page, "figure.tile:nth-child(2) .stage"), places(page, ".bar")
        assert after["width"] > 1.25 * before
        assert bar["y"] == 60  # below Streamlit's bar, although the page was scrolled
        assert bar["y"] + bar["height"] <= after["y"]
        assert after["y"] + after["height"] <= 800

    poll(page, fits_below_the_bar)
    page.keyboard.press("Escape")
    expect(button).to_have_attribute("aria-pressed", "false")

    def as_before() -> None:
        assert places(page, "figure.tile:nth-child(2) .stage")[0]["width"] == before

    poll(page, as_before)


def on_a_phone_the_first_map_is_beside_the_photo_on_the_first_screen(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 667})
    page.emulate_media(color_scheme="dark")
    fits(page, 390)

    def beside_the_photo() -> None:
        photo, *maps = places(page, ":is(.photo, .tile) .stage")
        assert all(place["width"] >= 150 for place in maps)
        assert photo["y"] == maps[0]["y"] < maps[1]["y"] == maps[2]["y"]
        assert maps[0]["y"] + maps[0]["height"] < 667

    poll(page, beside_the_photo)


def test_where_two_models_differ_is_marked_and_puts_photos_in_order(compare: Compare) -> None:
    grid = compare("/?models=lite0@224,lite2@260,lite1@224&photos=dog,owl,lemur")
    page = grid.page
    names = page.locator(".row .name b")
    chosen = names.all_inner_texts()
    page.get_by_label("Difference").check()
    says = page.locator(".difference > p")
    expect(says).to_have_text(
        [
            re.compile(
                r"^The maps differ most in the white square: lite0@224 has [\d.]+% of its positive evidence there, "
                r"lite1@224 [\d.]+%\. Overall, \d+% of the evidence is in a different place\.$"
            )
        ]
        * 3
    )
    expect(page.locator(".difference .bubble").first).to_have_text("most different here")  # hidden parts are not drawn

    def apart() -> dict[str, int]:
        found = [re.search(r"Overall, (\d+)%", text) for text in says.all_inner_texts()]
        return dict(zip(names.all_inner_texts(), [int(one[1]) for one in found if one], strict=True))

    before = apart()
    page.get_by_label("Most different first").check()
    expect(names).to_have_text(sorted(chosen, key=lambda name: -before[name]))
    page.locator(".difference select").last.select_option("lite2@260")  # for one photo, and for all
    expect(says).to_have_text([re.compile("lite2@260")] * 3)

    def in_order() -> None:
        assert list(apart().values()) == sorted(apart().values(), reverse=True)

    poll(page, in_order)
    page.locator(".difference select").last.select_option("lite0@224")
    expect(says).to_have_text([re.compile("Overall, 0% of the evidence is in a different place")] * 3)
    page.get_by_label("Most different first").uncheck()
    expect(names).to_have_text(chosen)


def the_wheel_scrolls_the_page_until_the_map_has_the_keyboard(grid: Any) -> None:
    page = grid.page
    first = grid.maps.first
    grid.stage(0).hover()
    main = page.locator("[data-testid=stMain]")
    start = main.evaluate("one => one.scrollTop")
    page.mouse.wheel(0, 200)
    page.wait_for_function("start => document.querySelector('[data-testid=stMain]').scrollTop > start", arg=start)
    grid.stage(0).focus()
    standing(grid.stage(0))
    grid.stage(0).hover()
    grid.changes(lambda: page.mouse.wheel(0, -100), first)
    expect(page.locator(".row")).to_have_class(re.compile("zoomed"))
    page.get_by_role("button", name="Reset zoom").click()
    expect(page.locator(".row")).not_to_have_class(re.compile("zoomed"))


UNDRAWN = ".effviz-undrawn"
BROKEN = """
  switch (new URLSearchParams(location.search).get("broken")) {
    case "canvas":
      HTMLCanvasElement.prototype.getContext = () => null;
      break;
    case "drawing":
      CanvasRenderingContext2D.prototype.putImageData = () => { throw new Error("broken"); };
      break;
    case "script": {
      const Readable = Blob;
      window.Blob = class extends Readable {
        constructor(parts, options) {
          super(String(parts[0]).includes("effviz-grid") ? ["not a script"] : parts, options);
        }
      };
    }
  }
"""


@pytest.fixture(scope="module")
def lacking(shared_window: Window) -> Window:
    """Return the shared window, in which an address can disable browser features."""
    shared_window.page.add_init_script(BROKEN)
    return shared_window


@pytest.fixture
def broken(lacking: Window) -> Visit:
    """Open a comparison in a browser without some feature, which may throw an error."""
    return lambda what: lacking.visit(f"{ONE}&broken={what}")


def test_a_browser_without_a_canvas_gets_still_pictures(broken: Visit) -> None:
    page = broken("canvas")
    expect(page.locator(".st-key-grid img[alt^='Evidence for']").first).to_be_visible(timeout=PATIENCE_MS)


def test_a_script_that_fails_while_it_draws_leaves_still_pictures(broken: Visit) -> None:
    page = broken("drawing")
    expect(page.locator(".st-key-grid img[alt^='Evidence for']").first).to_be_visible(timeout=PATIENCE_MS)
    unfold(page, "Method")
    expect(page.get_by_role("switch", name="Still pictures")).to_be_checked()


def test_a_script_that_cannot_be_read_leaves_a_sentence_with_the_way_out(broken: Visit) -> None:
    page = broken("script")
    expect(page.locator(UNDRAWN)).to_contain_text("switch on Still pictures under Method above", timeout=PATIENCE_MS)
    expect(page.locator(UNDRAWN)).to_be_visible(timeout=PATIENCE_MS)
    unfold(page, "Method")
    page.get_by_text("Still pictures", exact=True).click()
    expect(page.locator(".st-key-grid img[alt^='Evidence for']").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(UNDRAWN)).to_have_count(0)


def test_a_model_that_cannot_be_read_leaves_its_sentence_in_its_place(compare: Compare) -> None:
    grid = compare("/?models=lite0@224,scaled-d1-w0.5@64&photos=dog")
    page = grid.page
    expect(page.locator("figure.tile .loud")).to_have_text(
        "Untrained: the weights are random, so this map means nothing."
    )
    expect(grid.maps.nth(1)).to_have_attribute("aria-label", re.compile("is untrained"))
