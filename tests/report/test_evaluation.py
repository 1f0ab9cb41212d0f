"""The page and the table of small runs whose every mean is known."""

import csv
import dataclasses
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from typer.testing import CliRunner

from effviz.cli import app
from effviz.evaluate import manifest, merging, records, results, summary
from effviz.evaluate.manifest import Manifest, Network
from effviz.evaluate.records import Row
from effviz.evaluate.settings import Metric, Settings
from effviz.explain.results import Method
from effviz.report import evaluation
from effviz.report.evaluation import evaluation_html, model_macs, summary_csv

MODELS = ("lite0@224", "lite2@260")
ENERGY = {"lite0@224": (0.2, 0.4, 0.9), "lite2@260": (0.3, 0.8, 0.7)}  # means 0.5 and 0.6
SMALL = (True, True, False)  # means 0.3 and 0.55
CONTROLS = {"control-random": 0.11, "control-gaussian": 0.77, "control-uniform": 0.22}
HOSTILE = '<img src="//evil.test/x" onerror=alert(1)>.jpg'
PHOTOS = (HOSTILE, "</script><script>alert(2)</script>.jpg", "plain.jpg")


def rows():
    for model, values in ENERGY.items():
        for number, value in enumerate(values):
            known = {"photo": PHOTOS[number], "model": model, "metric": "energy", "off_centre": SMALL[number]}
            known |= {"label": (3, 3, 9)[number], "prediction": 3}
            yield Row(**known, method="cam", value=value)
            yield from (Row(**known, method=method, value=mean) for method, mean in CONTROLS.items())
    yield Row("<b>broken</b>.jpg", error="<b>broken</b>.jpg is empty.")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    networks = tuple(Network(model, "a" * 64, "openvino") for model in MODELS)
    settings = Settings(MODELS, (Method.CAM,), (Metric.ENERGY,))
    known = manifest.opened(folder, Manifest(folder, settings, "/secret/data", "f" * 64, 4, 32, networks, {"it": "1"}))
    records.write_part(folder, 0, list(rows()))
    manifest.kept(known, finished=True, thresholds=merging.merge(folder))
    return folder


@pytest.fixture(scope="module")
def known(run):
    return results.load(run)


@pytest.fixture(scope="module")
def html(known):
    return evaluation_html(known, summary.cells(known))


class Seen(HTMLParser):
    """What a browser would find: elements with their attributes, and each table's rows."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.tables, self.open = [], [], None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        self.open = tag

    def handle_data(self, data):
        if self.open in ("td", "th", "bdi") and self.tables and self.tables[-1]:
            self.tables[-1][-1][-1] += data

    def handle_endtag(self, tag):
        self.open = None

    def table(self, *columns):
        return [table[1:] for table in self.tables if tuple(table[0]) == columns]


def test_means_stand_beside_the_controls_for_all_photos_and_for_the_small_ones(html):
    every, small = Seen(html).table("Method", *MODELS)
    controls = [[method, f"{mean:.3f}", f"{mean:.3f}"] for method, mean in CONTROLS.items()]
    assert every == [["cam", "0.500", "0.600"], *controls]
    assert small == [["cam", "0.300", "0.550"], *controls]
    assert "0.200 to 0.900" in html  # of three photos a draw can be one photo thrice: 1 of 27, more than 2.5 %


def test_rankings_classes_and_disputes(html):
    seen = Seen(html)
    (ranking,) = seen.table("Model", "Method", "Mean")
    assert [row[1] for row in ranking[:4]] == ["control-gaussian", "control-gaussian", "cam", "cam"]
    assert [row[0] for row in ranking[2:4]] == ["3. lite2@260", "4. lite0@224"]
    (classes,) = seen.table("Class", "Photos", *MODELS)
    assert [row[1:] for row in classes] == [["2", "0.300", "0.550"], ["1", "0.900", "0.700"]]
    (disputes,) = seen.table("Photo", "Spread", *MODELS)
    assert [row[:2] for row in disputes] == [[PHOTOS[1], "0.400"], ["plain.jpg", "0.200"], [HOSTILE, "0.100"]]
    (differences,) = seen.table("Models", "Difference", "Photos")
    assert differences == [["lite0@224 − lite2@260", "-0.100", "3"]]


def test_what_should_be_near_zero_is_ranked_by_how_far_it_is_from_it_and_says_so(known):
    found = [cell for cell in summary.cells(known) if cell.method == "cam"]
    means = [dataclasses.replace(cell.every, mean=mean) for cell, mean in zip(found, (-0.8, 0.3), strict=True)]
    cells = [
        dataclasses.replace(cell, metric=Metric.SANITY_SPEARMAN, every=every)
        for cell, every in zip(found, means, strict=True)
    ]
    html = "".join(part.text for part in evaluation._metric(known, Metric.SANITY_SPEARMAN, cells))
    (ranking,) = Seen(html).table("Model", "Method", "Mean, nearest 0 first")
    assert [row[0] for row in ranking] == ["1. lite2@260", "2. lite0@224"]
    assert "Near 0 is better" in html
    assert "Less is better" not in html


def test_names_of_photos_are_text_and_never_markup(html):
    seen = Seen(html)
    assert not [tag for tag, _ in seen.elements if tag in ("img", "b", "link", "iframe", "base")]
    assert not [name for _, known in seen.elements for name in known if name.startswith("on")]
    assert "<script>alert" not in html
    (failed,) = seen.table("Photo", "Model", "Method", "Reason")
    assert failed == [["<b>broken</b>.jpg", "", "", "<b>broken</b>.jpg is empty."]]


def test_nothing_is_loaded_from_elsewhere_and_nothing_tells_of_this_machine(html):
    elements = Seen(html).elements
    assert not [known for _, known in elements if "src" in known or "href" in known]
    (policy,) = [known["content"] for _, known in elements if "http-equiv" in known]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "/secret" not in html


def test_the_same_run_makes_the_same_bytes(run, html):
    again = results.load(run)
    assert evaluation_html(again, summary.cells(again)) == html


def test_the_small_table_holds_the_same_means(known):
    table = list(csv.DictReader(io.StringIO(summary_csv(known, summary.cells(known)))))
    assert len(table) == 2 * 4
    (row,) = [row for row in table if (row["model"], row["method"]) == ("lite2@260", "cam")]
    assert [float(row[name]) for name in ("mean", "small_mean")] == pytest.approx([0.6, 0.55])
    assert (row["n"], row["small_n"]) == ("3", "2")
    assert int(row["macs"]) == model_macs(known)["lite2@260"]


def test_macs_are_those_of_the_networks_at_their_sizes(known):
    # As effviz/facts/lite.csv counts them; the authors print 407 and 899 million, some 5 % more.
    assert model_macs(known) == pytest.approx({"lite0@224": 385.2e6, "lite2@260": 859.7e6}, rel=1e-3)


def test_the_command_writes_both_files(run, html, tmp_path):
    out = tmp_path / "new" / "report.html"
    done = CliRunner().invoke(app, ["report", str(run), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert out.read_text(encoding="utf-8") == html
    assert (out.parent / "summary.csv").read_text().startswith("model,macs,method,metric,mean,low,high,n,small_mean")


def test_a_page_of_numbers_loads_no_network():
    script = "import sys, effviz.report.evaluation, effviz.plots.evaluation; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_what_is_no_run_and_no_place_is_said_in_one_line(run, tmp_path):
    for words in ([str(tmp_path)], [str(run), "--out", str(tmp_path)]):
        done = CliRunner().invoke(app, ["report", *words])
        assert done.exit_code == 1
        assert re.fullmatch(r"effviz: .+\n", done.stderr)
        assert "Errno" not in done.stderr
