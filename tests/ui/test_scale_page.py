import math
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

PAGE = str(Path(__file__).parents[2] / "effviz/ui/pages/scale.py")


def open_scale(**address: str) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=60)
    at.query_params.update(address)
    return at.run()


def words(at: AppTest) -> str:
    return "\n".join(str(element.value) for kind in ("markdown", "caption", "latex") for element in at.get(kind))


def table(at: AppTest, position: int) -> pd.DataFrame:
    shown: pd.DataFrame = at.table[position].value
    return shown.replace("\N{NO-BREAK SPACE}", " ", regex=True)


def check_calm(at: AppTest) -> None:
    assert [title.value for title in at.title] == ["How does one number scale a network?"]
    assert not at.exception
    assert not at.error


def metrics(at: AppTest) -> dict[str, str]:
    return {metric.label: str(metric.value) for metric in at.metric}


@pytest.fixture(scope="module")
def first() -> AppTest:
    """Return a first visit, for read-only tests."""
    at = open_scale()
    check_calm(at)
    assert not at.warning
    assert at.query_params == {}
    return at


def test_a_first_visit_shows_the_papers_rule_at_phi_one(first: AppTest) -> None:
    at = first
    # By hand: 1.2 * 1.1^2 * 1.15^2 = 1.92027.
    assert r"\gamma^{2} = 1.920" in words(at)
    # At phi = 1 channels and blocks are those of B2, at 258 px (1.15 * 224 = 257.6) for 260.
    assert "The network at φ = 1.00 costs 993 M MACs" in words(at)


def test_published_coefficients_stand_beside_the_phi_they_imply(first: AppTest) -> None:
    rows = table(first, 0).set_index("Network")
    # ln(3.1)/ln(1.2), ln(2)/ln(1.1), ln(600/224)/ln(1.15); torchvision counts 66,347,960 parameters and 37.7 B MACs.
    row = rows.loc["**B7**"]
    assert (row["Depth"], row["Width"], row["Input"]) == ("3.1", "2.0", "600 px")
    assert (row["φ of depth"], row["φ of width"], row["φ of input"]) == ("6.21", "7.27", "7.05")
    assert (row["Params"], row["MACs"]) == ("66.3 M", "37.7 B")
    assert "hand-picked" in words(first)


def test_the_stage_table_of_phi_zero_is_table_1() -> None:
    rows = table(open_scale(phi="0"), 2)
    assert list(rows["Channels"]) == ["32", "16", "24", "40", "80", "112", "192", "320", "1280"]
    assert list(rows["Layers"]) == ["1", "1", "2", "2", "3", "3", "4", "1", "1"]
    assert list(rows["Input"]) == ["224²", "112²", "112²", "56²", "28²", "14²", "14²", "7²", "7²"]


def test_the_stage_table_shows_before_and_after(first: AppTest) -> None:
    rows = table(first, 2)
    assert rows["Channels"][3] == "40 → **48**"  # 44 is rounded to a multiple of 8, facts: stages_all_models, B2
    assert rows["Layers"][3] == "2 → **3**"  # ceil(2.4)


def test_every_method_spends_the_same_budget() -> None:
    rows = table(open_scale(phi="2"), 1)
    assert list(rows["What grows"]) == ["**Compound**", "**Depth**", "**Width**", "**Resolution**"]
    assert list(rows["Input"][1:3]) == ["224 px", "224 px"]
    assert list(rows["Params"])[3] == "5.29 M"  # a larger input adds no parameters


def test_the_compound_network_of_the_table_is_that_of_the_slider(first: AppTest) -> None:
    rows = table(first, 1)
    # By hand: 224 · 1.15 = 257.6. Solved back from the MACs, φ = 1.02 would fit as well.
    assert (rows["Coefficient"][0], rows["Input"][0], rows["Left over"][0]) == ("φ = 1.00", "258 px", "0.0 %")


def test_a_method_that_cannot_shrink_that_far_says_so_and_the_rest_stays() -> None:
    at = open_scale(phi="-2", alpha="1.5", beta="1.4", gamma="1.3")
    check_calm(at)
    assert any("scaling by depth starts at" in message.value for message in at.warning)
    assert "**Width**" in list(table(at, 1)["What grows"])


def test_the_rule_can_be_changed_and_set_back() -> None:
    at = open_scale()
    at.number_input(key="alpha").set_value(1.3).run()
    check_calm(at)
    # By hand: 1.3 * 1.1^2 * 1.15^2 = 2.0803.
    assert r"= 2.080" in words(at)
    next(button for button in at.button if button.label == "Back to the paper's values").click().run()
    assert r"= 1.920" in words(at)


def test_a_rule_that_scales_nothing_is_shown_calmly() -> None:
    at = open_scale(alpha="1", beta="1", gamma="1")
    check_calm(at)
    assert r"= 1.000" in words(at)
    assert table(at, 0)["φ of depth"][0] == "none"
    assert any("does not change the MACs" in message.value for message in at.warning)
    assert any("is 50 % off the paper's 2" in message.value for message in at.warning)


def test_lite_has_its_own_published_networks() -> None:
    at = open_scale(family="EfficientNet-Lite", phi="0")
    check_calm(at)
    assert list(table(at, 0)["Network"]) == ["**Lite0**", "**Lite1**", "**Lite2**", "**Lite3**", "**Lite4**"]
    # 4,652,008: timm's tf_efficientnet_lite0
    assert table(at, 0)["Params"][0] == "4.65 M"


@pytest.mark.parametrize("phi", ["abc", ""])
def test_a_phi_that_makes_no_sense_is_one_sentence(phi: str) -> None:
    at = open_scale(phi=phi)
    check_calm(at)
    assert [message.value for message in at.warning] == [
        f"The link asks for phi = '{phi}', but phi must be a number from -2 to 8. Move the slider to choose one."
    ]
    assert "The network at φ = 1.00" in words(at)


def test_other_junk_in_a_link_leaves_the_page_as_it_is(first: AppTest) -> None:
    at = open_scale(alpha="abc", beta="inf", gamma="nan", family="resnet", budget="money")
    check_calm(at)
    assert not at.warning
    assert words(at) == words(first)


@pytest.mark.parametrize("beta", ["9", "0.5", "-1"])
def test_a_base_out_of_its_range_leaves_its_sentence_and_the_rule_as_it_was(beta: str, first: AppTest) -> None:
    at = open_scale(beta=beta)
    check_calm(at)
    (warning,) = at.warning
    assert warning.value.startswith(f"β is {float(beta):g}, but must be between 1 and 1.4")
    assert warning.value.endswith("The rule keeps 1.1.")
    assert "= 1.920" in words(at)
    (back,) = [button for button in at.button if button.label == "Back to the paper's values"]
    assert not back.disabled
    back.click().run()
    assert at.number_input(key="beta").value == 1.1
    assert not at.warning


def test_a_base_out_of_its_range_keeps_the_last_one_that_was_in_it() -> None:
    at = open_scale(alpha="1.25")
    at.number_input(key="alpha").set_value(1.7).run()
    assert [message.value for message in at.warning if "α is 1.7" in message.value]
    # By hand: 1.25 * 1.21 * 1.3225 = 2.0003.
    assert "= 2.000" in words(at)


def test_a_constraint_missed_by_more_than_five_per_cent_is_flagged() -> None:
    at = open_scale(alpha="1.3")  # 2.080: 4 % above 2, about as far as the paper's own
    assert not at.warning
    at.number_input(key="alpha").set_value(1.4).run()
    # By hand: 1.4 * 1.21 * 1.3225 = 2.2403, 12.0 % above 2.
    assert "= 2.240 is 12 % off the paper's 2" in at.warning[0].value


def test_a_solved_budget_moves_the_slider() -> None:
    at = open_scale(phi="3")
    at.number_input(key="macs-amount").set_value(2000.0).run()
    phi = metrics(at)["Compound"]
    at.button(key="show-above").click().run()
    # The slider has steps of 0.05; this is the last one that fits.
    below = math.floor(float(phi.removeprefix("φ = ")) / 0.05) * 0.05
    assert f"The network at φ = {below:.2f} costs" in words(at)
    assert at.query_params["phi"] == f"{below:g}"


def test_the_answer_of_one_dimension_alone_is_not_on_the_slider() -> None:
    at = open_scale(method="width")
    assert at.button(key="show-above").disabled


def test_the_budget_solver_shows_what_is_left(first: AppTest) -> None:
    found = metrics(first)
    assert found["Input"] == "259 px"
    assert found["MACs used"].endswith("M")
    assert float(found["Left over"].removesuffix(" %")) >= 0


def test_a_budget_too_small_is_one_sentence() -> None:
    at = open_scale()
    at.number_input(key="macs-amount").set_value(0.01).run()
    check_calm(at)
    assert any("A budget of 10000 MACs is too small" in message.value for message in at.warning)


def test_a_budget_of_memory_is_kept_apart_from_one_of_macs() -> None:
    at = open_scale(budget="activation-memory", method="resolution")
    check_calm(at)
    assert at.number_input(key="activation-memory-amount").label == "Limit (MB)"
    assert "Activation memory used" in metrics(at)


def test_several_limits_in_a_link_are_drawn_and_the_one_that_binds_is_named() -> None:
    link = {"macs-amount": "100", "params-limit": "1", "input-px": "128", "class-count": "5"}
    at = open_scale(**link)
    check_calm(at)
    assert not at.warning
    shown = metrics(at)
    assert shown["Input"] == "128 px"
    assert "Parameters used" in shown
    assert "the limit on parameters is reached first" in words(at)
    charts = [chart.proto.spec for chart in at.get("plotly_chart") if "parameters (reached first)" in chart.proto.spec]
    assert len(charts) == 1
    code = [block.value for block in at.code if "num_classes=5" in block.value]
    assert len(code) == 2  # timm and torchvision
    assert "classes=5" in at.code[-1].value  # Keras


def test_a_fixed_input_that_alone_should_grow_is_one_sentence() -> None:
    at = open_scale(**{"input-px": "128", "method": "resolution"})
    check_calm(at)
    assert any("fixed at 128 px" in message.value for message in at.warning)
