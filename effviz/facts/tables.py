"""The published tables, as they lie in this folder: one CSV each, with its `source` on every row."""

from pathlib import Path

import pandas as pd

from effviz.errors import SettingsError
from effviz.words import _

_FOLDER = Path(__file__).parent
TABLES = tuple(sorted(file.stem for file in _FOLDER.glob("*.csv")))


def load(name: str) -> pd.DataFrame:
    """Read one table of published numbers; every call returns a table of its own.

    Raises:
        SettingsError: there is no table of this name; pick one of `TABLES`.
    """
    if name not in TABLES:
        raise SettingsError(
            _("There is no table of facts named {name!r}: the tables are {known}. Pick one of them.").format(
                name=name, known=", ".join(TABLES)
            )
        )
    return pd.read_csv(_FOLDER / f"{name}.csv")
