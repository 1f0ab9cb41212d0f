"""A visitor's photos: each is decoded once, when it is the visitor's turn, to see whether it can be measured."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from effviz.errors import ImageError
from effviz.explain import decoding
from effviz.ui import costs
from effviz.ui.compare.work import Work
from effviz.ui.outputs import plain
from effviz.words import _

OWN: Final = "measure-own"  # the widget
SEEN: Final = "measure-seen"  # in the session: what came of each file, by Streamlit's number of it


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a file."""

    sha256: str
    reason: str  # why it cannot be read; empty when it can


def readable(files: Sequence[UploadedFile]) -> Iterator[tuple[UploadedFile, str]]:
    """Yield the files that are photos, with their hash; each of the others leaves its sentence.

    Raises:
        BusyError: too many others wait.
    """
    seen: dict[str, Seen] = st.session_state.get(SEEN, {})
    seen = {file.file_id: seen[file.file_id] for file in files if file.file_id in seen}
    st.session_state[SEEN] = seen  # those that were taken away are forgotten
    if new := [file for file in files if file.file_id not in seen]:
        with Work(len(new), "uploads").shown(SEEN, may_stop=False) as work:
            for file in new:
                work.next(_("{photo} is read").format(photo=plain(file.name)))
                with work.turn(costs.a_photo()) as progress:
                    seen[file.file_id] = _seen(file, partial(progress, 0.0))
    for file in files:
        found = seen[file.file_id]
        if found.reason:
            st.warning(found.reason, icon=":material/info:")
        else:
            yield file, found.sha256


def _seen(file: UploadedFile, beat: decoding.Beat) -> Seen:
    data = file.getvalue()
    try:
        decoding.check(data, file.name, beat)
    except ImageError as error:
        return Seen("", str(error))
    return Seen(hashlib.sha256(data).hexdigest(), "")


def here() -> dict[str, UploadedFile]:
    """Return the photos that are still in the server's memory, by their hash."""
    seen: dict[str, Seen] = st.session_state.get(SEEN, {})
    files: list[UploadedFile] = st.session_state.get(OWN) or []
    return {seen[file.file_id].sha256: file for file in files if file.file_id in seen and not seen[file.file_id].reason}
