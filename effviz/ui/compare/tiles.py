"""The comparison as the browser gets it: photos, raw maps of every class of interest, and all words that are shown."""

import base64
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from effviz.errors import TargetError
from effviz.explain import calibration, summary
from effviz.explain.methods import METHODS
from effviz.explain.results import ActivationMap, Forward, Layer, Method, Photo
from effviz.explain.scales import Scale, rescale
from effviz.explain.targets import probabilities
from effviz.plots.style import GREY, LOOKS
from effviz.ui import cache
from effviz.ui.compare import inspection, look
from effviz.ui.compare.cells import Cell, Entrant, Gap
from effviz.ui.compare.controls import SCALES, Choice
from effviz.ui.components.grid import pack
from effviz.words import _

Json = dict[str, object]
Class = tuple[int, str]  # its index in a model, and its name: two models may count differently


def rows(found: Sequence[Cell | Gap]) -> list[list[Cell | Gap]]:
    """The cells photo by photo."""
    models = len({entry.entrant.card.ref.label for entry in found})
    return [list(found[start : start + models]) for start in range(0, len(found), models)]


def payload(found: Sequence[Cell | Gap], choice: Choice) -> Json:
    """All that the grid shows."""
    cells = [entry for entry in found if isinstance(entry, Cell)]
    fact = METHODS[choice.method]
    pickable = fact.closed_form and fact.uses_target and choice.layer is Layer.LAST
    return {
        "look": look.payload(),
        "pickable": pickable,
        "options": {
            "scale": list(SCALES.items()),
            "palette": list(look.PALETTES.items()),
            "placement": list(look.PLACEMENTS.items()),
        },
        "words": {
            **_words(),
            **summary_words(choice.method),
            **inspection.words(choice.method, choice.layer),
            "units": _units(cells),
        },
        "photos": [_photo(row, place, pickable) for place, row in enumerate(rows(found))],
        "answer": inspection.answer(
            {
                _id(row[0].photo, place): [entry for entry in row if isinstance(entry, Cell)]
                for place, row in enumerate(rows(found))
            }
        ),
    }


def _id(photo: Photo, place: int) -> str:
    """One photo may stand in several places."""
    return f"{place} {photo.sha256} {photo.name}"


def _photo(row: Sequence[Cell | Gap], place: int, pickable: bool) -> Json:
    photo = row[0].photo
    classes = _classes([entry for entry in row if isinstance(entry, Cell)], pickable)
    return {
        "id": _id(photo, place),
        "name": photo.name,
        "caption": _("{width} × {height} px").format(width=photo.width, height=photo.height),
        "alt": _("The photo {name}").format(name=photo.name),
        "size": [photo.width, photo.height],
        "src": _picture(photo),
        "classes": [name for _index, name in classes],
        "cells": [_gap(entry) if isinstance(entry, Gap) else _cell(entry, classes, pickable) for entry in row],
    }


def _classes(cells: Sequence[Cell], pickable: bool) -> list[Class]:
    """What the maps explain, then what any trained model took the photo for."""
    asked = [(cell.map.target_index, cell.map.target_name) for cell in cells]
    guessed = [
        (guess.index, guess.name)
        for cell in cells
        if cell.map.trained
        for guess in cell.guesses[: 5 if pickable else 1]
    ]
    return list(dict.fromkeys([*asked, *guessed]))


def _gap(gap: Gap) -> Json:
    return {
        **_head(gap.entrant),
        "gap": gap.sentence,
        "inspect": None,
        "asked": [],
        "maps": None,
        "place": None,
        "classes": [],
        "facts": [],
        "target": 0,
        "first": 0,
        "alt": "",
        "ms": "",
        "about": [],
    }


def _cell(cell: Cell, classes: Sequence[Class], pickable: bool) -> Json:
    found, forward = cell.map, cache.forward(cell.entrant.card.ref, cell.photo)
    names = forward.model.ref.spec.classes
    known = [place for place, (index, name) in enumerate(classes) if index < len(names) and names[index] == name]
    target = classes.index((found.target_index, found.target_name))
    first = (cell.guesses[0].index, cell.guesses[0].name)
    maps = _maps(forward, [classes[place][0] for place in known], found.method) if pickable else _only(found)
    asked = known if pickable else [target]
    return {
        **_head(cell.entrant),
        "gap": "",
        "inspect": inspection.of_cells(forward, [classes[place][0] for place in asked]),
        "asked": asked,
        "maps": maps.packed,
        "classes": [place for place in known if classes[place][0] in maps.indices],
        "facts": _facts(forward, classes, known),
        "target": target,
        "first": classes.index(first) if first in classes else target,
        "place": _place(found),
        "alt": "" if found.trained else summary.sentence(found),
        "ms": _("{ms} ms · about").format(ms=round(cell.forward_ms)),
        "about": _about(cell),
    }


def _head(entrant: Entrant) -> Json:
    """The model's name and its role."""
    role = ""
    if entrant.role is not None:
        beside = _("{role}, from {model}") if entrant.beside else "{role}"
        role = beside.format(role=entrant.role, model=entrant.beside)
    return {
        "label": entrant.card.ref.label,
        "role": role,
        "colour": LOOKS[entrant.role].colour if entrant.role else GREY,
        "trained": entrant.card.ref.spec.trained,
    }


@dataclass(frozen=True, slots=True)
class _Maps:
    """Packed maps and whose they are."""

    indices: tuple[int, ...]
    packed: Json


def _facts(forward: Forward, classes: Sequence[Class], known: Sequence[int]) -> list[Json | None]:
    chances = probabilities(forward)
    facts: list[Json | None] = [None] * len(classes)
    for place in known:
        index = classes[place][0]
        facts[place] = {
            "index": index,
            "logit": float(forward.logits[index]),
            "probability": float(chances[index]),
        }
    return facts


def _place(found: ActivationMap) -> Json:
    """Where the map lies on the photo, and how that is corrected where it was measured."""
    height, width = found.values.shape
    seen, measured = found.seen, calibration.calibrations().get(found.model)
    return {
        "rows": height,
        "columns": width,
        "seen": [seen.x0, seen.y0, seen.x1, seen.y1],
        "size": list(found.photo_size),
        "calibration": measured
        and {
            "slope": measured.slope,
            "x": measured.offset_x / measured.resolution_px,
            "y": measured.offset_y / measured.resolution_px,
        },
    }


def _about(cell: Cell) -> list[str]:
    """A model's card: what to look for, its numbers, and where they come from."""
    card = cell.entrant.card
    lines = [
        cell.entrant.words,
        cache.fallback(card.ref.label),
        _("depth {depth:g} × width {width:g} × {size} px").format(
            depth=card.depth, width=card.width, size=card.resolution_px
        ),
        _("{params:.2f} million parameters, {macs:.3f} billion MACs").format(
            params=card.params / 1e6, macs=card.macs / 1e9
        ),
        _("map of {cells} × {cells} cells").format(cells=card.map_px),
        _("ImageNet top-1: {words}").format(words=card.top1_words),
        _("weights: {weights}; licence {licence}").format(weights=card.weights, licence=card.licence),
        *(f"{guess.probability:.1%} {guess.name}" for guess in cell.guesses),
    ]
    return [line for line in lines if line]


def _maps(forward: Forward, indices: Sequence[int], method: Method) -> _Maps:
    """The maps of several classes from one pass; a class whose map is not finite has none."""
    # Imported here: a page shows itself without torch.
    from effviz.explain.maps import activation_map

    found = {}
    for index in indices:
        with suppress(TargetError):
            found[index] = activation_map(forward, index, method).values
    return _Maps(tuple(found), pack(list(found.values())))


def _only(found: ActivationMap) -> _Maps:
    return _Maps((found.target_index,), pack([found.values]))


def _picture(photo: Photo) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(cache.thumbnail(photo)).decode('ascii')}"


def _units(cells: Sequence[Cell]) -> dict[str, str]:
    """What the numbers of the colour bar count, for every scale."""
    if not cells:
        return {}
    units = {str(scale): rescale([cells[0].map], scale)[0].unit.partition(":")[0] for scale in Scale}
    return {**units, str(Scale.OWN): _("each map on its own")}


def summary_words(method: Method) -> Json:
    """The sentences of `explain.summary`, with places for what changes in the browser."""
    subject = (
        _("Evidence for {name} is")
        if METHODS[method].uses_target
        else _("What {method} picks out, whatever the class, is").format(method=METHODS[method].title)
    )
    return {
        "none": _("No positive evidence for {name} (max {value})."),
        "strongest": subject
        + _(" strongest in the {region} of the photo; the strongest {area} % of the area seen holds {share} % of it."),
        "regions": [
            *(_("upper left"), _("upper centre"), _("upper right")),
            *(_("middle left"), _("centre"), _("middle right")),
            *(_("lower left"), _("lower centre"), _("lower right")),
        ],
    }


def _words() -> Json:
    return {
        "look": _("Look"),
        "scale": _("Scale"),
        "palette": _("Palette"),
        "opacity": _("Opacity"),
        "threshold": _("Hide what is below"),
        "contour": _("Contour"),
        "placement": _("Placement"),
        "cells": _("Cells"),
        "reset": _("Whole photo"),
        "off": _("off"),
        "percent": _("{value} %"),
        "weakest": _("weakest"),
        "strongestEnd": _("strongest"),
        "stage": _("Map of {model}"),
        "enlarge": _("Enlarge the map of {model}"),
        "classes": _("Class that the maps show"),
        "asChosen": _("As chosen above"),
        "swipe": _("Swipe"),
        "left": _("Left"),
        "right": _("Right"),
        "divider": _("Where the left map ends"),
        "swiped": _("Left of the divider {left}, right of it {right}."),
        "mapOf": _("map: {name} {percent}"),
        "untrained": _("Untrained: random weights, this map means nothing."),
        "uncalibrated": _("{model} has no measured calibration: plain placement."),
    }
