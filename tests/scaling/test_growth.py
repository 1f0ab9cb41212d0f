"""Growth along phi against published tables: the formula's own values, and counts by the official rules."""

import csv
from pathlib import Path

import pytest

import effviz
from effviz.errors import SettingsError
from effviz.scaling import Family, ScalingRule
from effviz.scaling.published import growth

FACTS = Path(effviz.__file__).parent / "facts"


def rows(name):
    with (FACTS / f"{name}.csv").open(encoding="utf-8") as file:
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
