"""After a photo was added, every section of the page speaks of it; else each keeps what its visitor chose."""

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from effviz.ui.cache import Chosen
from effviz.ui.compare.cells import Cell

KNOWN: Final = "photos known"  # in the session: digests of the photos of the last run
NEWEST: Final = "newest photo"  # in the session: how many times some were added, and the digest of the newest


def notice(chosen: Sequence[Chosen]) -> None:
    """Keep which photo was added last; those that a visit begins with are not news."""
    known: tuple[str, ...] | None = st.session_state.get(KNOWN)
    now = tuple(photo.sha256 for photo in chosen)
    added = [digest for digest in now if known is not None and digest not in known]
    if added:
        count, _digest = st.session_state.get(NEWEST, (0, ""))
        st.session_state[NEWEST] = count + 1, added[0]
    st.session_state[KNOWN] = now


def follow(key: str, digests: Mapping[str, str]) -> None:
    """Before the select box `key` is shown: move it to the newest photo, once; `digests` by option.

    Browsers keep what a box with a key shows, so it is told a value and not forgotten.
    """
    newest = st.session_state.get(NEWEST)
    followed = f"{key} follows"
    if newest is None or st.session_state.get(followed) == newest:
        return
    for option, digest in digests.items():
        if digest == newest[1]:
            st.session_state[key], st.session_state[followed] = option, newest
            return


def one(label: str, cells: Sequence[Cell], key: str) -> Cell:
    """Choose one of the cells by its model and its photo."""
    options = {f"{cell.entrant.card.ref.label} {cell.chosen.sha256}": cell for cell in cells}
    follow(key, {option: cell.chosen.sha256 for option, cell in options.items()})
    return options[
        st.selectbox(
            label,
            list(options),
            format_func=lambda option: f"{options[option].entrant.card.ref.label} · {options[option].chosen.name}",
            key=key,
        )
    ]
