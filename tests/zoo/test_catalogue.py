"""The catalogue matches timm's settings and the published table."""

import csv
import json
from pathlib import Path

import pytest
import torch
from timm.models import get_pretrained_cfg
from torch.utils.flop_counter import FlopCounterMode

from effviz import i18n, settings
from effviz.errors import SettingsError
from effviz.scaling import Family
from effviz.zoo import catalogue, loading
from effviz.zoo.catalogue import model_card
from effviz.zoo.model import WeightsOrigin

EVERY = [catalogue.find_model(name, recipe) for name in catalogue.NAMES for recipe in catalogue.recipe_names(name)]
TOP1 = Path(__file__).with_name("timm_top1.csv")  # from results/results-imagenet.csv in timm@aa4b5850


@pytest.mark.parametrize("spec", EVERY, ids=lambda spec: spec.name)
def test_evaluation_settings_equal_timms(spec):
    settings = get_pretrained_cfg(spec.architecture)
    assert settings.crop_mode == "center"
    assert settings.num_classes == len(spec.classes) == 1000
    assert (spec.resolution_px, spec.crop_pct, spec.interpolation, spec.mean, spec.std, spec.licence.lower()) == (
        settings.input_size[1],
        settings.crop_pct,
        settings.interpolation,
        settings.mean,
        settings.std,
        settings.license,
    )


def test_accuracies_are_those_that_timm_measured_at_these_sizes():
    with TOP1.open(encoding="utf-8") as file:
        measured = [
            (f"{row['model']}.{row['weights_tag']}", *map(float, list(row.values())[2:]))
            for row in csv.DictReader(file)
        ]
    assert [(spec.architecture, spec.resolution_px, spec.top1_pct) for spec in EVERY] == measured
    assert all(spec.top1_source for spec in EVERY)


def test_default_weights_of_b0_to_b7_share_one_recipe():
    default = [catalogue.find_model(f"b{i}") for i in range(8)]
    assert [spec.architecture for spec in default] == [f"tf_efficientnet_b{i}.aa_in1k" for i in range(8)]
    # CAM.md's row for one fair recipe, rounded
    assert [round(spec.top1_pct, 2) for spec in default] == [76.88, 78.84, 80.07, 81.65, 83.04, 83.70, 84.12, 84.42]


def test_small_lite_weights_come_without_a_network():
    origins = {name: catalogue.find_model(name).origin for name in ("lite0", "lite1", "lite2", "lite3", "lite4", "b0")}
    assert [name for name, origin in origins.items() if origin is WeightsOrigin.PACKAGE] == ["lite0", "lite1", "lite2"]
    assert catalogue.find_model("lite0", "timm-lite-ra_in1k").origin is WeightsOrigin.HUB


@pytest.mark.parametrize(
    ("text", "label", "resolution_px"),
    [
        ("lite0", "lite0@224", 224),
        ("lite0@260", "lite0@260", 260),
        (" B3 ", "b3@300", 300),
        ("b3:ns_jft_in1k@320", "b3:ns_jft_in1k@320", 320),
        ("b3:aa_in1k", "b3@300", 300),
        ("lite1:in1k", "lite1@240", 240),
        ("scaled-d1.4-w1.2@300", "scaled-d1.4-w1.2@300", 300),
        ("scaled-lite-d2-w1", "scaled-lite-d2-w1@224", 224),
    ],
)
def test_parse_reads_a_name_recipe_and_size(text, label, resolution_px):
    ref = catalogue.parse_model(text)
    assert (ref.label, ref.resolution_px) == (label, resolution_px)
    assert catalogue.parse_model(ref.label) == ref


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("b9", "There is no model 'b9'"),
        ("b0:zz", "b0 has no weights of the recipe 'zz'"),
        ("b0@20", "resolution 20 px is out of range"),
        ("b0@", "is not a model"),
        ("", "is not a model"),
        ("../b0", "is not a model"),
        ("scaled-d0-w1", "depth 0 is out of range"),
        ("scaled-d20-w10@1000", "at most 500"),
    ],
)
def test_parse_refuses_what_it_cannot_build(text, words):
    with pytest.raises(SettingsError, match=words):
        catalogue.parse_model(text)


def test_scaled_network_is_named_by_its_numbers_and_untrained():
    spec = catalogue.scaled_model(1.4, 1.2, 300)
    assert (spec.name, spec.trained, spec.top1_pct) == ("scaled-d1.4-w1.2", False, None)
    assert "untrained" in spec.weights
    assert catalogue.scaled_model(4.0, 1.0, 224, Family.LITE).name == "scaled-lite-d4-w1"


def test_scripts_that_know_the_name_of_before_find_a_model() -> None:
    assert catalogue.parse("lite0@260") == catalogue.parse_model("lite0@260")


# Model cards match the network.


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
