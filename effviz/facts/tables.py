"""The published tables, as they lie in this folder: one CSV each, with its `source` on every row."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from effviz.errors import SettingsError
from effviz.i18n import _

if TYPE_CHECKING:
    import pandas as pd

_FOLDER = Path(__file__).parent
TABLES = tuple(sorted(file.stem for file in _FOLDER.glob("*.csv")))


def load(name: str) -> "pd.DataFrame":
    """Read one table of published numbers; every call returns a table of its own.

    Raises:
        SettingsError: there is no table of this name; pick one of `TABLES`.
    """
    import pandas as pd  # takes half a second to load, and `rows` does without

    return pd.read_csv(_path(name))


def rows(name: str) -> list[dict[str, Any]]:
    """Read one table as rows by column: whole numbers, numbers or texts, as the column has them; gaps are nan or "".

    Raises:
        SettingsError: there is no table of this name; pick one of `TABLES`.
    """
    with _path(name).open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    columns = (_typed(column) for column in zip(*lines, strict=True))
    return [dict(zip(header, line, strict=True)) for line in zip(*columns, strict=True)]


def _typed(column: Sequence[str]) -> Sequence[object]:
    for kind in (int, lambda text: float(text or math.nan)):
        try:
            return [kind(text) for text in column]
        except ValueError:
            continue
    return column


def _path(name: str) -> Path:
    if name not in TABLES:
        raise SettingsError(
            _("There is no table of facts named {name!r}: the tables are {known}. Pick one of them.").format(
                name=name, known=", ".join(TABLES)
            )
        )
    return _FOLDER / f"{name}.csv"
