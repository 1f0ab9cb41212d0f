"""One or several of a few named things; what is chosen stands in the address by its value.

Streamlit's `bind="query-params"` writes the names that the visitor reads, so a link that was made in German would mean
nothing to somebody who reads English. Where names are translated, these widgets take its place.

What was chosen is there again after a look at another page, whose address says nothing about it.
"""

from collections.abc import Mapping, Sequence

import streamlit as st

Names = Mapping[str, str]  # the value in the address -> what the visitor reads


def one(label: str, names: Names, key: str, first: str, help: str | None = None) -> str:
    """Choose one in a row of buttons; `first` is chosen where the address asks for nothing that exists."""
    state = _adopt_one(key, names, first)
    st.segmented_control(label, list(names), format_func=names.__getitem__, key=state, required=True, help=help)
    return _kept(key, first)


def listed(label: str, names: Names, key: str, first: str, help: str | None = None) -> str:
    """Choose one from a list that opens, if there is anything to choose from."""
    state = _adopt_one(key, names, first)
    alone = len(names) == 1
    st.selectbox(label, list(names), format_func=names.__getitem__, key=state, disabled=alone, help=help)
    return _kept(key, first)


def several(label: str, names: Names, key: str, first: Sequence[str], help: str | None = None) -> list[str]:
    """Choose any number, none too; they come back in the order of `names`."""
    state = widget(key)
    if state not in st.session_state:
        asked = _asked(key)
        wanted = first if asked is None else asked.split(",")
        st.session_state[state] = [name for name in names if name in wanted]
    chosen = st.pills(label, list(names), selection_mode="multi", format_func=names.__getitem__, key=state, help=help)
    ordered = [name for name in names if name in chosen]
    _write(key, ",".join(ordered), ",".join(name for name in names if name in first))
    return ordered


def read_old(key: str, names: Names) -> None:
    """Take a link from the time when English names stood in the address; `names` are not looked up."""
    asked = st.query_params.get(key)
    for value, name in names.items():
        if asked == name:
            st.query_params[key] = str(value)


def widget(key: str) -> str:
    """The widget's own key: under the bare one, Streamlit would give it what a bound widget of another page had."""
    return f"{key}-choice"


def _adopt_one(key: str, names: Names, first: str) -> str:
    """Take the address's wish, only when the widget appears: later the widget is right, and the address follows."""
    state = widget(key)
    wanted = st.session_state[state] if state in st.session_state else _asked(key)
    if state not in st.session_state or wanted not in names:  # another choice may have taken this one away
        st.session_state[state] = wanted if wanted in names else first
    return state


def _kept(key: str, first: str) -> str:
    chosen: str = st.session_state[widget(key)]
    _write(key, chosen, first)
    return chosen


def _asked(key: str) -> str | None:
    """What the address says, else what was chosen before the visitor looked at another page."""
    kept: str | None = st.session_state.get(_memory(key))
    return st.query_params.get(key, kept)


def _write(key: str, text: str, first: str) -> None:
    """Bring the address up to date; the first choice is left out, to keep links short."""
    if text == first:
        st.query_params.pop(key, None)
        st.session_state.pop(_memory(key), None)
        return
    st.session_state[_memory(key)] = text
    if st.query_params.get(key) != text:
        st.query_params[key] = text


def _memory(key: str) -> str:
    return f"{key}-before"
