"""Maps of a visitor's own photos beside their values: no link can carry the photos to Compare."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from effviz.explain import summary
from effviz.explain.overlay import DEFAULT_STYLE
from effviz.explain.results import ActivationMap, Layer, Method
from effviz.explain.scales import Scale, rescale
from effviz.explain.targets import TOP1
from effviz.ui import cache as caches
from effviz.ui.compare.work import Work
from effviz.ui.evaluate import uploads
from effviz.ui.outputs import plain
from effviz.ui.turns import Lane
from effviz.words import _
from effviz.zoo import catalogue

if TYPE_CHECKING:
    from effviz.ui.evaluate.examples import Example

WANTED: Final = "evaluate-own"  # the widget
DRAWN: Final = "evaluate-drawn"  # in the session: pictures of the maps that are on the page
COLUMNS: Final = 3

Picture = tuple[bytes, str]  # JPEG, and what it shows in words


def show(found: "Sequence[Example]", model: str, method: str) -> bool:
    """Offer the maps of photos that are still here; tell whether there were any."""
    files = uploads.here()
    mine = [example for example in found if example.sha256 in files]
    if mine and st.toggle(_("Show the maps of your own photos"), key=WANTED):
        _draw(mine, _pictures(mine, files, (model, method)))
    return bool(mine)


def _draw(mine: "Sequence[Example]", pictures: Sequence[Picture]) -> None:
    for start in range(0, len(mine), COLUMNS):
        some = slice(start, start + COLUMNS)
        for column, example, (jpeg, said) in zip(st.columns(COLUMNS), mine[some], pictures[some], strict=False):
            with column:
                st.image(jpeg, alt=said, width="stretch")
                st.caption(f"{_(example.place)}: {example.value:.3f}, {plain(example.photo)}")


def _pictures(mine: "Sequence[Example]", files: Mapping[str, UploadedFile], of: tuple[str, str]) -> list[Picture]:
    """Draw what is not drawn yet, each when it is the visitor's turn; only what is on the page is kept."""
    kept: dict[tuple[str, ...], Picture] = st.session_state.get(DRAWN, {})
    keys = [(example.sha256, *of) for example in mine]
    found = {key: kept[key] for key in keys if key in kept}
    if missing := [key for key in keys if key not in found]:
        with Work(len(missing), "own").shown((WANTED, *keys), may_stop=False) as work:
            for key in missing:
                file = files[key[0]]
                work.next(_("{model} looks at {photo}").format(model=plain(of[0]), photo=plain(file.name)))
                with work.turn(Lane.QUICK):
                    found[key] = _picture(file, *of)
    st.session_state[DRAWN] = found
    return [found[key] for key in keys]


def _picture(file: UploadedFile, model: str, method: str) -> Picture:
    photo = caches.photo(file.getvalue(), file.name)
    made: ActivationMap = caches.activation_map(catalogue.parse(model), photo, TOP1, Method(method), Layer.LAST)
    (scaled,) = rescale([made], Scale.OWN)
    return caches.picture(photo, scaled, DEFAULT_STYLE), summary.sentence(made)
