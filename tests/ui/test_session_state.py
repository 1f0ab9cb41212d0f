import pytest
from streamlit.testing.v1 import AppTest

from effviz.errors import SettingsError
from effviz.ui.session import parse_labels, parse_phi


@pytest.mark.parametrize(
    ("text", "phi"), [("1.5", 1.5), ("-2", -2.0), ("8", 8.0), ("1.234", 1.25), ("0.3", 0.3), ("1e0", 1.0)]
)
def test_phi_of_a_link_lands_on_the_sliders_steps(text: str, phi: float) -> None:
    assert parse_phi(text) == phi


@pytest.mark.parametrize("text", ["abc", "", "999", "-2.1", "nan", "inf", "-inf", "1,5", "<b>1</b>"])
def test_phi_of_a_link_that_makes_no_sense_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(SettingsError, match="a number from -2 to 8"):
        parse_phi(text)


def test_labels_of_a_link_are_split_and_trimmed() -> None:
    assert parse_labels("lite0@224, lite2@260,,") == ("lite0@224", "lite2@260")
    assert parse_labels("") == ()


def page() -> None:
    import streamlit as st

    from effviz.ui.guard import guard
    from effviz.ui.session import PHI

    with guard():
        PHI.adopt()
    if st.button("to three"):
        PHI.put(3.0)
    if st.button("to one"):
        PHI.put(1.0)
    st.text(f"phi is {PHI.get():g}")


def shown(at: AppTest) -> str:
    return str(at.text[0].value)


def test_a_link_sets_the_value_and_stays_in_the_address() -> None:
    at = AppTest.from_function(page)
    at.query_params["phi"] = "2.5"
    at.run()
    assert shown(at) == "phi is 2.5"
    assert at.query_params == {"phi": "2.5"}


def test_without_a_link_the_default_holds_and_the_address_stays_short() -> None:
    at = AppTest.from_function(page).run()
    assert shown(at) == "phi is 1"
    assert at.query_params == {}


def test_a_change_is_written_into_the_address_and_an_old_address_does_not_undo_it() -> None:
    at = AppTest.from_function(page)
    at.query_params["phi"] = "2.5"
    at.run()
    at.button[0].click().run()
    assert shown(at) == "phi is 3"
    assert at.query_params == {"phi": "3"}
    at.query_params["phi"] = "2.5"  # a rerun that was asked for before the address had changed
    at.run()
    assert shown(at) == "phi is 3"


def test_back_at_the_default_the_address_is_short_again() -> None:
    at = AppTest.from_function(page)
    at.query_params["phi"] = "2.5"
    at.run()
    at.button[1].click().run()
    assert shown(at) == "phi is 1"
    assert at.query_params == {}


def test_a_value_survives_an_address_emptied_by_a_change_of_page() -> None:
    at = AppTest.from_function(page)
    at.query_params["phi"] = "2.5"
    at.run()
    at.query_params.clear()
    at.run()
    assert shown(at) == "phi is 2.5"
    assert at.query_params == {"phi": "2.5"}


@pytest.mark.parametrize("text", ["abc", "999"])
def test_junk_in_a_link_is_one_message_once(text: str) -> None:
    at = AppTest.from_function(page)
    at.query_params["phi"] = text
    at.run()
    assert [message.value for message in at.warning] == [
        f"The link asks for phi = '{text}': phi is a number from -2 to 8. Move the slider to choose one."
    ]
    assert shown(at) == "phi is 1"
    assert at.query_params == {}
    at.run()
    assert not at.warning
