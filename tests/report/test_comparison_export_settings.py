import json
from importlib.metadata import version

import pytest

from effviz.explain import placement
from effviz.explain.overlay import OverlayStyle, Palette
from effviz.explain.placement import Calibration, Placement, RasterOptions
from effviz.explain.scales import Scale
from effviz.report.session_archive import ComparisonSettings, settings_json
from effviz.zoo.catalogue import parse_model
from effviz.zoo.model import Model, Weights

HASH = "ab" * 32


@pytest.fixture
def comparison(make_map):
    shared = Weights(parse_model("lite0").spec, {}, HASH)
    models = (Model(parse_model("lite0"), shared), Model(parse_model("lite0@260"), shared))
    style = OverlayStyle(Palette.INFERNO, 0.4, Placement.PLAIN, RasterOptions(cells=True, longest_px=300), 0.7, 0.2)
    return ComparisonSettings(models, (make_map([[1.0, 2.0]]),), "top1", Scale.SHARE, style)


def test_everything_needed_to_repeat_it_is_there(comparison):
    facts = json.loads(settings_json(comparison))
    assert facts["shown"] == {
        "scale": "share",
        "palette": "inferno",
        "opacity": 0.4,
        "contour": 0.7,
        "threshold": 0.2,
        "cells": True,
        "longest_px": 300,
        "placement": "plain",
        "calibrations": {},
    }
    assert facts["target"] == "top1"
    assert [model["label"] for model in facts["models"]] == ["lite0@224", "lite0@260"]
    assert {model["weights_sha256"] for model in facts["models"]} == {HASH}
    assert facts["models"][0]["crop_pct"] == 0.875
    assert facts["maps"][0]["photo_sha256"] == "0" * 64
    assert facts["maps"][0]["method"] == "cam"
    assert facts["versions"]["torch"] == version("torch")
    assert facts["versions"]["grad-cam"] == version("grad-cam")


def test_the_same_comparison_gives_the_same_bytes(comparison):
    assert settings_json(comparison) == settings_json(comparison)


def test_the_corrections_of_a_calibrated_placement_are_written_down(comparison, monkeypatch):
    by_hand = {
        label: Calibration(label, px, 1.5, -2.0, 0.9, 0.1, 0.3, 49, "by hand", HASH)
        for label, px in (("lite0@224", 224), ("lite0@260", 260))
    }
    monkeypatch.setattr(placement, "calibrations", lambda: by_hand)
    style = OverlayStyle(placement=Placement.CALIBRATED)
    calibrated = ComparisonSettings(comparison.models, comparison.maps, "top1", Scale.OWN, style)
    facts = json.loads(settings_json(calibrated))
    assert facts["shown"]["calibrations"]["lite0@260"] == {
        "offset_x": 1.5,
        "offset_y": -2.0,
        "slope": 0.9,
        "made": "by hand",
    }


def test_a_model_without_calibration_is_left_out_of_the_corrections(comparison, monkeypatch):
    only = Calibration("lite0@224", 224, 1.5, -2.0, 0.9, 0.1, 0.3, 49, "by hand", HASH)
    monkeypatch.setattr(placement, "calibrations", lambda: {"lite0@224": only})
    style = OverlayStyle(placement=Placement.CALIBRATED)
    facts = json.loads(settings_json(ComparisonSettings(comparison.models, comparison.maps, "top1", Scale.OWN, style)))
    assert list(facts["shown"]["calibrations"]) == ["lite0@224"]
