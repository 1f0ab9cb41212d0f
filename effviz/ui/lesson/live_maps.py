"""The step on Figure 7: live maps of five networks under letters, on two photos."""

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from effviz.explain.data_types import Method, TargetLayer
from effviz.explain.overlay import OverlayStyle, Scale, describe_map, rescale
from effviz.explain.placement import RasterOptions
from effviz.explain.targets import TOP1
from effviz.i18n import _
from effviz.plots.paper_curves import AXIS_TITLES
from effviz.ui import cache
from effviz.ui.compare.display_settings import PICTURE_PX, ExplanationChoice
from effviz.ui.compare.map_cells import FRAME, Entrant, MapCell, MapGap, awaited, compute_cells
from effviz.ui.session import PRESENT
from effviz.zoo.catalogue import model_card
from effviz.zoo.presets import PRESETS, Preset, ScalingAxis

PHOTOS: Final = ("lemur", "coffee")
LETTERS: Final = "ABCDE"
# Which of the preset's models stands under each letter: not in its order, and the finer maps not side by side.
_ORDER: Final = (2, 4, 0, 1, 3)
_STYLE: Final = OverlayStyle(view=RasterOptions(longest_px=PICTURE_PX))
PICTURE_WIDTH_PX, ROOM_PICTURE_WIDTH_PX = 142, 230


def preset() -> Preset:
    """The five networks: trained on ImageNet, one dimension at a time."""
    return next(each for each in PRESETS if each.name == "scaling-axes")


def role_of(letter: str) -> ScalingAxis:
    """What the network under a letter scales."""
    axis = preset().roles[_ORDER[LETTERS.index(letter)]]
    assert axis is not None  # only networks of other families have none
    return axis


def cells_a_side() -> tuple[int, int]:
    """How many cells the maps have along one side: the fewest, and the most."""
    sides = [model_card(ref).map_px for ref in preset().refs]
    return min(sides), max(sides)


def show(guess: Mapping[str, float | str], shown: bool) -> None:
    """Show a column of maps a letter; its name stands there when the answer is shown."""
    known = preset()
    entrants = [Entrant(model_card(known.refs[at]), known.roles[at], "", "") for at in _ORDER]
    place = st.container()
    with st.container():  # for the bar
        found = compute_cells(
            [cache.bundled(name) for name in PHOTOS], entrants, ExplanationChoice(Method.CAM, TargetLayer.LAST, TOP1)
        )
    with place, st.container(horizontal=True, gap="small", key="lesson-maps"):
        for at, letter in enumerate(LETTERS):
            with st.container(width=ROOM_PICTURE_WIDTH_PX if PRESENT.get() else PICTURE_WIDTH_PX, gap="small"):
                _column(letter, found[at :: len(LETTERS)], shown)
    st.caption(_("CAM for each network's first guess, each map on its own range. {frame}").format(frame=_(FRAME)))
    if awaited(found):
        st.rerun()


def _column(letter: str, found: Sequence[MapCell | MapGap], shown: bool) -> None:
    name = _(AXIS_TITLES[role_of(letter)])
    st.markdown(f"**{letter}** {name}" if shown else f"**{letter}**")
    for entry in found:
        if isinstance(entry, MapGap):
            st.caption(entry.sentence)
            continue
        (scaled,) = rescale([entry.map], Scale.OWN)
        st.image(
            cache.picture(entry.photo, scaled, _STYLE),
            width="stretch",
            alt=_("Map {letter} of {photo}: {sentence}").format(
                letter=letter, photo=entry.map.photo, sentence=describe_map(entry.map)
            ),
        )
