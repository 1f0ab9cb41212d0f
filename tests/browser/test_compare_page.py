import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
PATIENCE_MS = 90_000  # a first visit loads torch and five models


def maps(page: Page) -> Locator:
    """The maps of the grid, once they are drawn and say what they show."""
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


def test_an_uploaded_photo_gets_a_row_of_maps(visit: Visit) -> None:
    page = visit("/?models=lite0@224")
    expect(maps(page).first).to_be_visible(timeout=PATIENCE_MS)
    before = shown_class(maps(page).first)
    page.locator('input[type="file"]').set_input_files(SAMPLES / "red_panda.jpg")
    expect(page.get_by_role("img", name="The photo red_panda.jpg")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("img", name=re.compile("^Evidence for red panda")).first).to_be_visible(timeout=PATIENCE_MS)
    assert shown_class(maps(page).first) != before


def test_a_bad_file_gets_its_sentence_and_the_rest_stays(visit: Visit, tmp_path: Path) -> None:
    broken = tmp_path / "holiday.jpg"
    broken.write_bytes(b"this is not a photo")
    page = visit("/?models=lite0@224")
    page.locator('input[type="file"]').set_input_files(broken)
    expect(page.get_by_text(re.compile("holiday.jpg.* JPEG, PNG, WebP, GIF, BMP and TIFF"))).to_be_visible()
    expect(maps(page).first).to_be_visible(timeout=PATIENCE_MS)


def test_a_chosen_class_changes_every_map_and_the_address(visit: Visit) -> None:
    page = visit("/?models=lite0@224")
    expect(maps(page).first).to_be_visible(timeout=PATIENCE_MS)
    before = shown_class(maps(page).first)
    page.get_by_role("radio", name="One class").click()
    box = page.get_by_role("combobox", name=re.compile("Class$|Search 1000 classes"))
    box.fill("golden retr")
    page.get_by_role("option", name="Golden Retriever").click()
    expect(page.get_by_text(re.compile("map: Golden Retriever"))).to_be_visible(timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile("class=Golden"))
    assert shown_class(maps(page).first) != before


def test_a_link_brings_the_whole_comparison_back(visit: Visit) -> None:
    page = visit("/?models=lite0@224,lite0@320&photos=coffee&method=LayerCAM&opacity=80")
    expect(page.get_by_role("img", name=re.compile("The photo"))).to_have_count(1, timeout=PATIENCE_MS)
    expect(page.locator("b", has_text="lite0@320")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("LayerCAM: Only positive gradients count")).to_be_visible()
    expect(page.get_by_role("button", name="Coffee in a cup", exact=True)).to_have_attribute("aria-pressed", "true")


def test_the_gallery_can_be_used_by_keyboard(visit: Visit) -> None:
    page = visit("/?models=lite0@224")
    expect(maps(page).first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Red panda", exact=True).press("Enter")
    expect(page.get_by_role("img", name=re.compile("^Evidence for red panda"))).to_be_visible(timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile("photos=.*red_panda"))


def test_the_nearest_published_network_joins_with_one_click(visit: Visit) -> None:
    page = visit("/?models=lite0@224")
    expect(maps(page).first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name=re.compile("^Add Lite2")).click()
    expect(page.locator("b", has_text="lite2@260")).to_be_visible(timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile("lite2"))


def test_a_model_without_weights_says_what_gets_them(visit: Visit) -> None:
    page = visit("/?models=lite0@224,b0@224")
    expect(page.get_by_text("effviz fetch b0")).to_be_visible(timeout=PATIENCE_MS)
    expect(maps(page).first).to_be_visible(timeout=PATIENCE_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_window_never_scrolls_sideways(visit: Visit, scheme: str) -> None:
    page = visit("/?models=lite0@224", width=390, scheme=scheme)
    expect(maps(page).first).to_be_visible(timeout=PATIENCE_MS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_the_grid_can_be_taken_home_as_a_picture(visit: Visit) -> None:
    page = visit("/?models=lite0@224")
    expect(maps(page).first).to_be_visible(timeout=PATIENCE_MS)
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.get_by_role("button", name="Grid as PNG").click()
    with Image.open(io.BytesIO(Path(download.value.path()).read_bytes())) as picture:
        assert picture.format == "PNG"
        assert picture.width > 300
