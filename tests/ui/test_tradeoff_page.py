"""The Trade-off page without a browser; clicks on the chart and the address are driven in tests/browser."""

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from effviz.facts.timm_results import RECIPES, NetworkFamily, recipe
from effviz.plots.accuracy_cost import recipe_series
from effviz.ui.tradeoff import chart_controls
from effviz.ui.tradeoff.chart_controls import mixing, table_rows
from tests.facts.conftest import load

ROOT = Path(__file__).parents[2]


def open_tradeoff(**address: str | list[str]) -> AppTest:
    """Open the page through app.py, because it links to another page."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.switch_page("effviz/ui/pages/tradeoff.py")
    at.query_params.update(address)
    return at.run()


def check_calm(at: AppTest) -> None:
    assert [title.value for title in at.title] == ["What does accuracy cost?"]
    assert not at.exception
    assert not at.error


def chart(at: AppTest) -> dict[str, object]:
    """Return trace name -> trace, as sent to the browser."""
    spec = json.loads(at.get("plotly_chart")[0].proto.spec)
    return {trace["name"]: trace for trace in spec["data"]}


def words(at: AppTest) -> str:
    return "\n".join(str(element.value) for kind in ("markdown", "caption") for element in at.get(kind))


def metrics(at: AppTest) -> dict[str, str]:
    return {metric.label: str(metric.value) for metric in at.metric}


def test_a_first_visit_shows_the_current_paper_and_one_recipe() -> None:
    at = open_tradeoff()
    check_calm(at)
    assert not at.warning
    assert set(chart(at)) == {
        "EfficientNet, paper v5",
        "Other ConvNets, paper",
        "timm, AutoAugment",
        "In your comparison",
        "φ = 1",
    }
    assert at.query_params == {}
    assert "https://arxiv.org/abs/1905.11946v5" in words(at)
    assert "huggingface/pytorch-image-models" in words(at)
    assert "the paper prints no FLOPs for them: GPipe" in words(at)
    assert "without an ImageNet accuracy at this size: lite1@224, lite2@224, lite0@260." in words(at)


def test_the_chart_has_words_for_those_who_cannot_see_it() -> None:
    alt = open_tradeoff(cost="Params").get("plotly_chart")[0].proto.alt
    assert "ImageNet top-1 accuracy versus Parameters (millions) on a log scale" in alt
    assert "EfficientNet, paper v5 (8 networks)" in alt
    assert "φ = 1 at 9.1" in alt  # at phi = 1 channels and blocks are B2's, which has 9.11 million parameters


def test_cost_switches_the_axis() -> None:
    at = open_tradeoff()
    at.get("button_group")[0].set_value("Params").run()
    check_calm(at)
    assert "GPipe" in {data[0] for data in chart(at)["Other ConvNets, paper"]["customdata"]}
    assert "prints no FLOPs" not in words(at)


@pytest.mark.parametrize(("version", "column"), [("v3", "top1_pct_v3"), ("v1", "top1_pct_v1v2_icml")])
def test_the_version_of_the_paper_is_chosen_and_said(version: str, column: str) -> None:
    at = open_tradeoff(paper=version)
    check_calm(at)
    shown = at.dataframe[0].value.query("series == @series", local_dict={"series": f"EfficientNet, paper {version}"})
    expected = load("table2_imagenet").query("is_efficientnet == 1")
    assert list(shown["top1_pct"]) == list(expected[column])
    assert f"https://arxiv.org/abs/1905.11946{version}" in words(at)


def test_mixed_recipes_are_warned_about() -> None:
    at = open_tradeoff()
    at.multiselect(key="recipes").select("NoisyStudent").run()
    assert [warning.value for warning in at.warning] == [mixing([recipe("ns_jft_in1k")], [])]
    assert "AutoAugment, NoisyStudent." in at.warning[0].value
    at.multiselect(key="recipes").unselect("NoisyStudent").run()
    assert not at.warning
    at.multiselect(key="families").select("ResNet").run()
    assert "ResNet (several recipes)" in at.warning[0].value
    assert "timm, ResNet" in chart(at)
    check_calm(at)


def test_one_recipe_needs_no_warning_and_each_other_does() -> None:
    assert mixing([], []) == mixing([recipe("aa_in1k")], []) == ""
    for known in RECIPES[1:]:
        assert known.title in mixing([known], [])
    assert "RegNetY" in mixing([], [NetworkFamily.REGNET])


def test_nothing_measured_can_be_shown() -> None:
    at = open_tradeoff()
    at.multiselect(key="recipes").set_value([]).run()
    check_calm(at)
    assert "timm, AutoAugment" not in chart(at)


def test_phi_of_the_address_is_marked_and_can_be_moved() -> None:
    at = open_tradeoff(phi="0", cost="Params")
    assert at.slider(key="tradeoff-phi").value == 0
    assert chart(at)["φ = 0"]["x"] == [5.288548, 5.288548]  # B0
    at.slider(key="tradeoff-phi").set_value(1.0).run()
    check_calm(at)
    assert chart(at)["φ = 1"]["x"] == [9.109994, 9.109994]  # B2's blocks and channels
    assert "phi" not in at.query_params
    at.slider(key="tradeoff-phi").set_value(2.5).run()
    assert at.query_params["phi"] == "2.5"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ({"phi": "many"}, "The link asks for phi = 'many'"),
        ({"models": "lite0@224,resnet@224"}, "There is no model 'resnet'"),
        ({"models": "lite0@9"}, "The resolution 9 px is out of range"),
    ],
)
def test_a_bad_link_costs_one_sentence(address: dict[str, str], sentence: str) -> None:
    at = open_tradeoff(**address)
    check_calm(at)
    assert len(at.warning) == 1
    assert sentence in at.warning[0].value
    assert at.dataframe


def test_unknown_choices_in_a_link_are_left_out() -> None:
    at = open_tradeoff(cost="euros", paper="v4", recipes="magic", families="magic", network="<script>")
    check_calm(at)
    assert not at.metric


def test_a_network_has_a_card_and_joins_the_comparison() -> None:
    at = open_tradeoff(network="EfficientNet-B3")
    check_calm(at)
    assert metrics(at) == {"Top-1": "81.6 %", "Top-5": "95.7 %", "Parameters": "12 M", "MACs": "1.8 B"}  # Table 2, v5
    assert "Scaling: d = 1.4, w = 1.2, 300 px" in words(at)
    assert "Source: Table 2, arXiv 1905.11946" in words(at)
    at.button[0].click().run()
    check_calm(at)
    assert at.query_params["models"] == "lite0@224,lite1@224,lite2@224,lite0@260,lite2@260,b3@300"
    assert (at.button[0].label, at.button[0].disabled) == ("In the comparison", True)
    assert "b3@300" in {data[0] for data in chart(at)["In your comparison"]["customdata"]}


def test_a_measured_network_tells_our_count_from_timms() -> None:
    at = open_tradeoff(network="tf_efficientnet_b3.aa_in1k@300")
    assert metrics(at)["Top-1"] == "81.648 %"
    assert metrics(at)["MACs"] == "1.83 B"  # torchvision's _ops of B3
    assert "MACs as timm counts them, with batch norm: 1.87 B" in words(at)


@pytest.mark.parametrize(
    ("points", "chosen"),
    [
        ([{"customdata": ["ResNet-50"]}], "ResNet-50"),
        ([], "GPipe"),  # the point was deselected
        ([{"x": 1}], "GPipe"),  # the dashed line
    ],
)
def test_a_click_takes_over_the_network_of_the_point(
    monkeypatch: pytest.MonkeyPatch, points: list[dict[str, object]], chosen: str
) -> None:
    session = {
        chart_controls.CHART: SimpleNamespace(selection=SimpleNamespace(points=points)),
        chart_controls.NETWORK: "GPipe",
    }
    monkeypatch.setattr(chart_controls.st, "session_state", session)
    chart_controls.clicked_network()
    assert session[chart_controls.NETWORK] == chosen


def test_a_network_is_chosen_from_the_list_without_a_mouse() -> None:
    at = open_tradeoff()
    at.selectbox(key="network").select("ResNet-50").run()
    check_calm(at)
    assert metrics(at)["Top-1"] == "76 %"
    assert not at.button
    assert "cannot be compared" in words(at)


def test_the_unpublished_cost_of_gpipe_is_said() -> None:
    assert metrics(open_tradeoff(network="GPipe"))["MACs"] == "not published"


def test_a_network_leaves_with_its_series() -> None:
    at = open_tradeoff(network="tf_efficientnet_b3.aa_in1k@300")
    at.multiselect(key="recipes").set_value([]).run()
    check_calm(at)
    assert not at.metric


def test_a_full_comparison_takes_no_more() -> None:
    full = ",".join(["lite0@224", "lite1@240", "lite2@260", "b0@224", "b1@240", "b2@260", "b4@380", "b5@456"])
    at = open_tradeoff(models=full, network="EfficientNet-B3")
    assert at.button[0].disabled
    assert "holds at most 8 models" in at.button[0].help


def test_the_table_has_every_point_with_its_source() -> None:
    rows = open_tradeoff(recipes="AutoAugment").dataframe[0].value
    assert len(rows) == len(load("table2_imagenet")) + 8 + 2
    assert rows["source"].str.len().gt(10).all()
    assert pd.isna(rows.set_index("network").loc["GPipe", "macs_billions"])


def test_the_tables_numbers_are_timms() -> None:
    rows = table_rows([recipe_series(recipe("ap_in1k"))])
    timm = load("timm_accuracy").query("weights_tag == 'ap_in1k'")
    assert list(rows["top1_pct"]) == list(timm["top1_pct"])
    assert list(rows["macs_billions_timm_with_bn"]) == list(timm["gmacs_counted_with_bn"])
    assert table_rows([]).empty
