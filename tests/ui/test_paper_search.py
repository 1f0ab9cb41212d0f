"""Two-step scaling on the Paper page: the grid's real costs, generated training results, and phi up to B7."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from effviz.facts import two_step_search
from effviz.scaling import plan

ROOT = Path(__file__).parents[2]
UNSCALED = {"alpha": 1, "beta": 1, "gamma": 1, "depth": 0.6, "width": 0.45, "resolution_px": 64}
DEEPER = {"alpha": 1.8, "beta": 1, "gamma": 1, "depth": 1.08, "width": 0.45, "resolution_px": 64}
SHARPER = {"alpha": 1, "beta": 1, "gamma": 1.35, "depth": 0.6, "width": 0.45, "resolution_px": 86}
WIDER = {"alpha": 1, "beta": 1.2, "gamma": 1.15, "depth": 0.6, "width": 0.54, "resolution_px": 74}


@pytest.fixture
def ship(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder of shipped runs, initially empty."""
    path = tmp_path / "run.csv"
    monkeypatch.setattr(two_step_search, "SHIPPED_FILE", path)
    two_step_search.shipped_results.cache_clear()
    yield path
    two_step_search.shipped_results.cache_clear()


def write(path: Path, *trainings: tuple[dict[str, float], int, float]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, two_step_search.result_columns())
        writer.writeheader()
        for bases, seed, top1 in trainings:
            network = plan(bases["depth"], bases["width"], bases["resolution_px"], classes=10)
            writer.writerow(
                bases
                | {
                    "seed": seed,
                    "paper_ratio": bases["alpha"] * bases["beta"] ** 2 * bases["gamma"] ** 2,
                    "macs": network.macs,
                    "macs_ratio": network.macs / plan(0.6, 0.45, 64, classes=10).macs,
                    "params": network.params,
                    "top1_pct": top1,
                    "pictures": 3925,
                    "epochs": 5,
                    "seconds": 240.0,
                    "recipe": "search abc",
                    "source": "trained by hand, 9469 pictures of 10 classes",
                }
            )


def open_section(**address: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.switch_page("effviz/ui/pages/paper.py")
    at.query_params.update(address | {"section": "search"})
    at.run()
    assert "Two-step" in at.header[0].value
    assert not at.exception
    assert not at.error
    assert not at.warning
    return at


def charts(at: AppTest) -> list[dict[str, dict[str, object]]]:
    """Return trace name -> trace of every chart, as sent to the browser."""
    specs = [json.loads(element.proto.spec) for element in at.get("plotly_chart")]
    return [{trace["name"]: trace for trace in spec["data"] if trace["x"] != [None]} for spec in specs]


def words(at: AppTest) -> str:
    return "\n".join(str(element.value) for kind in ("markdown", "caption", "info") for element in at.get(kind))


def test_the_grid_and_step_2_are_there_when_nothing_is_shipped(ship: Path) -> None:
    at = open_section()
    assert not ship.exists()
    assert "This copy of EffViz includes no finished search, so no accuracy is shown" in words(at)
    assert len(charts(at)) == 3  # the grid twice, and step 2
    assert "top1_pct" not in at.dataframe[0].value
    check_grid(at)
    check_step_2(at)


def check_grid(at: AppTest) -> None:
    """Check the real costs of points."""
    rows = at.dataframe[0].value
    assert len(rows) == 44
    own = rows.query("alpha == 1.2 and beta == 1.1 and gamma == 1.15").iloc[0]
    # 1.2 * 1.21 * 1.3225; blocks 2 + 3 + 3 + 4 + 4 + 5 + 2; 224 * 1.15 = 257.6 px
    assert own["paper_ratio"] == pytest.approx(1.92027)
    assert (own["blocks"], own["resolution_px"]) == (23, 258)
    assert own["macs"] == plan(1.2, 1.1, 258).macs
    assert "choice costs 1.92 times B0's MACs. Counted, the factor is **2.57**" in words(at)
    doubled = rows.query("1.8 <= paper_ratio <= 2.2")
    real = rows.query("1.8 <= macs_ratio <= 2.2")
    both = len(set(doubled.index) & set(real.index))
    assert f"**{len(doubled)}** of 44 points" in words(at)
    assert f"**{len(real)}** do so when counted" in words(at)
    assert f"only **{both}** do both" in words(at)
    space, cost = charts(at)[:2]
    for chart in (space, cost):
        assert len(chart["Doubled by formula and count"]["x"]) == both


def check_step_2(at: AppTest) -> None:
    """Compare the formula with published values."""
    rows = at.dataframe[1].value.set_index("network")
    assert rows.loc["B7", "depth_formula"] == pytest.approx(3.5831808)  # 1.2^7
    assert rows.loc["B7", "depth_published"] == 3.1
    assert rows.loc["B7", "resolution_px_formula"] == pytest.approx(595.84, abs=0.01)  # 224 * 1.15^7
    assert rows.loc["B7", "resolution_px_published"] == 600
    assert round(rows.loc["B7", "phi_of_width"], 2) == 7.27  # shared facts
    assert charts(at)[2]["Depth, published"]["x"] == [0, 0.5, 1, 2, 3.5, 5, 6, 7]


def test_the_fine_grid_is_a_link_away(ship: Path) -> None:
    at = open_section(grid="fine")
    assert len(at.dataframe[0].value) == 144


def test_a_shipped_run_shows_its_size_its_best_and_its_noise(ship: Path) -> None:
    write(
        ship,
        (UNSCALED, 0, 53.0),
        (UNSCALED, 1, 50.0),
        (DEEPER, 0, 62.0),
        (DEEPER, 1, 60.0),
        (SHARPER, 0, 61.5),
        (SHARPER, 1, 60.5),
        (WIDER, 0, 40.0),
    )
    at = open_section()
    said = words(at)
    assert "7 training runs of 5 epochs each, 28 minutes in all" in said  # 7 times 240 s
    assert "64 px, with 7.61 million MACs (B0 has 386), evaluated on 3,925 validation images" in said
    assert "9469 pictures of 10 classes" in said
    assert (
        "Best with two seeds or more: **α 1, β 1, γ 1.35**, 61.00 %" in said or "**α 1.8, β 1, γ 1**, 61.00 %" in said
    )
    # squares 4.5 + 2 + 0.5 over three degrees of freedom; 40 is 21 below the best, the tie is level
    assert "differ by 1.53 points" in said
    assert "**1 of the other 2 points may be as good**" in said
    trials, space = charts(at)[2:4]
    assert sorted(trials["One training run"]["x"]) == [40, 50, 53, 60, 60.5, 61.5, 62]
    assert trials["Best with two seeds or more"]["x"] == [61]
    assert sorted(space["Trained"]["marker"]["color"]) == [40, 61, 61]
    assert len(space["Not trained, so without an accuracy"]["x"]) == 60 - 3
    assert len(charts(at)) == 5


def test_a_run_without_second_seeds_has_no_best(ship: Path) -> None:
    write(ship, (UNSCALED, 0, 53.0), (DEEPER, 0, 62.0))
    at = open_section()
    assert "none counts as the best" in words(at)
    assert "Best with two seeds or more" not in charts(at)[2]


def test_a_run_that_has_only_begun_is_shown_as_far_as_it_is(ship: Path) -> None:
    write(ship, (UNSCALED, 0, 53.0))
    assert charts(open_section())[2]["One training run"]["x"] == [53]
