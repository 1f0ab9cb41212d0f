"""The Paper page without a browser: every section runs and shows the numbers of its tables."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from effviz.scaling import plan
from effviz.ui.paper import figure7
from effviz.zoo import presets
from tests.facts.conftest import load

ROOT = Path(__file__).parents[2]


def open_paper(**address: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.switch_page("effviz/ui/pages/paper.py")
    at.query_params.update(address)
    return at.run()


def check_calm(at: AppTest, header: str) -> None:
    assert [title.value for title in at.title] == ["The EfficientNet paper, figure by figure"]
    assert header in at.header[0].value
    assert not at.exception
    assert not at.error
    assert not at.warning


def chart(at: AppTest, number: int = 0) -> dict[str, dict[str, object]]:
    """Return trace name -> trace, as sent to the browser."""
    spec = json.loads(at.get("plotly_chart")[number].proto.spec)
    return {trace.get("name", "names"): trace for trace in spec["data"]}


def words(at: AppTest) -> str:
    return "\n".join(str(element.value) for kind in ("markdown", "caption", "info") for element in at.get(kind))


def test_an_unknown_section_costs_one_sentence() -> None:
    at = open_paper(section="table99")
    assert "The link asks for the section 'table99'" in at.warning[0].value
    assert "Choose one" in at.warning[0].value
    assert len(at.header) == 1
    assert not at.exception
    assert "section" not in at.query_params


def test_a_section_is_chosen_and_stands_in_the_address() -> None:
    at = open_paper()
    at.get("button_group")[0].set_value("figure4").run()
    check_calm(at, "Figure 4")
    assert at.query_params["section"] == "figure4"


def test_figure_3_shows_printed_and_recomputed_on_request() -> None:
    at = open_paper(section="figure3")
    check_calm(at, "Figure 3")
    table = load("fig3_single_dimension").query("dimension == 'depth'")
    assert chart(at)["Depth, printed"]["x"] == list(table["flops_billions"])
    assert chart(at)["Depth, printed"]["y"] == list(table["imagenet_top1_pct"])
    assert set(chart(at)) == {"Width, printed", "Depth, printed", "Resolution, printed"}
    assert "Depth 1.15–1.21" in words(at)  # README of the shared facts, section 8
    assert "Resolution 1.27–1.33" in words(at)
    assert "start, 1.30" in words(at)
    assert "from 76.1 % to 80.3 %" in at.get("plotly_chart")[0].proto.alt
    assert len(at.dataframe[0].value) == 16
    # By hand from the drawn dots: (77.68 - 76.1) / log2(0.936 / 0.5) = 1.75 is the least of the three first steps.
    assert "1.75 to 2.60 points in the first step, 0.00 to 0.49 in the last" in words(at)
    gains = at.dataframe[0].value.set_index("network")["gain_points"]
    assert gains["d = 6"] > gains["d = 4"]
    assert "d = 6, r = 1.7, r = 2.2 gain more" in words(at)
    at.toggle(key="recomputed").set_value(True)
    at.toggle(key="log").set_value(True).run()
    check_calm(at, "Figure 3")
    assert "Depth, recomputed" in chart(at)
    assert len(chart(at)) == 6
    assert json.loads(at.get("plotly_chart")[0].proto.spec)["layout"]["xaxis"]["type"] == "log"


def test_a_link_brings_back_figure_3_with_its_recomputed_curves() -> None:
    at = open_paper(section="figure3", recomputed="true")
    check_calm(at, "Figure 3")
    assert "Depth, recomputed" in chart(at)


def test_figure_4_shows_four_starts_and_says_what_is_not_known() -> None:
    at = open_paper(section="figure4")
    check_calm(at, "Figure 4")
    rows = load("fig4_width_by_baseline").query("baseline_d == 2 and baseline_r == 1.3")
    assert chart(at)["d = 2, r = 1.3, printed"]["y"] == list(rows["imagenet_top1_pct"])
    assert len(chart(at)["d = 1, r = 1, recomputed where w is known"]["x"]) == 6
    starts = at.dataframe[0].value
    # 0.3858, 0.7184 and 0.7823 by a script that shares no code with EffViz.
    assert [round(value, 4) for value in starts["macs_billions_recomputed"]][:3] == [0.3858, 0.7184, 0.7823]
    assert list(starts["flops_billions_printed"]) == [0.5, 0.935, 0.95, 1.787]
    assert "the paper does not say" in words(at)


def test_figure_2_plans_what_the_sliders_ask_for() -> None:
    at = open_paper(section="figure2", d="4.0", w="2.0", r="2.0", grow="0.0")
    check_calm(at, "Figure 2")
    macs = dict(zip(at.dataframe[0].value["network"], at.dataframe[0].value["macs"], strict=True))
    # Table 7's networks, counted by the official rules (shared facts); phi = 0 is B0.
    assert {name: round(value / 1e9, 3) for name, value in macs.items()} == {
        "Baseline": 0.386,
        "Width": 1.450,
        "Depth": 1.575,
        "Resolution": 1.538,
        "Compound": 0.386,
    }
    at.slider(key="d").set_value(1.0).run()
    assert at.dataframe[0].value["blocks"].tolist() == [16, 16, 16, 16, 16]


def test_figure_2_gives_all_the_same_macs() -> None:
    at = open_paper(section="figure2", grow="2.0")
    at.button[0].click().run()
    check_calm(at, "Figure 2")
    costs = at.dataframe[0].value["macs_times_baseline"].tolist()
    assert all(0.85 * costs[-1] < cost <= costs[-1] for cost in costs[1:])


def test_table_1_printed_and_recomputed_agree() -> None:
    at = open_paper(section="table1")
    check_calm(at, "Table 1")
    rows = at.dataframe[0].value
    table = load("table1_b0")
    assert list(rows["channels_printed"]) == list(table["output_channels"])
    assert list(rows["resolution_printed"]) == list(rows["resolution_recomputed"]) == list(table["input_resolution"])
    assert rows["params_recomputed"].sum() == 5_288_548  # torchvision's count
    assert "author" not in words(at)


def test_the_first_printing_of_table_1_has_its_erratum() -> None:
    at = open_paper(section="table1", paper="v1")
    check_calm(at, "Table 1")
    assert list(at.dataframe[0].value["resolution_printed"])[5] == 28
    assert "tensorflow/tpu#383" in words(at)


@pytest.mark.parametrize("stage", [1, 9])
def test_the_parts_of_a_stage_add_up(stage: int) -> None:
    at = open_paper(section="table1", stage=str(stage))
    check_calm(at, "Table 1")
    planned = plan(1, 1, 224).stages[stage - 1]
    assert at.dataframe[1].value["macs"].sum() == planned.macs
    assert f"Stage {stage}, {planned.operator}: **{planned.macs:,}** MACs in total." in words(at)


def test_results_show_both_figures_and_point_out_the_misprint() -> None:
    at = open_paper(section="results")
    check_calm(at, "Table 2")
    assert len(at.get("plotly_chart")) == 2
    assert "for PNASNet, the paper prints 6.0 times the FLOPs of EfficientNet-B4" in words(at)
    assert "rounding allows 5.29 to 5.66" in words(at)
    rows = at.dataframe[0].value.set_index("network")
    assert len(rows) == 24
    assert rows.loc["PNASNet", "flops_ratio_printed"] == 6.0
    assert round(rows.loc["PNASNet", "flops_ratio_recomputed"], 2) == 5.48  # 23 / 4.2
    assert list(rows.index[rows["misprint"]]) == ["PNASNet"]
    assert rows.loc["EfficientNet-B3", "params_millions_recomputed"] == 12.233232
    assert len(at.dataframe[1].value) == 8  # Table 8
    # GPipe's FLOPs, and all but the eight EfficientNets
    check_dashes(at, {"flops_billions": 1, "macs_billions_recomputed": 16})


def check_dashes(at: AppTest, missing: dict[str, int]) -> None:
    """Check that a missing number is a dash with its reason."""
    table = at.dataframe[0]
    assert table.proto.placeholder == "—"
    assert "A dash" in words(at)
    for column, count in missing.items():
        assert table.value[column].dtype == float  # so that the table can still be sorted by this column
        assert table.value[column].isna().sum() == count


@pytest.mark.parametrize(("version", "b0"), [("v3", 77.3), ("v1", 76.3)])
def test_results_follow_the_version(version: str, b0: float) -> None:
    at = open_paper(section="results", paper=version, drawn="true")
    check_calm(at, "Table 2")
    assert chart(at)[f"EfficientNet, Table 2 of {version}"]["y"][0] == b0
    drawn = {"v3": 77.3, "v1": 76.7}[version]  # the first versions' figures draw B0 at 76.7
    assert chart(at)["EfficientNet, drawn in Figure 1"]["y"][0] == drawn
    assert chart(at, 1)["EfficientNet, drawn in Figure 5"]["x"][0] == 0.393
    assert len(at.dataframe) == 1  # Table 8 is in v5 alone


def test_results_can_be_filtered_down_to_nothing() -> None:
    at = open_paper(section="results")
    at.get("button_group")[2].set_value(["B5"]).run()
    check_calm(at, "Table 2")
    assert list(at.dataframe[0].value["network"]) == ["EfficientNet-B5", "AmoebaNet-C"]
    at.get("button_group")[2].set_value([]).run()
    check_calm(at, "Table 2")
    assert "Choose a group" in words(at)


def test_table_3_leaves_out_what_is_not_chosen() -> None:
    at = open_paper(section="table3")
    check_calm(at, "Table 3")
    table = load("table3_scaling")
    assert chart(at)["Table 3, printed"]["y"] == list(table["top1_pct"])
    assert len(chart(at)["By the formula d · w² · r²"]["x"]) == 12
    check_dashes(at, {"macs_billions_formula": 2})  # two compound rows without coefficients
    at.get("button_group")[1].set_value(["ResNet-50"]).run()
    check_calm(at, "Table 3")
    assert chart(at)["Table 3, printed"]["x"] == [4.1, 16.2, 14.7, 16.4, 16.7]
    assert "not printed" in list(at.dataframe[0].value["coefficients"])
    at.get("button_group")[1].set_value([]).run()
    check_calm(at, "Table 3")


def test_table_7_says_that_its_networks_do_not_cost_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EFFVIZ_MODELS", str(tmp_path))  # a folder without checkpoints
    at = open_paper(section="table7")
    check_calm(at, "Table 7")
    assert "cost 1.45 to 1.58 billion and the compound network 1.83 billion" in words(at)
    assert "16 to 26 % more than the networks" in words(at)  # README of the shared facts, section 7: 16-26 %
    rows = at.dataframe[0].value
    assert list(rows["flops_billions_printed"]) == [0.4, 1.8, 1.8, 1.9, 1.8]
    assert [round(value, 3) for value in rows["macs_billions_recomputed"]] == [0.386, 1.575, 1.450, 1.538, 1.827]
    assert list(chart(at)["Compound, printed"]["y"]) == [76.1, 78.8, 79.8, 81.1, 82.6]
    assert "no trained network" in words(at)


@pytest.mark.parametrize(("version", "baseline"), [("v3", 77.3), ("v1", 76.3)])
def test_table_7_follows_the_version(version: str, baseline: float) -> None:
    at = open_paper(section="table7", paper=version)
    check_calm(at, "Table 7")
    assert chart(at, 1)["Table 7, printed"]["y"][0] == baseline
    assert at.get("button_group")[1].value == version


def test_the_mini_family_has_a_place_in_table_7(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = {
        "name": "mini-depth",
        "file": "mini/depth.safetensors",
        "sha256": "0" * 64,
        "family": "efficientnet",
        "padding": "same",
        "depth": 1.0,
        "width": 1.0,
        "resolution_px": 224,
        "classes": [f"class {i}" for i in range(1000)],
        "licence": "Apache-2.0",
        "origin": "trained here",
        "top1_pct": 71.5,
        "top1_source": "measured on its validation photos",
        "top1_pictures": 3925,
    }
    (tmp_path / "manifest.json").write_text(json.dumps([entry]))
    monkeypatch.setenv("EFFVIZ_MODELS", str(tmp_path))
    at = open_paper(section="table7")
    check_calm(at, "Table 7")
    assert chart(at, 2)["Depth"]["y"] == [71.5]
    assert chart(at, 2)["Depth"]["x"] == [pytest.approx(385.9, abs=0.1)]  # B0, million MACs: timm and FlopCounterMode
    assert "does not test the paper's claim about ImageNet" in words(at)


def offered(at: AppTest) -> list[str]:
    """Return the comparisons that Figure 7 links to."""
    return [button.key for button in at.button if button.key.startswith("figure7-")]


def test_figure_7_says_what_is_not_there_and_how_fine_each_map_is() -> None:
    at = open_paper(section="figure7")
    check_calm(at, "Figure 7")
    assert "never released" in words(at)
    # Strides multiply to 32: 224 / 32 = 7, 448 / 32 = 14, and 300 / 32 rounds up to 10.
    assert list(at.dataframe[0].value["map_cells"]) == ["7 × 7", "7 × 7", "7 × 7", "14 × 14", "10 × 10"]
    finer = "has 10 × 10 cells for compound scaling and 14 × 14 for resolution alone, but 7 × 7 for the other three"
    assert finer in words(at)
    assert offered(at) == ["figure7-mini", "figure7-scaling-axes"]
    energy = chart(at)["Compound"]
    assert energy["y"] == [pytest.approx(0.574, abs=5e-4)]  # models/mini/README.md: 0.574 (0.517 to 0.629)
    assert energy["error_y"]["array"] == [pytest.approx(0.629 - 0.574, abs=1e-3)]
    assert energy["error_y"]["arrayminus"] == [pytest.approx(0.574 - 0.517, abs=1e-3)]


def test_figure_7_without_the_mini_family(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EFFVIZ_MODELS", str(tmp_path))
    at = open_paper(section="figure7")
    check_calm(at, "Figure 7")
    assert offered(at) == ["figure7-scaling-axes"]
    assert not at.get("plotly_chart")


def test_figure_7_opens_its_comparisons_though_another_one_was_looked_at_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = tuple(replace(preset, sample="") for preset in presets.all_presets())  # no photo: no maps to wait for
    monkeypatch.setattr(figure7, "all_presets", lambda: found)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params.update({"models": "b1", "photos": ",", "section": "figure7"})
    at.run()
    for name, model in (("mini", "mini-compound@127"), ("scaling-axes", "lite2@260")):
        at.switch_page("effviz/ui/pages/paper.py").run()
        at.button(key=f"figure7-{name}").click().run()
        assert not at.exception
        assert "differently scaled" in at.title[0].value
        assert model in at.multiselect(key="picked").value


def test_transfer_shows_every_data_set_and_the_ratio_that_does_not_follow() -> None:
    at = open_paper(section="transfer")
    check_calm(at, "Tables 5 and 6")
    assert "prints 5.6 times fewer parameters; its own 58 and 17 million give 3.4" in words(at)
    assert "mean of 4.7 includes that ratio; recomputed, the mean is 4.4" in words(at)
    assert chart(at)["Against public networks, printed"]["x"] == [21, 21, 1.5, 4.1, 1.5, 4.1, 5.6, 2.4]
    assert chart(at, 1)["EfficientNet, drawn in Figure 6"]["y"][0] == 98.09
    at.get("button_group")[1].set_value("Flowers").run()
    check_calm(at, "Tables 5 and 6")
    assert chart(at, 1)["EfficientNet, drawn in Figure 6"]["y"][5] == 98.59
    assert "top-1 on Flowers" in at.get("plotly_chart")[1].proto.alt
    rows = at.dataframe[0].value.set_index("dataset")
    assert list(rows["classes"]) == list(load("table6_datasets")["classes"])
    assert rows.loc["Flowers", "best_model"] == "DAT 97.7 %"
