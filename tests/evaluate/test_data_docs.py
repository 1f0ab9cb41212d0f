"""The examples in docs/datasets.md work as described; it or docs/metrics.md documents every column and metric."""

import re
from pathlib import Path

import pytest

from effviz.evaluate import box_csv, run_store
from effviz.evaluate.datasets import Dataset, open_dataset
from effviz.evaluate.run_settings import Metric
from effviz.zoo.catalogue import parse_model
from effviz.zoo.imagenet_classes import names

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "datasets.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```(json|csv|xml)\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def example(tmp_path: Path) -> "list[Dataset]":
    """Return the examples as data sets, in order."""
    found = []
    for number, (suffix, text) in enumerate(EXAMPLES):
        file = tmp_path / f"{number}.{suffix}"
        file.write_text(text)
        found.append(open_dataset(file))
    return found


def test_examples_are_read(example: "list[Dataset]") -> None:
    lite = parse_model("lite0").spec
    described = [
        [
            (sample.name, len(sample.boxes), names()[sample.class_for(lite)])
            for sample in dataset.samples
            if sample.label is not None
        ]
        for dataset in example
    ]
    assert described == [
        [("images/a.jpg", 1, "sea snake")],
        [("1.jpg [zebra]", 1, "zebra")],
        [("fish/001.jpg", 2, "goldfish")],
        [("ILSVRC2012_val_00000001", 2, "sea snake")],
        [("ILSVRC2012_val_00000001", 1, "sea snake")],
    ]


def test_names_in_tables_find_photos_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "fish").mkdir()
    (tmp_path / "fish" / "001.jpg").touch()
    (tmp_path / "boxes.csv").write_text("file,x0,y0,x1,y1\nval/fish/001.jpg,1,2,3,4\n001,1,2,3,4\n")
    assert {sample.path for sample in open_dataset(tmp_path).samples} == {tmp_path / "fish" / "001.jpg"}


def test_every_column_of_the_results_is_told() -> None:
    told = re.findall(r"^\| `(\w+)` \|", TEXT.partition("## RUN/results.parquet")[2], re.MULTILINE)
    assert told == run_store.RESULTS_SCHEMA.names


def test_every_name_that_a_tables_column_may_have_is_told() -> None:
    told = TEXT.partition("## A CSV")[2].partition("## Kaggle")[0]
    for column in {*box_csv.PHOTO, *box_csv.CLASS, *(edge for edges in box_csv.EDGES for edge in edges)}:
        assert re.search(rf"\b{column}\b", told, re.IGNORECASE), column


def test_every_metric_is_told_beside_the_link() -> None:
    assert "(metrics.md)" in TEXT
    metrics = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert [metric for metric in Metric if f"| `{metric.value}` |" not in metrics] == []
