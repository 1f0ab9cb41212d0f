"""Where a map lies on the photo: undo the model's crop, and place each cell, with a measured calibration if any."""

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

# Measured corrections of cell positions: the shipped ones, and those that `effviz calibrate MODEL` adds.

logger = logging.getLogger(__name__)
SHIPPED_FILE: Final = Path(__file__).with_name("calibration.json")
_ADVICE: Final = lazy_gettext("Set EFFVIZ_MODELS to a folder that you can write to.")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Where a model's evidence for objects at known positions was found, as a straight line in each direction.

    found - S/2 = slope * (true - S/2) + offset, in pixels of the S x S input; x to the right, y downwards.
    """

    model: str  # label, "lite0@224"
    resolution_px: int  # S
    offset_x: float  # input pixels
    offset_y: float
    slope: float  # below 1: evidence appears nearer to the centre than its object
    error_cells: float  # root-mean-square distance after the correction, in cells
    plain_error_cells: float  # the same without the correction
    plantings: int  # number of planted objects that were measured
    made: str  # the procedure, in one line
    weights_sha256: str  # of the measured weights: other weights of this model may put evidence elsewhere


def own_file() -> Path:
    """Return the file of the user's own calibrations, in the folder of the user's own models."""
    return settings.MODELS.value() / "calibration.json"


def calibrations() -> dict[str, Calibration]:
    """Return all calibrations by model label; the user's own override the shipped ones."""
    return read_calibrations(SHIPPED_FILE) | read_calibrations(own_file())


def read_calibrations(path: Path) -> dict[str, Calibration]:
    """Return the calibrations in a file, without damaged ones."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {label: Calibration(**entry) for label, (seal, entry) in entries.items() if _intact(label, seal, entry)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        logger.warning("%s cannot be read, so there are no calibrations: %s", path, error)
        return {}


def calibration_of(activation_map: ActivationMap) -> Calibration | None:
    """Return the calibration of a map's model if it was measured with the same weights, else None."""
    measured = calibrations().get(activation_map.model)
    return measured if measured is not None and measured.weights_sha256 == activation_map.weights_sha256 else None


def find_calibration(label: str) -> Calibration:
    """Return the calibration of `lite0@224`, for example, whatever its weights; raises SettingsError if none exists."""
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
    """Add or replace a user's calibration atomically; raises the errors of `check_calibration_writable`."""
    path = own_file()
    calibrations = [*read_calibrations(path).values(), calibration]
    entries = {entry.model: (_seal(asdict(entry)), asdict(entry)) for entry in calibrations}
    with file_io.reporting_write_errors(path, _ADVICE):
        path.parent.mkdir(parents=True, exist_ok=True)
        file_io.write_text_atomically(path, json.dumps(entries, indent=2, sort_keys=True) + "\n")


def check_calibration_writable() -> None:
    """Raise SettingsError if `store_calibration` would fail; call it before minutes of measuring."""
    path = own_file()
    with file_io.reporting_write_errors(path, _ADVICE):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _seal(entry: Mapping[str, object]) -> str:
    """Return an entry's checksum, which exposes entries damaged, edited, or made before weights were named."""
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
    """How a map is resampled to pixels."""

    cells: bool = False  # each pixel takes its cell's value; otherwise bilinear between cell centres
    longest_px: int | None = None  # downscale the raster to at most this long side; never enlarge it


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A map in the photo's frame. All coordinates are in pixels of `values`."""

    values: Floats  # (H, W), NaN outside what the model saw; read-only
    cell_edges_x: tuple[float, ...]  # borders of the cells, map width + 1; may exceed what was seen if calibrated
    cell_edges_y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class MapAxis:
    """One direction of a map on its photo: n cells across what the model saw, from pixel `start` to `end`.

    A position at fraction t of the seen length shows the map at fraction  0.5 + slope * (t - 0.5) + offset.
    """

    start: float
    end: float
    n: int
    slope: float
    offset: float

    def cell_coordinates(self, places: Doubles) -> Doubles:
        """Convert pixel positions to map coordinates: cell i spans i to i + 1."""
        t = (places - self.start) / (self.end - self.start)
        return np.asarray((0.5 + self.slope * (t - 0.5) + self.offset) * self.n, dtype=np.float64)

    def pixel(self, cell: float) -> float:
        """Convert a map coordinate to a pixel position, the inverse of `cell_coordinates`: cell i spans i to i + 1."""
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
    """Resample a map onto its photo of height x width pixels.

    Raises:
        SettingsError: The placement is calibrated, but the model has no calibration at this size or with these weights.
    """
    raster_height, raster_width = raster_size(height, width, view.longest_px)
    seen = activation_map.seen.scaled(raster_width / width, raster_height / height)
    x_axis, y_axis = map_axes(activation_map, seen, placement)
    x, y = (np.arange(pixels, dtype=np.float64) + 0.5 for pixels in (raster_width, raster_height))  # centres
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
    """Return matrices `rows` (Y, h) and `columns` (X, w): rows @ map @ columns.T is the map at these positions.

    Positions are in pixels of the photo. The map is linear between cell centres and constant beyond the outer ones,
    even where the model saw nothing. Raises the errors of `place`.
    """
    x_axis, y_axis = map_axes(activation_map, activation_map.seen, placement)
    return linear_weights(y_axis.cell_coordinates(y), y_axis.n), linear_weights(x_axis.cell_coordinates(x), x_axis.n)


def cell_centre(
    activation_map: ActivationMap, row: int, column: int, placement: Placement = Placement.PLAIN
) -> tuple[float, float]:
    """Return (x, y) of a cell's centre in pixels of the photo, clipped to what was seen; see `place` for errors."""
    x_axis, y_axis = map_axes(activation_map, activation_map.seen, placement)
    x, y = x_axis.pixel(column + 0.5), y_axis.pixel(row + 0.5)
    return min(max(x, x_axis.start), x_axis.end), min(max(y, y_axis.start), y_axis.end)


def map_axes(activation_map: ActivationMap, seen: Box, placement: Placement) -> tuple[MapAxis, MapAxis]:
    """Return the horizontal and vertical axes, with `seen` in photo or raster pixels; raises the errors of `place`."""
    slope, offset_x, offset_y = 1.0, 0.0, 0.0
    if placement is Placement.CALIBRATED:
        calibration = _require_calibration(activation_map)
        slope, side_px = calibration.slope, calibration.resolution_px
        offset_x, offset_y = calibration.offset_x / side_px, calibration.offset_y / side_px
    cells_y, cells_x = activation_map.values.shape
    return MapAxis(seen.x0, seen.x1, cells_x, slope, offset_x), MapAxis(seen.y0, seen.y1, cells_y, slope, offset_y)


def nearest_cells(coordinates: Doubles, n: int) -> Doubles:
    """Return the weights of the n cells for each position, (positions, n): 1 for the cell that contains it."""
    weights = np.zeros((len(coordinates), n))
    weights[np.arange(len(coordinates)), np.clip(np.floor(coordinates), 0, n - 1).astype(np.intp)] = 1
    return weights


def linear_weights(coordinates: Doubles, n: int) -> Doubles:
    """Return the linear weights of the n cells for each position, (positions, n); constant beyond the outer centres."""
    places = np.arange(len(coordinates))
    weights = np.zeros((len(coordinates), n))
    centred = np.clip(coordinates - 0.5, 0, n - 1)
    low = np.floor(centred).astype(np.intp)
    weights[places, low] = 1 - (centred - low)
    weights[places, np.minimum(low + 1, n - 1)] += centred - low
    return weights
