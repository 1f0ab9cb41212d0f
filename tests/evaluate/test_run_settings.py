"""Settings are validated, and run.json restores them."""

import json
import math
from pathlib import Path

import pytest

from effviz.errors import SettingsError, TargetError
from effviz.evaluate.dataset_samples import Dataset
from effviz.evaluate.masking import MaskBaseline, Masking
from effviz.evaluate.run_settings import (
    LOCALISATION_METRICS,
    LOW_IS_GOOD,
    NEAR_ZERO_IS_GOOD,
    EnergyPhotos,
    Metric,
    RunSettings,
    worse,
)
from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.placement import Placement

SETTINGS = RunSettings(("lite0@224",))


def data(annotated=True, labelled=True):
    return Dataset(Path("photos"), (), "0", annotated, labelled)


def test_the_names_of_the_metrics_are_those_that_readers_know():
    names = {"energy", "pointing", "maxbox", "deletion", "insertion", "drop", "increase", "road", "adcc"}
    pairs = {"agree_rank", "agree_top20", "agree_distance"}
    sanity = {"sanity_spearman", "sanity_ssim", "sanity_logit"}
    assert names | {"gain", "maxboxv2", "iou", "pointing15"} | pairs | sanity == {metric.value for metric in Metric}
    assert {metric.value for metric in LOCALISATION_METRICS} == {
        "energy",
        "pointing",
        "pointing15",
        "maxbox",
        "maxboxv2",
        "iou",
    }
    assert {metric.value for metric in LOW_IS_GOOD} == {"deletion", "drop", "agree_distance"}
    assert {metric.value for metric in NEAR_ZERO_IS_GOOD} == sanity


@pytest.mark.parametrize(
    ("metric", "best_first"),
    [
        (Metric.ENERGY, [0.5, 0.1, -0.3]),
        (Metric.DELETION, [-0.3, 0.1, 0.5]),
        (Metric.SANITY_SPEARMAN, [0.1, -0.3, 0.5]),  # 0 means not similar; -0.3 means inverted
    ],
)
def test_values_are_sorted_as_the_metric_means_them(metric, best_first):
    assert sorted(sorted(best_first), key=lambda value: worse(metric, value)) == best_first


@pytest.mark.parametrize("budget", [math.inf, 0.5])
def test_settings_survive_json(budget):
    settings = RunSettings(
        models=("lite0@260", "b0@224"),
        methods=(Method.CAM, Method.GRADCAM_PLUS_PLUS),
        metrics=(Metric.ROAD, Metric.MAXBOX),
        targets="zebra",
        layer=TargetLayer.STRIDE_16,
        placement=Placement.CALIBRATED,
        masking=Masking(MaskBaseline.BLUR, 7),
        road_budget_s=budget,
        smooth=0.1,
        energy_photos=EnergyPhotos.SCORE_CAM,
        limit=3,
        seed=5,
    )
    assert RunSettings.from_dict(json.loads(json.dumps(settings.as_dict()))) == settings


@pytest.mark.parametrize(
    ("changes", "dataset", "words"),
    [
        ({"models": ()}, data(), "at least one model"),
        ({"metrics": ()}, data(), "at least one"),
        ({}, data(annotated=False), "energy needs to know where"),
        ({}, data(labelled=False), "--targets"),
        ({"layer": TargetLayer.STRIDE_8}, data(), "only at the last layer"),
        ({"metrics": (Metric.ENERGY, Metric.AGREE_RANK)}, data(), "at least two are needed"),
        (
            {"metrics": (Metric.SANITY_SSIM,), "methods": (Method.GRADCAM,), "layer": TargetLayer.STRIDE_8},
            data(),
            "stride8",
        ),
        ({"metrics": (Metric.SANITY_SSIM,), "methods": (Method.SCORECAM,)}, data(), "Score-CAM"),
        ({"grid": 7}, data(), "Use smooth instead"),
        ({"placement": Placement.CALIBRATED, "models": ("lite3@96",)}, data(), "lite3@96"),
    ],
)
def test_the_impossible_is_said_before_any_work(changes, dataset, words):
    with pytest.raises(SettingsError, match=words):
        RunSettings(**({"models": ("lite0@224",)} | changes)).check(dataset)


def test_targets_are_read_before_any_work():
    with pytest.raises(TargetError, match="Rank 0"):
        RunSettings(("lite0@224",), targets="rank0").check(data())


def test_without_boxes_or_labels_effects_on_the_prediction_can_be_measured():
    RunSettings(("lite0@224",), metrics=(Metric.INSERTION,), targets="prediction").check(data(False, False))
    SETTINGS.check(data())


def test_a_part_is_some_seconds_of_work():
    assert SETTINGS.photos_a_part == 64
    slow = RunSettings(("lite0@224",), metrics=(Metric.DELETION,), masking=Masking(steps=20))
    assert slow.photos_a_part == 400 // (1 + 4 * 21)  # one method and three controls with 21 inputs each
    assert RunSettings(("lite0", "lite1", "lite2"), metrics=tuple(Metric)).photos_a_part == 1


def test_another_class_can_be_asked_for_at_any_layer():
    wanted = {"metrics": (Metric.SANITY_LOGIT,), "methods": (Method.GRADCAM,), "layer": TargetLayer.STRIDE_8}
    RunSettings(("lite0@224",), **wanted).check(data())


def test_runs_of_before_maps_were_smoothed_are_read_with_their_grid():
    kept = {name: value for name, value in SETTINGS.as_dict().items() if name not in ("smooth", "energy_photos")}
    assert RunSettings.from_dict(kept) == SETTINGS
    old = RunSettings.from_dict(kept | {"grid": 3})
    assert (old.grid, old.as_dict()["grid"], old.smooth) == (3, 3, 0)
    assert "grid" not in SETTINGS.as_dict()
