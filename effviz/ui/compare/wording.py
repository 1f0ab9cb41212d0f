"""Every word that the browser's grid shows: its scripts know none, and fill in what changes while one looks."""

from collections.abc import Sequence

from effviz.explain.methods import METHODS
from effviz.explain.results import ActivationMap, Method
from effviz.explain.scales import Scale, rescale
from effviz.ui.compare import inspection
from effviz.ui.compare.controls import LAYERS, Choice
from effviz.words import _

Json = dict[str, object]


def words(choice: Choice, maps: Sequence[ActivationMap]) -> Json:
    """All of them, for one page."""
    made = _("{method}, {layer} · EffViz")
    return {
        **_toolbar(),
        **_tiles(),
        **_box(),
        **summary_words(choice.method),
        **inspection.words(choice.method, choice.layer),
        "units": _units(maps),
        "made": made.format(method=METHODS[choice.method].title, layer=_(LAYERS[choice.layer]).lower()),
    }


def _units(maps: Sequence[ActivationMap]) -> dict[str, str]:
    """What the numbers of the colour bar count, for every scale."""
    if not maps:
        return {}
    units = {str(scale): _(rescale(maps[:1], scale)[0].unit.partition(":")[0]) for scale in Scale}
    return {**units, str(Scale.OWN): _("each map on its own")}


def summary_words(method: Method) -> Json:
    """The sentences of `explain.summary`, with places for what changes in the browser."""
    for_class = _(
        "Evidence for {name} is strongest in the {region} of the photo; "
        "the strongest {area} % of the area seen holds {share} % of it."
    )
    whatever = _(
        "What {method} picks out, whatever the class, is strongest in the {region} of the photo; "
        "the strongest {area} % of the area seen holds {share} % of it."
    )
    return {
        "none": _("No positive evidence for {name} (max {value})."),
        "strongest": for_class if METHODS[method].uses_target else whatever.replace("{method}", METHODS[method].title),
        "regions": [
            *(_("upper left"), _("upper centre"), _("upper right")),
            *(_("middle left"), _("centre"), _("middle right")),
            *(_("lower left"), _("lower centre"), _("lower right")),
        ],
    }


def _toolbar() -> Json:
    return {
        "look": _("Look"),
        "scale": _("Scale"),
        "palette": _("Palette"),
        "opacity": _("Opacity"),
        "threshold": _("Hide weak parts below"),
        "contour": _("Contour"),
        "placement": _("Placement"),
        "cells": _("Cells"),
        "swipe": _("Swipe"),
        "box": _("Draw a box"),
        "reset": _("Whole photo"),
        "save": _("Save as PNG"),
        "off": _("off"),
        "percent": _("{value} %"),
        "weakest": _("weakest"),
        "strongestEnd": _("strongest"),
    }


def _tiles() -> Json:
    return {
        "stage": _("Map of {model}"),
        "enlarge": _("Enlarge the map of {model}"),
        "classes": _("Class that the maps show"),
        "asChosen": _("As chosen above"),
        "left": _("Left"),
        "right": _("Right"),
        "divider": _("Where the left map ends"),
        "swiped": _("Left of the divider {left}, right of it {right}."),
        "mapOf": _("map: {name} {percent}"),
        "untrained": _("Untrained: random weights, this map means nothing."),
        "uncalibrated": _("{model} has no measured calibration: plain placement."),
    }


def _box() -> Json:
    return {
        "boxHint": _("Drag on the photo or a map, or write the edges in pixels:"),
        "boxEdges": [_("left"), _("top"), _("right"), _("bottom")],
        "boxRemove": _("Remove the box"),
        "boxCovers": _("It covers {share} of the photo."),
        "boxShare": _("{share} of the evidence in the box, peak {place}."),
        "boxHit": _("inside"),
        "boxMiss": _("outside"),
        "boxNothing": _("There is no positive evidence to lie in the box."),
    }
