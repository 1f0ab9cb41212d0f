"""Which methods are one and the same map here, computed live; and those that differ, side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from effviz.explain import summary
from effviz.explain.methods import METHODS
from effviz.explain.results import Layer, Method
from effviz.explain.scales import rescale
from effviz.ui import cache
from effviz.ui.compare import newest, tiles
from effviz.ui.compare.cells import Cell
from effviz.ui.compare.controls import Choice, Look, style_for
from effviz.ui.outputs import plain
from effviz.words import _

if TYPE_CHECKING:
    from effviz.explain.identity import Group

CLOSED = tuple(method for method, fact in METHODS.items() if fact.closed_form)


def badge(cells: Sequence[Cell], choice: Choice) -> None:
    """Say which methods would show what the grid shows."""
    if not cells or choice.layer is not Layer.LAST or not METHODS[choice.method].closed_form:
        return
    twins = [_twins(cell, choice.method) for cell in cells]
    everywhere = [method for method in CLOSED if all(method in found for found in twins)]
    if everywhere:
        names = ", ".join(METHODS[method].title for method in everywhere)
        same = _(
            ":blue-badge[Same map] At this layer {method} shows the same as **{others}** "
            "(computed just now, for every cell above)."
        )
        st.markdown(same.format(method=METHODS[choice.method].title, others=names))


def _twins(cell: Cell, method: Method) -> tuple[Method, ...]:
    found = cache.same_maps(cell.entrant.card.ref, cell.photo, cell.map.target_index)
    group = next(group for group in found if method in group.methods)
    return tuple(twin for twin in group.methods if twin is not method)


def side_by_side(cells: Sequence[Cell], look: Look) -> None:
    """All closed-form methods on one photo by one model, the same ones folded into one picture."""
    chosen = newest.one(_("Model and photo"), cells, "methods_cell")
    ref, target = chosen.entrant.card.ref, chosen.map.target_index
    found = cache.same_maps(ref, chosen.photo, target)
    for start in range(0, len(found), 4):
        for column, group in zip(st.columns(4), found[start : start + 4], strict=False):
            with column:
                _group(chosen, group, look)
    explained = _("All explain {name} at the last layer. Maps that differ by a positive factor count as the same.")
    st.caption(explained.format(name=plain(chosen.map.target_name)))


def _group(cell: Cell, group: "Group", look: Look) -> None:
    found = cache.map_of_class(cell.entrant.card.ref, cell.photo, cell.map.target_index, group.methods[0])
    scaled = rescale([found], look.scale)[0]
    picture = cache.picture(cell.photo, scaled, style_for(found.model, look.style))
    st.image(
        tiles.address(picture),  # Streamlit would keep the file for every visitor until the session is forgotten
        alt=summary.sentence(found),
        width="stretch",
    )
    st.markdown(" = ".join(f"**{METHODS[method].title}**" for method in group.methods))
    if len(group.methods) > 1:
        apart = _("largest difference {part:.0e} of the map's largest value").format(part=group.difference)
        st.caption(apart if group.difference else _("bit for bit"))
    if not METHODS[group.methods[0]].uses_target:
        st.caption(_("does not know about classes"))
