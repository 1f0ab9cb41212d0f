"""Localisation of the mini family's maps: the figure shows the values in the files next to the weights."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from effviz.errors import SettingsError
from effviz.ui.paper import figure7 as figure7_section

ROOT = Path(__file__).parents[2]
HEAD = "model,macs,method,metric,mean,low,high,n,small_mean,small_low,small_high,small_n\n"


def rows(deeper: float) -> str:
    """Return two networks and one control by two metrics, as written by `effviz report`."""
    made = [
        ("mini-baseline@96", 13_500_000, "cam", "energy", 0.54),
        ("mini-depth@96", 55_400_000, "cam", "energy", deeper),
        ("mini-baseline@96", 13_500_000, "control-gaussian", "energy", 0.59),
        ("mini-depth@96", 55_400_000, "control-gaussian", "energy", 0.59),
        ("mini-baseline@96", 13_500_000, "cam", "pointing", 0.74),
        ("mini-depth@96", 55_400_000, "cam", "pointing", 0.78),
    ]
    lines = [
        f"{name},{macs},{method},{metric},{mean},{mean - 0.05},{mean + 0.05},134,,,,0"
        for name, macs, method, metric, mean in made
    ]
    return HEAD + "\n".join(lines) + "\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EFFVIZ_MODELS", str(tmp_path))
    (tmp_path / "manifest.json").write_text("[]")
    (tmp_path / "mini").mkdir()
    return tmp_path / "mini"


def figure7(**address: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    test.switch_page("effviz/ui/pages/paper.py")
    test.query_params.update({"section": "figure7", **address})
    return test.run()


def charts(test: AppTest) -> list[dict[str, dict[str, object]]]:
    specs = [json.loads(chart.proto.spec)["data"] for chart in test.get("plotly_chart")]
    return [{trace.get("name", "names"): trace for trace in spec} for spec in specs]


@pytest.mark.parametrize(("cells", "deeper"), [("own", 0.61), ("smooth", 0.56)])
def test_the_figure_shows_the_file_of_the_chosen_cells(folder: Path, cells: str, deeper: float) -> None:
    (folder / "localisation.csv").write_text(rows(0.61))
    (folder / "localisation-smooth.csv").write_text(rows(0.56))
    test = figure7(**{"mini-cells": cells})
    assert not test.exception
    axis = json.loads(test.get("plotly_chart")[-1].proto.spec)["layout"]["xaxis"]
    assert axis["ticktext"] == ["Baseline<br>14", "Depth<br>55"]  # million MACs
    drawn = charts(test)[-1]
    assert drawn["Depth"]["y"] == [deeper]
    assert (drawn["Baseline"]["x"], drawn["Depth"]["x"]) == ([0], [1])  # one column each
    assert drawn["Depth"]["error_y"]["array"] == [pytest.approx(0.05)]
    assert drawn["Baseline"]["y"] == [0.54]
    assert drawn["Control: centre Gaussian"]["y"] == [0.59, 0.59]
    start, end = drawn["Control: centre Gaussian"]["x"]
    assert start < 0 < 1 < end  # below all models
    assert any("Imagenette validation photos with bounding boxes" in text.value for text in test.markdown)
    assert any("134 photos" in caption.value for caption in test.caption)


def test_another_measure_is_another_figure(folder: Path) -> None:
    for name in ("localisation.csv", "localisation-smooth.csv"):
        (folder / name).write_text(rows(0.61))
    drawn = charts(figure7(**{"mini-place": "pointing"}))[-1]
    assert (drawn["Baseline"]["y"], drawn["Depth"]["y"]) == ([0.74], [0.78])


def test_a_network_whose_map_was_never_made_costs_its_controls_alone(folder: Path) -> None:
    line = "mini-width@96,53800000,control-gaussian,energy,0.5,0.4,0.6,134,,,,0\n"
    (folder / "localisation.csv").write_text(rows(0.61) + line)
    (folder / "localisation-smooth.csv").write_text(rows(0.56))
    test = figure7()
    assert not [*test.exception, *test.error, *test.warning]
    drawn = charts(test)[-1]
    assert (drawn["Baseline"]["y"], drawn["Depth"]["y"]) == ([0.54], [0.61])
    assert drawn["Control: centre Gaussian"]["y"] == [0.59, 0.59]


def test_without_measurements_nothing_is_said_of_them(folder: Path) -> None:
    test = figure7()
    assert not test.exception
    assert not [*test.error, *test.warning]
    assert not charts(test)
    assert not any("Imagenette validation photos with bounding boxes" in text.value for text in test.markdown)
    assert "Measured on photos with bounding boxes" not in [text.value for text in test.subheader]


def test_a_file_of_something_else_costs_one_sentence(folder: Path) -> None:
    for name in ("localisation.csv", "localisation-smooth.csv"):
        (folder / name).write_text("a,b\n1,2\n")
    test = figure7()
    assert not test.exception
    assert not charts(test)
    assert any("localisation.csv cannot be read" in error.value for error in [*test.error, *test.warning, *test.info])


def test_a_table_of_endless_words_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "summary.csv").write_text("model,method\n" + "a" * 200_000)
    with pytest.raises(SettingsError, match=r"summary\.csv cannot be read"):
        figure7_section.read_summary(tmp_path / "summary.csv")
