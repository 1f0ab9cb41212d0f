"""A click on the scatter plot leads to photos and their maps; a small run can be stopped and completed."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from effviz.evaluate.dataset_samples import Dataset, DatasetSample
from effviz.evaluate.run_settings import Metric, RunSettings
from effviz.evaluate.runner import evaluate
from effviz.explain import sample_photos
from effviz.explain.data_types import Method
from tests.browser.conftest import fits, follow, poll, standing, stop, whole

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
Press = Callable[[Page, int], None]
PATIENCE_MS = 180_000  # models load, and many passes run
NAMES = ("cat", "owl", "dog")


@pytest.fixture(scope="module", autouse=True)
def run(runs: Path) -> None:
    """Return one run on photos that come with EffViz."""
    photos = tuple(DatasetSample(sample_photos.find(name).path, f"{name}.jpg") for name in NAMES)
    dataset = Dataset(Path("three"), photos, "three", annotated=False, labelled=False)
    evaluate(dataset, RunSettings(("lite0@96",), (Method.CAM,), (Metric.DROP,), targets="prediction"), runs / "tiny")


def test_a_click_on_a_point_leads_to_its_photos_and_their_maps(visit: Visit, press_point: Press) -> None:
    page = visit("/evaluate")
    expect(page.get_by_text("3 photos of three, 1 model, 1 method")).to_be_visible()
    press_point(page, -1)  # the controls' lines come first
    expect(page).to_have_url(re.compile("of=lite0%4096"))
    expect(page.get_by_text(re.compile(r"^[^:]+: -?\d\.\d{3}$"))).to_have_count(len(NAMES))
    page.get_by_role("button", name="See its map").first.click()
    expect(page).to_have_url(re.compile(r"models=lite0%4096"))
    expect(page.locator("figure.tile canvas[aria-label]").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page).to_have_url(re.compile("photos=(cat|owl|dog)"))


def test_a_small_run_is_estimated_stopped_and_made(visit: Visit) -> None:
    """Use the compared models, small enough to finish soon and large enough for Stop to come before the end."""
    page = visit("/?models=lite0@128,lite1@128&photos=,")
    follow(page, "Evaluate", "/evaluate")
    main = page.get_by_test_id("stMain")
    main.get_by_role("button", name=re.compile("Estimate the time")).click()
    timed = page.get_by_text(re.compile(r"for 3 photos: one photo took .* with lite0@128"))
    expect(timed).to_be_visible(timeout=PATIENCE_MS)
    main.get_by_role("button", name=re.compile("Start$")).click()
    stop(page)
    expect(page.get_by_text("Stopped. No results were kept.")).to_be_visible()
    expect(page.get_by_text("Measured on this visit")).to_have_count(0)
    main.get_by_role("button", name=re.compile("Start$")).click()
    expect(page.get_by_text("3 photos of bundled samples, 2 models, 1 method")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text(re.compile("^Done: 3 photos measured in "))).to_be_in_viewport()
    expect(page.get_by_text("On these photos alone, ")).to_be_in_viewport()  # the answer, far above the button
    expect(page.get_by_role("button", name=re.compile("Report as HTML"))).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


# Positions of point labels and interval bars: left, top, right, bottom. Empty lines do not count.
SEEN = """() => {
    const place = (part) => { const at = part.getBoundingClientRect(); return [at.left, at.top, at.right, at.bottom]; };
    const plot = document.querySelector(".js-plotly-plot");
    const words = [...plot.querySelectorAll(".textpoint text")].flatMap((text) =>
        text.children.length ? [...text.children] : [text]);
    return {
        names: words.filter((line) => line.textContent.trim()).map(place),
        bars: [...plot.querySelectorAll(".errorbars path.yerror")].map(place),
    };
}"""


def apart(one: list[float], other: list[float]) -> bool:
    """Two px of each text line are above and below its letters."""
    return one[2] <= other[0] or other[2] <= one[0] or one[3] - 2 <= other[1] + 2 or other[3] - 2 <= one[1] + 2


@pytest.mark.parametrize(
    "asked", ["metric=energy&of=lite0@224", "metric=maxbox&by=eigencam", "metric=pointing&which=small"]
)
def test_names_lie_on_no_bar_and_on_no_other_name(visit: Visit, asked: str) -> None:
    page = visit(f"/evaluate?run=:study&{asked}", width=390)
    names_lie_apart(page, 390)
    if "of=" in asked:  # with its photos
        a_phone_shows_the_whole_page_without_scrolling_sideways(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    expect(page.locator(".js-plotly-plot .main-svg").first).to_have_attribute(
        "width", re.compile(r"^([5-9]|1[0-2])\d\d")
    )
    names_lie_apart(page, 1280)


def a_phone_shows_the_whole_page_without_scrolling_sideways(page: Page) -> None:
    fits(page, 390)
    expect(page.get_by_role("figure", name=re.compile("Scatter chart of Energy in box"))).to_be_visible()


def names_lie_apart(page: Page, width: int) -> None:
    expect(page.locator(".js-plotly-plot .errorbars path.yerror")).to_have_count(9)
    whole(page)
    standing(page.locator(".js-plotly-plot .errorbars").first)

    def lie_apart() -> None:
        seen = page.evaluate(SEEN)
        assert len(seen["names"]) == 9
        assert all(apart(*pair) for pair in itertools.combinations(seen["names"], 2))
        assert all(apart(name, bar) for name in seen["names"] for bar in seen["bars"])
        assert all(name[0] >= 0 and name[2] <= width for name in seen["names"])

    poll(page, lie_apart)
