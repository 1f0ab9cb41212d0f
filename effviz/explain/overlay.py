"""A map drawn over its photo: coloured where the model saw, dimmed elsewhere, with a frame, cells and a contour.

Also contains the colour tables, and the sentence that describes a map in alt texts.
"""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import ActivationMap, Bytes, Floats, Method, Photo, read_only
from effviz.explain.images import display
from effviz.explain.placement import Placed, Placement, RasterOptions, place
from effviz.i18n import _, lazy_gettext, typeset

# Convert maps to a display scale: their own, a shared one, signed density, share of evidence, or rank.


class Scale(StrEnum):
    """The range that a map's colours span. Logits are not comparable across models: compare by share or rank."""

    OWN = "own"  # each map from its own minimum to its own maximum: hides its strength
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
    signed: bool  # True: low = -high, and the middle of a diverging palette means no evidence
    unit: str  # label of the colour bar
    scale: Scale
    source: ActivationMap

    def fractions(self, values: Floats) -> Floats:
        """Return values in the map's unit, per cell or pixel, scaled from 0 at `low` to 1 at `high`; NaN stays NaN."""
        span = self.high - self.low
        if span <= 0:  # constant map
            return values * np.float32(0) + np.float32(0.5 if self.signed else 0)
        return (values - np.float32(self.low)) / np.float32(span)


def rescale(maps: Sequence[ActivationMap], scale: Scale) -> tuple[ScaledMap, ...]:
    """Scale all visible maps together, keeping their order."""
    values = [_VALUES.get(scale, np.copy)(entry.values) for entry in maps]
    ranges = _ranges(values, scale)
    signed = scale is Scale.DENSITY
    return tuple(
        ScaledMap(read_only(array), low, high, signed, _unit(entry, scale), scale, entry)
        for entry, array, (low, high) in zip(maps, values, ranges, strict=True)
    )


def _ranges(values: Sequence[Floats], scale: Scale) -> list[tuple[float, float]]:
    ranges = [(float(array.min()), float(array.max())) for array in values]
    lowest, highest = min((low for low, _ in ranges), default=0.0), max((high for _, high in ranges), default=0.0)
    match scale:
        case Scale.OWN:
            return ranges
        case Scale.SHARED:
            return [(lowest, highest)] * len(ranges)
        case Scale.DENSITY:
            strongest = max(-lowest, highest)
            return [(-strongest, strongest)] * len(ranges)
        case Scale.SHARE:
            # Cells of a finer grid hold smaller shares: equal colours must mean equal shares of equal areas.
            densest = max((array.size * high for array, (_, high) in zip(values, ranges, strict=True)), default=0.0)
            return [(0.0, densest / array.size) for array in values]
        case Scale.RANK:
            return [(0.0, 1.0)] * len(ranges)


def _share(values: Floats) -> Floats:
    """Return each cell's share of the positive evidence; zeros if there is none."""
    positive = np.maximum(values, 0).astype(np.float64)
    total = positive.sum()
    return (positive / total if total > 0 else positive).astype(np.float32)


def _rank(values: Floats) -> Floats:
    """Return ranks from 0 to 1; equal values share their mean rank, which is 0.5 if all values are equal."""
    _, group, count = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count + 1) / 2  # of each group of equal values, from 0
    return (mean_rank[group].reshape(values.shape) / max(1, values.size - 1)).astype(np.float32)


# The other scales use the values unchanged.
_VALUES: Final[Mapping[Scale, Callable[[Floats], Floats]]] = {Scale.SHARE: _share, Scale.RANK: _rank}
_UNITS: Final[Mapping[Scale, str]] = {
    Scale.OWN: lazy_gettext("this map's own range"),
    Scale.SHARED: lazy_gettext("one range for all maps in view"),
    Scale.DENSITY: lazy_gettext("evidence for (+) and against (−), in the map's own unit"),
    Scale.SHARE: lazy_gettext("the cell's share of the positive evidence"),
    Scale.RANK: lazy_gettext("rank of the cell, from 0 (weakest) to 1 (strongest)"),
}


def _unit(entry: ActivationMap, scale: Scale) -> str:
    if scale is Scale.DENSITY and entry.method is Method.CAM:
        density = _("logit density: its mean plus the bias {bias} is the logit {logit}")
        return density.format(bias=typeset(f"{entry.bias:+.2f}"), logit=typeset(f"{entry.logit:.2f}"))
    return _(_UNITS[scale])


# One sentence that describes a map, for alt texts and captions.

TOP_AREA: Final = 0.2

_NINTHS: Final = (
    (lazy_gettext("upper left"), lazy_gettext("upper centre"), lazy_gettext("upper right")),
    (lazy_gettext("middle left"), lazy_gettext("centre"), lazy_gettext("middle right")),
    (lazy_gettext("lower left"), lazy_gettext("lower centre"), lazy_gettext("lower right")),
)


def describe_map(activation_map: ActivationMap) -> str:
    """Describe where a map's peak lies (plain placement) and how concentrated it is, or why it shows nothing."""
    if not activation_map.trained:
        untrained = _("{model} is untrained: its weights are random, and this map means nothing.")
        return untrained.format(model=activation_map.model)
    strongest = float(activation_map.values.max())
    if strongest <= 0:
        none = _("No positive evidence for {name} (max {value}).")
        return none.format(name=activation_map.target_name, value=typeset(f"{strongest:.2g}"))
    return strongest_sentence(CAM_METHODS[activation_map.method].uses_target).format(
        name=activation_map.target_name,
        method=_(CAM_METHODS[activation_map.method].title),
        region=_(peak_region(activation_map)),
        area=f"{100 * TOP_AREA:.0f}",
        share=f"{100 * top_share(activation_map.values):.0f}",
    )


def strongest_sentence(of_a_class: bool) -> str:
    """Return the sentence template for a map with positive evidence."""
    if of_a_class:
        return _(
            "Evidence for {name} is strongest in the {region} of the photo; "
            "the strongest {area} % of the area seen holds {share} % of it."
        )
    return _(
        "What {method} highlights, regardless of class, is strongest in the {region} of the photo; the "
        "strongest {area} % of the area seen holds {share} % of it."
    )


def top_share(values: Floats, area: float = TOP_AREA) -> float:
    """Return the share of the positive evidence, 0 to 1, in the strongest part of the area; cells may count partly."""
    evidence = np.sort(np.maximum(values, 0), axis=None)[::-1].astype(np.float64)
    total = evidence.sum()
    if total == 0:
        return 0.0
    cells = area * evidence.size
    whole = math.floor(cells)
    return float((evidence[:whole].sum() + (cells - whole) * evidence[whole : whole + 1].sum()) / total)


def peak_region(activation_map: ActivationMap) -> str:
    """Return the ninth of the photo that contains the strongest cell's centre, as text marked for translation."""
    height, width = activation_map.values.shape
    row, column = divmod(int(activation_map.values.argmax()), width)
    seen, (photo_width, photo_height) = activation_map.seen, activation_map.photo_size
    x = seen.x0 + (column + 0.5) / width * (seen.x1 - seen.x0)
    y = seen.y0 + (row + 0.5) / height * (seen.y1 - seen.y0)
    down, right = (min(2, max(0, int(3 * part))) for part in (y / photo_height, x / photo_width))
    return _NINTHS[down][right]


# Palettes: 256 steps each, in `palettes.csv` (hexadecimal RGB), so that drawing does not load matplotlib.
# The tables are matplotlib's: cividis and inferno (CC0), turbo (Google, Apache-2.0), jet, and ColorBrewer's RdBu
# reversed (Apache-2.0). Cividis, inferno and the diverging palette are readable for colour-blind people.

PALETTES_FILE: Final = Path(__file__).with_name("palettes.csv")


class Palette(StrEnum):
    """Palettes for maps; the first is the default."""

    INFERNO = "inferno"
    CIVIDIS = "cividis"
    TURBO = "turbo"
    JET = "jet"  # used in older work; its bright bands are not in the data
    DIVERGING = "diverging"  # blue, white in the middle, red: for signed values


def apply_palette(values: Floats, palette: Palette) -> Bytes:
    """Map values in 0..1, of any shape (...), to RGB (..., 3); values outside are clipped, NaN counts as 0."""
    steps: npt.NDArray[np.intp] = np.clip(np.nan_to_num(values) * 256, 0, 255).astype(np.intp)
    return palette_colours(palette)[steps]


@cache
def palette_colours(palette: Palette) -> Bytes:
    """Return the palette's 256 colours, (256, 3), read-only."""
    with PALETTES_FILE.open(encoding="ascii", newline="") as file:
        rows = [bytes.fromhex(row[palette]) for row in csv.DictReader(file)]
    return np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(256, 3)


SCREEN: Final = RasterOptions(longest_px=720)  # larger pictures show no more detail and take longer
UNSEEN_BRIGHTNESS: Final = 0.35
WHITE: Final = (255, 255, 255)
BLACK: Final = (0, 0, 0)
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class OverlayStyle:
    """How a map is drawn on its photo."""

    palette: Palette = Palette.INFERNO  # signed maps always use the diverging palette
    opacity: float = 0.55  # 0 shows only the photo, 1 only the colours
    placement: Placement = Placement.PLAIN
    view: RasterOptions = SCREEN
    contour: float | None = None  # contour line at this fraction of the map's range (signed: of its positive half)
    threshold: float = 0.0  # the photo shows below this fraction of the range (signed: of either half)


DEFAULT_STYLE: Final = OverlayStyle()


def overlay(photo: Photo, scaled: ScaledMap, style: OverlayStyle = DEFAULT_STYLE) -> Bytes:
    """Draw a map over its photo, RGB (H, W, 3), at the photo's size, but at most `style.view.longest_px` long.

    Raises:
        SettingsError: The placement is calibrated, but the model has no calibration at this size.
    """
    drawn = replace(scaled.source, values=scaled.values)
    placed = place(drawn, photo.height, photo.width, style.placement, style.view)
    picture = _blend(display(photo, style.view.longest_px), placed, scaled, style)
    if style.view.cells:
        _draw_cells(picture, placed)
    if style.contour is not None:
        # For signed maps, measure from zero to the strongest evidence, because zero is the middle of their range.
        level = 0.5 + style.contour / 2 if scaled.signed else style.contour
        _draw_contour(picture, scaled.fractions(placed.values), level)
    _draw_frame(picture, np.isfinite(placed.values))
    return picture


def palette_of(scaled: ScaledMap, style: OverlayStyle) -> Palette:
    """Return the palette to draw with: signed values need a diverging one."""
    return Palette.DIVERGING if scaled.signed else style.palette


def _blend(base: Bytes, placed: Placed, scaled: ScaledMap, style: OverlayStyle) -> Bytes:
    parts = scaled.fractions(placed.values)
    opacity = np.float32(style.opacity)
    picture = base * (1 - opacity) + apply_palette(parts, palette_of(scaled, style)) * opacity
    if style.threshold > 0:
        weak = (np.abs(2 * parts - 1) if scaled.signed else parts) < style.threshold
        picture[weak] = base[weak]
    unseen = np.isnan(placed.values)
    picture[unseen] = base[unseen] * np.float32(UNSEEN_BRIGHTNESS)
    return np.rint(picture).astype(np.uint8)


def _draw_frame(picture: Bytes, visible: Mask) -> None:
    """Draw a white line with a black line inside it around what the model saw, visible on any photo."""
    outer = visible & _touching(~visible, beyond=True)
    inside = visible & ~outer
    picture[inside & _touching(~inside, beyond=True)] = BLACK
    picture[outer] = WHITE


def _draw_cells(picture: Bytes, placed: Placed) -> None:
    """Draw thin lines between the cells, within what the model saw."""
    visible = np.isfinite(placed.values)
    lines = np.zeros_like(visible)
    for edges, across in ((placed.cell_edges_x, lines.T), (placed.cell_edges_y, lines)):
        pixels = np.round(edges).astype(np.intp)
        across[pixels[(pixels >= 0) & (pixels < len(across))]] = True
    lines &= visible
    picture[lines] = picture[lines] // 2 + 64


def _draw_contour(picture: Bytes, parts: npt.NDArray[np.float32], level: float) -> None:
    """Draw a white line just inside the region that reaches the level, and a black line just outside."""
    above = np.nan_to_num(parts, nan=-np.inf) >= level
    below = np.isfinite(parts) & ~above
    picture[_touching(above) & below] = BLACK
    picture[above & _touching(below)] = WHITE


def _touching(mask: Mask, beyond: bool = False) -> Mask:
    """Return pixels with a 4-neighbour in the mask; `beyond` is the mask's value outside the picture."""
    padded = np.pad(mask, 1, constant_values=beyond)
    return padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
