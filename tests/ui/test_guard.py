import logging

import pytest
from streamlit.testing.v1 import AppTest


def page() -> None:
    import streamlit as st

    from effviz.errors import EffVizError, ImageError
    from effviz.ui.guard import guard, last_guard

    with last_guard():
        choice = st.session_state.get("choice")
        with guard():
            if choice == "photo":
                raise ImageError("This is not a photo.")
            st.text("inside")
        if choice == "late":
            raise EffVizError("Nobody caught this nearby.")
        if choice == "mistake":
            raise ZeroDivisionError("secret detail")
        if choice == "stop":
            st.stop()
        st.text("after")


def run(choice: str) -> AppTest:
    at = AppTest.from_function(page)
    at.session_state["choice"] = choice
    return at.run()


def test_an_error_of_the_visitor_costs_its_own_part_only() -> None:
    at = run("photo")
    assert [message.value for message in at.warning] == ["This is not a photo."]
    assert [text.value for text in at.text] == ["after"]


def test_the_last_guard_speaks_for_an_error_that_no_guard_caught() -> None:
    at = run("late")
    assert [message.value for message in at.warning] == ["Nobody caught this nearby."]
    assert not at.error


def test_a_mistake_of_ours_is_logged_and_shown_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="effviz.ui.guard"):
        at = run("mistake")
    assert len(at.error) == 1
    assert "secret" not in at.error[0].value
    assert not at.exception
    assert "ZeroDivisionError: secret detail" in caplog.text


def test_a_stop_passes_through() -> None:
    at = run("stop")
    assert not at.error
    assert not at.warning
    assert [text.value for text in at.text] == ["inside"]
