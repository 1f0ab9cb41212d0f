"""Maps on one common grid, so that a network with more cells has no advantage from them alone."""

from dataclasses import replace

import numpy as np

from effviz.explain.placement import Doubles
from effviz.explain.results import ActivationMap


def averaged(entry: ActivationMap, side: int) -> ActivationMap:
    """Return the map as means over side x side equal parts of what the model saw, its total evidence unchanged.

    A cell that lies in two parts counts in each by its share of it. A map with fewer cells keeps its own.

    Args:
        entry: any map, with `values` (H, W).
        side: parts from top to bottom and from left to right, at least 1.
    """
    rows, columns = entry.values.shape
    down, across = _shares(rows, min(side, rows)), _shares(columns, min(side, columns))
    values = (down @ entry.values.astype(np.float64) @ across.T).astype(np.float32)
    values.setflags(write=False)
    return replace(entry, values=values)


def _shares(cells: int, parts: int) -> Doubles:
    """How much of each part every cell fills, (parts, cells); rows sum to 1."""
    at, of = np.arange(cells) / cells, np.arange(parts)[:, None] / parts
    overlaps = np.minimum(at + 1 / cells, of + 1 / parts) - np.maximum(at, of)
    shares: Doubles = np.maximum(overlaps, 0) * parts
    return shares
