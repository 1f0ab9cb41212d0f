"""One sentence that says what a map shows, for alt texts and under pictures."""

import math
from typing import Final

import numpy as np

from effviz.explain.methods import METHODS
from effviz.explain.results import ActivationMap, Floats

TOP_AREA: Final = 0.2
_ROWS: Final = ("upper", "middle", "lower")
_COLUMNS: Final = ("left", "centre", "right")


def sentence(activation_map: ActivationMap) -> str:
    """Say where the map's peak lies (plain placement) and how concentrated it is, or that it says nothing."""
    if not activation_map.trained:
        return f"{activation_map.model} is untrained: its weights are random, and this map means nothing."
    strongest = float(activation_map.values.max())
    if strongest <= 0:
        return f"No positive evidence for {activation_map.target_name} (max {strongest:.2g})."
    share = 100 * top_share(activation_map.values)
    return (
        f"{_subject(activation_map)} strongest in the {peak_region(activation_map)} of the photo; "
        f"the strongest {100 * TOP_AREA:.0f} % of the area seen holds {share:.0f} % of it."
    )


def top_share(values: Floats, area: float = TOP_AREA) -> float:
    """The share of the positive evidence in the strongest part of the area, 0 to 1; a cell may count in part."""
    evidence = np.sort(np.maximum(values, 0), axis=None)[::-1].astype(np.float64)
    total = evidence.sum()
    if total == 0:
        return 0.0
    cells = area * evidence.size
    whole = math.floor(cells)
    return float((evidence[:whole].sum() + (cells - whole) * evidence[whole : whole + 1].sum()) / total)


def peak_region(activation_map: ActivationMap) -> str:
    """Which ninth of the photo the strongest cell's centre lies in: "upper left", "centre", "lower right"."""
    row, column = np.unravel_index(int(activation_map.values.argmax()), activation_map.values.shape)
    height, width = activation_map.values.shape
    seen, (photo_width, photo_height) = activation_map.seen, activation_map.photo_size
    x = seen.x0 + (column + 0.5) / width * (seen.x1 - seen.x0)
    y = seen.y0 + (row + 0.5) / height * (seen.y1 - seen.y0)
    down, across = _ROWS[_third(float(y / photo_height))], _COLUMNS[_third(float(x / photo_width))]
    return "centre" if (down, across) == ("middle", "centre") else f"{down} {across}"


def _third(part: float) -> int:
    return min(2, max(0, int(3 * part)))


def _subject(activation_map: ActivationMap) -> str:
    fact = METHODS[activation_map.method]
    if fact.uses_target:
        return f"Evidence for {activation_map.target_name} is"
    return f"What {fact.title} picks out, whatever the class, is"
