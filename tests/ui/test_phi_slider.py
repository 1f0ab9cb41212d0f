import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from effviz.scaling import Family, ScalingRule
from effviz.ui.components import Told, phi, told
from effviz.ui.components.phi import PhiTable, checked, phi_slider, phi_table


@pytest.fixture(scope="module")
def table() -> PhiTable:
    return phi_table(ScalingRule(), Family.EFFICIENTNET)


def test_the_table_has_a_row_for_every_step_from_minus_two_to_eight(table: PhiTable) -> None:
    assert len(table["rows"]) == len(table["nearest"]) == 201
    assert table["rows"][phi.STEPS.index(0)]["resolution"] == 224
    assert table["rows"][phi.STEPS.index(8)]["resolution"] == 685  # by hand: 224 * 1.15^8 = 685.2
    assert table["rows"][0]["resolution"] == 169  # by hand: 224 / 1.15^2 = 169.4


def test_phi_zero_is_the_baseline_as_published(table: PhiTable) -> None:
    row = table["rows"][phi.STEPS.index(0)]
    assert row["params"] == table["baseline"]["params"] == 5_288_548  # torchvision's num_params
    assert row["blocks"] == [1, 1, 2, 2, 3, 3, 4, 1]  # Table 1
    assert row["channels"] == [32, 16, 24, 40, 80, 112, 192, 320]
    assert row["map"] == 7


def test_published_networks_have_the_parameters_that_others_count(table: PhiTable) -> None:
    params = {network["name"]: network["params"] for network in table["published"]}
    # torchvision's num_params for B1, B3 and B7; timm's for L2
    assert (params["B1"], params["B3"], params["B7"]) == (7_794_184, 12_233_232, 66_347_960)
    assert params["L2"] == 480_309_308


def test_the_nearest_published_network_is_the_one_with_the_least_ratio_of_macs(table: PhiTable) -> None:
    nearest = [table["published"][table["nearest"][phi.STEPS.index(place)]]["name"] for place in (0, 1, -2)]
    assert nearest == ["B0", "B2", "B0"]  # at phi = 1 the same channels and blocks, 258 px for 260


def test_lite_is_compared_with_lite() -> None:
    lite = phi_table(ScalingRule(), Family.LITE)
    assert lite["baseline"]["name"] == "Lite0"
    assert lite["baseline"]["params"] == 4_652_008  # timm's tf_efficientnet_lite0
    assert all(network["name"].startswith("Lite") for network in lite["published"])


def test_the_steepest_rule_that_the_page_allows_can_be_drawn() -> None:
    assert phi_table(ScalingRule(1.5, 1.4, 1.3), Family.EFFICIENTNET)["rows"][-1]["resolution"] <= 2048


def test_the_payload_is_plain_json(table: PhiTable) -> None:
    payload = json.loads(json.dumps(table, allow_nan=False))
    assert payload["rows"][60]["blocks"][1:] == [2, 3, 3, 4, 4, 5, 2]  # facts: stages_all_models, B2
    assert payload["rule"][60] == pytest.approx(1.92027)  # by hand


def page() -> None:
    import streamlit as st

    from effviz.scaling import Family, ScalingRule
    from effviz.ui import cache
    from effviz.ui.components.phi import phi_slider

    table = cache.phi_table(ScalingRule(1.2, 1.1, 1.15), Family.EFFICIENTNET)
    phi = phi_slider(table, 2.5, "slider", print)
    st.text(f"phi is {phi:g}")


def test_the_slider_starts_where_the_page_says() -> None:
    at = AppTest.from_function(page, default_timeout=30).run()
    assert not at.exception
    assert at.text[0].value == "phi is 2.5"


@pytest.mark.parametrize("junk", ["2", None, 9.0, float("nan"), [1], True])
def test_nothing_but_a_position_of_the_slider_is_believed(junk: object) -> None:
    assert checked(junk, 1.0) == 1.0


@pytest.mark.parametrize(("between", "step"), [(0.123, 0.1), (0.13, 0.15), (-1.999, -2.0), (7.99, 8.0), (3, 3.0)])
def test_what_lies_between_two_positions_is_the_nearer_one(between: float, step: float) -> None:
    assert checked(between, 1.0) == step


@pytest.mark.parametrize(
    ("junk", "read"),
    [
        ({"value": 0.9, "move": 3}, Told(0.9, 3)),
        ({"value": 0.9}, Told(0.9, 0)),
        ({"value": 0.9, "move": True}, Told(0.9, 0)),
        ({"value": 0.9, "move": -1}, Told(0.9, 0)),
        ({"value": 0.9, "move": 10**400}, Told(0.9, 0)),
        ({"value": 0.9, "move": [3]}, Told(0.9, 0)),
        ([0.9, 3], Told(None, 0)),
        (0.9, Told(None, 0)),
        (None, Told(None, 0)),
    ],
)
def test_a_move_is_a_value_and_its_number(junk: object, read: Told) -> None:
    assert told(junk) == read


def test_a_page_moves_the_slider_until_the_hand_does(table: PhiTable, monkeypatch: pytest.MonkeyPatch) -> None:
    session: dict[str, dict[str, object]] = {"slider": {"phi": {"value": 2.0, "move": 3}}}
    kept: list[float] = []
    monkeypatch.setattr(phi.st, "session_state", session)
    monkeypatch.setattr(phi, "_mount", lambda **_: session["slider"])
    monkeypatch.setattr(phi, "PHI", SimpleNamespace(put=kept.append))

    def shown(value: float) -> float:
        return phi_slider(table, value, "slider")

    assert shown(1.0) == 2.0  # the third move of the drag
    phi.move_slider("slider", 1.1)
    assert kept == [1.1]
    assert shown(1.1) == shown(1.1) == 1.1
    session["slider"] = {"phi": {"value": 3.0, "move": 4}}
    assert shown(1.1) == 3.0
    session["slider"] = {"phi": {"value": 0.5, "move": 3}}  # another page was open in between: moves count from 1 again
    assert shown(1.1) == 0.5


@pytest.mark.parametrize(
    ("answer", "position"),
    [(1.0, 1.0), (1.0499, 1.0), (2.1999999999, 2.2), (-0.01, -0.05), (8.02, 8.0), (-2.1, None), (9, None)],
)
def test_an_answer_is_shown_at_the_last_position_that_fits(answer: float, position: float | None) -> None:
    assert phi.step_below(answer) == position


def press(name: object, table: PhiTable, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the page's result when the browser sends `name` as the network to add."""
    added: list[str] = []
    monkeypatch.setattr(phi.st, "session_state", {"slider": {"add": name}})
    monkeypatch.setattr(phi, "_mount", lambda **given: given["on_add_change"]() or {})
    phi_slider(table, 1.0, "slider", added.append)
    return added


def test_the_network_to_add_is_handed_on(table: PhiTable, monkeypatch: pytest.MonkeyPatch) -> None:
    assert press("B2", table, monkeypatch) == ["B2"]


@pytest.mark.parametrize("junk", [["B2"], {"B2": 1}, "B99", "", 2, None, True])
def test_nothing_but_a_published_network_is_added(
    junk: object, table: PhiTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert press(junk, table, monkeypatch) == []


def test_the_first_paint_needs_no_torch() -> None:
    code = (
        "import sys, effviz.ui.cache, effviz.ui.inputs, effviz.ui.outputs, effviz.ui.components.phi;"
        "print(sorted({'torch', 'timm', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
