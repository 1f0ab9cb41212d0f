"""A report's charts in a real browser: on a phone no words lie on others or run over the edge."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from effviz.evaluate.intervals import Interval
from effviz.evaluate.settings import Metric
from effviz.evaluate.summary import Cell
from effviz.plots.evaluation import against_macs
from effviz.report.page import chart, page

# Models, MACs and energies of docs/study/localisation.csv, which crowd in the middle.
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


def cells() -> list[Cell]:
    def found(mean: float) -> Interval:
        return Interval(mean, mean - 0.025, mean + 0.025, 400)

    some = [Cell(model, "cam", Metric.ENERGY, found(mean), found(mean)) for model, (_macs, mean) in STUDY.items()]
    for model in STUDY:
        some += [Cell(model, name, Metric.ENERGY, found(mean), found(mean)) for name, mean in CONTROLS.items()]
        some.append(Cell(model, "gradcam++", Metric.ENERGY, found(0.7), found(0.7)))
    return some


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_words_of_a_chart_keep_off_each_other(browser: Browser, tmp_path: Path, width: int, scheme: str) -> None:
    macs = {model: count * 1_000_000 for model, (count, _mean) in STUDY.items()}
    file = tmp_path / "report.html"
    file.write_text(page("Measured", [chart(against_macs(cells(), macs), "energy")]), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True)
    opened = context.new_page()
    opened.goto(file.as_uri())
    opened.wait_for_selector(".legendtext")
    opened.wait_for_selector(".textpoint text")
    seen = opened.evaluate(LOOK)
    context.close()
    assert seen["found"] == []
    assert seen["wide"] == width
    assert seen["named"] >= 4
