"""Where a map lies on the photo: the model's crop undone, and each cell put in its place, calibrated where measured."""

import errno
import hashlib
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np

from effviz import file_io, settings
from effviz.errors import SettingsError
from effviz.explain.data_types import ActivationMap, Box, Doubles, Floats, read_only
from effviz.explain.images import raster_size
from effviz.i18n import _, lazy_gettext

# Measured corrections of where a model's cells lie: those that ship, and those that `effviz calibrate MODEL` adds.

logger = logging.getLogger(__name__)
SHIPPED_FILE: Final = Path(__file__).with_name("calibration.json")
_ADVICE: Final = lazy_gettext("Set EFFVIZ_MODELS to a folder that you can write to.")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Where evidence for objects at known places was found, by a straight line in each direction.

    found - S/2 = slope * (true - S/2) + offset, in pixels of the S x S input; x to the right, y downwards.
    """

    model: str  # label, "lite0@224"
    resolution_px: int  # S
    offset_x: float  # input pixels
    offset_y: float
    slope: float  # below 1: evidence is drawn nearer to the centre than its object
    error_cells: float  # distance left after the correction, root mean square, in cells
    plain_error_cells: float  # the same without correction
    plantings: int  # objects at places that were measured
    made: str  # how, in one line
    weights_sha256: str  # of the weights that were measured: others of the model's name may put evidence elsewhere


def own_file() -> Path:
    """Return where one's own calibrations are kept, beside one's own models."""
    return settings.MODELS.value() / "calibration.json"


def calibrations() -> dict[str, Calibration]:
    """All calibrations by the model's label, one's own before those that ship."""
    return read_calibrations(SHIPPED_FILE) | read_calibrations(own_file())


def read_calibrations(path: Path) -> dict[str, Calibration]:
    """Those of one file; damaged ones are left out."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {label: Calibration(**entry) for label, (seal, entry) in entries.items() if _intact(label, seal, entry)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        logger.warning("%s cannot be read, so there are no calibrations: %s", path, error)
        return {}


def calibration_of(activation_map: ActivationMap) -> Calibration | None:
    """Return the calibration of a map's model, if it was measured with the same weights."""
    measured = calibrations().get(activation_map.model)
    return measured if measured is not None and measured.weights_sha256 == activation_map.weights_sha256 else None


def find_calibration(label: str) -> Calibration:
    """The calibration of a model at an input size, `lite0@224`, whatever its weights; raises SettingsError if none."""
    measured = calibrations()
    if label not in measured:
        text = _(
            "{model} is not calibrated; calibrated models: {measured}. Choose plain placement, or calibrate the "
            "model: effviz calibrate {model}"
        )
        raise SettingsError(text.format(model=label, measured=", ".join(sorted(measured)) or _("none")))
    return measured[label]


def _require_calibration(activation_map: ActivationMap) -> Calibration:
    if (calibration := calibration_of(activation_map)) is not None:
        return calibration
    find_calibration(activation_map.model)
    text = _(
        "{model} was calibrated with different weights from those of this map. Choose plain placement, or "
        "calibrate the model again: effviz calibrate {model}"
    )
    raise SettingsError(text.format(model=activation_map.model))


def store_calibration(calibration: Calibration) -> None:
    """Add one of one's own or replace it; readers never see half a file. Raises as `check_calibration_writable`."""
    path = own_file()
    calibrations = [*read_calibrations(path).values(), calibration]
    entries = {entry.model: (_seal(asdict(entry)), asdict(entry)) for entry in calibrations}
    with file_io.reporting_write_errors(path, _ADVICE):
        path.parent.mkdir(parents=True, exist_ok=True)
        file_io.write_text_atomically(path, json.dumps(entries, indent=2, sort_keys=True) + "\n")


def check_calibration_writable() -> None:
    """See that `store_calibration` will do, before minutes are spent on measuring; raises SettingsError if not."""
    path = own_file()
    with file_io.reporting_write_errors(path, _ADVICE):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _seal(entry: Mapping[str, object]) -> str:
    """What tells an entry from one that was damaged, changed by hand, or made before weights were named."""
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def _intact(label: str, seal: str, entry: Mapping[str, object]) -> bool:
    if seal == _seal(entry) and entry.get("model") == label and "weights_sha256" in entry:
        return True
    logger.warning("The calibration of %s is damaged and not used: measure it again.", label)
    return False


class Placement(StrEnum):
    """Where cell i of h cells is drawn."""

    PLAIN = "plain"  # centre at (i + 0.5) / h of what the model saw
    CALIBRATED = "calibrated"  # plain, corrected by an offset and a slope measured with planted objects


TITLES: Final = {Placement.PLAIN: lazy_gettext("Plain"), Placement.CALIBRATED: lazy_gettext("Calibrated")}


@dataclass(frozen=True, slots=True)
class RasterOptions:
    """How a map is drawn out to pixels."""

    cells: bool = False  # each pixel has its cell's value; otherwise bilinear between the cells' centres
    longest_px: int | None = None  # shrink the raster to this longest side, never enlarge it


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A map in the photo's frame. All coordinates are in pixels of `values`."""

    values: Floats  # (H, W), NaN outside what the model saw; read-only
    cell_edges_x: tuple[float, ...]  # borders of the cells, map width + 1; may lie outside what was seen if calibrated
    cell_edges_y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MapAxis:
    """One direction of a map on its photo: n cells across what the model saw, from pixel `start` to `end`.

    A place at the fraction t of the seen length shows the map's fraction  0.5 + slope * (t - 0.5) + offset.
    """

    start: float
    end: float
    n: int
    slope: float
    offset: float

    def cell_coordinates(self, places: Doubles) -> Doubles:
        """For each place its place in the map: cell i reaches from i to i + 1."""
        t = (places - self.start) / (self.end - self.start)
        return np.asarray((0.5 + self.slope * (t - 0.5) + self.offset) * self.n, dtype=np.float64)

    def pixel(self, cell: float) -> float:
        """Where a place in the map lies, the line above solved for t: cell i reaches from i to i + 1."""
        t = 0.5 + (cell / self.n - 0.5 - self.offset) / self.slope
        return float(self.start + t * (self.end - self.start))


_VIEW = RasterOptions()


def place(
    activation_map: ActivationMap,
    height: int,
    width: int,
    placement: Placement = Placement.PLAIN,
    view: RasterOptions = _VIEW,
) -> Placed:
    """Draw a map out over its photo of height x width pixels.

    Raises:
        SettingsError: calibrated placement of a model that was not measured at this size, or with other weights.
    """
    raster_height, raster_width = raster_size(height, width, view.longest_px)
    seen = activation_map.seen.scaled(raster_width / width, raster_height / height)
    x_axis, y_axis = map_axes(activation_map, seen, placement)
    x, y = (np.arange(pixels, dtype=np.float64) + 0.5 for pixels in (raster_width, raster_height))  # their middles
    weights = nearest_cells if view.cells else linear_weights
    rows = weights(y_axis.cell_coordinates(y), y_axis.n).astype(np.float32)  # (H, h)
    columns = weights(x_axis.cell_coordinates(x), x_axis.n).astype(np.float32)  # (W, w)
    values: Floats = np.asarray(rows @ activation_map.values @ columns.T, np.float32)  # (H, W)
    values[(y < y_axis.start) | (y >= y_axis.end), :] = np.nan  # not seen by the model
    values[:, (x < x_axis.start) | (x >= x_axis.end)] = np.nan
    edges_x, edges_y = (tuple(map(axis.pixel, range(axis.n + 1))) for axis in (x_axis, y_axis))
    return Placed(read_only(values), edges_x, edges_y)


def read_map_value(
    activation_map: ActivationMap, x: Doubles, y: Doubles, placement: Placement = Placement.PLAIN
) -> tuple[Doubles, Doubles]:
    """Return matrices `rows` (Y, h) and `columns` (X, w): rows @ map @ columns.T is the map at these places.

    The places are in pixels of the photo; between cell centres it is linear, and flat beyond the outer ones, also where
    the model saw nothing. Raises as `place`.
    """
    x_axis, y_axis = map_axes(activation_map, activation_map.seen, placement)
    return linear_weights(y_axis.cell_coordinates(y), y_axis.n), linear_weights(x_axis.cell_coordinates(x), x_axis.n)


def cell_centre(
    activation_map: ActivationMap, row: int, column: int, placement: Placement = Placement.PLAIN
) -> tuple[float, float]:
    """Return (x, y) of a cell's centre in pixels of the photo, at the edge if beyond what was seen; see `place`."""
    x_axis, y_axis = map_axes(activation_map, activation_map.seen, placement)
    x, y = x_axis.pixel(column + 0.5), y_axis.pixel(row + 0.5)
    return min(max(x, x_axis.start), x_axis.end), min(max(y, y_axis.start), y_axis.end)


def map_axes(activation_map: ActivationMap, seen: Box, placement: Placement) -> tuple[MapAxis, MapAxis]:
    """Return the directions across and down, with what was seen in pixels of photo or raster; raises as `place`."""
    slope, offset_x, offset_y = 1.0, 0.0, 0.0
    if placement is Placement.CALIBRATED:
        calibration = _require_calibration(activation_map)
        slope, side_px = calibration.slope, calibration.resolution_px
        offset_x, offset_y = calibration.offset_x / side_px, calibration.offset_y / side_px
    cells_y, cells_x = activation_map.values.shape
    return MapAxis(seen.x0, seen.x1, cells_x, slope, offset_x), MapAxis(seen.y0, seen.y1, cells_y, slope, offset_y)


def nearest_cells(coordinates: Doubles, n: int) -> Doubles:
    """Weights of the n cells for each place, (places, n): that of the cell it lies in."""
    weights = np.zeros((len(coordinates), n))
    weights[np.arange(len(coordinates)), np.clip(np.floor(coordinates), 0, n - 1).astype(np.intp)] = 1
    return weights


def linear_weights(coordinates: Doubles, n: int) -> Doubles:
    """Weights of the n cells for each place, (places, n); beyond the outer cells' centres the outer cell goes on."""
    places = np.arange(len(coordinates))
    weights = np.zeros((len(coordinates), n))
    centred = np.clip(coordinates - 0.5, 0, n - 1)
    low = np.floor(centred).astype(np.intp)
    weights[places, low] = 1 - (centred - low)
    weights[places, np.minimum(low + 1, n - 1)] += centred - low
    return weights
