"""Chosen models whose weights are not here: a tile each, with its size and how to get it.

A server that may fetch (EFFVIZ_FETCH=1) gets them from the Hugging Face hub when a visitor asks; otherwise nothing is
ever fetched by a page.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import streamlit as st

from effviz import settings
from effviz.i18n import _
from effviz.ui.compare.map_cells import Entrant
from effviz.ui.guard import guard
from effviz.ui.outputs import plain
from effviz.zoo import hub, state_dicts
from effviz.zoo.model import ModelSpec, WeightsOrigin

TILE_PX: Final = 280

PACE_S: Final = 0.5  # between two looks at a bar

AT_ONCE: Final = 2  # files; whoever asks for more waits


Absent = Mapping[ModelSpec, Entrant]


def show(entrants: Sequence[Entrant]) -> None:
    """One tile for every missing file of weights; nothing when all are here."""
    absent = {each.card.ref.spec: each for each in entrants if not each.card.availability.available}
    if not absent:
        return
    for sentence in hub.missing(list(absent)):
        st.info(sentence, icon=":material/download:")
    followed = [spec.name for spec in absent if _under_way(spec.name)]
    st.fragment(_tiles, run_every=PACE_S if followed else None)(absent, followed)


def _tiles(absent: Absent, followed: Sequence[str]) -> None:
    """All tiles; when one that is followed is done, the page runs again with its map or with what went wrong."""
    if not all(map(_under_way, followed)):
        st.rerun()
    with st.container(horizontal=True, key="missing-weights"):
        for spec, entrant in absent.items():
            with st.container(border=True, width=TILE_PX), guard():
                _tile(spec, entrant)


def _tile(spec: ModelSpec, entrant: Entrant) -> None:
    st.markdown(f"**{plain(entrant.card.ref.label)}**")
    nbytes = state_dicts.file_bytes(spec.plan) if spec.family else 4 * entrant.card.params
    size = _("{size:.0f} MB of weights").format(size=nbytes / 1e6)
    st.caption(f"{size}: {plain(_(spec.weights))}")
    if entrant.card.availability.command:
        st.code(entrant.card.availability.command, language="bash")
    else:
        st.caption(entrant.card.availability.sentence)
    if spec.origin is WeightsOrigin.HUB and settings.FETCH.value():
        _fetching(spec.name)


def _fetching(name: str) -> None:
    """A bar while they come, else a button.

    Raises:
        WeightsError: the last try failed.
    """
    known = _downloads.get(name)
    if known is not None and not known.done.done():
        _bar(known.got, known.total)
        return
    if st.button(_("Fetch them now"), key=f"fetch {name}", icon=":material/download:"):
        _begin(name)
        st.rerun()
    if known is not None:
        known.done.result()


def _bar(got: int, total: int) -> None:
    text = _("{got:.0f} of {total:.0f} MB").format(got=got / 1e6, total=total / 1e6) if total else _("Getting ready")
    st.progress(min(1.0, got / total) if total else 0.0, text=text)


# Downloads belong to the server, not to a page: one that is left goes on, and whoever asks for the same sees its bar.


@dataclass(slots=True)
class _Download:
    """One file on its way."""

    got: int = 0  # bytes
    total: int = 0  # 0 before the hub has said it
    done: "Future[object]" = field(default_factory=Future)

    def report(self, _model: str, got: int, total: int) -> None:
        """Called by the hub in its own thread."""
        self.got, self.total = got, total


_pool = ThreadPoolExecutor(AT_ONCE, "fetch")

_downloads: dict[str, _Download] = {}

_lookup = threading.Lock()


def _under_way(name: str) -> bool:
    known = _downloads.get(name)
    return known is not None and not known.done.done()


def _begin(name: str) -> None:
    from effviz.zoo import download  # brings an HTTP client, which the page does without

    with _lookup:
        if not _under_way(name):
            made = _Download()
            made.done = _pool.submit(download.fetch, [name], made.report)
            _downloads[name] = made
