"""Colours for maps: 256 steps each, in `palettes.csv` (hexadecimal RGB), so that drawing does not load matplotlib.

The tables are matplotlib's: cividis and inferno (CC0), turbo (Google, Apache-2.0), jet, and ColorBrewer's RdBu
reversed (Apache-2.0). Cividis, inferno and the diverging one can be read by colour-blind people.
"""

import csv
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from effviz.explain.results import Bytes, Floats

TABLES: Final = Path(__file__).with_name("palettes.csv")


class Palette(StrEnum):
    """The first is the default."""

    INFERNO = "inferno"
    CIVIDIS = "cividis"
    TURBO = "turbo"
    JET = "jet"  # what older work used; its bright bands are not in the data
    DIVERGING = "diverging"  # blue, white at the middle, red: for signed values


def colour(values: Floats, palette: Palette) -> Bytes:
    """Colour values from 0 to 1, of any shape (...), as RGB (..., 3); beyond 0 and 1 the end's colour, nan as 0."""
    steps: npt.NDArray[np.intp] = np.clip(np.nan_to_num(values) * 256, 0, 255).astype(np.intp)
    return table(palette)[steps]


@cache
def table(palette: Palette) -> Bytes:
    """The palette's 256 colours, (256, 3), read-only."""
    with TABLES.open(encoding="ascii", newline="") as file:
        rows = [bytes.fromhex(row[palette]) for row in csv.DictReader(file)]
    colours: Bytes = np.frombuffer(b"".join(rows), dtype=np.uint8).reshape(256, 3)
    return colours
