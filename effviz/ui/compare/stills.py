"""The grid photo x model as pictures that the server draws, for browsers without a canvas."""

import html
from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from effviz.explain import summary
from effviz.explain.overlay import palette_of
from effviz.explain.palettes import colour as coloured
from effviz.explain.scales import Scale, ScaledMap, rescale
from effviz.plots.style import LOOKS
from effviz.ui import cache
from effviz.ui.compare.cells import FRAME, Cell, Entrant, Gap
from effviz.ui.compare.controls import Look, style_for
from effviz.ui.compare.numbers import about
from effviz.ui.compare.tiles import rows
from effviz.ui.outputs import plain
from effviz.words import _

MOST_COLUMNS = 6
APART = (Scale.OWN, Scale.RANK)  # scales that need no other map


def show(found: Sequence[Cell | Gap], look: Look) -> None:
    """Lay the photos down and the models across; what could not be made leaves its sentence in its place."""
    cells = [entry for entry in found if isinstance(entry, Cell)]
    scaled = dict(zip(map(id, cells), rescale([cell.map for cell in cells], look.scale), strict=True))
    for row in rows(found):
        for place, entry in zip(_row(row), row, strict=True):
            with place:
                if isinstance(entry, Gap):
                    st.info(f"**{plain(entry.entrant.card.ref.label)}**  \n{plain(entry.sentence)}")
                else:
                    _draw(entry, scaled[id(entry)], look)
                    _caption(entry)
    if cells:
        _legend(scaled[id(cells[0])], look)


def _row(row: Sequence[Cell | Gap]) -> list[DeltaGenerator]:
    """Lay out the photo and an empty cell for every model; long rows go on below."""
    photo = row[0].photo
    width = min(MOST_COLUMNS, len(row) + 1)
    columns: list[DeltaGenerator] = []
    while len(columns) <= len(row):
        columns.extend(st.columns(width))
    with columns[0]:
        st.image(cache.thumbnail(photo), alt=_("The photo {name}").format(name=photo.name), width="stretch")
        size = _("{width} × {height} px").format(width=photo.width, height=photo.height)
        st.markdown(f"**{plain(photo.name)}**  \n{size}")
    return [column.container() for column in columns[1 : len(row) + 1]]


def _draw(cell: Cell, scaled: ScaledMap, look: Look) -> None:
    style = style_for(cell.map.model, look.style)
    if style.placement is not look.style.placement:
        uncalibrated = _("{model} has no measured calibration: plain placement.")
        st.caption(uncalibrated.format(model=plain(cell.map.model)))
    st.image(cache.picture(cell.photo, scaled, style), alt=summary.sentence(cell.map), width="stretch")


def _lines(cell: Cell) -> list[str]:
    first = cell.guesses[0]
    lines = [f"{plain(first.name)} **{first.probability:.0%}**"]
    if cell.map.target_index != first.index:
        shown = _("map: {name} {percent}")
        lines.append(shown.format(name=plain(cell.map.target_name), percent=f"{cell.map.probability:.1%}"))
    if cell.map.values.max() <= 0:
        lines.append(plain(summary.sentence(cell.map)))
    return lines


def _title(entrant: Entrant) -> str:
    """The model's name, with its role in the role's colour."""
    label, role = html.escape(entrant.card.ref.label), entrant.role
    if role is None:
        return f"<b>{label}</b>"
    words = (_("{role}, from {model}") if entrant.beside else "{role}").format(role=_(role), model=entrant.beside)
    colour = LOOKS[role].colour
    return f'<b>{label}</b> <span class="effviz-role" style="--role: {colour}">{html.escape(words)}</span>'


def _legend(scaled: ScaledMap, look: Look) -> None:
    """What the colours mean."""
    bar = coloured(np.tile(np.linspace(0, 1, 256, dtype=np.float32), (10, 1)), palette_of(scaled, look.style))
    low, high = (_("weakest"), _("strongest")) if look.scale in APART else (f"{scaled.low:.3g}", f"{scaled.high:.3g}")
    unit = _("each map on its own") if look.scale is Scale.OWN else _(scaled.unit.partition(":")[0])
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(low, width="content")
        st.image(bar, alt=_("Colours from {low} to {high}").format(low=low, high=high), width=200)
        st.caption(f"{high} · {unit}", width="content")
    st.caption(_(FRAME))


def _caption(cell: Cell) -> None:
    card = cell.entrant.card
    st.html(_title(cell.entrant))
    if not card.ref.spec.trained:
        st.error(_("Untrained: random weights, this map means nothing."), icon=":material/warning:")
    else:
        st.markdown("  \n".join(_lines(cell)))
    with st.popover(
        _("About this model ({ms} ms)").format(ms=round(cell.forward_ms)),
        key=f"about {card.ref.label} {cell.chosen.sha256} {cell.chosen.name}",
        type="tertiary",
    ):
        about(card, cell.entrant.words)
        if slower := cache.fallback(card.ref.label):
            st.markdown(plain(slower))
        numbers = _("Logit {logit:.2f}; forward pass {ms} ms.")
        said = numbers.format(logit=cell.map.logit, ms=round(cell.forward_ms))
        st.markdown(f"{plain(summary.sentence(cell.map))} {said}")
        st.markdown("  \n".join(f"{guess.probability:.1%} {plain(guess.name)}" for guess in cell.guesses))
