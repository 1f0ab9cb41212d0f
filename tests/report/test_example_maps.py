"""Maps on photos of a small real run: the right photos, the right models, and only measured ones."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from effviz.cli import app
from effviz.errors import DatasetError, WeightsError
from effviz.evaluate import run_store, run_summary, runner
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.run_settings import Metric, RunSettings
from effviz.explain import images
from effviz.explain.data_types import Box, Photo
from effviz.explain.forward_pass import forward
from effviz.explain.overlay import DEFAULT_STYLE
from effviz.report import example_maps
from effviz.report.example_maps import LONGEST_PX, ExampleMap, draw_examples
from effviz.zoo.imagenet_classes import names

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
LABELS = {"cat": 281, "dog": 207, "owl": 24, "teacup": 968}
MODELS = ("lite0@64", "lite0@96")


def annotated(folder: Path) -> Path:
    (folder / "in").mkdir(parents=True)
    entries = []
    for name, label in LABELS.items():
        shutil.copy(SAMPLES / f"{name}.jpg", folder / "in")
        width, height = Image.open(SAMPLES / f"{name}.jpg").size
        box = [[0.1 * width, 0.2 * height, 0.6 * width, 0.7 * height]]
        entries.append({"file": f"in/{name}.jpg", "label": label, "boxes_xyxy": box})
    (folder / "annotations.json").write_text(json.dumps(entries))
    return folder


@pytest.fixture(scope="module", autouse=True)
def _models(loaded):
    """Load the models once for all images."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(example_maps, "load", lambda ref: loaded(ref.label))
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return annotated(tmp_path_factory.mktemp("private-name") / "four")


@pytest.fixture(scope="module")
def known(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    runner.evaluate(open_dataset(photos), RunSettings(MODELS, metrics=(Metric.ENERGY,)), folder)
    return run_summary.load_results(folder)


@pytest.fixture(scope="module")
def shown(known, photos):
    return draw_examples(known, Metric.ENERGY, photos)


def energies(known):
    rows = pq.read_table(known.run.folder / "results.parquet").to_pylist()
    return {(row["model"], row["photo"]): row["value"] for row in rows if row["method"] == "cam"}


def details(picture: bytes) -> np.ndarray:
    """Return vertical pixel differences, which a photo has but smooth colours over it do not."""
    return np.diff(np.asarray(Image.open(io.BytesIO(picture)).convert("L").resize((160, 160)), float), axis=0).ravel()


def test_each_models_best_median_and_worst_photo(known, shown):
    values = energies(known)
    for model, three in zip(MODELS, shown.extremes, strict=True):
        ranked = sorted((value for (of, _), value in values.items() if of == model), reverse=True)
        assert [of.value for of in three] == [ranked[0], ranked[1], ranked[3]]
        assert [values[model, of.photo] for of in three] == [of.value for of in three]
        assert {of.model for of in three} == {model}


def test_the_photos_on_which_models_differ_most(known, shown):
    values = energies(known)
    spread = {
        f"in/{name}.jpg": abs(values[MODELS[0], f"in/{name}.jpg"] - values[MODELS[1], f"in/{name}.jpg"])
        for name in LABELS
    }
    assert [every[0].photo for every in shown.disputes] == sorted(spread, key=spread.__getitem__, reverse=True)[:3]
    assert [tuple(of.model for of in every) for every in shown.disputes] == [MODELS] * 3


def test_pictures_are_small_and_of_their_photos(shown):
    """Under half-opaque colours, a photo is still more similar to itself than to any other photo."""
    originals = {name: details((SAMPLES / f"{name}.jpg").read_bytes()) for name in LABELS}
    for of in [one for some in (*shown.extremes, *shown.disputes) for one in some]:
        assert max(Image.open(io.BytesIO(of.picture)).size) <= LONGEST_PX
        alike = {name: np.corrcoef(details(of.picture), other)[0, 1] for name, other in originals.items()}
        assert max(alike, key=alike.__getitem__) == Path(of.photo).stem


def colours(of: ExampleMap, photo: Photo, seen: Box) -> np.ndarray:
    """Return the brightness of the colours over the part that a model saw; inferno is brighter for higher values."""
    drawn = np.asarray(Image.open(io.BytesIO(of.picture)), float)
    height, width = drawn.shape[:2]
    below = np.asarray(Image.fromarray(photo.rgb).resize((width, height), Image.Resampling.BILINEAR), float)
    over = (drawn - (1 - DEFAULT_STYLE.opacity) * below).mean(axis=2)
    scale = width / photo.width
    left, top, right, bottom = (max(0, round(edge * scale)) for edge in (seen.x0, seen.y0, seen.x1, seen.y1))
    return over[top:bottom, left:right]


def test_colours_show_where_each_models_own_map_is_strongest(shown, loaded):
    """Each image is most similar to its own model's map, computed from torch's weights and upsampled by Pillow."""
    for every in shown.disputes:
        name = Path(every[0].photo).stem
        photo = images.read((SAMPLES / f"{name}.jpg").read_bytes(), name)
        passes = {label: forward(loaded(label), photo) for label in MODELS}
        maps = {}
        for label, passed in passes.items():
            weights = passed.model.module.classifier.weight[LABELS[name]].detach().numpy()
            maps[label] = Image.fromarray(np.einsum("c,chw->hw", weights, passed.features).clip(0).astype(np.float32))
        for of in every:
            found = colours(of, photo, passes[of.model].prepared.seen)
            size = found.shape[::-1]
            drawn = {label: np.asarray(cam.resize(size, Image.Resampling.BILINEAR)) for label, cam in maps.items()}
            inner = np.s_[4:-4, 4:-4]  # without the frame
            alike = {label: np.corrcoef(found[inner].ravel(), cam[inner].ravel())[0, 1] for label, cam in drawn.items()}
            assert max(alike, key=alike.__getitem__) == of.model
            assert alike[of.model] > 0.8  # brightness grows with the value, but not linearly
        assert every[0].target == every[1].target


def test_the_same_run_gives_the_same_pictures(known, photos, shown):
    again = draw_examples(known, Metric.ENERGY, photos)
    assert [of.picture for some in again.extremes for of in some] == [
        of.picture for some in shown.extremes for of in some
    ]


def test_photos_that_moved_within_the_folder_are_found_by_their_names(known, shown, tmp_path):
    for name in LABELS:
        shutil.copy(SAMPLES / f"{name}.jpg", tmp_path)
    moved = draw_examples(known, Metric.ENERGY, tmp_path)
    assert [of.picture for of in moved.extremes[0]] == [of.picture for of in shown.extremes[0]]


def test_what_was_not_measured_is_not_shown(known, photos, tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match="is not in"):
        draw_examples(known, Metric.ENERGY, tmp_path)
    for name in LABELS:
        shutil.copy(SAMPLES / "bee.jpg", tmp_path / f"{name}.jpg")
    with pytest.raises(DatasetError, match="not the photo that was measured"):
        draw_examples(known, Metric.ENERGY, tmp_path)
    folder = shutil.copytree(known.run.folder, tmp_path / "run")
    content = json.loads((folder / run_store.MANIFEST_FILE).read_text())
    content["models"][1]["weights_sha256"] = "0" * 64
    (folder / run_store.MANIFEST_FILE).write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="lite0@96 no longer has the weights of the run"):
        draw_examples(run_summary.load_results(folder), Metric.ENERGY, photos)


def test_the_page_has_pictures_only_when_it_is_asked_for_them(known, photos, tmp_path):
    out = tmp_path / "report.html"
    for words, count in (((), 0), (("--photos", str(photos)), 2 * 3 + 3 * 2)):
        done = CliRunner().invoke(app, ["report", str(known.run.folder), "--out", str(out), *words])
        assert done.exit_code == 0, done.output
        html = out.read_text(encoding="utf-8").partition("</head>")[2]  # without Plotly
        assert html.count('<img src="data:image/jpeg;base64,') == html.count("<img") == count
        assert "four" in html  # the folder's name without its path
        assert "private-name" not in html
        assert ("may not be free to share" in html) == (not words)


def test_maps_are_of_the_class_that_was_measured(shown):
    of = [example for three in shown.extremes for example in three]
    assert {Path(example.photo).stem for example in of} <= set(LABELS)
    for example in of:
        assert example.target == names()[LABELS[Path(example.photo).stem]]
