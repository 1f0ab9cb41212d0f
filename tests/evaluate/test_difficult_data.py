"""Whole runs over difficult data sets: they finish, and can be summarised."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from effviz.evaluate import run_summary, runner
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.run_settings import Metric, RunSettings

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
BESIDE = Metric.POINTING, Metric.ENERGY


def measured(dataset, out, **changes):
    runner.evaluate(dataset, RunSettings(("lite0@64",), **changes), out)
    return run_summary.load_results(out)


def test_folders_that_are_years_and_moments(tmp_path):
    data = tmp_path / "photos"
    for name, year in (("cat", "2019"), ("dog", "20240131123000")):
        (data / year).mkdir(parents=True)
        shutil.copy(SAMPLES / f"{name}.jpg", data / year)
    found = measured(open_dataset(data), tmp_path / "run", targets="prediction", metrics=(Metric.DROP,))
    assert found.frame["label"].isna().all()
    assert found.frame["value"].notna().all()
    (accuracy,) = run_summary.model_accuracies(found)
    assert accuracy.top1.n == 0
    assert run_summary.class_means(found, "cam", Metric.DROP) == ()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_in_another_code(tmp_path):
    data = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9"))
    data.mkdir()
    shutil.copy(SAMPLES / "cat.jpg", os.fsdecode(os.fsencode(data) + b"/f\xe9lin.jpg"))
    found = measured(open_dataset(data), tmp_path / "run", targets="prediction", metrics=(Metric.DROP,))
    assert set(found.frame["photo"]) == {r"f\udce9lin.jpg"}
    assert found.run.dataset.endswith(r"\udce9t\udce9")


def test_photos_and_classes_listed_twice_and_outlines_that_are_none(tmp_path):
    for name in ("cat", "dog"):
        shutil.copy(SAMPLES / f"{name}.jpg", tmp_path)
    photos = [
        {"id": number, "file_name": f"{name}.jpg", "width": 768, "height": 576}
        for number, name in enumerate(("cat", "cat", "dog"))
    ]
    boxes = [{"image_id": number, "category_id": number, "bbox": [9, 9, 300, 300]} for number in range(3)]
    boxes[1]["segmentation"], boxes[2]["segmentation"] = [[]], {"counts": "no!", "size": [576, 768]}
    content = {"images": photos, "annotations": boxes, "categories": [{"id": n, "name": "zebra"} for n in range(3)]}
    (tmp_path / "coco.json").write_text(json.dumps(content))
    found = measured(open_dataset(tmp_path / "coco.json"), tmp_path / "run", metrics=BESIDE)
    (failure,) = run_summary.find_failures(found)
    assert failure.photo == "dog.jpg [zebra]"
    assert "cannot be drawn" in failure.reason
    assert {cell.every.n for cell in run_summary.metric_means(found)} == {1}


def test_what_cannot_be_used_costs_a_row_and_the_rest_is_measured(tmp_path):
    for name in ("cat", "dog"):
        shutil.copy(SAMPLES / f"{name}.jpg", tmp_path)
    photos = [{"id": str(number), "file_name": f"{name}.jpg"} for number, name in enumerate(("cat", "dog", "lost"))]
    good = {"image_id": 0, "category_id": 24, "bbox": [9, 9, 300, 300]}
    marked = [good, good | {"id": 7, "bbox": []}, good | {"image_id": 5}]
    content = {"images": photos, "annotations": marked, "categories": [{"id": 24, "name": "zebra"}]}
    (tmp_path / "coco.json").write_text(json.dumps(content))
    found = measured(open_dataset(tmp_path / "coco.json"), tmp_path / "run", metrics=BESIDE)
    assert {cell.every.n for cell in run_summary.metric_means(found)} == {1}
    reasons = {(failure.photo, failure.model): failure.reason for failure in run_summary.find_failures(found)}
    assert set(reasons) == {
        ("cat.jpg [zebra]", ""), ("dog.jpg", ""), ("dog.jpg", "lite0@64"), ("image 5", ""), ("lost.jpg", ""),
    }  # fmt: skip
    assert "(id 7)" in reasons["cat.jpg [zebra]", ""]
    assert "No object is annotated" in reasons["dog.jpg", ""]
    assert "cannot be read" in reasons["lost.jpg", ""]
