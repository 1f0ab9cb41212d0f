"""`effviz evaluate` from the shell: files, table, JSON, and user errors."""

import json
import math
import shutil
from pathlib import Path
from typing import get_args

import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from effviz.cli import app, evaluate
from effviz.errors import SettingsError
from effviz.evaluate import run_summary
from effviz.evaluate.intervals import Interval
from effviz.evaluate.masking import MaskBaseline, Masking
from effviz.evaluate.run_settings import (
    AGREEMENT_METRICS,
    FAITHFULNESS_METRICS,
    LOCALISATION_METRICS,
    SANITY_METRICS,
    EnergyPhotos,
    Metric,
    RunSettings,
)
from effviz.evaluate.run_summary import MetricMean
from effviz.explain import decoding
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.forward_pass import prepare
from effviz.explain.placement import Placement
from effviz.scaling import Family
from effviz.zoo import catalogue, registration, torch_modules
from effviz.zoo.model import OutputActivation
from effviz.zoo.registration import NetworkFacts

SAMPLES = Path(__file__).parents[1] / "assets" / "samples"
COLUMNS = {"photo", "model", "method", "metric", "value", "target_index", "error"}


def run(*words: object, code: int = 0):
    result = CliRunner().invoke(app, ["evaluate", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


def strict(text: str):
    """Parse JSON as other languages do, without the NaN that Python's parser accepts."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("cat", "dog"):
        shutil.copy(SAMPLES / f"{name}.jpg", folder)
    (folder / "broken.jpg").write_bytes(b"no picture")
    width, height = Image.open(folder / "cat.jpg").size
    entries = [
        {"file": "cat.jpg", "label": 281, "boxes_xyxy": [[0, 0, width / 2, height]]},
        {"file": "dog.jpg", "label": 207, "boxes_xyxy": [[0, 0, 90, 90]]},
        {"file": "broken.jpg", "label": 1, "boxes_xyxy": [[0, 0, 9, 9]]},
    ]
    (folder / "annotations.json").write_text(json.dumps(entries))
    return folder


def test_a_run_writes_its_rows_and_prints_a_table(data, tmp_path):
    out = tmp_path / "run"
    words = (data, "--models", "lite0@64", "--methods", "cam,gradcam++", "--out", out)
    result = run(*words)
    assert "broken.jpg is not an image" in result.stderr
    assert "control-gaussian" in result.stdout
    assert "top-1" in result.stdout
    rows = pq.read_table(out / "results.parquet")
    assert set(rows.column_names) >= COLUMNS
    assert "3 photos are too few for a conclusion" in result.stdout
    assert len(rows) == 1 + 2 * 8 * 3  # broken; two photos, two methods and six controls, three metrics
    again = strict(run(*words, "--json").stdout)  # a finished run is read, not measured
    assert again["finished"]
    assert again["failures"] == 1
    assert {cell["metric"] for cell in again["results"]} == {"energy", "pointing", "maxbox"}
    uniform = next(
        cell for cell in again["results"] if (cell["method"], cell["metric"]) == ("control-uniform", "energy")
    )
    width, height = Image.open(data / "dog.jpg").size
    assert uniform["all"]["mean"] == pytest.approx((0.5 + 90 * 90 / (width * height)) / 2)  # the boxes' shares
    refused = run(*words, "--seed", "5", code=1)
    assert refused.stderr.count("\n") == 1
    assert "seed 0" in refused.stderr


def test_a_run_without_a_usable_photo_fails_and_keeps_the_reasons(tmp_path):
    folder, out = tmp_path / "photos", tmp_path / "run"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.jpg").write_bytes(b"no picture")
    words = (folder, "--models", "lite0@64", "--metrics", "drop", "--targets", "prediction", "--out", out)
    for more in ((), ("--json",)):  # the second run is complete already
        result = run(*words, *more, code=1)
        assert "effviz: Nothing could be measured on 2 photos" in result.stderr.splitlines()[-1]
    assert strict(result.stdout)["failures"] == 2
    rows = pq.read_table(out / "results.parquet").to_pylist()
    assert [row["photo"] for row in rows] == ["one.jpg", "two.jpg"]
    assert all("is not an image" in row["error"] for row in rows)


def test_every_option_reaches_the_run(data, tmp_path, monkeypatch):
    """Each option differs from its default, so that a forgotten one shows."""
    caught = []

    def stops(*asked):
        caught.append(asked)
        raise SettingsError("Seen.")

    monkeypatch.setattr("effviz.evaluate.runner.evaluate", stops)
    elsewhere = tmp_path / "photos"
    words = (
        *("--models", "lite0@96, lite1@128,lite0@96", "--methods", "GradCAM,eigencam", "--metrics", "adcc,road"),
        *("--targets", " prediction ", "--layer", "stride16", "--placement", "calibrated", "--masking", "blur"),
        *("--steps", "7", "--road-budget", "1.5", "--limit", "2", "--seed", "9", "--photos", elsewhere),
    )
    run(data, "--out", tmp_path / "run", *words, code=1)
    dataset, settings, out, _watch, workers = caught[0]
    assert workers is None
    assert settings == RunSettings(
        models=("lite0@96", "lite1@128"),
        methods=(Method.GRADCAM, Method.EIGENCAM),
        metrics=(Metric.ADCC, Metric.ROAD),
        targets="prediction",
        layer=TargetLayer.STRIDE_16,
        placement=Placement.CALIBRATED,
        masking=Masking(MaskBaseline.BLUR, 7),
        road_budget_s=1.5,
        limit=2,
        seed=9,
    )
    assert out == tmp_path / "run"
    assert dataset.samples[0].path.parent == elsewhere


def test_without_options_place_is_measured_of_the_photos_own_class(data, tmp_path, monkeypatch):
    caught = []
    monkeypatch.setattr("effviz.evaluate.runner.evaluate", lambda *asked: caught.append(asked))
    monkeypatch.setattr(evaluate, "_show", lambda *_: None)
    run(data, "--out", tmp_path / "run")
    assert caught[0][1] == RunSettings(("lite0@224",))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--methods", "cam,magic"), "no method 'magic'"),
        (("--metrics", "beauty"), "no metric 'beauty'"),
        (("--models", "b99"), "b99"),
        (("--targets", "rank0"), "Rank 0"),
        (("--address", "head:6379"), "--engine ray"),
        (("--workers", "8"), "--workers 8 has no effect without --engine ray"),
        (("--metrics", "agree_rank"), "at least two"),
    ],
)
def test_what_does_not_exist_is_said_in_one_line(data, tmp_path, words, said):
    result = run(data, "--out", tmp_path / "run", *words, code=1)
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_folder_of_photos_can_be_measured_without_boxes(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(SAMPLES / "cat.jpg", folder)
    words = (folder, "--models", "lite0@64", "--out", tmp_path / "run", "--targets", "prediction")
    assert "no boxes" in run(*words, code=1).stderr
    answer = strict(run(*words, "--metrics", "drop,insertion", "--steps", "4", "--json").stdout)
    assert {cell["metric"] for cell in answer["results"]} == {"drop", "insertion"}
    first = answer["results"][0]
    assert (first["all"]["low"], first["all"]["high"], first["all"]["n"]) == (None, None, 1)  # no spread in one photo
    assert first["small_off_centre"] == {"mean": None, "low": None, "high": None, "n": 0}  # there is no ground truth


@pytest.mark.parametrize(("target", "by_class"), [("label", True), ("prediction", False), ("zebra", False)])
def test_a_photo_comes_once_for_each_class_only_when_classes_are_asked_for(tmp_path, monkeypatch, target, by_class):
    asked = []

    def stops(_path, _photos, by_class):
        asked.append(by_class)
        raise SettingsError("Seen.")

    monkeypatch.setattr("effviz.evaluate.datasets.open_dataset", stops)
    run(tmp_path, "--out", tmp_path / "run", "--targets", target, code=1)
    assert asked == [by_class]


def test_the_small_and_off_centre_stand_beside_the_whole_set(data, tmp_path):
    """The dog's box is in a corner; the cat's takes half of the photo."""
    stdout = run(data, "--models", "lite0@64", "--metrics", "energy,drop", "--out", tmp_path / "run").stdout
    whole, hard = " ".join(stdout.split()).split("1 photo with an object under 25 %")
    width, height = Image.open(data / "dog.jpg").size
    share = 90 * 90 / (width * height)
    assert f"control-uniform {(0.5 + share) / 2:.3f}" in whole
    assert f"control-uniform {share:.3f}" in hard
    assert "drop" in whole
    assert "drop" not in hard


def test_json_tells_all_photos_from_the_small_and_off_centre():
    cell = MetricMean("lite0@64", "cam", Metric.ENERGY, Interval(0.5, 0.4, 0.6, 9), Interval(0.2, 0.1, 0.3, 2))
    plain = evaluate._plain(cell)
    assert plain["all"] == {"mean": 0.5, "low": 0.4, "high": 0.6, "n": 9}
    assert plain["small_off_centre"] == {"mean": 0.2, "low": 0.1, "high": 0.3, "n": 2}


def test_one_photo_has_no_spread_to_print():
    assert evaluate._words(Interval(0.5, math.nan, math.nan, 1)) == "0.500"
    assert evaluate._words(Interval(0.5, 0.25, 0.75, 2)) == "0.500 (0.250-0.750)"


def test_the_commands_baselines_are_those_that_there_are():
    assert get_args(evaluate.MaskBaselineName) == tuple(MaskBaseline)
    assert get_args(evaluate.EnergyPhotosName) == tuple(EnergyPhotos)
    assert all(metric in evaluate.LOCALISATION_HELP for metric in LOCALISATION_METRICS)
    assert all(metric in evaluate.FAITHFULNESS_HELP for metric in FAITHFULNESS_METRICS)
    assert all(metric in evaluate.AGREEMENT_HELP for metric in AGREEMENT_METRICS)
    assert all(metric in evaluate.SANITY_HELP for metric in SANITY_METRICS)


def tiny_network(seed):
    """A scaled B0 with three sigmoids, whose logits differ between photos."""
    torch.manual_seed(seed)
    network = torch_modules.build_untrained(Family.EFFICIENTNET, 0.3, 0.25, 3)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) + (0.5 if "bn" in name else -0.5))
    return network.eval()


def add_signs(network, tmp_path):
    torch.save(network.state_dict(), tmp_path / "signs.pth")
    said = NetworkFacts("signs", "tf_efficientnet_b0", ("2", "stop sign", "0"), 64, activation=OutputActivation.SIGMOID)
    registration.add(tmp_path / "signs.pth", said)


def test_an_added_network_is_measured_by_its_own_classes_and_never_mixed_with_another(tmp_path, monkeypatch):
    monkeypatch.setenv("EFFVIZ_MODELS", str(tmp_path / "my models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # By name first: folder 2 is the first class, folder 0 the third; there is no class called 1, so it is the second.
    expected = {"2/bee.jpg": 0, "stop sign/owl.jpg": 1, "0/cat.jpg": 2, "1/dog.jpg": 1, "9/crab.jpg": None}
    for place in expected:
        (tmp_path / "photos" / place).parent.mkdir(parents=True)
        shutil.copy(SAMPLES / Path(place).name, tmp_path / "photos" / place)
    network, out = tiny_network(0), tmp_path / "run"
    add_signs(network, tmp_path)
    words = (tmp_path / "photos", "--models", "signs", "--metrics", "drop", "--out", out)
    assert "9/crab.jpg has label 9, which does not exist: signs has classes 0 to 2" in run(*words).stderr
    rows = {row["photo"]: row for row in pq.read_table(out / "results.parquet").to_pylist()}
    assert {photo: row["label"] for photo, row in rows.items()} == expected
    ref = catalogue.parse_model("signs")
    for photo, row in rows.items():
        pixels = torch.tensor(prepare(decoding.read_file(tmp_path / "photos" / photo), ref).pixels)
        with torch.inference_mode():
            logits = network(pixels)[0]
        assert row["prediction"] == int(logits.argmax())
        if expected[photo] is not None:
            assert row["target_index"] == expected[photo]
            assert row["probability"] == pytest.approx(float(logits.sigmoid()[expected[photo]]), abs=1e-4)

    def names():
        found = run_summary.class_means(run_summary.load_results(out), "cam", Metric.DROP)
        return [(of.label, of.name, of.photos) for of in found]

    assert names() == [(0, "2", 1), (1, "stop sign", 2), (2, "0", 1)]
    for file in ("signs", None):  # another network of that name, then none
        registration.remove("signs")
        if file:
            add_signs(tiny_network(1), tmp_path)
            assert "contains a run with weights of signs@64" in run(*words, code=1).stderr
        assert names() == [(0, "class 0", 1), (1, "class 1", 2), (2, "class 2", 1)]
        done = CliRunner().invoke(app, ["report", str(out), "--out", str(tmp_path / "report.html")])
        assert done.exit_code == 0, done.output
        assert "stop sign" not in (tmp_path / "report.html").read_text()
        assert "\nsigns@64,,0." in (tmp_path / "models.csv").read_text().replace("\r", "")  # no MACs, top-1
