"""The files in docs/study are consistent: means follow from single measurements, and study.md prints them."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from effviz.evaluate import run_store, run_summary
from effviz.report import html_report

STUDY = Path(__file__).parents[1] / "docs" / "study"
PAGE = (STUDY.parent / "study.md").read_text(encoding="utf-8")
WHERE = ["model", "method", "metric"]
NUMBER = re.compile(r"(-?\d\.\d{3})(?: \((-?\d\.\d{3})–(-?\d\.\d{3})\))?( \*)?")
RUNS = {"localisation": 400, "smooth": 400, "faithfulness": 100, "methods": 100}
SMALL = ", small and off-centre"
METRICS = {
    "energy": "energy",
    "energy in box": "energy",
    "pointing": "pointing",
    "pointing game": "pointing",
    "pointing, 15 px": "pointing15",
    "MaxBoxAcc": "maxbox",
    "MaxBoxAccV2": "maxboxv2",
    "best IoU": "iou",
    "deletion": "deletion",
    "insertion": "insertion",
    "average drop": "drop",
}
MODELS = {"top-1": "top1_", "the label's probability": "probability_"}
MINUS_GAUSSIAN = ", minus Gaussian"


@pytest.mark.parametrize(("name", "photos"), RUNS.items())
def test_the_means_are_those_of_the_single_measurements(name: str, photos: int) -> None:
    rows = pd.read_parquet(STUDY / name / "results.parquet")
    means = pd.read_csv(STUDY / name / "summary.csv").set_index(WHERE)
    assert rows["photo"].nunique() == photos
    found = rows.groupby(WHERE, observed=True)["value"].agg(["mean", "count"])
    assert set(found.index) == set(means.index)
    for where, (mean, count) in zip(found.index, found.to_numpy(), strict=True):
        assert mean == pytest.approx(means["mean"][where], abs=1e-9)
        assert count == means["n"][where]


@pytest.mark.parametrize("name", RUNS)
def test_the_tables_are_those_of_effviz_report(name: str) -> None:
    known = run_summary.load_results(STUDY / name)
    for file, text in html_report.table_files(known, run_summary.metric_means(known)).items():
        made, shipped = (pd.read_csv(of) for of in (io_of(text), STUDY / name / file))
        pd.testing.assert_frame_equal(made, shipped, rtol=0, atol=1e-6)  # other CPUs round differently


def test_a_run_is_shipped_as_the_page_says(tmp_path: Path) -> None:
    """`python docs/study/ship.py RUN docs/study/NAME` writes the same tables, and a whole run without local paths."""
    run, to = shutil.copytree(STUDY / "faithfulness", tmp_path / "run"), tmp_path / "shipped"
    known = run_store.read_manifest(run)
    run_store.save_manifest(dataclasses.replace(known, dataset="/home/somebody/photos"))
    subprocess.run([sys.executable, STUDY / "ship.py", run, to], check=True)
    assert "somebody" not in (to / "run.json").read_text()
    assert run_summary.load_results(to).run.dataset == "shipped"
    for file in ("summary.csv", "differences.csv", "models.csv"):
        made, shipped = (pd.read_csv(folder / file) for folder in (to, STUDY / "faithfulness"))
        pd.testing.assert_frame_equal(made, shipped, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", RUNS)
def test_what_made_them_is_said_without_a_path_of_a_machine(name: str) -> None:
    made = json.loads((STUDY / name / "run.json").read_text(encoding="utf-8"))
    assert made["finished"]
    assert made["dataset"]["path"] == name
    assert {"effviz", "torch", "openvino"} <= set(made["versions"])
    assert all(re.fullmatch("[0-9a-f]{64}", model["weights_sha256"]) for model in made["models"])
    assert f"--models {','.join(made['settings']['models'])}" in PAGE


def test_every_number_of_every_table_is_in_the_files() -> None:
    checked = [check(*cell) for cell in printed()]
    assert len(checked) == sum(len(NUMBER.findall(line)) for line in PAGE.splitlines() if line.startswith("| "))
    assert len(checked) > 150


@cache
def table(file: Path, *index: str) -> pd.DataFrame:
    return pd.read_csv(file).set_index(list(index)).sort_index()


def io_of(text: str) -> object:
    import io

    return io.StringIO(text)


def printed() -> Iterator[tuple[str, str, str, str]]:
    """Yield the cells of all tables: section title, row name, column name, and printed text."""
    for section in PAGE.split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
        if lines:
            names, _rule, *rows = lines
            for row in rows:
                yield from ((title, row[0], name, cell) for name, cell in zip(names[1:], row[1:], strict=True))


def check(title: str, row: str, column: str, cell: str) -> None:
    """Check one cell against its file: its numbers, and whether it is marked as surely a difference."""
    found = NUMBER.fullmatch(cell)
    assert found, cell
    known, part = line(title, row, column)
    expected = [known[f"{part}{name}"] for name in ("mean", "low", "high")]
    assert bool(found[4]) == (known.get(f"{part}p", 1) < 0.05), (title, row, column)
    for text, number in zip(found.groups()[:3], expected, strict=True):
        if text is not None:
            assert float(text) == pytest.approx(number, abs=5.01e-4), (title, row, column)


def line(title: str, row: str, column: str) -> tuple[pd.Series, str]:
    """Return the row of a file that a cell was printed from, and the prefix of its number columns."""
    of_methods = title.startswith("Faithfulness of the methods")
    places = "smooth" if title.startswith("After one blur") else "localisation"
    folder = STUDY / ("methods" if of_methods else "faithfulness" if title.startswith("Faithfulness") else places)
    if column in MODELS:
        return table(folder / "models.csv", "model").loc[row], MODELS[column]
    small = "small_" if column.endswith(SMALL) or "small" in title else ""
    column = column.removesuffix(SMALL)
    crop, first = "minus the Gaussian in the crop" in title, re.search("ifferences from|leads minus", title)
    gaussian = column.endswith(MINUS_GAUSSIAN) or crop
    metric = METRICS[column.removesuffix(MINUS_GAUSSIAN)]
    model, method = (row, "cam") if "@" in row else (title.split()[-1] if of_methods else "lite0@224", row)
    if not gaussian and not first:
        return table(folder / "summary.csv", *WHERE).loc[(model, method, metric)], small
    minus = (model, "control-crop-gaussian" if crop else "control-gaussian") if gaussian else ("lite0@224", method)
    paired = table(folder / "differences.csv", *WHERE[:2], "minus_model", "minus_method", "metric")
    return paired.loc[(model, method, *minus, metric)], small
