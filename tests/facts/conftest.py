"""Read the published tables with pandas, independently of `effviz.facts`."""

import pandas as pd

from effviz.facts.tables import FOLDER


def load(name: str) -> pd.DataFrame:
    """Read one table; every call returns a new copy."""
    return pd.read_csv(FOLDER / f"{name}.csv")
