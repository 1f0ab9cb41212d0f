"""The section on the problem without a browser: limits move the region, the picks and the cut."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from effviz.scaling import plan

ROOT = Path(__file__).parents[2]


def open_problem(**address: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.switch_page("effviz/ui/pages/paper.py")
    at.query_params.update({"section": "problem", **address})
    return at.run()


def check_calm(at: AppTest) -> None:
    assert "The problem" in at.header[0].value
    assert not at.exception
    assert not at.error
    assert not at.warning


def trace(at: AppTest, chart: int, name: str) -> dict[str, object]:
    spec = json.loads(at.get("plotly_chart")[chart].proto.spec)
    return next(each for each in spec["data"] if each.get("name") == name)


def formulas(at: AppTest) -> str:
    return "\n".join(each.value for each in at.latex)


def test_a_first_visit_shows_what_each_way_picks() -> None:
    at = open_problem()
    check_calm(at)
    assert r"\le 80\,\text{MB}" in formulas(at)
    assert r"\le 2 \cdot 10^9" in formulas(at)
    rows = at.dataframe[0].value.set_index("network")
    assert list(rows.index) == ["Baseline", "Depth", "Width", "Resolution", "Compound"]
    assert all(rows["macs_billions"] <= 2)
    assert all(rows["memory_mb"] <= 80)
    assert list(rows["stopped_by"])[1:] == [
        "Limited by memory",
        "Limited by memory",
        "Limited by MACs",
        "Limited by MACs",
    ]
    # Figure 8: d = 3 78.84, w = 1.8 78.51, r = 2.2 79.54; B3 (1.827 billion) 81.1, and B0, where the curves start.
    assert list(rows["trained"]) == ["B0", "d = 3", "w = 1.8", "r = 2.2", "B3"]
    assert list(rows["trained_top1_pct"]) == [76.1, 78.84, 78.51, 79.54, 81.1]
    assert list(rows["weights_mb"] + rows["activations_mb"]) == pytest.approx(list(rows["memory_mb"]))
    compound = rows.loc["Compound"]
    network = plan(compound["depth"], compound["width"], compound["resolution_px"])
    assert compound["macs_billions"] == network.macs / 1e9


def test_limits_in_the_address_are_the_sliders() -> None:
    at = open_problem(macs="1.0", memory="256")
    check_calm(at)
    assert (at.select_slider(key="macs").value, at.select_slider(key="memory").value) == (1.0, 256)
    assert set(at.dataframe[0].value["stopped_by"][1:]) == {"Limited by MACs"}


def test_a_moved_limit_moves_everything() -> None:
    at = open_problem()
    before = at.dataframe[0].value.set_index("network")
    at.select_slider(key="memory").set_value(1000).run()
    check_calm(at)
    after = at.dataframe[0].value.set_index("network")
    assert after.loc["Depth", "depth"] > before.loc["Depth", "depth"]
    assert after.loc["Compound", "depth"] == before.loc["Compound", "depth"]  # MACs limited it before, and still do
    assert trace(at, 0, "Depth")["z"] == [after.loc["Depth", "depth"]]


def test_the_cut_is_made_where_a_network_is() -> None:
    at = open_problem(cut="compound")
    check_calm(at)
    compound = at.dataframe[0].value.set_index("network").loc["Compound"]
    assert f"All networks in this slice have d = {compound['depth']:.2f}" in "".join(each.value for each in at.markdown)
    assert trace(at, 1, "Compound")["x"] == [compound["width"]]
    assert f"at d = {compound['depth']:.2f}" in at.get("plotly_chart")[1].proto.alt
    with pytest.raises(StopIteration):
        trace(at, 1, "Width")  # its depth is 1


def test_the_chain_of_the_baseline_is_table_1() -> None:
    at = open_problem(stages="baseline")
    check_calm(at)
    rows = at.table[0].value
    assert list(rows["Layers"]) == ["1", "1", "2", "2", "3", "3", "4", "1", "1"]


@pytest.mark.parametrize(("macs", "memory"), [("0.5", "1000"), ("40.0", "32")])
def test_the_ends_of_the_sliders(macs: str, memory: str) -> None:
    at = open_problem(macs=macs, memory=memory)
    check_calm(at)
    assert len(at.get("plotly_chart")) == 2
    rows = at.dataframe[0].value
    assert all(rows["macs_billions"] <= float(macs))
    assert all(rows["memory_mb"] <= float(memory))
