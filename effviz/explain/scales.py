"""Bring maps to a scale that can be coloured: their own, a shared one, signed density, share of evidence, or rank."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np

from effviz.explain.data_types import ActivationMap, Floats, Method
from effviz.i18n import _, lazy_gettext


class Scale(StrEnum):
    """How strong a map's values count. The models' logits are not on one scale: compare models by share or rank."""

    OWN = "own"  # each map from its own minimum to its own maximum: hides how strong it is
    SHARED = "shared"  # one range for all maps in view
    DENSITY = "density"  # signed; for CAM the mean plus the bias is the logit
    SHARE = "share"  # of the map's positive evidence; sums to 1
    RANK = "rank"  # 0 for the weakest cell, 1 for the strongest; equal cells share their mean rank


@dataclass(frozen=True, slots=True, eq=False)
class ScaledMap:
    """A map with the range that its colours span."""

    values: Floats  # (H, W), in the unit below, read-only
    low: float  # value at the palette's low end
    high: float
    signed: bool  # True: low = -high, and the middle of a diverging palette means none
    unit: str  # words beside the colour bar
    scale: Scale
    source: ActivationMap

    @property
    def fractions(self) -> Floats:
        """The values from 0 at `low` to 1 at `high`, which is what a palette colours."""
        return fractions(self.values, self)


def fractions(values: Floats, scaled: ScaledMap) -> Floats:
    """Values in the map's unit (also drawn out to pixels) from 0 at `low` to 1 at `high`; nan stays."""
    span = scaled.high - scaled.low
    if span <= 0:  # the same everywhere
        return values * np.float32(0) + np.float32(0.5 if scaled.signed else 0)
    part: Floats = (values - np.float32(scaled.low)) / np.float32(span)
    return part


def rescale(maps: Sequence[ActivationMap], scale: Scale) -> tuple[ScaledMap, ...]:
    """Scale all maps in view together; the order is kept."""
    values = [_VALUES[scale](entry.values) for entry in maps]
    ranges = _ranges(values, scale)
    signed = scale is Scale.DENSITY
    return tuple(
        ScaledMap(_read_only(array), low, high, signed, _unit(entry, scale), scale, entry)
        for entry, array, (low, high) in zip(maps, values, ranges, strict=True)
    )


def _ranges(values: Sequence[Floats], scale: Scale) -> list[tuple[float, float]]:
    own = [(float(array.min()), float(array.max())) for array in values]
    lowest, highest = min((low for low, _ in own), default=0.0), max((high for _, high in own), default=0.0)
    match scale:
        case Scale.OWN:
            return own
        case Scale.SHARED:
            return [(lowest, highest)] * len(own)
        case Scale.DENSITY:
            strongest = max(-lowest, highest)
            return [(-strongest, strongest)] * len(own)
        case Scale.SHARE:
            # A cell of a fine grid holds less: equal colours must mean an equal share of an equal area.
            densest = max((array.size * high for array, (_, high) in zip(values, own, strict=True)), default=0.0)
            return [(0.0, densest / array.size) for array in values]
        case Scale.RANK:
            return [(0.0, 1.0)] * len(own)


def _raw(values: Floats) -> Floats:
    return values.copy()


def _share(values: Floats) -> Floats:
    """Each cell's part of the positive evidence; zeros when there is none."""
    positive = np.maximum(values, 0).astype(np.float64)
    total = positive.sum()
    shares: Floats = (positive / total if total > 0 else positive).astype(np.float32)
    return shares


def _rank(values: Floats) -> Floats:
    """Rank from 0 to 1, equal values sharing the mean of their ranks; 0.5 when all are equal."""
    _, group, count = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count + 1) / 2  # of each group of equal values, from 0
    ranks: Floats = (mean_rank[group].reshape(values.shape) / max(1, values.size - 1)).astype(np.float32)
    return ranks


def _read_only(values: Floats) -> Floats:
    values.setflags(write=False)
    return values


_VALUES: Final[Mapping[Scale, Callable[[Floats], Floats]]] = MappingProxyType(
    {Scale.OWN: _raw, Scale.SHARED: _raw, Scale.DENSITY: _raw, Scale.SHARE: _share, Scale.RANK: _rank}
)

_UNITS: Final[Mapping[Scale, str]] = MappingProxyType(
    {
        Scale.OWN: lazy_gettext("own range of this map"),
        Scale.SHARED: lazy_gettext("one range for all maps in view"),
        Scale.DENSITY: lazy_gettext("evidence for (+) and against (-), in the map's own unit"),
        Scale.SHARE: lazy_gettext("share of the positive evidence in a cell"),
        Scale.RANK: lazy_gettext("rank of a cell, 0 weakest to 1 strongest"),
    }
)


def _unit(entry: ActivationMap, scale: Scale) -> str:
    if scale is Scale.DENSITY and entry.method is Method.CAM:
        density = _("logit density: its mean plus the bias {bias:+.2f} is the logit {logit:.2f}")
        return density.format(bias=entry.bias, logit=entry.logit)
    return _(_UNITS[scale])
