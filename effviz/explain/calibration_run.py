"""Measure where a model's cells lie: paste cut-out objects at known positions and locate their evidence."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from effviz.errors import SettingsError
from effviz.explain import sample_photos
from effviz.explain.activation_maps import activation_map
from effviz.explain.data_types import Bytes, Doubles, Floats, Forward, Photo
from effviz.explain.forward_pass import forward
from effviz.explain.images import read
from effviz.explain.placement import Calibration
from effviz.i18n import _
from effviz.progress import CountProgress, no_progress
from effviz.zoo import imagenet_classes
from effviz.zoo.loading import load
from effviz.zoo.model import Model, ModelRef

# Objects cut out of the sample photos, for tests and calibrations to paste anywhere.
# Each cut-out is the ellipse inscribed in a box of a sample (`assets/samples/cutouts.csv`), with a soft edge. It does
# not follow the object's outline, so it includes some background.


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """An object with the opacity of each of its pixels."""

    sample: str  # name of the photo it was cut from
    labels: tuple[int, ...]  # correct ImageNet classes
    rgb: Bytes  # (h, w, 3)
    opaque: Bytes  # (h, w), 0 to 255

    def sized(self, longest_px: int) -> "Cutout":
        """Return the cut-out resized so that its longer side is `longest_px`."""
        height, width = self.opaque.shape
        scale = longest_px / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        rgb, opaque = (
            np.asarray(Image.fromarray(part).resize(size, Image.Resampling.LANCZOS)) for part in (self.rgb, self.opaque)
        )
        return Cutout(self.sample, self.labels, rgb, opaque)

    def mirrored(self) -> "Cutout":
        """Return the cut-out flipped horizontally."""
        return Cutout(self.sample, self.labels, self.rgb[:, ::-1], self.opaque[:, ::-1])


@cache
def cutouts() -> tuple[Cutout, ...]:
    """Return all cut-outs, at the scale of their photos."""
    cut = []
    with (sample_photos.FOLDER / "cutouts.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            sample = sample_photos.find(row["sample"])
            photo = read(sample.path.read_bytes(), sample.path.name)
            x0, y0, x1, y1 = (int(row[edge]) for edge in ("x0", "y0", "x1", "y1"))
            rgb, opaque = photo.rgb[y0:y1, x0:x1], _ellipse(x1 - x0, y1 - y0)
            cut.append(Cutout(sample.name, sample.labels, rgb, opaque))
    return tuple(cut)


def paste(background: Bytes, cutout: Cutout, x: int, y: int) -> Bytes:
    """Return a copy of the background (H, W, 3) with the cut-out's upper left corner at (x, y)."""
    picture = Image.fromarray(background)
    picture.paste(Image.fromarray(cutout.rgb), (x, y), Image.fromarray(cutout.opaque))
    return np.asarray(picture)


def _ellipse(width: int, height: int) -> Bytes:
    """Return an elliptical mask, opaque inside and fading out over about a tenth of the shorter side."""
    soft = min(width, height) / 40
    mask = Image.new("L", (width, height), 0)
    inset = 2 * soft
    ImageDraw.Draw(mask).ellipse((inset, inset, width - 1 - inset, height - 1 - inset), fill=255)
    return np.asarray(mask.filter(ImageFilter.GaussianBlur(soft)))


OBJECT_SIZE: Final = 0.3  # longer side of an object, as a fraction of the input's side
PLACES: Final = 7  # positions in each direction, from border to border
GREY: Final = 128  # alone, it gives no evidence for any class in the Lite models
TOP: Final = 5  # an object counts as recognised if its class is among the five most likely
FEWEST: Final = 30  # sightings that a fit needs

MADE: Final = (
    f"objects cut from the bundled samples as soft-edged ellipses, {OBJECT_SIZE:.0%} of the input long, plain and "
    f"mirrored, at {PLACES} x {PLACES} places on grey; centroid of the right class's positive evidence, where that "
    f"class is in the top {TOP}; line fitted to objects at least half a cell from the border, errors over all"
)


class Sighting(NamedTuple):
    """One planted object; positions are in input pixels relative to the input's centre."""

    true_x: float
    true_y: float
    found_x: float
    found_y: float
    to_border: float  # from the object to the nearest border of the input


def calibrate(ref: ModelRef, progress: CountProgress = no_progress) -> Calibration:
    """Plant the cut-outs that the model recognises at every position, and fit a line; about a minute for Lite0.

    Raises:
        SettingsError: The model does not know the objects' classes, or recognises too few of them.
        WeightsError: The weights are missing or damaged.
    """
    if ref.spec.classes != imagenet_classes.names() or not ref.spec.trained:
        text = _(
            "{model} cannot be calibrated: only models trained on ImageNet's 1000 classes can recognise the "
            "planted objects. Choose such a model, or plain placement."
        )
        raise SettingsError(text.format(model=ref.label))
    model = load(ref)
    sized = [cutout.sized(round(OBJECT_SIZE * ref.resolution_px)) for cutout in cutouts()]
    both_ways = [one for cutout in sized for one in (cutout, cutout.mirrored())]
    objects = [one for one in both_ways if _sighting(model, one, PLACES // 2, PLACES // 2)]
    plantings = list(product(objects, range(PLACES), range(PLACES)))
    sightings = []
    for done, planting in enumerate(plantings, 1):
        sightings.append(_sighting(model, *planting))
        progress(done, len(plantings))
    return fit(ref, [sighting for sighting in sightings if sighting], model.weights_sha256)


def fit(ref: ModelRef, sightings: Sequence[Sighting], weights_sha256: str) -> Calibration:
    """Fit one slope and an offset in each direction by least squares.

    Near the border, part of the evidence around an object falls outside the map, which says nothing about where cells
    lie. Such sightings count towards the errors, but not towards the line.

    Raises:
        SettingsError: There are too few sightings.
    """
    cell_px = ref.resolution_px / math.ceil(ref.resolution_px / 32)
    numbers = np.array(sightings, np.float64).reshape(-1, 5)
    true, measured, to_border = numbers[:, :2], numbers[:, 2:4], numbers[:, 4]
    clear = to_border >= cell_px / 2
    if clear.sum() < FEWEST:
        text = _(
            "{model} recognised planted objects only {count} times; calibration needs {fewest}. Choose a larger "
            "input size, or plain placement."
        )
        raise SettingsError(text.format(model=ref.label, count=clear.sum(), fewest=FEWEST))
    slope, offset = _line(true[clear], measured[clear])
    return Calibration(
        model=ref.label,
        resolution_px=ref.resolution_px,
        offset_x=round(float(offset[0]), 2),
        offset_y=round(float(offset[1]), 2),
        slope=round(slope, 4),
        error_cells=round(_error(true, (measured - offset) / slope) / cell_px, 3),
        plain_error_cells=round(_error(true, measured) / cell_px, 3),
        plantings=len(sightings),
        made=MADE,
        weights_sha256=weights_sha256,
    )


def evidence_centre(values: Floats) -> tuple[float, float]:
    """Return the centroid (x, y) of a map's positive evidence, from 0 to 1 across the map; it must have some."""
    height, width = values.shape
    shares = np.maximum(values, 0).astype(np.float64)
    shares /= shares.sum()
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    return float(shares.sum(axis=0) @ x), float(shares.sum(axis=1) @ y)


def right_class(forward: Forward, labels: Sequence[int]) -> int | None:
    """Return the most likely of an object's classes, or None if it is not among the top five of all classes."""
    best = max(labels, key=lambda label: float(forward.logits[label]))
    return best if (forward.logits > forward.logits[best]).sum() < TOP else None


def _sighting(model: Model, cutout: Cutout, row: int, column: int) -> Sighting | None:
    """Plant one object and locate its evidence; return None if the model does not recognise it."""
    size_px = model.ref.resolution_px
    side = math.floor(size_px / model.ref.spec.crop_pct)  # photos of this size are cropped but not resized
    height, width = cutout.opaque.shape
    x, y = round(column / (PLACES - 1) * (size_px - width)), round(row / (PLACES - 1) * (size_px - height))
    margin = round((side - size_px) / 2)
    grey = np.full((side, side, 3), GREY, np.uint8)
    passed = forward(model, Photo(paste(grey, cutout, x + margin, y + margin), "", cutout.sample))
    label = right_class(passed, cutout.labels)
    values = activation_map(passed, label).values if label is not None else np.zeros((1, 1), np.float32)
    if values.max() <= 0:
        return None
    found_x, found_y = evidence_centre(values)
    return Sighting(
        true_x=x + width / 2 - size_px / 2,
        true_y=y + height / 2 - size_px / 2,
        found_x=(found_x - 0.5) * size_px,
        found_y=(found_y - 0.5) * size_px,
        to_border=min(x, y, size_px - x - width, size_px - y - height),
    )


def _line(true: Doubles, measured: Doubles) -> tuple[float, Doubles]:
    """Fit found = slope * true + offset to positions (N, 2), one slope for both directions: slope, offset (2,)."""
    true_mean, measured_mean = true.mean(axis=0), measured.mean(axis=0)
    centred = true - true_mean
    slope = float((centred * (measured - measured_mean)).sum() / (centred**2).sum())
    return slope, measured_mean - slope * true_mean


def _error(true: Doubles, placed: Doubles) -> float:
    """Return the root mean square distance."""
    return float(np.sqrt(((true - placed) ** 2).sum(axis=1).mean()))
