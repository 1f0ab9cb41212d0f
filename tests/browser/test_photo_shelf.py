"""A visitor's own photos stay across pages, until they are removed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from effviz.explain import images
from tests.browser.conftest import follow, unfold, upload

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
PATIENCE_MS = 180_000


@pytest.fixture(scope="module")
def heic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a photo as from a phone: HEIC, rotated by EXIF."""
    images.register_phone_formats()
    file = tmp_path_factory.mktemp("phone") / "IMG_0001.HEIC"
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(SAMPLES / "red_panda.jpg") as photo:
        photo.transpose(Image.Transpose.ROTATE_90).resize((300, 400)).save(file, "HEIF", exif=exif.tobytes())
    return file


def own(page: Page) -> Locator:
    """Return the shelf."""
    return page.get_by_role("group", name="Your own photos")


def photos(page: Page) -> Locator:
    """Return the photos in the grid."""
    return page.get_by_role("img", name=re.compile("^The photo "))


def go(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()


def test_own_photos_stay_on_every_page_until_they_are_removed(visit: Visit, heic: Path) -> None:
    page = visit("/?models=lite0@224&photos=,")
    unfold(page, "Photos")
    upload(page, heic, SAMPLES / "owl.jpg")
    expect(photos(page)).to_have_count(2, timeout=PATIENCE_MS)
    expect(page.get_by_role("img", name="The photo IMG_0001.HEIC")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^Evidence for red panda")).first).to_be_visible(timeout=PATIENCE_MS)
    page.keyboard.press("Escape")  # leaves the fold
    go(page, "Scale")
    expect(page).to_have_url(re.compile("/scale"))
    expect(photos(page)).to_have_count(0)
    follow(page, "Evaluate", "/evaluate")  # for the Paper page see tests/ui/test_photo_shelf.py
    expect(own(page).get_by_role("button", name="IMG_0001.HEIC", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    go(page, "Compare")
    expect(photos(page)).to_have_count(2, timeout=PATIENCE_MS)
    unfold(page, "Photos")
    own(page).get_by_role("button", name="owl.jpg", exact=True).click()  # it stays on the shelf, unused
    expect(photos(page)).to_have_count(1)
    own(page).get_by_role("button", name="Remove owl.jpg").click()
    expect(own(page).get_by_role("button")).to_have_count(2)  # the other photo, and its cross
    page.get_by_role("button", name="Remove my photos").click()
    expect(own(page)).to_have_count(0)
    expect(page.get_by_text("No photo is chosen")).to_be_visible()
