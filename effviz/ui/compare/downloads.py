"""Take the comparison home: the raw maps, what is needed to repeat it, and still pictures as one picture.

The browser's grid gives the picture itself, as it is seen; see `components/grid/sheet.js`.
"""

from collections.abc import Callable, Sequence

import streamlit as st

from effviz.explain.methods import METHODS
from effviz.explain.overlay import display, overlay
from effviz.explain.scales import rescale
from effviz.report import grid as sheet
from effviz.report.arrays import maps_npz
from effviz.report.settings import Comparison, settings_json
from effviz.ui import cache
from effviz.ui.compare import tiles
from effviz.ui.compare.cells import Cell, Gap
from effviz.ui.compare.controls import LAYERS, SCALES, STILL, Choice, Look, style_for
from effviz.words import _


def show(found: Sequence[Cell | Gap], choice: Choice, look: Look) -> None:
    """Files that are made when their button is pressed; what they hold is what can be seen above."""
    cells = [entry for entry in found if isinstance(entry, Cell)]
    still = st.session_state.get(STILL)
    with st.container(horizontal=True):
        if still:
            _button(
                _("Grid as PNG"),
                lambda: sheet.grid_png(_sheet(cells, choice, look)),
                ("effviz-grid.png", "image/png", ":material/image:"),
            )
        _button(
            _("Raw maps as NPZ"),
            lambda: maps_npz(tiles.maps(found, choice)),
            ("effviz-maps.npz", "application/octet-stream", ":material/grid_on:"),
        )
        _button(
            _("Settings as JSON"),
            lambda: settings_json(_comparison(found, choice, look)),
            ("effviz-settings.json", "application/json", ":material/data_object:"),
        )
    picture_is = _("The picture is the grid as it stands above.")
    if not still:
        picture_is = _("For a picture of the grid just as you see it, press Save as PNG above the maps.")
    held = _(
        "The raw maps are those of every class that the grid can show, whichever is picked, neither cut nor stretched; "
        "the settings hold versions, hashes and all choices. "
        "The link in the address bar brings this page back, without your own photos."
    )
    st.caption(f"{picture_is} {held}")


def _button(label: str, make: Callable[[], bytes], file: tuple[str, str, str]) -> None:
    name, mime, icon = file
    st.download_button(label, make, name, mime, on_click="ignore", icon=icon)


def _comparison(found: Sequence[Cell | Gap], choice: Choice, look: Look) -> Comparison:
    labels = dict.fromkeys(entry.entrant.card.ref.label for entry in found if isinstance(entry, Cell))
    return Comparison(
        models=[cache.model(label) for label in labels],
        maps=tiles.maps(found, choice),
        target=str(choice.target),
        scale=look.scale,
        style=look.style,
    )


def _sheet(cells: Sequence[Cell], choice: Choice, look: Look) -> sheet.Grid:
    """The photos down, the models across; a map that could not be made leaves the photo alone in its place."""
    labels = list(dict.fromkeys(cell.entrant.card.ref.label for cell in cells))
    photos = {(cell.chosen.sha256, cell.chosen.name): cell.photo for cell in cells}
    scaled = zip(cells, rescale([cell.map for cell in cells], look.scale), strict=True)
    drawn = {
        (cell.chosen.sha256, cell.chosen.name, cell.map.model): sheet.Cell(
            overlay(cell.photo, one, style_for(cell.map.model, look.style)), _lines(cell)
        )
        for cell, one in scaled
    }
    rows = []
    for (sha256, name), photo in photos.items():
        plain = sheet.Cell(display(photo, look.style.view.longest_px))
        rows.append((name, (plain, *(drawn.get((sha256, name, label), plain) for label in labels))))
    footer = _("{method}, {layer}; {scale}; EffViz").format(
        method=METHODS[choice.method].title, layer=_(LAYERS[choice.layer]).lower(), scale=_(SCALES[look.scale]).lower()
    )
    return sheet.Grid((_("photo"), *labels), tuple(rows), (footer,))


def _lines(cell: Cell) -> tuple[str, ...]:
    line = f"{cell.map.target_name} {cell.map.probability:.1%}"
    return (line,) if cell.map.trained else (line, _("UNTRAINED: means nothing"))
