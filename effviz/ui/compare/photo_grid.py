"""The grid of photos and models, drawn by browser or server, with notices, downloads and a comparison of methods."""

import html
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import effviz
from effviz.errors import EffVizError
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import Photo
from effviz.explain.images import display
from effviz.explain.overlay import Scale, ScaledMap, apply_palette, describe_map, overlay, palette_of, rescale
from effviz.explain.targets import Guess
from effviz.i18n import _, typeset
from effviz.report import session_archive
from effviz.report.image_files import GridPicture, GridRow, grid_png
from effviz.report.session_archive import SessionArchive, maps_npz, settings_json
from effviz.settings import budget_bytes
from effviz.ui import cache
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.compare import cell_inspector, display_settings, grid_data, photo_picker, sharing
from effviz.ui.compare.display_settings import LAYERS, SCALES, STILL, DisplaySettings, ExplanationChoice, style_for
from effviz.ui.compare.map_cells import FRAME, Entrant, Entries, MapCell, MapGap
from effviz.ui.components import jpeg_address
from effviz.ui.components.grid import grid
from effviz.ui.job_progress import JobProgress
from effviz.ui.outputs import plain
from effviz.ui.session import SAMPLES
from effviz.zoo import catalogue, imagenet_classes

if TYPE_CHECKING:
    from effviz.explain.activation_maps import IdenticalMethods

JUDGE = catalogue.parse_model("lite0")  # knows ImageNet's 1000 classes, and its weights are always available
_GUESSES: SizeBoundedCache[tuple[Guess, ...]] = SizeBoundedCache(budget_bytes(0.0005), lambda five: 200 * len(five))


def show_out_of_domain(cells: Sequence[MapCell]) -> None:
    """Say which photos seem to show none of the classes of a network with few classes."""
    photos = [chosen.open() for chosen in dict.fromkeys(cell.chosen for cell in cells)]
    models_by_classes: dict[tuple[str, ...], list[str]] = {}  # networks with fewer classes than ImageNet
    for ref in dict.fromkeys(cell.ref for cell in cells):
        if ref.spec.trained and len(ref.spec.classes) < len(imagenet_classes.names()):
            models_by_classes.setdefault(tuple(ref.spec.classes), []).append(ref.label)
    for names, models in models_by_classes.items():
        known = imagenet_classes.find_indices(names)
        if known is None:
            continue
        guessed = [(photo, first) for photo, first in zip(photos, _guesses(photos), strict=True) if first]
        foreign = [(photo, first[0]) for photo, first in guessed if known.isdisjoint(guess.index for guess in first)]
        if foreign:
            st.info(_sentence(names, models, foreign), icon=":material/help:")


def _guesses(photos: Sequence[Photo]) -> list[tuple[Guess, ...]]:
    """Return the judge's top five guesses for each photo; empty if it cannot run now, as the notice is optional."""
    guessed = {photo: guesses for photo in photos if (guesses := _GUESSES.find(photo.sha256))}
    new = [photo for photo in photos if photo not in guessed]
    if new:
        with suppress(EffVizError), JobProgress(len(new), "outside").shown("outside", may_stop=False) as work:
            for photo in new:
                work.next(_("{model}: checking whether the photo shows a known class").format(model=JUDGE.label))
                with work.turn(cache.effort(JUDGE)):
                    guessed[photo] = _GUESSES.get(photo.sha256, partial(cache.guesses, JUDGE, photo))
    return [guessed.get(photo, ()) for photo in photos]


def _sentence(names: Sequence[str], models: Sequence[str], foreign: Sequence[tuple[Photo, Guess]]) -> str:
    line = _("{photo}: {name}, {chance:.0%}")
    seen = [
        line.format(photo=plain(photo.name), name=plain(one.name), chance=one.probability) for photo, one in foreign
    ]
    text = _(
        "**Outside their classes.** Trained on only {count} classes: {models} ({names}). {judge}, which knows "
        "1000 classes, finds none of them in these photos ({seen}). On such photos, the maps show what "
        "resembles the nearest of the {count} classes. For a fair comparison, add a photo of one of them."
    )
    known, labels = ", ".join(map(plain, names)), ", ".join(map(plain, models))
    return text.format(models=labels, count=len(names), names=known, judge=JUDGE.label, seen="; ".join(seen))


# Still pictures, drawn by the server for browsers without a canvas.

MOST_COLUMNS = 6
APART = (Scale.OWN, Scale.RANK)  # scales that do not depend on other maps


def show_stills(entries: Entries, look: DisplaySettings) -> None:
    """Show one row per photo and one column per model; a gap shows its sentence instead of a map."""
    scaled = _scaled(entries, look.scale)
    for row in grid_data.rows_by_photo(entries):
        for place, entry in zip(_row(row), row, strict=True):
            with place:
                if isinstance(entry, MapGap):
                    st.info(f"**{plain(entry.ref.label)}**  \n{plain(entry.sentence)}")
                    continue
                style = style_for(entry.map, look.style)
                if style.placement is not look.style.placement:
                    uncalibrated = _("{model} has no measured calibration, so its map uses plain placement.")
                    st.caption(uncalibrated.format(model=plain(entry.map.model)))
                picture = cache.picture(entry.photo, scaled[entry], style)
                st.image(picture, alt=describe_map(entry.map), width="stretch")
                _caption(entry)
    if scaled:
        _legend(next(iter(scaled.values())), look)


def _scaled(entries: Entries, scale: Scale) -> dict[MapCell, ScaledMap]:
    cells = [entry for entry in entries if isinstance(entry, MapCell)]
    return dict(zip(cells, rescale([cell.map for cell in cells], scale), strict=True))


def _row(row: Entries) -> list[DeltaGenerator]:
    """Lay out the photo and an empty cell for every model; long rows wrap."""
    photo = row[0].photo
    width = min(MOST_COLUMNS, len(row) + 1)
    columns: list[DeltaGenerator] = []
    while len(columns) <= len(row):
        columns.extend(st.columns(width))
    with columns[0]:
        st.image(cache.thumbnail(photo), alt=_("The photo {name}").format(name=photo.name), width="stretch")
        st.markdown(f"**{plain(photo.name)}**  \n{plain(grid_data.photo_caption(photo))}")
    return [column.container() for column in columns[1 : len(row) + 1]]


def _still_lines(cell: MapCell) -> list[str]:
    first = cell.guesses[0]
    lines = [f"{plain(first.name)} **{first.probability:.0%}**"]
    if cell.map.target_index != first.index:
        shown = _("map: {name} {percent}")
        lines.append(shown.format(name=plain(cell.map.target_name), percent=f"{cell.map.probability:.1%}"))
    if cell.map.values.max() <= 0:
        lines.append(plain(describe_map(cell.map)))
    return lines


def _title(entrant: Entrant) -> str:
    """Return the model's name as HTML, with its role in the role's colour."""
    label, role = html.escape(entrant.card.ref.label), html.escape(entrant.role_words)
    if not role:
        return f"<b>{label}</b>"
    colour = grid_data.axis_colour(entrant)
    return f'<b>{label}</b> <span class="effviz-role" style="--role: {colour}">{role}</span>'


def _legend(scaled: ScaledMap, look: DisplaySettings) -> None:
    bar = apply_palette(np.tile(np.linspace(0, 1, 256, dtype=np.float32), (10, 1)), palette_of(scaled, look.style))
    low, high = typeset(f"{scaled.low:.3g}"), typeset(f"{scaled.high:.3g}")
    if look.scale in APART:
        low, high = _("weakest"), _("strongest")
    unit = _("each map on its own") if look.scale is Scale.OWN else _(scaled.unit.partition(":")[0])
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(low, width="content")
        st.image(bar, alt=_("Colours from {low} to {high}").format(low=low, high=high), width=200)
        st.caption(f"{high} · {unit}", width="content")
    st.caption(_(FRAME))


def _caption(cell: MapCell) -> None:
    card = cell.entrant.card
    st.html(_title(cell.entrant))
    if not card.ref.spec.trained:
        st.error(_("Untrained: the weights are random, so this map means nothing."), icon=":material/warning:")
    else:
        st.markdown("  \n".join(_still_lines(cell)))
    about = _("About this model ({ms} ms)").format(ms=round(cell.forward_ms))
    with st.popover(about, key=f"about {card.ref.label} {cell.chosen.sha256} {cell.chosen.name}", type="tertiary"):
        if cell.entrant.words:
            st.markdown(f"_{_(cell.entrant.words)}_")
        st.markdown("\n".join(f"- {line}" for line in grid_data.card_lines(card)))
        if slower := cache.fallback(card.ref.label):
            st.markdown(plain(slower))
        numbers = _("Logit {logit}; forward pass {ms} ms.")
        details = numbers.format(logit=typeset(f"{cell.map.logit:.2f}"), ms=round(cell.forward_ms))
        st.markdown(f"{plain(describe_map(cell.map))} {details}")
        st.markdown("  \n".join(f"{guess.probability:.1%} {plain(guess.name)}" for guess in cell.guesses))


# The grid itself, drawn by the browser or as still pictures.


def show(entries: Entries, choice: ExplanationChoice, looked: DisplaySettings) -> None:
    """Show one row per photo and one column per model; a gap shows its sentence instead of a map."""
    if st.session_state.get(STILL):
        show_stills(entries, looked)
    else:
        with st.container():  # holds a question's progress bar, so that the grid keeps its position
            news = grid_data.changing_payload(entries)
        payload, no_canvas = grid_data.grid_payload(entries, choice), partial(display_settings.STILL_PICTURES.put, True)
        grid(payload, news, display_settings.keep_display, cell_inspector.ask, no_canvas)


# Downloads: the raw maps, the settings needed to repeat the comparison, and still pictures as one picture. The
# browser's grid saves its own picture as it is shown; see `components/grid/sheet.js`.


def show_downloads(entries: Entries, choice: ExplanationChoice, look: DisplaySettings) -> None:
    """Show the download buttons; each file is created on a click, from what is shown above."""
    still, link, saved = st.session_state.get(STILL), sharing.address(), sharing.archive(SAMPLES.get())
    seen, maps = (entries, choice, look), partial(grid_data.grid_maps, entries, choice)
    files: list[tuple[str, str, str, str, Callable[[], bytes]]] = [
        (_("Grid as PNG"), "grid.png", "image/png", "image", lambda: _grid_png(*seen, link)),
        (_("Raw maps as NPZ"), "maps.npz", "application/octet-stream", "grid_on", lambda: maps_npz(maps())),
        (_("Settings as JSON"), "settings.json", "application/json", "data_object", lambda: _settings(*seen)),
        (_("Save the session"), "session.zip", "application/zip", "folder_zip", lambda: _session(*seen, saved)),
    ]
    with st.container(horizontal=True):
        for label, name, mime, icon, make in files if still else files[1:]:
            file_name = display_settings.file_name(name)
            st.download_button(label, make, file_name, mime, on_click="ignore", icon=f":material/{icon}:")
    picture_is = _("The PNG shows the grid as it appears above.")
    if not still:
        picture_is = _("To save the grid just as you see it, press Save as PNG above the maps.")
    held = _(
        "The raw maps cover every class that the grid can show, whichever is selected, neither clipped nor "
        "rescaled. The settings hold versions, hashes and all choices. *Copy link* above the maps includes "
        "everything except your own photos; a saved session includes them, too, with a page that opens without "
        "EffViz. To restore a session, use *Open a session* under Photos."
    )
    st.caption(f"{picture_is} {held}")


def _settings(entries: Entries, choice: ExplanationChoice, look: DisplaySettings) -> bytes:
    labels = dict.fromkeys(entry.ref.label for entry in entries if isinstance(entry, MapCell))
    models, maps = [cache.model(label) for label in labels], grid_data.grid_maps(entries, choice)
    return settings_json(models, maps, str(choice.target), look.scale, look.style)


def _session(entries: Entries, choice: ExplanationChoice, look: DisplaySettings, saved: SessionArchive) -> bytes:
    """Return photos, settings, maps and a page as one file."""
    facts = [
        (_("Models"), ", ".join(dict.fromkeys(entry.ref.label for entry in entries))),
        (_("Method"), CAM_METHODS[choice.method].title),
        (_("Layer"), _(LAYERS[choice.layer])),
        (_("Class"), str(choice.target)),
        (_("Colour scale"), _(SCALES[look.scale])),
        (_("Palette"), look.style.palette.title()),
        ("EffViz", effviz.__version__),
    ]
    files = {
        session_archive.SETTINGS: _settings(entries, choice, look),
        session_archive.MAPS: maps_npz(grid_data.grid_maps(entries, choice)),
        session_archive.PAGE: session_archive.session_page(list(_session_rows(entries, look)), facts).encode(),
    }
    return session_archive.session_zip(saved, effviz.__version__, files)


def _session_rows(entries: Entries, look: DisplaySettings) -> Iterator[session_archive.SessionRow]:
    from effviz.report.html_report import PictureTile  # imports plotly, and sessions are rarely saved

    scaled = _scaled(entries, look.scale)
    for row in grid_data.rows_by_photo(entries):
        photo = row[0].photo
        tiles = [PictureTile(cache.thumbnail(photo), _("The photo {name}").format(name=photo.name), photo.name)]
        for cell in row:
            if isinstance(cell, MapCell):
                picture = cache.picture(cell.photo, scaled[cell], style_for(cell.map, look.style))
                words = "; ".join(_sheet_lines(cell))
                tiles.append(PictureTile(picture, describe_map(cell.map), cell.ref.label, words))
        yield session_archive.SessionRow(photo.name, tiles, sharing.credit(photo.sha256))


def _grid_png(entries: Entries, choice: ExplanationChoice, look: DisplaySettings, link: str) -> bytes:
    """Draw one row per photo and one column per model, with the plain photo in a gap; the texts are as in sheet.js."""
    scaled = _scaled(entries, look.scale)
    labels = list(dict.fromkeys(cell.ref.label for cell in scaled))
    drawn = {}
    for cell, one in scaled.items():
        picture = overlay(cell.photo, one, style_for(cell.map, look.style))
        drawn[cell.chosen, cell.map.model] = GridPicture(picture, _sheet_lines(cell))
    rows: list[GridRow] = []
    for chosen in dict.fromkeys(cell.chosen for cell in scaled):
        plain = GridPicture(display(chosen.open(), look.style.view.longest_px))
        rows.append((chosen.name, (plain, *(drawn.get((chosen, label), plain) for label in labels))))
    text = _("{method}, {layer}; {scale}; EffViz")
    layer = _(LAYERS[choice.layer]).lower()
    footer = text.format(method=CAM_METHODS[choice.method].title, layer=layer, scale=_(SCALES[look.scale]).lower())
    texts = {"Software": "EffViz", "EffViz link": link, "EffViz settings": _settings(entries, choice, look).decode()}
    return grid_png([_("photo"), *labels], rows, footer, texts)


def _sheet_lines(cell: MapCell) -> tuple[str, ...]:
    line = f"{cell.map.target_name} {cell.map.probability:.1%}"
    return (line,) if cell.map.trained else (line, _("UNTRAINED: means nothing"))


# Methods: which of them give the same map, computed live, and those that differ, side by side.


def show_same_methods(cells: Sequence[MapCell], choice: ExplanationChoice) -> None:
    """Say which other methods give the same maps as the grid."""
    if not cells or not choice.quick:
        return
    groups = [
        set(group.methods)
        for cell in cells
        for group in cache.same_maps(cell.ref, cell.photo, cell.map.target_index)
        if choice.method in group.methods
    ]
    twins = set.intersection(*groups) - {choice.method}
    if twins:
        names = ", ".join(fact.title for method, fact in CAM_METHODS.items() if method in twins)
        same = _(
            ":blue-badge[Same map] At this layer, {method} gives the same map as **{others}** (computed just now "
            "for every map above)."
        )
        st.markdown(same.format(method=CAM_METHODS[choice.method].title, others=names))


def show_methods(cells: Sequence[MapCell], look: DisplaySettings) -> None:
    """Show all closed-form methods for one model and photo; methods with the same map share one picture."""
    cell = photo_picker.choose_cell(_("Model and photo"), cells, "methods_cell")
    ref, target = cell.ref, cell.map.target_index
    groups = cache.same_maps(ref, cell.photo, target)
    for start in range(0, len(groups), 4):
        for column, group in zip(st.columns(4), groups[start : start + 4], strict=False):
            with column:
                _group(cell, group, look)
    explained = _("All maps explain {name} at the last layer. Maps that differ by a positive factor count as the same.")
    st.caption(explained.format(name=plain(cell.map.target_name)))


def _group(cell: MapCell, group: "IdenticalMethods", look: DisplaySettings) -> None:
    entry = cache.map_of_class(cell.ref, cell.photo, cell.map.target_index, group.methods[0])
    scaled = rescale([entry], look.scale)[0]
    picture = cache.picture(cell.photo, scaled, style_for(entry, look.style))
    # Inline, because Streamlit keeps an image file until the session ends, and a data URL passed to st.image stays in
    # urllib's cache of 128 addresses: 86 kB each.
    address, alt = jpeg_address(picture), html.escape(describe_map(entry))
    st.html(f'<img src="{address}" alt="{alt}" style="width: 100%">')
    st.markdown(" = ".join(f"**{CAM_METHODS[method].title}**" for method in group.methods))
    if len(group.methods) > 1:
        apart = _("largest difference: {part:.0e} of the map's largest value").format(part=group.difference)
        st.caption(apart if group.difference else _("bitwise identical"))
    if not CAM_METHODS[group.methods[0]].uses_target:
        st.caption(_("class-agnostic"))
