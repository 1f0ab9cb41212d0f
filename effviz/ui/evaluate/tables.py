"""Means with intervals as `effviz report` writes them: shipped studies, and `summary.csv` beside a run's results."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import effviz
from effviz.errors import SettingsError
from effviz.evaluate.intervals import Interval
from effviz.evaluate.settings import Metric
from effviz.evaluate.summary import Cell
from effviz.report.numbers import INTERVAL
from effviz.words import _

STUDIES: Final = Path(effviz.__file__).parents[1] / "docs" / "study"
LARGEST_BYTES: Final = 4 * 2**20  # the larger shipped study has 80 kB


@dataclass(frozen=True, slots=True)
class Table:
    """What such a file holds."""

    cells: tuple[Cell, ...]
    macs: Mapping[str, int]  # by model
    intervals: bool  # whether they are those of this version; earlier ones drew photos again


def read(file: Path) -> Table:
    """Read a file that `effviz.report.numbers.summary_csv` wrote.

    Raises:
        SettingsError: it cannot be read, is too large, or was written by something else.
    """
    try:
        if not file.is_file() or file.stat().st_size > LARGEST_BYTES:
            raise OSError(f"{file} is no file of at most {LARGEST_BYTES} bytes")
        with file.open(encoding="utf-8", newline="") as text:
            rows = list(csv.DictReader(text))
        macs = {row["model"]: int(row["macs"]) for row in rows}
        return Table(tuple(map(_cell, rows)), macs, all(row.get(INTERVAL) for row in rows))
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise SettingsError(
            _("{file} cannot be read: it must be a table that `effviz report` wrote. Make it anew.").format(
                file=file.name
            )
        ) from error


def _cell(row: Mapping[str, str]) -> Cell:
    return Cell(row["model"], row["method"], Metric(row["metric"]), _interval(row, ""), _interval(row, "small_"))


def _interval(row: Mapping[str, str], part: str) -> Interval:
    mean, low, high = (float(row[f"{part}{name}"] or math.nan) for name in ("mean", "low", "high"))
    return Interval(mean, low, high, int(row[f"{part}n"]))
