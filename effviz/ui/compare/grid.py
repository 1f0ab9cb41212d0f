"""The grid photo x model: each cell fills as soon as its map is there."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from effviz.errors import EffVizError
from effviz.explain import summary
from effviz.explain.overlay import palette_of
from effviz.explain.palettes import colour
from effviz.explain.results import ActivationMap, Photo
from effviz.explain.scales import Scale, ScaledMap, rescale
from effviz.explain.targets import Guess
from effviz.plots.style import LOOKS
from effviz.ui import cache
from effviz.ui.compare.controls import Choice, Look, style_for
from effviz.ui.compare.numbers import about
from effviz.ui.outputs import plain
from effviz.zoo.cards import Card
from effviz.zoo.presets import Role

MOST_COLUMNS = 6
APART = (Scale.OWN, Scale.RANK)  # scales that need no other map, so that a cell can be drawn at once


@dataclass(frozen=True, slots=True)
class Entrant:
    """A model in the comparison."""

    card: Card
    role: Role | None  # None outside a ready comparison
    beside: str  # the model it has this role against, where that is not the first
    words: str  # what to look for


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """What one model makes of one photo."""

    photo: Photo
    entrant: Entrant
    map: ActivationMap
    guesses: tuple[Guess, ...]  # the model's five first, whatever the map explains
    forward_ms: float
    place: DeltaGenerator  # where the picture goes


def show(photos: Sequence[Photo], entrants: Sequence[Entrant], choice: Choice, look: Look) -> list[Cell]:
    """Fill the grid and return the cells that have a map."""
    places = [(photo, entrant, place) for photo in photos for entrant, place in _row(photo, entrants)]
    progress = st.progress(0.0, text="Getting ready")
    cells = []
    for number, (photo, entrant, place) in enumerate(places):
        progress.progress(number / len(places), text=_doing(entrant, photo))
        with place:
            if cell := _cell(photo, entrant, choice):
                cells.append(cell)
                if look.scale in APART:
                    _draw(cell, rescale([cell.map], look.scale)[0], look)
    progress.empty()
    together = rescale([cell.map for cell in cells], look.scale)
    if look.scale not in APART:
        for cell, scaled in zip(cells, together, strict=True):
            _draw(cell, scaled, look)
    if together:
        _legend(together[0], look)
    return cells


def _doing(entrant: Entrant, photo: Photo) -> str:
    return f"{plain(entrant.card.ref.label)} looks at {plain(photo.name)} (a model is loaded the first time)"


def _row(photo: Photo, entrants: Sequence[Entrant]) -> list[tuple[Entrant, DeltaGenerator]]:
    """Lay out the photo and an empty cell for every model; long rows go on below."""
    width = min(MOST_COLUMNS, len(entrants) + 1)
    columns: list[DeltaGenerator] = []
    while len(columns) <= len(entrants):
        columns.extend(st.columns(width))
    with columns[0]:
        st.image(cache.thumbnail(photo), alt=f"The photo {photo.name}", width="stretch")
        st.markdown(f"**{plain(photo.name)}**  \n{photo.width} × {photo.height} px")
    return [(entrant, column.container()) for entrant, column in zip(entrants, columns[1:], strict=False)]


def _cell(photo: Photo, entrant: Entrant, choice: Choice) -> Cell | None:
    """Compute one cell; what cannot be shown leaves its sentence in its place."""
    place = st.empty()
    try:
        forward = cache.forward(entrant.card.ref, photo)
        found = cache.activation_map(entrant.card.ref, photo, choice.target, choice.method, choice.layer)
    except EffVizError as error:
        place.info(f"**{plain(entrant.card.ref.label)}**  \n{plain(str(error))}")
        return None
    cell = Cell(photo, entrant, found, cache.guesses(entrant.card.ref, photo), forward.forward_ms, place)
    _caption(cell)
    return cell


def _draw(cell: Cell, scaled: ScaledMap, look: Look) -> None:
    style = style_for(cell.map.model, look.style)
    if style.placement is not look.style.placement:
        st.caption(f"{plain(cell.map.model)} has no measured calibration: plain placement.")
    cell.place.image(cache.picture(cell.photo, scaled, style), alt=summary.sentence(cell.map), width="stretch")


def _lines(cell: Cell) -> list[str]:
    first = cell.guesses[0]
    lines = [f"{plain(first.name)} **{first.probability:.0%}**"]
    if cell.map.target_index != first.index:
        lines.append(f"map: {plain(cell.map.target_name)} {cell.map.probability:.1%}")
    if cell.map.values.max() <= 0:
        lines.append(plain(summary.sentence(cell.map)))
    return lines


def _title(entrant: Entrant) -> str:
    """The model's name, with its role in the role's colour."""
    label, role = html.escape(entrant.card.ref.label), entrant.role
    if role is None:
        return f"<b>{label}</b>"
    beside = f", from {html.escape(entrant.beside)}" if entrant.beside else ""
    return f'<b>{label}</b> <span class="effviz-role" style="--role: {LOOKS[role].colour}">{role}{beside}</span>'


def _legend(scaled: ScaledMap, look: Look) -> None:
    """What the colours mean."""
    bar = colour(np.tile(np.linspace(0, 1, 256, dtype=np.float32), (10, 1)), palette_of(scaled, look.style))
    low, high = ("weakest", "strongest") if look.scale in APART else (f"{scaled.low:.3g}", f"{scaled.high:.3g}")
    unit = "each map on its own" if look.scale is Scale.OWN else scaled.unit.partition(":")[0]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(low, width="content")
        st.image(bar, alt=f"Colours from {low} to {high}", width=200)
        st.caption(f"{high} · {unit}", width="content")


def _caption(cell: Cell) -> None:
    card = cell.entrant.card
    st.html(_title(cell.entrant))
    if not card.ref.spec.trained:
        st.error("Untrained: random weights, this map means nothing.", icon=":material/warning:")
    else:
        st.markdown("  \n".join(_lines(cell)))
    with st.popover(
        f"{cell.forward_ms:.0f} ms · about",
        key=f"about {card.ref.label} {cell.photo.sha256} {cell.photo.name}",
        type="tertiary",
    ):
        about(card, cell.entrant.words)
        if slower := cache.fallback(card.ref.label):
            st.markdown(plain(slower))
        st.markdown(
            f"{plain(summary.sentence(cell.map))} Logit {cell.map.logit:.2f}; forward pass {cell.forward_ms:.0f} ms."
        )
        st.markdown("  \n".join(f"{guess.probability:.1%} {plain(guess.name)}" for guess in cell.guesses))
