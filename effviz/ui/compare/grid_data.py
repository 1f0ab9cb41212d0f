"""The comparison as data: tables of models and agreements, and the browser grid's photos, maps and texts."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Final

import streamlit as st

from effviz.errors import TargetError
from effviz.explain import placement
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import ActivationMap, Forward, Method, Photo
from effviz.explain.overlay import Scale, describe_map, rescale, strongest_sentence
from effviz.explain.srgb_conversion import SEVERAL
from effviz.explain.targets import probabilities
from effviz.i18n import _, lazy_gettext
from effviz.plots.style import GREY, LOOKS
from effviz.ui import cache, glossary
from effviz.ui.compare import cell_inspector, display_settings, photo_picker
from effviz.ui.compare.display_settings import LAYERS, PALETTES, SCALES, ExplanationChoice
from effviz.ui.compare.map_cells import Entrant, Entries, MapCell, MapGap
from effviz.ui.components import Json, jpeg_address
from effviz.ui.components.grid import pack
from effviz.zoo.catalogue import ModelCard
from effviz.zoo.model import model_settings


def show_model_table(cards: Sequence[ModelCard]) -> None:
    """Show one row per model: depth, width, resolution, cost, map size, and accuracy with its source."""
    table = {
        _("Model"): [card.ref.label for card in cards],
        _("Depth d"): [card.depth for card in cards],
        _("Width w"): [card.width for card in cards],
        _("Resolution (px)"): [card.resolution_px for card in cards],
        _("Parameters (million)"): [card.params / 1e6 for card in cards],
        _("MACs (billion)"): [card.macs / 1e9 for card in cards],
        _("Map (cells)"): [f"{card.map_px} × {card.map_px}" for card in cards],
        _("Top-1 (%)"): [_top1(card) for card in cards],
        _("Weights"): [card.weights.replace("`", "") for card in cards],
        _("Source of top-1"): [card.top1_words for card in cards],
    }
    configs = {
        _("Model"): st.column_config.TextColumn(pinned=True),
        _("Parameters (million)"): st.column_config.NumberColumn(format="%.2f"),
        _("MACs (billion)"): st.column_config.NumberColumn(format="%.3f", help=_("Multiply-adds, the paper's FLOPs")),
    }
    st.dataframe(table, hide_index=True, column_config=configs)
    text = _(
        "d and w multiply the baseline's blocks and channels. Parameters and MACs are computed layer by layer "
        "(`effviz plan`), without batch-norm arithmetic. Top-1 is as measured by its source at this input size."
    )
    st.caption(text)


def _top1(card: ModelCard) -> str:
    """Return the accuracy with its data set: ten classes and a thousand are not comparable."""
    return _("not measured") if card.top1_pct is None else f"{card.top1_pct:.1f} ({card.top1_on})"


def show_agreements(maps: Sequence[ActivationMap]) -> None:
    """Show how well each model's map of one photo agrees with a reference model's."""
    from effviz.evaluate.map_similarity import agreement  # imports the engines, which the page loads without

    left, right = st.columns(2)
    options = {entry.photo: (entry.photo, entry.photo_sha256) for entry in maps}
    several = len(options) > 1
    with left:
        photo = photo_picker.choose(_("Photo"), options, "agreement_photo") if several else maps[0].photo
    of_photo = {entry.model: entry for entry in maps if entry.photo == photo}
    if st.session_state.get(REFERENCE) not in of_photo:
        st.session_state.pop(REFERENCE, None)
    reference = (right if several else left).selectbox(_("Compare with"), list(of_photo), key=REFERENCE)
    others = [entry for entry in of_photo.values() if entry.model != reference]
    agreements = [agreement(of_photo[reference], other) for other in others]
    numbers = {
        _("Overlap of the top 20 %"): [agreement.iou_top20 for agreement in agreements],
        _("Rank correlation"): [agreement.spearman for agreement in agreements],
        _("Distance between centres (% of diagonal)"): [100 * agreement.centroid_distance for agreement in agreements],
    }
    table = {
        _("Against {model}").format(model=reference): [other.model for other in others],
        _("In words"): [agreement_words(agreement.iou_top20) for agreement in agreements],
        **numbers,
    }
    number = st.column_config.NumberColumn(format="%.2f")
    st.dataframe(table, hide_index=True, column_config=dict.fromkeys(numbers, number))
    text = _(
        "Computed from shares of positive evidence in the part of the photo that both models saw. Overlap is "
        "the IoU of the strongest fifths of the area and determines the wording: 1 is identical, 0.11 is "
        "chance. Rank correlation (Spearman): 1 is the same order of places. Distance: 0 is the same centre."
    )
    st.caption(text)


def agreement_words(iou: float) -> str:
    """Describe an overlap by the share of each map's strongest fifth that the other covers, 2 IoU / (1 + IoU)."""
    if math.isnan(iou):
        return _("no positive evidence to compare")
    shared = round(2 * iou / (1 + iou), 9)  # so that rounding errors do not miss a threshold
    return next(_(words) for least, words in AGREEMENTS.items() if shared >= least)


REFERENCE = "agreement_reference"  # in the session: the reference model

AGREEMENTS = {
    0.75: lazy_gettext("looks at the same places"),
    0.5: lazy_gettext("looks mostly at the same places"),
    0.3: lazy_gettext("looks partly at the same places"),
    0.0: lazy_gettext("looks elsewhere"),
}


def card_lines(card: ModelCard) -> list[str]:
    """Return a model's card as five lines."""
    made_for = card.ref.spec.resolution_px
    cost = _("{params:.2f} million parameters, {macs:.3f} billion MACs")
    if card.depth is None:  # not scaled from B0
        size = _("{size} px")
        cost = _("{params:.2f} million parameters, {macs:.3f} billion MACs (counted by torch's FlopCounterMode)")
    elif card.resolution_px == made_for:
        size = _("depth {depth:g} × width {width:g} × {size} px")
    else:
        size = _("depth {depth:g} × width {width:g} × {size} px, with weights made for {made_for} px")
    return [
        size.format(depth=card.depth, width=card.width, size=card.resolution_px, made_for=made_for),
        cost.format(params=card.params / 1e6, macs=card.macs / 1e9),
        _("map of {cells} × {cells} cells").format(cells=card.map_px),
        _("top-1 ({dataset}): {words}").format(dataset=card.top1_on, words=card.top1_words),
        _("weights: {weights}; licence {licence}").format(weights=card.weights, licence=card.licence),
    ]


# All texts of the browser's grid: its scripts contain none, and only fill in the values that change.

WORDS: Final = {
    # toolbar
    "look": lazy_gettext("Look"),
    "scale": lazy_gettext("Colour scale"),
    "palette": lazy_gettext("Palette"),
    "opacity": lazy_gettext("Opacity"),
    "threshold": lazy_gettext("Hide values weaker than"),
    "contour": lazy_gettext("Contour"),
    "placement": lazy_gettext("Placement"),
    "cells": lazy_gettext("Cells"),
    "swipe": lazy_gettext("Swipe"),
    "box": lazy_gettext("Draw a box"),
    "reset": lazy_gettext("Reset zoom"),
    "paletteFixed": lazy_gettext("Signed maps always use the diverging palette; its middle means no evidence."),
    "save": lazy_gettext("Save as PNG"),
    "copyLink": lazy_gettext("Copy link"),
    "link": lazy_gettext("Link to this view, without your own photos"),
    "linkCopied": lazy_gettext("Copied."),
    "linkByHand": lazy_gettext("Press Ctrl+C or ⌘C to copy it."),
    "off": lazy_gettext("off"),
    "percent": lazy_gettext("{value} %"),
    "weakest": lazy_gettext("weakest"),
    "strongestEnd": lazy_gettext("strongest"),
    # tiles
    "zoomHint": lazy_gettext("Ctrl + wheel to zoom, then drag to move"),
    "stage": lazy_gettext("Map of {model}"),
    "enlarge": lazy_gettext("Enlarge the map of {model}"),
    "classes": lazy_gettext("Class shown in the maps"),
    "ownGuess": lazy_gettext("Each model's own first guess"),
    "left": lazy_gettext("Left"),
    "right": lazy_gettext("Right"),
    "divider": lazy_gettext("Where the left map ends"),
    "swiped": lazy_gettext("Left of the divider: {left}. Right: {right}."),
    "mapOf": lazy_gettext("map: {name} {percent}"),
    "untrained": lazy_gettext("Untrained: the weights are random, so this map means nothing."),
    "uncalibrated": lazy_gettext("{model} has no measured calibration, so its map uses plain placement."),
    # difference
    "difference": lazy_gettext("Difference"),
    "sorting": lazy_gettext("Most different first"),
    "moreLeft": lazy_gettext("more in {model}"),
    "moreRight": lazy_gettext("more in {model} · up to {most} of the evidence per cell"),
    "mostDifferentHere": lazy_gettext("most different here"),
    "mostDifferent": lazy_gettext(
        "The maps differ most in the white square: {left} has {first} of its positive evidence there, {right} "
        "{second}. Overall, {elsewhere} of the evidence is in a different place."
    ),
    "noDifference": lazy_gettext(
        "Nothing to compare: one of the maps has no positive evidence in the area that both models saw."
    ),
    # box
    "boxHint": lazy_gettext("Drag on the photo or a map, or enter the edges in pixels:"),
    "boxRemove": lazy_gettext("Remove the box"),
    "boxCovers": lazy_gettext("The box covers {share} of the photo."),
    "boxShare": lazy_gettext(
        "{share} % of the evidence in {part} % of what {model} saw: {times} times a uniform map; peak {peak}."
    ),
    "boxOutside": lazy_gettext("{part} % of the box lies outside the white frame."),
    "boxUnseen": lazy_gettext("The box lies outside the white frame: {model} did not see it."),
    "boxEmpty": lazy_gettext("The box has no area."),
    "boxHit": lazy_gettext("inside"),
    "boxMiss": lazy_gettext("outside"),
    "boxNothing": lazy_gettext("This map has no positive evidence to measure in the box."),
}


def grid_words(choice: ExplanationChoice, maps: Sequence[ActivationMap]) -> Json:
    """Return all texts of the grid; `units` are the units of the colour bar for every scale."""
    text, first = _("{method}, {layer} · EffViz"), maps[:1]
    units = {str(scale): _(rescale(first, scale)[0].unit.partition(":")[0]) for scale in Scale if first}
    if units:
        units[str(Scale.OWN)] = _("each map on its own")
    return {
        **{name: _(text) for name, text in WORDS.items()},
        "placementTip": _(glossary.TERMS["placement"][1]),
        "boxEdges": [_("left"), _("top"), _("right"), _("bottom")],
        **summary_words(choice.method),
        **cell_inspector.inspector_words(choice.method, choice.layer),
        "units": units,
        "made": text.format(method=CAM_METHODS[choice.method].title, layer=_(LAYERS[choice.layer]).lower()),
    }


def summary_words(method: Method) -> Json:
    """Return the sentences of `overlay.describe_map`, with placeholders for what changes in the browser."""
    fact = CAM_METHODS[method]
    return {
        "none": _("No positive evidence for {name} (max {value})."),
        "strongest": strongest_sentence(fact.uses_target).replace("{method}", fact.title),
        "regions": [
            *(_("upper left"), _("upper centre"), _("upper right")),
            *(_("middle left"), _("centre"), _("middle right")),
            *(_("lower left"), _("lower centre"), _("lower right")),
        ],
    }


# What the browser receives: photos, and raw maps of every class of interest.

LEAST_PICKABLE: Final = 5  # classes to pick from, even if fewer have a probability of 1 %
PICKABLE_PROBABILITY: Final = 0.01

Class = tuple[int, str]  # its index in a model and its name: the same class may have another index in another model


def rows_by_photo(entries: Entries) -> list[list[MapCell | MapGap]]:
    """Return the cells grouped by photo."""
    models = len({entry.ref.label for entry in entries})
    return [list(entries[start : start + models]) for start in range(0, len(entries), models)]


def grid_payload(entries: Entries, choice: ExplanationChoice) -> Json:
    """Return everything that the grid shows and that does not depend on the display settings."""
    cells = [entry for entry in entries if isinstance(entry, MapCell)]
    pickable = _pickable(choice)
    labels = dict.fromkeys(cell.ref.label for cell in cells)
    settings = model_settings([cache.model(label) for label in labels])
    titles: dict[str, Mapping[Any, str]] = {"scale": SCALES, "palette": PALETTES, "placement": placement.TITLES}
    return {
        "pickable": pickable,
        "options": {name: [[str(one), _(title)] for one, title in names.items()] for name, names in titles.items()},
        "words": grid_words(choice, [cell.map for cell in cells]),
        # for the picture that the browser saves; the browser itself knows what changes in the grid
        "settings": {**settings, "method": choice.method.value, "layer": choice.layer.value},
        "photos": [_photo(row, place, pickable) for place, row in enumerate(rows_by_photo(entries))],
    }


def changing_payload(entries: Entries) -> Json:
    """Return what changes while the maps stay the same: little data, sent as a separate element."""
    cells = {
        _id(row[0].photo, place): [entry for entry in row if isinstance(entry, MapCell)]
        for place, row in enumerate(rows_by_photo(entries))
    }
    view = st.session_state.get(display_settings.VIEW)
    return {"look": display_settings.display_payload(), "answer": cell_inspector.answer(cells), "view": view}


def grid_maps(entries: Entries, choice: ExplanationChoice) -> list[ActivationMap]:
    """Return every map that the grid can show: for each cell the explained class, then the others to pick from."""
    shown: list[ActivationMap] = []
    for row in rows_by_photo(entries):
        cells = [entry for entry in row if isinstance(entry, MapCell)]
        classes = _classes(cells, pickable=True) if _pickable(choice) else []
        for cell in cells:
            others = [label[0] for label in classes if _knows(cell, label) and label[0] != cell.map.target_index]
            shown += [cell.map, *_maps(cache.forward(cell.ref, cell.photo), others, choice.method)]
    return shown


def _pickable(choice: ExplanationChoice) -> bool:
    """Return whether one forward pass gives the maps of all classes."""
    return choice.quick and CAM_METHODS[choice.method].uses_target


def _id(photo: Photo, place: int) -> str:
    """Return an id with the position: the same photo may appear several times."""
    return f"{place} {photo.sha256} {photo.name}"


def _photo(row: Entries, place: int, pickable: bool) -> Json:
    photo = row[0].photo
    classes = _classes([entry for entry in row if isinstance(entry, MapCell)], pickable)
    return {
        "id": _id(photo, place),
        "name": photo.name,
        "caption": photo_caption(photo),
        "alt": _("The photo {name}").format(name=photo.name),
        "size": [photo.width, photo.height],
        "src": jpeg_address(cache.thumbnail(photo)),
        "classes": [name for _index, name in classes],
        "cells": [_gap(entry) if isinstance(entry, MapGap) else _cell(entry, classes, pickable) for entry in row],
    }


def photo_caption(photo: Photo) -> str:
    """Return the text beside a photo's name."""
    size = _("{width} × {height} px").format(width=photo.width, height=photo.height)
    return " · ".join([size, *(_(note) for note in photo.notes if note == SEVERAL)])


def _classes(cells: Sequence[MapCell], pickable: bool) -> list[Class]:
    """Return the guesses of the trained models for the photo, then any other classes that the maps explain.

    The guesses: every model's first; if `pickable`, also the likeliest up to `LEAST_PICKABLE`, and all of 1 % or more.
    """
    asked = [(cell.map.target_index, cell.map.target_name) for cell in cells]
    guesses = [cell.guesses for cell in cells if cell.map.trained]
    guessed = dict.fromkeys((first.index, first.name) for first, *_others in guesses)
    likeliest = sorted(chain.from_iterable(guesses), key=lambda guess: guess.probability, reverse=True)
    for guess in likeliest if pickable else ():
        if len(guessed) < LEAST_PICKABLE or guess.probability >= PICKABLE_PROBABILITY:
            guessed[guess.index, guess.name] = None
    return list(dict.fromkeys([*guessed, *asked]))  # choosing one of the guesses then leaves the data unchanged


def _gap(gap: MapGap) -> Json:
    empty: Json = {"asked": [], "classes": [], "facts": [], "about": [], "alt": "", "ms": "", "first": 0}
    return {**_head(gap.entrant), "gap": gap.sentence, "inspect": None, "maps": None, "place": None, **empty}


def _cell(cell: MapCell, classes: Sequence[Class], pickable: bool) -> Json:
    entry, forward = cell.map, cache.forward(cell.ref, cell.photo)
    known = [place for place, label in enumerate(classes) if _knows(cell, label)]
    target = classes.index((entry.target_index, entry.target_name))
    first = (cell.guesses[0].index, cell.guesses[0].name)
    maps = _maps(forward, [classes[place][0] for place in known], entry.method) if pickable else [entry]
    mapped = {one.target_index for one in maps}
    asked = known if pickable else [target]
    return {
        **_head(cell.entrant),
        "gap": "",
        "inspect": cell_inspector.of_cells(forward, [classes[place][0] for place in asked]),
        "asked": asked,
        "maps": pack([one.values for one in maps]),
        "classes": [place for place in known if classes[place][0] in mapped],
        "facts": _sayings(forward, classes, known),
        "first": classes.index(first) if first in classes else target,
        "place": map_place(entry),
        "alt": "" if entry.trained else describe_map(entry),
        "ms": _("About this model ({ms} ms)").format(ms=round(cell.forward_ms)),
        "about": _about(cell),
    }


def _head(entrant: Entrant) -> Json:
    return {
        "label": entrant.card.ref.label,
        "role": entrant.role_words,
        "colour": axis_colour(entrant),
        "trained": entrant.card.ref.spec.trained,
    }


def axis_colour(entrant: Entrant) -> str:
    """Return the colour of a model's role."""
    return LOOKS[entrant.role].colour if entrant.role else GREY


def _knows(cell: MapCell, label: Class) -> bool:
    """Return whether the model has this class under the same index and name."""
    (index, name), names = label, cell.ref.spec.classes
    return index < len(names) and names[index] == name


def _sayings(forward: Forward, classes: Sequence[Class], known: Sequence[int]) -> list[Json | None]:
    chances = probabilities(forward)
    facts: list[Json | None] = [None] * len(classes)
    for place in known:
        index = classes[place][0]
        facts[place] = {"index": index, "logit": float(forward.logits[index]), "probability": float(chances[index])}
    return facts


def map_place(entry: ActivationMap) -> Json:
    """Return the map's position on the photo, and its correction if the model has a calibration."""
    height, width = entry.values.shape
    seen, measured = entry.seen, placement.calibration_of(entry)
    return {
        "rows": height,
        "columns": width,
        "seen": [seen.x0, seen.y0, seen.x1, seen.y1],
        "size": list(entry.photo_size),
        "calibration": measured
        and {
            "slope": measured.slope,
            "x": measured.offset_x / measured.resolution_px,
            "y": measured.offset_y / measured.resolution_px,
        },
    }


def _about(cell: MapCell) -> list[str]:
    """Return a model's card: what to look for, its numbers and their sources."""
    guesses = [f"{guess.probability:.1%} {guess.name}" for guess in cell.guesses]
    lines = [_(cell.entrant.words), cache.fallback(cell.ref.label), *card_lines(cell.entrant.card), *guesses]
    return [line for line in lines if line]


def _maps(forward: Forward, indices: Sequence[int], method: Method) -> list[ActivationMap]:
    """Return the maps of several classes from one pass, without those that are not finite."""
    # Imported here so that the page loads without torch.
    from effviz.explain.activation_maps import activation_map

    maps = []
    for index in indices:
        with suppress(TargetError):
            maps.append(activation_map(forward, index, method))
    return maps
