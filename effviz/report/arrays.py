"""Raw maps with what made them, as one NPZ file that numpy reads without pickle."""

import io
import json
from collections.abc import Sequence

import numpy as np

from effviz.explain.results import ActivationMap
from effviz.report.provenance import provenance


def maps_npz(maps: Sequence[ActivationMap]) -> bytes:
    """Write `map_000`, `map_001`, ... (H, W) float32, and `facts`: a JSON list with one entry a map, in that order.

    The same maps give the same bytes: numpy writes each part with the fixed date of 1980.
    """
    arrays = {f"map_{number:03d}": entry.values for number, entry in enumerate(maps)}
    facts = json.dumps([provenance(entry) for entry in maps], sort_keys=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, facts=np.array(facts), **arrays)
    return buffer.getvalue()
