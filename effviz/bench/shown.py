"""The maps that a page sent to a browser, as numbers again."""

import base64
import json
from typing import TypedDict

import numpy as np

from effviz.bench.visitors import Answer
from effviz.explain.results import Floats

COMPONENT = "effviz_grid"
TOLERANCE = 4e-3  # of a map's largest value: a half float's rounding, and 1e-3 between engines

Maps = dict[tuple[str, str], Floats]  # photo's sha256, model -> (H, W)


class _Packed(TypedDict):
    """Half floats of several maps of one size, each divided by its factor."""

    data: str
    factors: list[float]
    rows: int
    columns: int


class _Cell(TypedDict):
    """One model's maps of one photo."""

    label: str
    maps: _Packed | None  # None where there is no map
    classes: list[int]  # whose maps they are
    target: int  # the one that is explained


def shown(answer: Answer) -> Maps:
    """The map of the class that is explained, for every photo and model of the page's grid."""
    return {
        (photo["id"].split()[1], cell["label"]): _explained(cell, cell["maps"])
        for data in answer.data(COMPONENT)
        for photo in json.loads(data)["photos"]
        for cell in photo["cells"]
        if cell["maps"]
    }


def _explained(cell: _Cell, packed: _Packed) -> Floats:
    halves = np.frombuffer(base64.b64decode(packed["data"]), "<f2").reshape(-1, packed["rows"], packed["columns"])
    place = cell["classes"].index(cell["target"])
    values: Floats = halves[place].astype(np.float32) * np.float32(packed["factors"][place])
    return values


def same(found: Floats | None, wanted: Floats) -> bool:
    """Whether a map that was sent is the one that was wanted."""
    if found is None or found.shape != wanted.shape:
        return False
    return bool(np.abs(found - wanted).max() <= TOLERANCE * np.abs(wanted).max())
