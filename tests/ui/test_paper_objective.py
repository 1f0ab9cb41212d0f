"""The section on the search objective without a browser: T, w and the chosen networks determine the ranking."""

import json
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from tests.facts.conftest import load

ROOT = Path(__file__).parents[2]
ALL = 23 + len(load("timm_accuracy"))  # Table 2 without GPipe, whose FLOPs are not printed, and timm's


def open_objective(**address: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.switch_page("effviz/ui/pages/paper.py")
    at.query_params.update({"section": "objective", **address})
    return at.run()


def check_calm(at: AppTest) -> None:
    assert "How B0 was found" in at.header[0].value
    assert not at.exception
    assert not at.error
    assert not at.warning


def words(at: AppTest) -> str:
    return "\n".join(str(each.value) for kind in ("markdown", "caption") for each in at.get(kind))


def ranking(at: AppTest) -> "pd.DataFrame":
    return at.dataframe[0].value.set_index("network")


def networks(at: AppTest) -> object:
    return at.get("button_group")[2]


def test_a_first_visit_ranks_all_by_the_papers_goal() -> None:
    at = open_objective()
    check_calm(at)
    rows = ranking(at)
    assert len(rows) == ALL
    # By hand: 77.1 * (390 / 400)^-0.07 = 77.2368.
    assert rows.loc["EfficientNet-B0", "reward_pct"] == pytest.approx(77.2368, abs=1e-4)
    assert list(rows["place"]) == sorted(rows["place"])
    assert f"of {ALL}, with a reward of 77.24 %" in words(at)
    assert "accuracy becomes 1.050 times as high: from B0's 77.1 % to 80.9 %" in words(at)
    assert "prints 390 million for B0; EffViz recomputes 385.8 million, 3.5 % below the target" in words(at)
    assert f"{ALL} networks" in at.get("plotly_chart")[0].proto.alt


def test_t_alone_moves_nobody_and_w_does() -> None:
    at = open_objective(target="410", weight="-0.08")  # from the link
    assert (at.slider(key="target").value, at.slider(key="weight").value) == (410, -0.08)
    assert "T = 410 million" in at.get("plotly_chart")[0].proto.spec
    before = list(ranking(at).index)
    at.slider(key="target").set_value(1000).run()
    check_calm(at)
    assert list(ranking(at).index) == before
    at.slider(key="weight").set_value(0.0).run()
    check_calm(at)
    top1 = list(ranking(at)["top1_pct"])
    assert top1 == sorted(top1, reverse=True)


def test_below_the_target_macs_may_cost_nothing() -> None:
    at = open_objective(above="true")
    check_calm(at)
    rows = ranking(at)
    cheap = rows[rows["macs_millions"] <= 400]
    assert list(cheap["reward_pct"]) == list(cheap["top1_pct"])


@pytest.mark.parametrize(("version", "b0"), [("v3", 77.3), ("v1", 76.3)])
def test_the_ranking_follows_the_version(version: str, b0: float) -> None:
    at = open_objective(paper=version)
    check_calm(at)
    assert ranking(at).loc["EfficientNet-B0", "top1_pct"] == b0
    assert f"from B0's {b0:g} %" in words(at)


def test_networks_are_chosen() -> None:
    at = open_objective()
    networks(at).set_value(["EfficientNet, Table 2, MACs recomputed"]).run()
    check_calm(at)
    assert list(at.dataframe[0].value["macs_counted"]) == ["counted by EffViz"] * 8
    networks(at).set_value([]).run()
    check_calm(at)
    assert "Choose networks above" in words(at)
    assert not at.dataframe
    assert not at.get("plotly_chart")


def test_more_pictures_than_imagenet_can_be_left_out() -> None:
    at = open_objective(imagenet="true")
    check_calm(at)
    rows = at.dataframe[0].value
    assert len(rows) < ALL
    assert not rows["extra_data"].any()


def test_every_row_has_its_source() -> None:
    at = open_objective()
    rows = at.dataframe[0].value
    assert rows["source"].str.len().min() > 20
    spec = json.loads(at.get("plotly_chart")[0].proto.spec)
    names = {each["name"] for each in spec["data"]}
    assert {"EfficientNet, Table 2", "timm, MobileNet", "Highest reward", "T = 400 million"} <= names
