"""Objects cut out of the sample photos, to be pasted where a test or a calibration wants them.

Each cut-out is the ellipse inside a box of a sample (`assets/samples/cutouts.csv`), with a soft edge. No outline is
followed: what lies around the object inside the ellipse comes along.
"""

import csv
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from effviz.explain import samples
from effviz.explain.images import read
from effviz.explain.results import Bytes


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """An object and how much of each of its pixels is pasted."""

    sample: str  # name of the photo it was cut from
    labels: tuple[int, ...]  # ImageNet classes that are right for it
    rgb: Bytes  # (h, w, 3)
    opaque: Bytes  # (h, w), 0 to 255

    def sized(self, longest_px: int) -> "Cutout":
        """The cut-out with its longer side at `longest_px`."""
        height, width = self.opaque.shape
        scale = longest_px / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        rgb, opaque = (
            np.asarray(Image.fromarray(part).resize(size, Image.Resampling.LANCZOS)) for part in (self.rgb, self.opaque)
        )
        return Cutout(self.sample, self.labels, rgb, opaque)

    def mirrored(self) -> "Cutout":
        """The cut-out with left and right exchanged."""
        return Cutout(self.sample, self.labels, self.rgb[:, ::-1], self.opaque[:, ::-1])


@cache
def cutouts() -> tuple[Cutout, ...]:
    """All cut-outs, in the size of their photos."""
    with (samples.FOLDER / "cutouts.csv").open(encoding="utf-8", newline="") as file:
        return tuple(_cut(row) for row in csv.DictReader(file))


def paste(background: Bytes, cutout: Cutout, x: int, y: int) -> Bytes:
    """A copy of the background (H, W, 3) with the cut-out's upper left corner at (x, y)."""
    picture = Image.fromarray(background)
    picture.paste(Image.fromarray(cutout.rgb), (x, y), Image.fromarray(cutout.opaque))
    return np.asarray(picture)


def _cut(row: dict[str, str]) -> Cutout:
    sample = samples.find(row["sample"])
    photo = read(sample.path.read_bytes(), sample.path.name)
    x0, y0, x1, y1 = (int(row[edge]) for edge in ("x0", "y0", "x1", "y1"))
    return Cutout(sample.name, sample.labels, photo.rgb[y0:y1, x0:x1], _ellipse(x1 - x0, y1 - y0))


def _ellipse(width: int, height: int) -> Bytes:
    """Fully opaque inside, falling to nothing over about a tenth of the shorter side."""
    soft = min(width, height) / 40
    mask = Image.new("L", (width, height), 0)
    inset = 2 * soft
    ImageDraw.Draw(mask).ellipse((inset, inset, width - 1 - inset, height - 1 - inset), fill=255)
    return np.asarray(mask.filter(ImageFilter.GaussianBlur(soft)))
