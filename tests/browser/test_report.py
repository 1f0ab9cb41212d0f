"""Reports in a real browser, offline: complete, and on a phone no text overlaps or runs over the edge."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from typer.testing import CliRunner

from effviz.cli import app
from effviz.evaluate.intervals import Interval
from effviz.evaluate.run_settings import Metric
from effviz.evaluate.run_summary import MetricMean
from effviz.explain import sample_photos
from effviz.plots.metric_vs_macs import metric_against_macs
from effviz.report.html_report import html_chart, html_page
from tests.browser.conftest import pictures_are_read, poll

# Models, MACs and energies of docs/study/localisation/summary.csv, which crowd in the middle.
STUDY = {
    "lite0@192": (283, 0.765),
    "lite0@224": (385, 0.783),
    "lite1@224": (601, 0.786),
    "lite2@224": (650, 0.785),
    "lite0@260": (519, 0.813),
    "lite0@320": (786, 0.800),
    "lite2@260": (860, 0.830),
    "lite0@384": (1132, 0.797),
    "lite0@448": (1541, 0.790),
}
CONTROLS = {"control-random": 0.494, "control-gaussian": 0.627, "control-uniform": 0.49}
LOOK = """() => {
  const box = document.querySelector('.plotly-graph-div').getBoundingClientRect();
  const kinds = '.textpoint text, .legendtext, .xtick text, .ytick text, .xtitle, .ytitle';
  const words = [...document.querySelectorAll(kinds)]
    .filter((word) => word.textContent.trim()).map((word) => [word.textContent, word.getBoundingClientRect()]);
  const hit = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  const cut = words.filter(([, at]) => at.left < box.left || at.right > box.right + 1);
  const found = cut.map(([word]) => `${word} is cut`);
  words.forEach(([word, at], i) => words.slice(i + 1).forEach(([other, there]) => {
    if (hit(at, there)) found.push(`${word} lies on ${other}`);
  }));
  const named = document.querySelectorAll('.textpoint text').length;
  return { found, named, wide: document.documentElement.scrollWidth };
}"""


def cells() -> list[MetricMean]:
    def found(mean: float) -> Interval:
        return Interval(mean, mean - 0.025, mean + 0.025, 400)

    some = [MetricMean(model, "cam", Metric.ENERGY, found(mean), found(mean)) for model, (_macs, mean) in STUDY.items()]
    for model in STUDY:
        some += [MetricMean(model, name, Metric.ENERGY, found(mean), found(mean)) for name, mean in CONTROLS.items()]
        some.append(MetricMean(model, "gradcam++", Metric.ENERGY, found(0.7), found(0.7)))
    return some


@pytest.fixture(scope="module")
def offline(browser: Browser) -> Iterator[Page]:
    """Return one page for all colour schemes, which loads the chart's script once."""
    with browser.new_context(offline=True) as context:
        yield context.new_page()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_words_of_a_chart_keep_off_each_other(offline: Page, tmp_path: Path, width: int, scheme: str) -> None:
    macs = {model: count * 1_000_000 for model, (count, _mean) in STUDY.items()}
    file = tmp_path / "report.html"
    file.write_text(html_page("Measured", [html_chart(metric_against_macs(cells(), macs), "energy")]), encoding="utf-8")
    opened = offline
    opened.set_viewport_size({"width": width, "height": 800})
    opened.emulate_media(color_scheme=scheme)
    opened.goto(file.as_uri())
    opened.wait_for_selector(".legendtext")
    opened.wait_for_selector(".textpoint text")

    def each_has_its_place() -> None:
        seen = opened.evaluate(LOOK)
        assert seen["found"] == []
        assert seen["wide"] == width
        assert seen["named"] >= 4

    poll(opened, each_has_its_place)


def data_set(folder: Path) -> Path:
    """Return three bundled photos, each with a box, and a broken one."""
    entries = []
    for name, label in (("cat", 281), ("dog", 207), ("owl", 24)):
        place = shutil.copy(sample_photos.find(name).path, folder / f"{name}.jpg")
        width, height = Image.open(place).size
        box = [[0.2 * width, 0.2 * height, 0.8 * width, 0.8 * height]]
        entries.append({"file": f"{name}.jpg", "label": label, "boxes_xyxy": box})
    (folder / "torn.jpg").write_bytes(b"torn")
    entries.append({"file": "torn.jpg", "label": 1, "boxes_xyxy": [[0, 0, 10, 10]]})
    (folder / "annotations.json").write_text(json.dumps(entries))
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the output of the two commands for a tiny data set."""
    folder, photos = tmp_path_factory.mktemp("run"), data_set(tmp_path_factory.mktemp("three"))
    measured = ["--models", "lite0@64,lite0@96", "--metrics", "energy,maxbox,drop", "--out", str(folder / "run")]
    out = folder / "report.html"
    for words in (
        ["evaluate", str(photos), *measured],
        ["report", str(folder / "run"), "--out", str(out), "--photos", str(photos)],
    ):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
    return out


def test_a_report_that_the_command_made_is_whole_without_a_network(browser: Browser, report: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800}, offline=True)
    page = context.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda mistake: wrong.append(str(mistake)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.goto(report.as_uri())
    expect(page.locator(".js-plotly-plot .main-svg .points path").first).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    for plot in page.locator(".js-plotly-plot").all():
        expect(plot.locator(".points path").nth(1)).to_be_attached()  # one for each model
    for title in (
        "Energy in box",
        "MaxBoxAcc",
        "Average drop",
        "Where models disagree most",
        "What could not be measured",
    ):
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(page.get_by_role("row", name="CAM")).not_to_have_count(0)
    expect(page.get_by_text("torn.jpg", exact=True)).to_have_count(1)
    pictures = page.locator("figure img")
    expect(pictures).to_have_count(2 * 3 + 3 * 2)  # best, median and worst of each model; disputes by each model
    pictures_are_read(pictures)

    def narrow() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") == 390

    poll(page, narrow)
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [report.as_uri()]
    assert wrong == []
    context.close()
