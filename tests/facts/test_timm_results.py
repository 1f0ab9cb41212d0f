"""Known accuracies, copied from the tables by hand."""

import pytest

from effviz.errors import SettingsError
from effviz.facts.timm_results import (
    RECIPES,
    NetworkFamily,
    family_points,
    known_accuracy,
    recipe,
    recipe_points,
    timm_point,
    timm_points,
)
from tests.facts.conftest import load


@pytest.mark.parametrize(
    ("model", "px", "top1", "weights"),
    [
        ("b1", 240, 79.1, "version v5 of the paper"),
        ("resnet152", 224, 77.8, "version v5 of the paper"),
        ("lite0", 224, 74.846, "tf_efficientnet_lite0.in1k"),  # not timm's own training run, 75.488
        ("resnet152", 288, 83.494, "resnet152.a1h_in1k"),
        ("b0", 256, 79.364, "efficientnet_b0.ra4_e3600_r224_in1k"),  # not the paper's: there, B0 has 224 px
        ("tf_efficientnet_b1", 240, 79.288, "tf_efficientnet_b1.ap_in1k"),  # 81.388 used more images
    ],
)
def test_who_measured_it(model: str, px: int, top1: float, weights: str) -> None:
    found = known_accuracy(model, px)
    assert found is not None
    assert found.top1_pct == top1
    assert weights in found.weights
    assert found.source


@pytest.mark.parametrize(("model", "px"), [("b1", 241), ("scaled-d1-w1.5", 224), ("resnet152", 96)])
def test_nobody_measured_it(model: str, px: int) -> None:
    assert known_accuracy(model, px) is None


# timm's measurements; expected accuracies are typed from its results, MACs from two independent counts.

# Billions of multiply-adds in convolutions and linear layers, counted by the official rules (coefficients.csv).
COUNTED = dict(load("coefficients").set_index("model")["madds_billions_recomputed"])
LITE_COUNTED = dict(load("lite").set_index("model")["madds_millions_recomputed_at_timm_size"] / 1000)


def test_autoaugment_is_the_one_recipe_from_b0_to_b7():
    points = recipe_points("aa_in1k")
    assert [point.name for point in points] == [f"b{i}" for i in range(8)]
    assert [point.resolution_px for point in points] == [224, 240, 260, 300, 380, 456, 528, 600]
    assert [round(point.top1_pct, 2) for point in points] == [76.88, 78.84, 80.07, 81.65, 83.04, 83.70, 84.12, 84.42]


@pytest.mark.parametrize("point", recipe_points("aa_in1k") + recipe_points("ap_in1k"), ids=lambda p: p.architecture)
def test_macs_of_efficientnets_are_the_official_codes(point):
    assert point.macs_billions == pytest.approx(COUNTED[point.name], abs=5e-4 if point.name == "l2" else 6e-5)


@pytest.mark.parametrize("point", recipe_points("lite-in1k"), ids=lambda p: p.architecture)
def test_macs_of_lite_are_counted_at_the_size_timm_measured(point):
    assert point.macs_billions == pytest.approx(LITE_COUNTED[point.name], abs=6e-5)


def test_timm_counts_more_since_it_counts_batch_norm():
    for point in family_points(NetworkFamily.EFFICIENTNET):
        ratio = point.macs_billions_with_bn / point.macs_billions
        assert 0.985 < ratio < 1.05, point.architecture  # timm prints 0.40 for B0: rounding reaches 1.3 %


def test_every_row_is_there_once_and_unchanged():
    table = load("timm_accuracy")
    rows = {
        (f"{row['model']}.{row['weights_tag']}", row["image_size_px"]): (
            row["top1_pct"],
            row["top5_pct"],
            row["params_millions"],
            row["gmacs_counted_with_bn"],
            row["crop_pct"],
            row["source"],
        )
        for row in table.to_dict("records")
    }
    points = {
        (p.architecture, p.resolution_px): (
            p.top1_pct,
            p.top5_pct,
            p.params_millions,
            p.macs_billions_with_bn,
            p.crop_pct,
            p.source,
        )
        for p in timm_points()
    }
    assert len(timm_points()) == len(table)
    assert points == rows


def test_every_efficientnet_belongs_to_one_recipe_and_every_recipe_has_one():
    by_recipe = [point for known in RECIPES for point in recipe_points(known.key)]
    assert sorted(map(repr, by_recipe)) == sorted(map(repr, family_points(NetworkFamily.EFFICIENTNET)))
    assert all(recipe_points(known.key) for known in RECIPES)
    assert len({known.key for known in RECIPES}) == len({known.title for known in RECIPES}) == len(RECIPES)


def test_lite_and_timm_weights_are_series_of_their_own():
    assert {point.name for point in recipe_points("lite-in1k")} == {f"lite{i}" for i in range(5)}
    assert [point.architecture for point in recipe_points("timm-lite-ra_in1k")] == ["efficientnet_lite0.ra_in1k"]
    assert {point.architecture for point in recipe_points("timm-ra_in1k")} == {
        "efficientnet_b0.ra_in1k",
        "efficientnet_b2.ra_in1k",
    }


def test_sizes_of_one_recipe_stay_together():
    assert [(point.name, point.resolution_px) for point in recipe_points("ns_jft_in1k")][-2:] == [
        ("l2", 475),
        ("l2", 800),
    ]


@pytest.mark.parametrize(
    ("architecture", "resolution_px", "extra"),
    [
        ("tf_efficientnet_b0.ns_jft_in1k", 224, True),
        ("tf_efficientnet_b0.aa_in1k", 224, False),
        ("resnet50.fb_swsl_ig1b_ft_in1k", 224, True),
        ("resnet50.a1_in1k", 224, False),
        ("mobilenetv3_large_100.miil_in21k_ft_in1k", 224, True),
        ("convnext_tiny.in12k_ft_in1k", 224, True),
        ("convnext_base.clip_laiona_augreg_ft_in1k_384", 384, True),
        ("densenet121.tv_in1k", 224, False),
    ],
)
def test_more_pictures_than_imagenet(architecture, resolution_px, extra):
    point = timm_point(architecture, resolution_px)
    assert point is not None
    assert point.extra_data is extra


def test_other_families_have_timms_count_only():
    resnet = timm_point("resnet50.tv_in1k", 224)
    assert (resnet.name, resnet.family, resnet.recipe) == ("", NetworkFamily.RESNET, "tv_in1k")
    assert (resnet.top1_pct, resnet.macs_billions_with_bn, resnet.macs_billions) == (76.156, 4.11, None)


@pytest.mark.parametrize("family", NetworkFamily)
def test_every_family_has_points_and_a_title(family):
    assert family_points(family)
    assert family.label.lower().startswith(family.value.strip("_"))


def test_what_was_not_measured_is_none():
    assert timm_point("tf_efficientnet_lite0.in1k", 260) is None


def test_a_recipe_that_does_not_exist():
    with pytest.raises(SettingsError, match=r"'imagenet'.*Choose one.*aa_in1k"):
        recipe("imagenet")
    with pytest.raises(SettingsError, match=r"no training recipe"):
        recipe_points("")
