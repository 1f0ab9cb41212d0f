"""`effviz fetch` reports the download, and accepts every way of naming a model."""

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from effviz.cli import app
from effviz.zoo import download


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Return the list of requests to a hub that sends ten bytes in two parts."""
    asked: list[str] = []

    def downloaded(repository: str, file: str, *, tqdm_class: type) -> None:
        asked.append(f"{repository}/{file}")
        with tqdm_class(total=10, initial=0, unit="B", desc=file) as bar:
            bar.update(4)
            bar.update(6)

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(download, "hf_hub_download", downloaded)
    return asked


@pytest.mark.parametrize("name", ["b0", "B0", "b0@300", "b0:aa_in1k"])
def test_fetch_asks_for_the_models_weights(asked, name):
    result = CliRunner().invoke(app, ["fetch", name])
    assert result.exit_code == 0, result.output
    assert asked == ["timm/tf_efficientnet_b0.aa_in1k/model.safetensors"]
    assert result.stdout.startswith("b0: ready")


def test_fetch_takes_several_models_and_leaves_alone_what_is_here(asked):
    result = CliRunner().invoke(app, ["fetch", "lite0", "b1", "b2:ns_jft_in1k"])
    assert [line.split(" ")[0] for line in result.stdout.splitlines()] == ["lite0:", "b1:", "b2:ns_jft_in1k:"]
    assert asked == [
        "timm/tf_efficientnet_b1.aa_in1k/model.safetensors",
        "timm/tf_efficientnet_b2.ns_jft_in1k/model.safetensors",
    ]


def test_fetch_without_a_model_is_wrong_usage(asked):
    assert CliRunner().invoke(app, ["fetch"]).exit_code == 2
    assert asked == []


def test_fetch_without_a_network_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    result = CliRunner().invoke(app, ["fetch", "b0"])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "Check that you are online" in result.stderr
