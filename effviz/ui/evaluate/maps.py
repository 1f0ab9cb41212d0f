"""Maps of photos that no link can carry to Compare: a visitor's own, and those in the server's folder of photos."""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st
from cachetools import TTLCache, cached

from effviz.errors import DatasetError, ImageError, WeightsError
from effviz.evaluate.originals import Originals
from effviz.explain import summary
from effviz.explain.overlay import OverlayStyle
from effviz.explain.results import Method
from effviz.explain.scales import Scale, rescale
from effviz.explain.targets import Target, TargetKind
from effviz.ui import cache as caches
from effviz.ui import costs
from effviz.ui.compare.work import Progress, Work
from effviz.ui.evaluate import uploads
from effviz.ui.evaluate.choose import View
from effviz.ui.evaluate.measured import VISIT
from effviz.ui.outputs import plain
from effviz.ui.turns import Effort
from effviz.words import _
from effviz.zoo import catalogue

if TYPE_CHECKING:
    from effviz.ui.evaluate.examples import Example

SETTING: Final = "EFFVIZ_PHOTOS"
LISTED_S: Final = 600  # how long a list of the folder's files is believed
WANTED: Final = "evaluate-own"  # the widget
DRAWN: Final = "evaluate-drawn"  # in the session: pictures of the maps that are on the page
COLUMNS: Final = 3

Picture = tuple[bytes, str]  # JPEG, and what it shows in words

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Where photos' files come from."""

    title: str
    has: Callable[["Example"], bool]
    read: Callable[["Example"], bytes]


def show(found: "Sequence[Example]", view: View, model: str) -> bool:
    """Offer the maps of photos whose files are here; tell whether there were any."""
    source = _uploads() if view.measured.key[0] == VISIT else _folder()
    mine = [example for example in found if source and source.has(example)]
    if source and mine and st.toggle(source.title, key=WANTED):
        _draw(mine, _pictures(mine, source, view, model))
    return bool(mine)


def _uploads() -> Source:
    files = uploads.here()
    return Source(
        _("Show the maps of your own photos"),
        lambda example: example.sha256 in files,
        lambda example: files[example.sha256].getvalue(),
    )


def _folder() -> Source | None:
    """The folder that whoever runs the server has named; never one that a visitor names."""
    path = Path(os.environ.get(SETTING, "").strip())
    if path == Path():
        return None
    originals = _listed(path)
    if originals is None:
        return None
    return Source(
        _("Show the maps of these photos"),
        lambda example: originals.find(example.photo) is not None,
        lambda example: originals.read(example.photo, example.sha256),
    )


@cached(TTLCache(4, LISTED_S), lock=threading.Lock())
def _listed(path: Path) -> Originals | None:
    if path.is_dir():
        return Originals(path)
    logger.warning("%s names no folder: %s", SETTING, path)
    return None


def _draw(mine: "Sequence[Example]", pictures: Sequence[Picture | None]) -> None:
    for start in range(0, len(mine), COLUMNS):
        some = slice(start, start + COLUMNS)
        for column, example, picture in zip(st.columns(COLUMNS), mine[some], pictures[some], strict=False):
            with column:
                if picture:
                    st.image(picture[0], alt=picture[1], width="stretch")
                else:
                    st.info(_("This is not the photo that was measured, so there is no map of it."))
                st.caption(f"{_(example.place)}: {example.value:.3f}, {plain(example.photo)}")


def _pictures(mine: "Sequence[Example]", source: Source, view: View, model: str) -> list[Picture | None]:
    """Draw what is not drawn yet, each when it is the visitor's turn; only what is on the page is kept."""
    kept: dict[tuple[object, ...], Picture | None] = st.session_state.get(DRAWN, {})
    keys = {(view.measured.key, example.sha256, example.target, model, view.method): example for example in mine}
    found = {key: kept[key] for key in keys if key in kept}
    if missing := [key for key in keys if key not in found]:
        with Work(len(missing), "own").shown((WANTED, *keys), may_stop=False) as work:
            for key in missing:
                work.next(_("{model} looks at {photo}").format(model=plain(model), photo=plain(keys[key].photo)))
                with work.turn(_effort(view, model)) as progress:
                    found[key] = _picture(keys[key], source, view, model, progress)
    st.session_state[DRAWN] = found
    return [found[key] for key in keys]


def _effort(view: View, model: str) -> Effort:
    """One map, and loading the model where it is not there."""
    ref = catalogue.parse(model)
    return costs.one_map(ref, Method(view.method), view.measured.run.settings.layer) + caches.effort(ref)


def _picture(example: "Example", source: Source, view: View, model: str, progress: Progress) -> Picture | None:
    """Draw one map of the class that was measured; None where the photo is not the one that was measured."""
    settings, ref = view.measured.run.settings, catalogue.parse(model)
    _check_weights(view, model)
    try:
        photo = caches.photo(source.read(example), example.photo)
    except (DatasetError, ImageError):  # its sentence may have a path of this server in it
        logger.warning("There is no map of the photo %s", example.sha256[:12])  # its name may be a visitor's
        return None
    target = Target(TargetKind.CLASS, example.target)
    made = caches.activation_map(ref, photo, target, Method(view.method), settings.layer, progress)
    (scaled,) = rescale([made], Scale.OWN)
    return caches.picture(photo, scaled, OverlayStyle(placement=settings.placement)), summary.sentence(made)


def _check_weights(view: View, model: str) -> None:
    then = {network.label: network.weights_sha256 for network in view.measured.run.networks}
    if then.get(model) != caches.model(model).weights_sha256:
        raise WeightsError(
            _(
                "{model} has other weights here than when the run was made: maps need the same ones. Choose another "
                "model."
            ).format(model=plain(model))
        )
