from collections.abc import Callable

import numpy as np
import pytest

from effviz.explain.results import ActivationMap, Box, Layer, Method

MapMaker = Callable[..., ActivationMap]
WHOLE = Box(0, 0, 224, 224)


@pytest.fixture(scope="session")
def make_map() -> MapMaker:
    """Return a maker of maps from plain numbers, with everything else filled in."""

    def make(values: object, seen: Box = WHOLE, **changes: object) -> ActivationMap:
        array = np.asarray(values, dtype=np.float32)
        array.setflags(write=False)
        fields: dict[str, object] = {
            "values": array,
            "bias": 0.0,
            "method": Method.CAM,
            "layer": Layer.LAST,
            "model": "lite0@224",
            "trained": True,
            "photo": "dog.jpg",
            "photo_sha256": "0" * 64,
            "photo_size": (224, 224),
            "target_index": 235,
            "target_name": "German Shepherd Dog",
            "logit": 7.5,
            "probability": 0.9,
            "seen": seen,
        }
        return ActivationMap(**(fields | changes))  # type: ignore[arg-type]

    return make
