"""The comparison as the browser gets it: photos, raw maps of every class of interest, and all words that are shown."""

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from effviz.errors import TargetError
from effviz.explain import calibration, summary
from effviz.explain.methods import METHODS
from effviz.explain.results import ActivationMap, Forward, Layer, Method, Photo
from effviz.explain.targets import probabilities
from effviz.plots.style import GREY, LOOKS
from effviz.ui import cache
from effviz.ui.compare import inspection, look, wording
from effviz.ui.compare.cells import Cell, Entrant, Gap
from effviz.ui.compare.controls import SCALES, Choice
from effviz.ui.compare.numbers import facts
from effviz.ui.components.grid import pack
from effviz.words import _

Json = dict[str, object]
Option = TypeVar("Option", bound=StrEnum)
Class = tuple[int, str]  # its index in a model, and its name: two models may count differently


def rows(found: Sequence[Cell | Gap]) -> list[list[Cell | Gap]]:
    """The cells photo by photo."""
    models = len({entry.entrant.card.ref.label for entry in found})
    return [list(found[start : start + models]) for start in range(0, len(found), models)]


def payload(found: Sequence[Cell | Gap], choice: Choice) -> Json:
    """All that the grid shows, the same for every look."""
    cells = [entry for entry in found if isinstance(entry, Cell)]
    pickable = _pickable(choice)
    return {
        "pickable": pickable,
        "options": {
            "scale": _options(SCALES),
            "palette": _options(look.PALETTES),
            "placement": _options(look.PLACEMENTS),
        },
        "words": wording.words(choice, [cell.map for cell in cells]),
        "photos": [_photo(row, place, pickable) for place, row in enumerate(rows(found))],
    }


def news(found: Sequence[Cell | Gap]) -> Json:
    """What changes while the maps stay: small, and an element of its own."""
    cells = {
        _id(row[0].photo, place): [entry for entry in row if isinstance(entry, Cell)]
        for place, row in enumerate(rows(found))
    }
    return {"look": look.payload(), "answer": inspection.answer(cells)}


def maps(found: Sequence[Cell | Gap], choice: Choice) -> list[ActivationMap]:
    """Every map that the grid can show: for each cell what is explained, then the other classes that can be picked."""
    shown: list[ActivationMap] = []
    for row in rows(found):
        cells = [entry for entry in row if isinstance(entry, Cell)]
        classes = _classes(cells, pickable=True) if _pickable(choice) else []
        for cell in cells:
            others = [index for index in _known(cell, classes) if index != cell.map.target_index]
            shown += [cell.map, *_maps(cache.forward(cell.entrant.card.ref, cell.photo), others, choice.method)]
    return shown


def _pickable(choice: Choice) -> bool:
    """Whether a pass gives the map of every class at once."""
    fact = METHODS[choice.method]
    return fact.closed_form and fact.uses_target and choice.layer is Layer.LAST


def _options(titles: Mapping[Option, str]) -> list[list[str]]:
    return [[str(option), _(title)] for option, title in titles.items()]


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
        "src": picture(photo),
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
    known = [place for place, of in enumerate(classes) if _knows(cell, of)]
    target = classes.index((found.target_index, found.target_name))
    first = (cell.guesses[0].index, cell.guesses[0].name)
    made = _maps(forward, [classes[place][0] for place in known], found.method) if pickable else [found]
    mapped = {one.target_index for one in made}
    asked = known if pickable else [target]
    return {
        **_head(cell.entrant),
        "gap": "",
        "inspect": inspection.of_cells(forward, [classes[place][0] for place in asked]),
        "asked": asked,
        "maps": pack([one.values for one in made]),
        "classes": [place for place in known if classes[place][0] in mapped],
        "facts": _sayings(forward, classes, known),
        "target": target,
        "first": classes.index(first) if first in classes else target,
        "place": place(found),
        "alt": "" if found.trained else summary.sentence(found),
        "ms": _("About this model ({ms} ms)").format(ms=round(cell.forward_ms)),
        "about": _about(cell),
    }


def _head(entrant: Entrant) -> Json:
    """The model's name and its role."""
    role = ""
    if entrant.role is not None:
        beside = _("{role}, from {model}") if entrant.beside else "{role}"
        role = beside.format(role=_(entrant.role), model=entrant.beside)
    return {
        "label": entrant.card.ref.label,
        "role": role,
        "colour": colour(entrant),
        "trained": entrant.card.ref.spec.trained,
    }


def colour(entrant: Entrant) -> str:
    """The colour of a model's role."""
    return LOOKS[entrant.role].colour if entrant.role else GREY


def _knows(cell: Cell, of: Class) -> bool:
    """Whether the model counts this class under the same name."""
    (index, name), names = of, cell.entrant.card.ref.spec.classes
    return index < len(names) and names[index] == name


def _known(cell: Cell, classes: Sequence[Class]) -> list[int]:
    return [of[0] for of in classes if _knows(cell, of)]


def _sayings(forward: Forward, classes: Sequence[Class], known: Sequence[int]) -> list[Json | None]:
    chances = probabilities(forward)
    said: list[Json | None] = [None] * len(classes)
    for place in known:
        index = classes[place][0]
        said[place] = {
            "index": index,
            "logit": float(forward.logits[index]),
            "probability": float(chances[index]),
        }
    return said


def place(found: ActivationMap) -> Json:
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
        _(cell.entrant.words) if cell.entrant.words else "",
        cache.fallback(card.ref.label),
        *facts(card),
        *(f"{guess.probability:.1%} {guess.name}" for guess in cell.guesses),
    ]
    return [line for line in lines if line]


def _maps(forward: Forward, indices: Sequence[int], method: Method) -> list[ActivationMap]:
    """The maps of several classes from one pass; a class whose map is not finite has none."""
    # Imported here: a page shows itself without torch.
    from effviz.explain.maps import activation_map

    found = []
    for index in indices:
        with suppress(TargetError):
            found.append(activation_map(forward, index, method))
    return found


def picture(photo: Photo) -> str:
    """A photo as small as the grid shows it, as an address of its own."""
    return address(cache.thumbnail(photo))


def address(jpeg: bytes) -> str:
    """A picture as an address that holds all of it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
