import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from effviz.explain import sample_photos
from effviz.zoo import imagenet_classes
from tests.browser.conftest import idle, pictures_are_read, unfold, upload

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
PATIENCE_MS = 180_000  # a first visit loads torch and five models
ONE = "/?models=lite0@224&photos=dog"


def maps(page: Page) -> Locator:
    """Return the maps of the grid, once they are drawn and labelled."""
    return page.locator("figure.tile canvas[aria-label]")


def shown_class(picture: Locator) -> str:
    return picture.get_attribute("data-class") or ""


def test_a_first_visit_shows_five_maps_without_a_click(visit: Visit) -> None:
    page = visit("/")
    for label in ("lite0@224", "lite1@224", "lite2@224", "lite0@260", "lite2@260"):
        expect(page.locator("b", has_text=label)).to_be_visible(timeout=PATIENCE_MS)
    expect(maps(page).nth(4)).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Grad-CAM, HiResCAM, XGrad-CAM, ShapleyCAM")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("heading", name="One number scales all three")).to_be_visible()
    expect(page.get_by_role("heading", name="Cost and accuracy")).to_be_visible()


def test_a_bad_file_gets_its_sentence_and_a_photo_a_row_of_maps(visit: Visit, tmp_path: Path) -> None:
    broken = tmp_path / "holiday.jpg"
    broken.write_bytes(b"this is not a photo")
    page = visit(ONE)
    before = shown_class(maps(page).first)
    unfold(page, "Photos")
    upload(page, broken)
    expect(page.get_by_text(re.compile("holiday.jpg.* JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC and AVIF"))).to_be_visible()
    expect(maps(page)).to_have_count(1)  # everything else stays
    upload(page, SAMPLES / "red_panda.jpg")
    expect(page.get_by_role("img", name="The photo red_panda.jpg")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("img", name=re.compile("^Evidence for red panda")).first).to_be_visible(timeout=PATIENCE_MS)
    expect(maps(page).first).not_to_have_attribute("data-class", before)


def test_one_class_is_chosen_in_the_list_and_above_and_everything_agrees(visit: Visit) -> None:
    page = visit("/?models=lite0@224,lite2@260&photos=dog,owl&method=LayerCAM")
    above = page.get_by_role("combobox", name=re.compile("Class to explain"))
    expect(above).to_have_value("Each model's own first guess")
    own = shown_class(maps(page).first)
    below = page.locator(".classes").first.get_by_role("radio").nth(3)
    name = below.locator("span").first.inner_text()
    below.click()
    expect(above).to_have_value(name)
    expect(page).to_have_url(re.compile("class="))
    index = str(imagenet_classes.names().index(name))
    assert index != own
    expect(maps(page)).to_have_count(4)
    expect(page.locator(f'figure.tile canvas[data-class="{index}"]')).to_have_count(4)  # of both photos
    expect(page.locator(".classes [aria-checked=true] span:first-child")).to_have_text([name] * 2)
    idle(page)  # the buttons below belong to this class
    slug = "-".join(re.findall("[a-z0-9]+", name.lower()))
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="Settings as JSON").click()
    assert download.value.suggested_filename == f"effviz-settings-{slug}.json"
    settings = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert settings["target"] == name
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.locator("button.save").click()
    assert download.value.suggested_filename == f"effviz-grid-{slug}.png"
    page.get_by_role("link", name="Scale").click()
    expect(page.get_by_text("Budget", exact=True)).to_be_visible()
    page.get_by_role("link", name="Compare").click()
    expect(above).to_have_value(name)
    expect(page.locator(".effviz-chosen").last).to_have_text(
        "LayerCAM, Last layer"
    )  # although its widget was collapsed
    expect(page.locator(".classes [aria-checked=true] span").first).to_have_text(name)
    idle(page)
    above.fill("golden retr")
    page.get_by_role("option", name="Golden Retriever").click()
    expect(page.locator("figure.tile").get_by_text("map: Golden Retriever")).to_have_count(4, timeout=PATIENCE_MS)
    expect(page.locator(".classes [aria-checked=true] span:first-child")).to_have_text(["Golden Retriever"] * 2)
    above.fill("own first")
    page.get_by_role("option", name="own first guess").click()
    expect(page).not_to_have_url(re.compile("class="))
    expect(maps(page).first).to_have_attribute("data-class", own)


def test_scorecam_shows_how_far_it_is_and_can_be_stopped(visit: Visit) -> None:
    page = visit("/?models=lite2@260&photos=dog&method=Score-CAM")
    page.get_by_text("Compute them").click()
    bar = page.get_by_role("progressbar")
    expect(bar).to_be_visible(timeout=PATIENCE_MS)
    for _ in range(3):  # batches of one map
        expect(bar).not_to_have_attribute("aria-valuenow", bar.get_attribute("aria-valuenow") or "")
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped after 0 of 1 maps.")).to_be_visible()
    expect(bar).to_have_count(0)
    expect(page.get_by_text("Not computed yet.")).to_be_visible()
    expect(page.get_by_role("button", name="Continue")).to_be_visible()


def test_a_link_brings_the_whole_comparison_back(visit: Visit) -> None:
    page = visit("/?models=lite0@224,lite2@260&photos=coffee&method=LayerCAM&opacity=80")
    expect(page.get_by_role("img", name=re.compile("The photo"))).to_have_count(1, timeout=PATIENCE_MS)
    expect(page.locator("b", has_text="lite2@260")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".effviz-chosen")).to_have_text(
        [sample_photos.find("coffee").title, "lite0@224, lite2@260", "LayerCAM, Last layer"]
    )  # the choice is visible while the widget is collapsed
    unfold(page, "Method")
    page.get_by_text("How it is computed").click()
    expect(page.get_by_text("LayerCAM: Only positive gradients count")).to_be_visible()
    unfold(page, "Photos")
    expect(page.get_by_role("button", name="Coffee in a cup", exact=True)).to_have_attribute("aria-pressed", "true")


CLICK_TWO = """
  (strip) => {
    const find = (name) => strip.querySelector(`[data-name="${name}"]`);
    for (const name of ["owl", "red_panda"]) find(name).click();
    return ["dog", "owl", "red_panda"].map((name) => find(name).getAttribute("aria-pressed"));
  }
"""


def test_the_gallery_is_seen_whole_used_by_keyboard_and_by_quick_clicks(visit: Visit) -> None:
    page = visit(ONE)
    unfold(page, "Photos")
    pictures = page.locator(".strip button")
    expect(pictures.nth(19)).to_be_attached()  # all come at once
    pictures_are_read(page.locator(".strip img"))
    for picture in (pictures.first, pictures.last):
        expect(picture).to_be_in_viewport()
    assert pictures.evaluate_all("all => all.filter((one) => one.tabIndex === 0).length") == 1
    pictures.first.focus()
    page.keyboard.press("ArrowRight")
    expect(pictures.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(pictures.last).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    expect(pictures.last).to_be_focused()
    assert page.locator(".strip").evaluate(CLICK_TWO) == ["true"] * 3  # at once
    expect(page).to_have_url(re.compile("photos=dog(,|%2C)owl(,|%2C)red_panda"))
    expect(page.locator('.strip [aria-pressed="true"]')).to_have_count(3)
    page.get_by_role("button", name="Owl on a branch", exact=True).press("Enter")
    expect(page).to_have_url(re.compile("photos=dog(,|%2C)red_panda"))
    expect(page.get_by_role("img", name=re.compile("^Evidence for red panda")).first).to_be_visible(timeout=PATIENCE_MS)


def the_search_for_b3_finds_b3_first(page: Page) -> Locator:
    unfold(page, "Models")
    box = page.get_by_role("combobox", name="Models")
    box.fill("b3")
    options = page.get_by_role("option")
    expect(options.filter(has_not_text="b3")).to_have_count(0)
    expect(options.filter(has_text="@").first).to_have_text(re.compile(r"^b3@300"))
    return box


def test_models_join_with_one_click_or_by_a_search_or_say_what_is_missing(visit: Visit) -> None:
    page = visit("/?models=lite0@224,b0@224&photos=dog")
    tile = page.locator(".st-key-missing-weights")  # without weights
    expect(tile.get_by_text("effviz fetch b0")).to_be_visible(timeout=PATIENCE_MS)
    expect(tile.get_by_text("21 MB of weights")).to_be_visible()
    expect(maps(page).first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name=re.compile("^Add Lite2")).click()
    expect(page.locator("b", has_text="lite2@260")).to_be_visible(timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile("lite2"))
    idle(page)
    a_model_that_does_not_exist_is_said_once_and_gone(page, the_search_for_b3_finds_b3_first(page))


def a_model_that_does_not_exist_is_said_once_and_gone(page: Page, box: Locator) -> None:
    box.fill("resnet50")
    box.press("Enter")
    expect(page.get_by_text("There is no model 'resnet50'")).to_be_visible(timeout=PATIENCE_MS)
    chips = page.get_by_test_id("stMultiSelectTagsContainer").filter(has_text="lite0@224")
    expect(chips).not_to_contain_text("resnet50")


def test_still_pictures_can_be_taken_home_as_one(visit: Visit) -> None:
    page = visit(f"{ONE}&still=true")
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="Grid as PNG").click()
    with Image.open(io.BytesIO(Path(download.value.path()).read_bytes())) as picture:
        assert picture.format == "PNG"
        assert picture.width > 300


def test_the_raw_maps_are_those_of_every_class_that_can_be_picked(visit: Visit) -> None:
    page = visit("/?models=lite0@224,lite2@260&photos=dog")
    expect(maps(page).nth(1)).to_be_visible(timeout=PATIENCE_MS)
    idle(page)
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="Raw maps as NPZ").click()
    with np.load(io.BytesIO(Path(download.value.path()).read_bytes())) as file:
        facts = json.loads(str(file["facts"]))
        assert len(file.files) == len(facts) + 1
    of_one, named = (
        {one["target_name"] for one in facts if one["model"] == each} for each in ("lite0@224", "lite2@260")
    )
    assert of_one == named
    pickable = page.locator(".classes button[data-position]:not([data-position=''])")
    expect(pickable).to_have_count(len(named))
    assert set(pickable.all_inner_texts()) == named
