"""The search objective by hand, and the ranking of networks by it."""

import math
from dataclasses import replace

import pytest

from effviz.errors import SettingsError
from effviz.facts.paper_tables import PaperVersion
from effviz.facts.search_objective import Counted, Listing, Objective, candidates, iso_reward, ranking
from tests.facts.conftest import load

PAPER = Objective()


def test_the_papers_own_t_and_w():
    assert (PAPER.target_macs, PAPER.exponent, PAPER.above_only) == (400_000_000, -0.07, False)


def test_the_reward_of_b0_by_hand():
    # ln(0.39 / 0.4) = -0.0253178; times -0.07 is 0.00177225; exp of it 1.00177382; times 77.1 is 77.23676.
    assert PAPER.reward_pct(77.1, 390e6) == pytest.approx(77.23676, abs=1e-5)


def test_at_the_target_the_reward_is_the_accuracy():
    assert PAPER.reward_pct(75.5, 400e6) == 75.5


def test_what_a_doubling_must_bring():
    assert PAPER.doubling == pytest.approx(1.0497167)  # 2^0.07
    assert PAPER.reward_pct(70 * PAPER.doubling, 2e9) == pytest.approx(PAPER.reward_pct(70, 1e9))
    assert Objective(exponent=0).doubling == 1


def test_a_cost_above_the_target_alone():
    above = Objective(above_only=True)
    assert above.reward_pct(70, 1e6) == above.reward_pct(70, 400e6) == 70
    assert above.reward_pct(70, 800e6) == pytest.approx(70 / 1.0497167)


@pytest.mark.parametrize("target", [0, -1, math.inf, math.nan])
def test_a_target_that_is_none(target):
    with pytest.raises(SettingsError, match=r"is not allowed\. Give a positive number"):
        Objective(target)


@pytest.mark.parametrize("exponent", [0.01, -1.01, math.nan])
def test_an_exponent_that_rewards_cost(exponent):
    with pytest.raises(SettingsError, match="from -1 to 0"):
        Objective(exponent=exponent)


@pytest.mark.parametrize("version", PaperVersion)
def test_everything_known_is_ranked(version):
    known = candidates(version)
    paper, timm = load("table2_imagenet"), load("timm_accuracy")
    assert len(known) == paper["flops_billions"].notna().sum() + 8 + len(timm)
    assert "GPipe" not in {of.name for of in known}
    column = {"v5": "top1_pct", "v3": "top1_pct_v3", "v1": "top1_pct_v1v2_icml"}[version]
    ours = paper[paper["is_efficientnet"] == 1]
    printed = [of for of in known if of.listing is Listing.PAPER]
    again = [of for of in known if of.listing is Listing.RECOMPUTED]
    assert [of.top1_pct for of in printed] == [of.top1_pct for of in again] == list(ours[column])
    assert [of.macs / 1e9 for of in printed] == pytest.approx(list(ours["flops_billions"]))
    counted = list(ours["madds_billions_recomputed_from_official_code"])
    assert [of.macs / 1e9 for of in again] == pytest.approx(counted, abs=0.006)
    assert {of.counted for of in printed} == {Counted.PRINTED}
    assert {of.counted for of in again} == {Counted.EFFVIZ}


def test_timms_networks_are_timms():
    rows = load("timm_accuracy").set_index(["model", "weights_tag", "image_size_px"])
    others = [of for of in candidates() if of.counted is Counted.TIMM]
    assert others
    for of in others:
        name, px = of.name.split("@")
        row = rows.loc[(*name.split(".", 1), int(px))]
        assert (of.top1_pct, of.macs) == (row["top1_pct"], pytest.approx(1e9 * row["gmacs_counted_with_bn"]))


def test_the_ranking_falls_and_keeps_everybody():
    ranked = ranking(PAPER, candidates())
    rewards = [of.candidate.top1_pct * (of.candidate.macs / 4e8) ** -0.07 for of in ranked]
    assert rewards == sorted(rewards, reverse=True)
    assert [of.reward_pct for of in ranked] == pytest.approx(rewards)
    assert {of.candidate for of in ranked} == set(candidates())
    assert ranked[0].place == 1


def test_equal_rewards_share_a_place():
    first = candidates()[0]
    second, last = replace(first, name="B"), replace(first, name="C", top1_pct=1.0)
    assert [(of.place, of.candidate.name) for of in ranking(PAPER, [last, first, second])] == [
        (1, "B"),
        (1, "EfficientNet-B0"),
        (3, "C"),
    ]


def test_the_target_alone_moves_nobody_unless_only_what_is_above_it_costs():
    def order(goal):
        return [of.candidate for of in ranking(goal, candidates())]

    assert order(Objective(400e6)) == order(Objective(1e9))
    assert order(Objective(400e6, above_only=True)) != order(Objective(1e9, above_only=True))


def test_with_no_price_on_macs_accuracy_alone_ranks():
    accuracies = [of.candidate.top1_pct for of in ranking(Objective(exponent=0), candidates())]
    assert accuracies == sorted(accuracies, reverse=True)


@pytest.mark.parametrize("goal", [PAPER, Objective(1e9, -0.2), Objective(1e9, -0.1, above_only=True)])
def test_every_point_of_a_line_earns_the_same(goal):
    places = iso_reward(goal, 76.0, 1e7, 1e10)
    macs = [of for of, _ in places]
    assert macs == sorted(macs)
    assert (macs[0], macs[-1]) == (pytest.approx(1e7), pytest.approx(1e10))
    assert goal.target_macs in macs
    assert [goal.reward_pct(top1, of) for of, top1 in places] == pytest.approx([76.0] * len(places))
