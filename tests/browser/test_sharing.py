"""Sharing a comparison: as a link without photos, as one file with them, and as an image."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import Window, comparison, idle, pictures_are_read, poll, unfold

pytestmark = pytest.mark.browser

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
PATIENCE_MS = 180_000
TWO = "/?models=lite0@96,lite1@96&photos=dog&opacity=80"


def bring(page: Page, *files: Path) -> None:
    unfold(page, "Photos")
    page.get_by_test_id("stPopoverBody").locator('input[type="file"]').first.set_input_files(files)
    for file in files:
        expect(page.get_by_role("img", name=f"The photo {file.name}")).to_be_visible(timeout=PATIENCE_MS)
    page.keyboard.press("Escape")


def seen(page: Page) -> dict[str, object]:
    """Return how the dog is displayed."""
    row = page.locator("section.row").filter(has=page.get_by_role("img", name="The photo German shepherd"))
    return {
        "box": [one.input_value() for one in row.locator(".box input").all()],
        "pair": [one.input_value() for one in row.locator(".swipe:not(.difference) select").all()],
        "divider": row.locator(".swipe:not(.difference) input[type=range]").input_value(),
        "cell": row.locator(".inspector .head b").inner_text(),
        "zoomed": "zoomed" in (row.get_attribute("class") or ""),
        "subtracted": [one.input_value() for one in row.locator(".difference select").all()],
        "sorted": page.get_by_label("Most different first").is_checked(),
        "swiped": row.locator(".swipe:not(.difference)").is_visible(),
    }


def copied(page: Page) -> str:
    """Return the link that its button copies."""
    page.get_by_role("button", name="Copy link", exact=True).click()
    return page.get_by_label("Link to this view, without your own photos").input_value()


def view_of(link: str) -> dict[str, Any]:
    """Return the display settings in a link."""
    view: dict[str, Any] = json.loads(parse_qs(urlsplit(link).query)["view"][0])
    return view


def test_a_link_carries_all_but_photos_and_a_session_carries_them_too(window: Window, tmp_path: Path) -> None:
    page = comparison(window, TWO).page
    bring(page, SAMPLES / "owl.jpg")
    row = page.locator("section.row").filter(has=page.get_by_role("img", name="The photo German shepherd"))
    row.get_by_role("radio").nth(2).click()  # a class, for all maps
    expect(page).to_have_url(re.compile("class="))
    idle(page)
    for name in ("Draw a box", "Swipe", "Difference", "Most different first"):
        page.get_by_label(name, exact=True).check()
    row.locator(".difference select").first.select_option("lite1@96")
    row.locator(".difference select").last.select_option("lite0@96")
    for edge, value in zip(row.locator(".box input").all(), (20, 30, 200, 150), strict=True):
        edge.fill(str(value))
    row.locator(".swipe:not(.difference) input[type=range]").fill("30")
    row.locator("figure.tile .stage").nth(1).press("Enter")
    row.locator("figure.tile .stage").nth(1).press("ArrowRight")
    row.locator("figure.tile .stage").nth(1).press("+")  # enlarged by a quarter, about the centre
    before = seen(page)
    assert before["box"] == ["20", "30", "200", "150"]
    link = copied(page)
    view = view_of(link)
    assert view["modes"] == ["swipe", "difference", "sorting", "box"]
    assert view["pair"] == ["lite1@96", "lite0@96"]
    (dog,) = [photo for photo in view["photos"].values() if "cell" in photo]
    assert dog["zoom"] == [1.25, 0.1, 0.1]
    with page.expect_download(timeout=PATIENCE_MS) as picture:
        page.locator("button.save").click()
    with Image.open(picture.value.path()) as image:
        image.load()
        assert image.text["EffViz link"] == link  # type: ignore[attr-defined]
        settings = json.loads(image.text["EffViz settings"])  # type: ignore[attr-defined]
    assert [model["label"] for model in settings["models"]] == ["lite0@96", "lite1@96"]
    assert {one["photo"] for one in settings["maps"]} == {"owl.jpg", "German shepherd"}
    assert settings["shown"]["opacity"] == 80
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="Save the session").click()
    file = tmp_path / "mine.zip"
    download.value.save_as(file)

    there = comparison(window, link.removeprefix(window.address)).page
    expect(there.get_by_text(re.compile(r"owl\.jpg \(sha256 [0-9a-f]{16}…\)"))).to_be_visible()
    expect(there.get_by_text("selected once they are added")).to_be_visible()
    expect(there.locator("section.row")).to_have_count(1)

    def looks_the_same() -> None:
        assert seen(there) == before

    poll(there, looks_the_same)
    again = view_of(copied(there))  # of the dog only
    assert again == {**view, "photos": {name: one for name, one in view["photos"].items() if one == dog}}
    expect(there.locator('.classes [aria-checked="true"]')).to_have_text("Each model's own first guess")
    expect(there).not_to_have_url(re.compile("view="))
    bring(there, SAMPLES / "owl.jpg")
    expect(there.get_by_text("selected once they are added")).to_have_count(0)
    expect(there).to_have_url(re.compile("class="))

    opened = window.visit("/?models=lite0@96&photos=,")
    unfold(opened, "Photos")
    opened.get_by_test_id("stPopoverBody").get_by_role("button", name="Open a session").click()
    opened.get_by_test_id("stPopoverBody").last.locator('input[type="file"]').set_input_files(file)
    expect(opened.get_by_role("img", name="The photo owl.jpg")).to_be_visible(timeout=PATIENCE_MS)
    expect(opened.locator("section.row")).to_have_count(2)
    expect(opened).to_have_url(re.compile("opacity=80"))
    expect(opened).to_have_url(re.compile("class="))

    with zipfile.ZipFile(file) as archive:
        (tmp_path / "report.html").write_bytes(archive.read("report.html"))
    report = page.context.new_page()
    report.goto(f"file://{tmp_path / 'report.html'}")
    expect(report.get_by_role("img")).to_have_count(6)
    pictures_are_read(report.locator("img"))
    report.close()
