"""Published coefficients match timm's copy of the official table and the sources in facts."""

import csv
import re
from pathlib import Path

import pandas as pd
import pytest
from timm.models import efficientnet as timm_efficientnet

import effviz
from effviz.errors import SettingsError
from effviz.scaling import PUBLISHED, Family, ScalingRule, published_plan
from effviz.scaling.published import WHY_PUBLISHED_DIFFERS, ImpliedPhi, Published, growth, implied_phi

FACTS = pd.read_csv(f"{effviz.__path__[0]}/facts/coefficients.csv").set_index("model")
TIMM_ROW = re.compile(r"'efficientnet-(\w+)': \(([\d.]+), ([\d.]+), (\d+), ([\d.]+)\)")


@pytest.mark.parametrize(
    ("family", "docstring"),
    [
        (Family.EFFICIENTNET, timm_efficientnet._gen_efficientnet.__doc__),
        (Family.LITE, timm_efficientnet._gen_efficientnet_lite.__doc__),
    ],
)
def test_coefficients_equal_timms_table(family, docstring):
    theirs = {name: tuple(map(float, numbers)) for name, *numbers in TIMM_ROW.findall(docstring)}
    ours = {
        name: (network.width, network.depth, network.resolution, network.dropout)
        for name, network in PUBLISHED.items()
        if network.family is family
    }
    assert ours == theirs


def test_every_network_is_there_with_its_source():
    assert list(PUBLISHED) == [*(f"b{i}" for i in range(9)), "l2", *(f"lite{i}" for i in range(5))]
    assert all(network.name == name for name, network in PUBLISHED.items())
    assert all(network.source.startswith("tensorflow/tpu@7dc921f8 models/") for network in PUBLISHED.values())
    assert "300 px" in PUBLISHED["lite3"].note
    assert "380 px" in PUBLISHED["lite4"].note


def test_table_cannot_be_changed():
    with pytest.raises(TypeError):
        PUBLISHED["b0"] = PUBLISHED["b1"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_implied_phi(name):
    implied = implied_phi(PUBLISHED[name])
    assert implied.depth == pytest.approx(FACTS.phi_implied_by_depth[name], abs=0.006)
    assert implied.width == pytest.approx(FACTS.phi_implied_by_width[name], abs=0.006)
    assert implied.resolution == pytest.approx(FACTS.phi_implied_by_resolution[name], abs=0.006)


def test_implied_phi_undoes_the_rule():
    rule = ScalingRule(2.0, 1.5, 1.25)
    network = Published("b1", 8.0, 1.5, 350, 0.2, Family.EFFICIENTNET, "by hand: 2^3, 1.5^1, 224 * 1.25^2")
    assert implied_phi(network, rule) == ImpliedPhi(
        depth=pytest.approx(3), width=pytest.approx(1), resolution=pytest.approx(2)
    )


def test_a_dimension_that_the_rule_keeps_implies_nothing():
    assert implied_phi(PUBLISHED["b3"], ScalingRule(2.0, 1.0, 1.0)) == ImpliedPhi(
        depth=pytest.approx(0.4854, abs=1e-4),  # log2(1.4)
        width=None,
        resolution=None,
    )


def test_explanation_quotes_the_numbers_of_the_table():
    b7 = implied_phi(PUBLISHED["b7"])
    assert f"phi = {b7.depth:.1f}, {b7.width:.1f} and {b7.resolution:.1f}" in WHY_PUBLISHED_DIFFERS
    macs = FACTS.madds_billions_recomputed
    assert f"{macs['b1'] / macs['b0']:.2f} times as much as B0" in WHY_PUBLISHED_DIFFERS
    assert f"only {FACTS.product_d_w2_r2['b1']:.2f}" in WHY_PUBLISHED_DIFFERS
    assert f"{FACTS.mbconv_blocks_recomputed['b1']} blocks instead of 16" in WHY_PUBLISHED_DIFFERS


def test_a_published_networks_plan_has_its_published_size() -> None:
    assert published_plan("b0").params == 5_288_548  # timm's and torchvision's count
    assert published_plan("b7").resolution == 600


# Growth along phi matches published tables: values of the formula, and counts by the official rules.

GROWTH_FACTS = Path(effviz.__file__).parent / "facts"


def rows(name):
    with (GROWTH_FACTS / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_formulas_are_the_papers():
    table = rows("phi_formula")
    of = growth([float(row["phi"]) for row in table])
    for step, row in zip(of.steps, table, strict=True):
        assert step.phi == float(row["phi"])
        assert step.promised / of.steps[0].macs == pytest.approx(float(row["(alpha*beta^2*gamma^2)^phi"]), rel=5e-4)
        assert step.doubling / of.steps[0].macs == pytest.approx(float(row["2^phi"]), rel=5e-4)


def test_the_baseline_is_b0_and_published_networks_keep_their_own_size():
    of = growth([0.0])
    counted = {row["model"]: row for row in rows("coefficients") if row["family"] == "EfficientNet"}
    assert of.steps[0].macs == pytest.approx(385.8e6, rel=1e-4)
    assert [step.name for step in of.published] == list(counted)
    for step in of.published:
        row = counted[step.name]
        assert step.macs / 1e9 == pytest.approx(float(row["madds_billions_recomputed"]), abs=6e-5)
        assert step.implied.depth == pytest.approx(float(row["phi_implied_by_depth"]), abs=0.006)
        assert step.implied.width == pytest.approx(float(row["phi_implied_by_width"]), abs=0.006)
        assert step.implied.resolution == pytest.approx(float(row["phi_implied_by_resolution"]), abs=0.006)


def test_another_family_and_another_rule():
    of = growth([0.0, 1.0], ScalingRule(2.0, 1.0, 1.0), Family.LITE)
    assert of.steps[0].macs == pytest.approx(385.2e6, rel=1e-3)
    assert of.steps[1].doubling == of.steps[1].promised == 2 * of.steps[0].macs
    assert [step.name for step in of.published] == [f"lite{i}" for i in range(5)]
    assert of.published[1].implied.width is None


def test_a_phi_that_cannot_be_planned():
    with pytest.raises(SettingsError):
        growth([19.0])
