"""An exported network in onnxruntime alone: logits match OpenVINO's on a photo, and metadata describe its use."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from torchvision import transforms
from typer.testing import CliRunner

from effviz.cli import app
from effviz.errors import SettingsError, WeightsError
from effviz.explain import decoding, sample_photos
from effviz.explain.forward_pass import forward
from effviz.zoo import catalogue, loading, onnx_export

OWL = sample_photos.find("owl").path


@pytest.fixture(scope="module", params=["lite0@64", "scaled-d0.5-w0.3@96"])  # without and with squeeze-and-excitation
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    file = tmp_path_factory.mktemp("onnx") / "a network.onnx"
    done = CliRunner().invoke(app, ["export", request.param, "--onnx", str(file), "--json"])
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["file"], said["size_bytes"]) == (str(file), file.stat().st_size)
    assert said["difference"] < 1e-4
    return request.param, file


def test_its_logits_are_those_of_the_app_for_any_number_of_pictures(exported: tuple[str, Path]) -> None:
    name, file = exported
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    passed = forward(loading.load(catalogue.parse_model(name)), decoding.read_file(OWL))  # on OpenVINO
    for count in (1, 3):
        (logits,) = session.run(None, {"pixels": np.repeat(passed.prepared.pixels, count, axis=0)})
        assert logits.shape == (count, len(passed.logits))
        assert np.abs(logits - passed.logits).max() < 1e-4 * np.abs(passed.logits).max()


def test_its_metadata_are_enough_to_prepare_a_photo_and_name_the_class(exported: tuple[str, Path]) -> None:
    name, file = exported
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    steps, classes = json.loads(told["preprocessing"]), json.loads(told["classes"])
    short, side = steps["resize_short_side_px"], steps["centre_crop_px"]
    prepare = transforms.Compose(
        [
            transforms.Resize(short, transforms.InterpolationMode(steps["interpolation"])),
            transforms.CenterCrop(side),
            transforms.ToTensor(),
            transforms.Normalize(steps["mean"], steps["std"]),
        ]
    )
    pixels = prepare(Image.open(OWL).convert("RGB"))[None].numpy()
    (logits,) = session.run(None, {"pixels": pixels})
    own = forward(loading.load(catalogue.parse_model(name)), decoding.read_file(OWL))
    np.testing.assert_allclose(pixels, own.prepared.pixels, atol=1e-5)
    assert len(classes) == logits.shape[1]
    assert classes[int(logits[0].argmax())] == own.model.ref.spec.classes[int(own.logits.argmax())]
    assert (told["model"], told["trained"]) == (name, json.dumps(own.model.ref.spec.trained))
    assert told["probabilities"] == "softmax"


def test_other_logits_are_refused_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "_graph", lambda _: b"")
    monkeypatch.setattr(onnx_export, "_difference", lambda *_: 2e-4)
    with pytest.raises(WeightsError, match=r"logits of lite0@64's ONNX file differ.*2\.0e-04"):
        onnx_export.export_onnx(loading.load(catalogue.parse_model("lite0@64")), tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_without_onnx_one_sentence_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SettingsError, match=r"needs onnx.*pip install 'effviz\[onnx\]'"):
        onnx_export.export_onnx(loading.load(catalogue.parse_model("lite0@64")), tmp_path / "x.onnx")
