"""One sentence that says what a map shows, for alt texts and under pictures."""

import math
from typing import Final

import numpy as np

from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import ActivationMap, Floats
from effviz.i18n import _, lazy_gettext

TOP_AREA: Final = 0.2
_NINTHS: Final = (
    (lazy_gettext("upper left"), lazy_gettext("upper centre"), lazy_gettext("upper right")),
    (lazy_gettext("middle left"), lazy_gettext("centre"), lazy_gettext("middle right")),
    (lazy_gettext("lower left"), lazy_gettext("lower centre"), lazy_gettext("lower right")),
)


def describe_map(activation_map: ActivationMap) -> str:
    """Say where the map's peak lies (plain placement) and how concentrated it is, or that it says nothing."""
    if not activation_map.trained:
        untrained = _("{model} is untrained: its weights are random, and this map means nothing.")
        return untrained.format(model=activation_map.model)
    strongest = float(activation_map.values.max())
    if strongest <= 0:
        none = _("No positive evidence for {name} (max {value}).")
        return none.format(name=activation_map.target_name, value=f"{strongest:.2g}")
    return _strongest_sentence(CAM_METHODS[activation_map.method].uses_target).format(
        name=activation_map.target_name,
        method=_(CAM_METHODS[activation_map.method].title),
        region=_(peak_region(activation_map)),
        area=f"{100 * TOP_AREA:.0f}",
        share=f"{100 * top_share(activation_map.values):.0f}",
    )


def _strongest_sentence(of_a_class: bool) -> str:
    if of_a_class:
        return _(
            "Evidence for {name} is strongest in the {region} of the photo; "
            "the strongest {area} % of the area seen holds {share} % of it."
        )
    return _(
        "What {method} picks out, whatever the class, is strongest in the {region} of the photo; "
        "the strongest {area} % of the area seen holds {share} % of it."
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
    """Which ninth of the photo the strongest cell's centre lies in: "upper left", "centre", "lower right"; for `_`."""
    row, column = np.unravel_index(int(activation_map.values.argmax()), activation_map.values.shape)
    height, width = activation_map.values.shape
    seen, (photo_width, photo_height) = activation_map.seen, activation_map.photo_size
    x = seen.x0 + (column + 0.5) / width * (seen.x1 - seen.x0)
    y = seen.y0 + (row + 0.5) / height * (seen.y1 - seen.y0)
    return _NINTHS[_third(float(y / photo_height))][_third(float(x / photo_width))]


def _third(part: float) -> int:
    return min(2, max(0, int(3 * part)))
