"""The commands: JSON keys, files, exit codes; numbers from the paper, the official code and timm."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from effviz.bench import network_timing
from effviz.bench.benchmark import PeerRow
from effviz.cli import app
from effviz.explain import calibration_run, decoding, placement
from effviz.explain.data_types import Photo

SAMPLES = Path(__file__).parents[1] / "assets" / "samples"
PLAN_KEYS = {"depth", "width", "resolution", "params", "macs", "activations", "stages"}
MODEL_KEYS = {
    *("name", "family", "depth", "width", "resolution", "params", "macs"),
    *("weights", "available", "classes", "top1_pct", "top1_dataset", "top1_source"),
}
CAM_KEYS = {
    *("photo", "model", "method", "target_index", "target_name", "logit", "probability", "top5"),
    *("map_file", "overlay_file", "map_height", "map_width", "map_min", "map_max"),
}


def run(*words: str, code: int = 0):
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result


def answer(*words: str):
    return json.loads(run(*words, "--json").stdout)


def test_plan_of_b0_is_the_published_network() -> None:
    network = answer("plan", "--depth", "1", "--width", "1", "--resolution", "224")
    assert set(network) == PLAN_KEYS
    assert network["params"] == 5_288_548  # torchvision's num_params
    assert [stage["channels"] for stage in network["stages"]] == [32, 16, 24, 40, 80, 112, 192, 320, 1280]  # Table 1
    assert [stage["layers"] for stage in network["stages"]] == [1, 1, 2, 2, 3, 3, 4, 1, 1]


def test_plan_of_lite0_has_timms_parameters() -> None:
    network = answer("plan", "--depth", "1", "--width", "1", "--resolution", "224", "--family", "lite")
    assert network["params"] == 4_652_008


def test_scale_by_phi_follows_equation_3() -> None:
    network = answer("scale", "--phi", "1")
    assert set(network) >= PLAN_KEYS
    assert (network["depth"], network["width"], network["resolution"]) == (1.2, pytest.approx(1.1), 258)


def test_solve_stays_within_the_budget() -> None:
    solution = answer("solve", "--macs", "1e9", "--method", "compound")
    assert set(solution) >= PLAN_KEYS
    assert 0.9e9 < solution["macs"] <= 1e9
    assert solution["miss"] == pytest.approx(1e9 - solution["macs"])


def test_solve_needs_a_limit_and_says_which_of_several_binds() -> None:
    assert "at least one" in run("solve", code=2).stderr
    words = ("solve", "--macs", "1e8", "--params", "1e6", "--resolution", "128", "--classes", "5")
    solution = answer(*words)
    assert (solution["binds"], solution["budget"]["kind"], solution["resolution"]) == ("params", "params", 128)
    assert [(each["kind"], each["amount"]) for each in solution["limits"]] == [("macs", 1e8), ("params", 1e6)]
    assert solution["limits"][1]["share"] == solution["params"] / 1e6 <= 1
    assert "What stops the growth: params" in run(*words).stdout


def test_the_printed_program_counts_what_it_builds(tmp_path: Path) -> None:
    words = ("--depth", "0.7", "--width", "0.3", "--resolution", "96", "--classes", "5")
    code = run("plan", *words, "--code").stdout
    assert f"{answer('plan', *words)['params']:,} parameters" in code
    exec(code, {})
    assert "torchvision" in run("solve", "--params", "1e6", "--code").stdout


def test_tables_are_for_people() -> None:
    assert "5,288,548 parameters" in run("scale", "--phi", "0").stdout
    assert "of the budget is left" in run("solve", "--params", "8e6").stdout
    assert "lite0" in run("models").stdout


def test_models_lists_what_is_here() -> None:
    models = {model["name"]: model for model in answer("models")}
    assert all(set(model) == MODEL_KEYS for model in models.values())
    assert {"lite0", "lite4", "b0", "b7"} <= set(models)
    assert models["lite0"]["available"] is True
    assert models["b3"]["top1_pct"] == pytest.approx(81.65, abs=0.02)  # timm's results for tf_efficientnet_b3.aa_in1k


def test_accuracies_of_other_classes_than_imagenets_are_told_apart() -> None:
    models = {model["name"]: model for model in answer("models")}
    assert (models["b3"]["top1_dataset"], models["b3"]["classes"]) == ("ImageNet", 1000)
    assert (models["mini-width"]["top1_dataset"], models["mini-width"]["classes"]) == ("Imagenette", 10)
    imagenet, imagenette = run("models").stdout.split("Models, top-1 on ")[1:]
    assert imagenet.startswith("ImageNet")
    assert "b7" in imagenet
    assert "mini" not in imagenet
    assert imagenette.startswith("Imagenette, 10 classes")
    assert "mini-width" in imagenette


def test_cam_writes_maps_overlays_and_their_facts(tmp_path: Path) -> None:
    photo = SAMPLES / "red_panda.jpg"
    results = answer("cam", str(photo), "--models", "lite0@224,lite0@160", "--out", str(tmp_path))
    assert results == json.loads((tmp_path / "result.json").read_text())
    assert [result["model"] for result in results] == ["lite0@224", "lite0@160"]
    for result, cells in zip(results, (7, 5), strict=True):
        assert set(result) >= CAM_KEYS
        values = np.load(result["map_file"])
        assert values.shape == (result["map_height"], result["map_width"]) == (cells, cells)
        assert (values.min(), values.max()) == pytest.approx((result["map_min"], result["map_max"]))
        assert result["target_name"] == "red panda"  # what the photo shows
        assert result["target_index"] == result["top5"][0]["index"] == 387  # ImageNet's index
        with Image.open(result["overlay_file"]) as overlay, Image.open(photo) as original:
            assert overlay.size == original.size


def test_cam_decodes_a_photo_once_for_all_models_and_anew_when_its_file_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, read = tmp_path / "photo.png", decoding.read_file
    decoded: list[Path] = []

    def reading(path: Path) -> Photo:
        decoded.append(path)
        return read(path)

    monkeypatch.setattr(decoding, "read_file", reading)
    logits = []
    for sample in ("coffee", "owl"):
        Image.open(SAMPLES / f"{sample}.jpg").save(photo)
        results = answer("cam", str(photo), "--models", "lite0@64,lite0@96", "--out", str(tmp_path / sample))
        logits += [result["logit"] for result in results]
    assert decoded == [photo, photo]
    assert len(set(logits)) == 4


def test_cam_takes_a_class_by_name_or_index_and_other_layers(tmp_path: Path) -> None:
    words = ["cam", str(SAMPLES / "coffee.jpg"), "--models", "lite0@128", "--out", str(tmp_path)]
    by_name = answer(*words, "--target", "cup", "--method", "gradcam", "--layer", "stride16")[0]
    by_index = answer(*words, "--target", "968", "--method", "gradcam", "--layer", "stride16")[0]
    assert by_name["target_index"] == by_index["target_index"] == 968
    assert by_name["map_height"] == 128 // 16


def test_files_of_cam_are_lines_of_their_own_which_can_be_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = tmp_path / ("folder " * 12).strip()
    shown = run("cam", str(SAMPLES / "coffee.jpg"), "--models", "lite0@64,lite0@96", "--out", str(out)).stdout
    files = shown.splitlines()[-2:]
    assert [Path(file).name for file in files] == ["coffee--lite0@64--cam.png", "coffee--lite0@96--cam.png"]
    assert all(Path(file).is_file() for file in files)


@pytest.mark.parametrize(
    "words",
    [
        (str(SAMPLES / "coffee.jpg"), "--models", "vgg16"),
        (str(SAMPLES / "ATTRIBUTION.csv"),),
        (str(SAMPLES / "coffee.jpg"), "--target", " "),
    ],
)
def test_what_is_wrong_is_said_before_torch_is_loaded(words: tuple[str, ...], tmp_path: Path) -> None:
    script = (
        "import sys\nfrom effviz.cli import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as end: sys.exit(9 if 'torch' in sys.modules else end.code)"
    )
    command = [sys.executable, "-c", script, "cam", *words, "--out", str(tmp_path)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1


def test_photos_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    paths = []
    for folder, sample in (("one", "red_panda"), ("two", "coffee")):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "photo.jpg")
        paths[-1].write_bytes((SAMPLES / f"{sample}.jpg").read_bytes())
    out = tmp_path / "out"
    results = answer("cam", *map(str, paths), "--models", "lite0@96", "--out", str(out))
    assert [result["photo"] for result in results] == list(map(str, paths))
    assert len({result["map_file"] for result in results}) == 2
    for result in results:
        assert np.load(result["map_file"]).max() == pytest.approx(result["map_max"])
    assert {file.name for file in out.iterdir()} == {"result.json"} | {
        Path(result[key]).name for result in results for key in ("map_file", "overlay_file")
    }


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    photo = str(SAMPLES / "coffee.jpg")
    result = run("cam", photo, "--models", "lite0@96", "--out", str(tmp_path / "file"), code=1)
    assert "Choose another location with --out" in result.stderr
    assert result.stderr.count("\n") == 1


def test_every_command_and_option_is_explained() -> None:
    def explained(command, name: str) -> None:
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"
        for child, inner in getattr(command, "commands", {}).items():
            explained(inner, f"{name} {child}")

    root = get_command(app)
    explained(root, "effviz")
    expected = (
        *("add", "app", "bench", "calibrate", "cam", "check", "evaluate", "export", "fetch", "models"),
        *("plan", "remove", "report", "scale", "search", "settings", "solve", "train"),
    )
    assert sorted(root.commands) == sorted(expected)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["cam", "nowhere.jpg", "--out", "x"], "nowhere.jpg cannot be read"),
        (["cam", str(SAMPLES / "ATTRIBUTION.csv"), "--out", "x"], "JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC and AVIF"),
        (["cam", str(SAMPLES / "coffee.jpg"), "--models", "vgg16", "--out", "x"], "There is no model 'vgg16'"),
        (["cam", str(SAMPLES / "coffee.jpg"), "--target", "5000", "--out", "x"], "Class 5000 does not exist"),
        (["cam", str(SAMPLES / "coffee.jpg"), "--models", "b0", "--out", "x"], "effviz fetch b0"),
        (["plan", "--depth", "1", "--width", "1", "--resolution", "7"], "32 to 2048 px"),
        (["fetch", "lite9"], "There is no model 'lite9'"),
        (["calibrate", "scaled-d1-w0.5@64"], "cannot be calibrated"),
        (["cam", str(SAMPLES / "coffee.jpg"), "--models", ",", "--out", "x"], "'' is not a model"),
        (["cam", str(SAMPLES / "coffee.jpg"), "--target", " ", "--out", "x"], "No class was given"),
        (
            ["cam", str(SAMPLES / "coffee.jpg"), "--models", "lite0@97", "--placement", "calibrated", "--out", "x"],
            "lite0@97 is not calibrated",
        ),
        (["scale", "--phi", "99"], "phi 99 is out of range"),
        (["solve", "--macs", "-1"], "Give a positive number"),
    ],
)
def test_what_a_user_does_wrong_is_one_line_and_exit_1(
    words: list[str], part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    result = run(*words, code=1)
    assert part in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
    assert not (tmp_path / "x").exists()


def test_calibrate_stores_and_prints_what_was_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    measured = placement.Calibration("lite0@96", 96, 1.5, -2.0, 0.9, 0.25, 0.5, 40, "by hand", "a" * 64)
    monkeypatch.setenv("EFFVIZ_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(calibration_run, "calibrate", lambda ref, progress: progress(1, 2) or measured)
    assert answer("calibrate", "lite0@96")[0]["error_cells"] == 0.25
    assert "0.25" in run("calibrate", "lite0@96").stdout
    assert placement.find_calibration("lite0@96") == measured
    assert [file.name for file in (tmp_path / "models").iterdir()] == ["calibration.json"]


def test_bench_scaling_prints_the_peer_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    row = PeerRow("b7", (0.5,), (200,), 300, "at least 300x", most_ms=3)
    monkeypatch.setattr(network_timing, "bench_scaling", lambda repeats: (row,) * repeats)
    shown = run("bench", "scaling", "--repeats", "1").stdout
    assert "FlopCounterMode" in shown
    assert "400" in next(line for line in shown.splitlines() if line.lower().startswith("b7"))


def test_the_console_script_answers_from_any_folder(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("effviz")
    done = subprocess.run([script, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.1.0"


def test_arithmetic_commands_do_not_load_torch(tmp_path: Path) -> None:
    code = "import sys; from effviz.cli import app; app(['scale', '--phi', '1'], standalone_mode=False); "
    code += "sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True)
