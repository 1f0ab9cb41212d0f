"""Cards say what the network itself says."""

import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from effviz import i18n, settings
from effviz.zoo import catalogue, loading
from effviz.zoo.catalogue import model_card


@pytest.mark.parametrize("text", ["lite0@224", "lite2@260", "scaled-d0.5-w0.6@100"])
def test_params_macs_and_map_size_are_those_of_the_network(text):
    ref = catalogue.parse_model(text)
    module = loading.load(ref).module
    photo = torch.rand(1, 3, ref.resolution_px, ref.resolution_px)
    with torch.inference_mode(), FlopCounterMode(display=False) as counted:
        module(photo)
    with torch.inference_mode():
        map_px = module.forward_features(photo).shape[-1]
    found = model_card(ref)
    assert found.params == sum(p.numel() for p in module.parameters())
    assert found.macs == counted.get_total_flops() // 2
    assert found.map_px == map_px


def test_accuracy_is_shown_with_its_size_and_source():
    found = model_card(catalogue.parse_model("lite0"))
    assert found.top1_pct == 74.846  # timm's results-imagenet.csv
    assert found.top1_words.startswith("74.8 % at 224 px (timm results")


@pytest.mark.parametrize(
    ("classes", "dataset", "words"),
    [
        ("imagenet", "", "ImageNet"),
        (["cat", "dog"], "Pets", "Pets, 2 classes"),
        (["cat", "dog"], "", "2 classes"),
        ("imagenet", "ImageNet-V2", "ImageNet-V2, 1000 classes"),
    ],
)
def test_an_accuracy_names_what_it_was_measured_on(
    classes: object, dataset: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"name": "mine", "file": "mine.pth", "sha256": "0" * 64, "family": "lite", "depth": 1, "width": 1}
    entry |= {"resolution_px": 96, "classes": classes, "licence": "MIT", "origin": "a test", "top1_pct": 50.0}
    (tmp_path / "manifest.json").write_text(json.dumps([entry | {"top1_source": "a test", "dataset": dataset}]))
    monkeypatch.setenv(settings.MODELS.name, str(tmp_path))
    assert model_card(catalogue.parse_model("mine")).top1_on == words


def test_accuracy_at_another_size_is_not_claimed():
    found = model_card(catalogue.parse_model("lite0@260"))
    assert found.top1_pct is None
    assert found.top1_words.endswith("; not measured at 260 px")


def test_untrained_is_said_loudly():
    found = model_card(catalogue.parse_model("scaled-d4-w1@224"))
    assert found.top1_words == "untrained: no accuracy"
    assert "untrained" in found.availability.sentence
    assert "untrained" in found.weights


def test_what_is_said_of_a_shared_model_is_in_each_visitors_language(translate):
    translate(
        "de",
        {
            "Hugging Face hub, {repository}": "{repository} beim Hugging Face Hub",
            "{top1:.1f} % at {px} px ({source})": "{top1:.1f} % bei {px} px ({source})",
        },
    )
    english = model_card(catalogue.parse_model("b0"))
    token = i18n.thread_language.set("de")
    try:
        german = model_card(catalogue.parse_model("b0"))
    finally:
        i18n.thread_language.reset(token)
    assert english.ref.spec is german.ref.spec
    assert english.weights == "Hugging Face hub, timm/tf_efficientnet_b0.aa_in1k"
    assert german.weights == "timm/tf_efficientnet_b0.aa_in1k beim Hugging Face Hub"
    assert german.top1_words.startswith("76.9 % bei 224 px (timm")  # 76.882 in timm's results-imagenet.csv
