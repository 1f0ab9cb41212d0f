"""What stands in docs/study is one thing: the means follow from the single measurements, and the page has both."""

import re
from pathlib import Path

import pandas as pd
import pytest

STUDY = Path(__file__).parents[1] / "docs" / "study"
WHERE = ["model", "method", "metric"]


@pytest.mark.parametrize(("name", "photos"), [("localisation", 400), ("faithfulness", 100)])
def test_the_means_are_those_of_the_single_measurements(name: str, photos: int) -> None:
    rows = pd.read_parquet(STUDY / f"{name}.parquet")
    means = pd.read_csv(STUDY / f"{name}.csv").set_index(WHERE)
    assert rows["photo"].nunique() == photos
    found = rows.groupby(WHERE, observed=True)["value"].agg(["mean", "count"])
    assert set(found.index) == set(means.index)
    for where, (mean, count) in zip(found.index, found.to_numpy(), strict=True):
        assert mean == pytest.approx(means["mean"][where], abs=1e-6)  # one file has 32 bits
        assert count == means["n"][where]


def test_the_page_prints_the_means_of_faithfulness() -> None:
    page = (STUDY.parent / "study.md").read_text(encoding="utf-8")
    means = pd.read_csv(STUDY / "faithfulness.csv").set_index(WHERE)
    section = page.split("## Faithfulness")[1].split("\n## ")[0]
    printed = re.findall(r"^\| (lite\S+) \| ([\d.]+) \| ([\d.]+) \(", section, re.MULTILINE)
    assert len(printed) == 5
    for model, deletion, insertion in printed:
        assert float(deletion) == pytest.approx(means["mean"][model, "cam", "deletion"], abs=5e-4)
        assert float(insertion) == pytest.approx(means["mean"][model, "cam", "insertion"], abs=5e-4)
