"""The published tables as pandas reads them: another route to what `effviz.facts` gives."""

import pandas as pd

from effviz.facts.tables import FOLDER


def load(name: str) -> pd.DataFrame:
    """Read one table; every call returns a table of its own."""
    return pd.read_csv(FOLDER / f"{name}.csv")
