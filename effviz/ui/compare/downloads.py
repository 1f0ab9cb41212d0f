"""Take the comparison home: the grid, the raw maps, and what is needed to repeat it."""

from collections.abc import Sequence

import streamlit as st

from effviz.explain.methods import METHODS
from effviz.explain.overlay import display, overlay
from effviz.explain.scales import rescale
from effviz.report import grid as sheet
from effviz.report.arrays import maps_npz
from effviz.report.settings import Comparison, settings_json
from effviz.ui import cache
from effviz.ui.compare.cells import Cell
from effviz.ui.compare.controls import LAYERS, SCALES, Choice, Look, style_for


def show(cells: Sequence[Cell], choice: Choice, look: Look) -> None:
    """Three files, each made when its button is pressed."""
    maps = [cell.map for cell in cells]
    with st.container(horizontal=True):
        st.download_button(
            "Grid as PNG",
            lambda: sheet.grid_png(_sheet(cells, choice, look)),
            "effviz-grid.png",
            "image/png",
            on_click="ignore",
            icon=":material/image:",
        )
        st.download_button(
            "Raw maps as NPZ",
            lambda: maps_npz(maps),
            "effviz-maps.npz",
            "application/octet-stream",
            on_click="ignore",
            icon=":material/grid_on:",
        )
        st.download_button(
            "Settings as JSON",
            lambda: settings_json(_comparison(cells, choice, look)),
            "effviz-settings.json",
            "application/json",
            on_click="ignore",
            icon=":material/data_object:",
        )
    st.caption(
        "The raw maps are neither cut nor stretched; the settings hold versions, hashes and all choices. "
        "The link in the address bar brings this page back, without your own photos."
    )


def _comparison(cells: Sequence[Cell], choice: Choice, look: Look) -> Comparison:
    labels = dict.fromkeys(cell.entrant.card.ref.label for cell in cells)
    return Comparison(
        models=[cache.model(label) for label in labels],
        maps=[cell.map for cell in cells],
        target=str(choice.target),
        scale=look.scale,
        style=look.style,
    )


def _sheet(cells: Sequence[Cell], choice: Choice, look: Look) -> sheet.Grid:
    """The photos down, the models across; a map that could not be made leaves the photo alone in its place."""
    labels = list(dict.fromkeys(cell.entrant.card.ref.label for cell in cells))
    photos = {(cell.photo.sha256, cell.photo.name): cell.photo for cell in cells}
    scaled = zip(cells, rescale([cell.map for cell in cells], look.scale), strict=True)
    drawn = {
        (cell.photo.sha256, cell.photo.name, cell.map.model): sheet.Cell(
            overlay(cell.photo, one, style_for(cell.map.model, look.style)), _lines(cell)
        )
        for cell, one in scaled
    }
    rows = []
    for (sha256, name), photo in photos.items():
        plain = sheet.Cell(display(photo, look.style.view.longest_px))
        rows.append((name, (plain, *(drawn.get((sha256, name, label), plain) for label in labels))))
    footer = f"{METHODS[choice.method].title}, {LAYERS[choice.layer].lower()}; {SCALES[look.scale].lower()}; EffViz"
    return sheet.Grid(("photo", *labels), tuple(rows), (footer,))


def _lines(cell: Cell) -> tuple[str, ...]:
    line = f"{cell.map.target_name} {cell.map.probability:.1%}"
    return (line,) if cell.map.trained else (line, "UNTRAINED: means nothing")
