"""What a training leaves can be loaded by the app, and says how sure its accuracy is."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from effviz.cli import app
from effviz.zoo import catalogue, manifest
from effviz.zoo.loading import load

TOML = """
epochs = 1
batch_size = 8
[network]
depth = 0.3
width = 0.25
resolution_px = 32
[optimiser]
name = "adamw"
rate = 1e-3
epsilon = 1e-8
[schedule]
name = "one-cycle"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mini.toml"
    path.write_text(TOML)
    return path


def run(*words: object, code: int = 0):
    result = CliRunner().invoke(app, ["train", *map(str, words)])
    assert result.exit_code == code, result.output
    return result


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    # Brown, Cai and DasGupta 2001, and by hand for 5 of 10: (0.5 + 1.9207/10 -+ ...) / 1.38415 = 0.2366, 0.7634.
    low, high = manifest.wilson_interval_pct(5, 10)
    assert (low, high) == (pytest.approx(23.66, abs=0.01), pytest.approx(76.34, abs=0.01))
    assert manifest.wilson_interval_pct(0, 10)[0] == pytest.approx(0)


def test_what_was_trained_is_loaded_by_the_app(
    config: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    shown = run(config, "--data", folder, "--out", out, "--threads", 1).stdout
    assert "mini: top-1" in shown
    entry = json.loads((out / "entry.json").read_text())
    (out / "manifest.json").write_text(json.dumps([entry]))
    monkeypatch.setenv("EFFVIZ_MODELS", str(out))
    model = load(catalogue.parse_model("mini@32"))
    assert (model.ref.spec.classes, model.ref.spec.dataset) == (("blue", "red"), folder.name)
    assert model.weights_sha256 == entry["sha256"]
    assert f"{entry['top1_pct']:.2f}" in shown
    with torch.inference_mode():
        assert model.module(torch.zeros(1, 3, 32, 32)).shape == (1, 2)
    card = (out / "README.md").read_text()
    assert "95 % interval" in card
    assert entry["sha256"] not in card


def test_a_second_run_has_to_say_that_it_goes_on(config: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = run(config, "--data", folder, "--out", out, "--json").stdout
    refused = run(config, "--data", folder, "--out", out, code=1)
    assert "Add --resume, or choose another --out" in refused.stderr
    assert run(config, "--data", folder, "--out", out, "--resume", "--json").stdout == first


def test_skipped_files_are_named(config: Path, folder: Path, tmp_path: Path) -> None:
    (folder / "val" / "red" / "broken.png").write_bytes(b"")
    result = run(config, "--data", folder, "--out", tmp_path / "run")
    assert "Skipped: red/broken.png is empty" in result.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(["--device", "tpu"], "The device 'tpu' is not there"), (["--data", "nowhere"], "nowhere/train holds 0 class")],
)
def test_what_a_user_does_wrong_is_one_line(
    config: Path, folder: Path, tmp_path: Path, words: list[str], sentence: str
) -> None:
    result = run(config, "--data", folder, "--out", tmp_path / "run", *words, code=1)
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
