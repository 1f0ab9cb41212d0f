"""Which methods are one and the same map here: at the last layer five names stand for one map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from effviz.explain.maps import activation_map
from effviz.explain.methods import METHODS
from effviz.explain.results import ActivationMap, Floats, Forward, Layer, Method
from effviz.explain.targets import Target

TOLERANCE = 1e-4  # of the map's largest value: no eye and no 8-bit picture can tell


@dataclass(frozen=True, slots=True)
class Group:
    """Methods with the same map up to a positive factor."""

    methods: tuple[Method, ...]
    difference: float  # largest one between a member and the first, as a share of the map's largest value


def identical(forward: Forward, target: Target | int, methods: Sequence[Method]) -> tuple[tuple[Method, ...], ...]:
    """Group methods whose maps at the last layer are the same; slower ones than the closed forms are left out."""
    quick = [method for method in methods if METHODS[method].closed_form]
    found = groups([activation_map(forward, target, method, Layer.LAST) for method in quick])
    return tuple(group.methods for group in found)


def groups(maps: Sequence[ActivationMap]) -> tuple[Group, ...]:
    """Group maps of one photo, model, class and layer that differ by a positive factor only.

    Such maps look the same on every scale that starts from each map's own size.
    """
    members: list[list[ActivationMap]] = []
    for candidate in maps:
        home = next((group for group in members if difference(group[0], candidate) <= TOLERANCE), None)
        if home is None:
            members.append([candidate])
        else:
            home.append(candidate)
    return tuple(_group(group) for group in members)


def difference(a: ActivationMap, b: ActivationMap) -> float:
    """Return the largest difference after each map is divided by its largest absolute value; infinite between grids."""
    if a.values.shape != b.values.shape:
        return float("inf")
    return float(np.abs(_unit(a.values) - _unit(b.values)).max())


def _group(maps: Sequence[ActivationMap]) -> Group:
    return Group(tuple(entry.method for entry in maps), max(difference(maps[0], entry) for entry in maps))


def _unit(values: Floats) -> Floats:
    size = float(np.abs(values).max())
    return values / size if size > 0 else values
