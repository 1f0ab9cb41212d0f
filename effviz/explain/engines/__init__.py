"""What runs a network from pixels to features and logits: OpenVINO where it can, torch as the reference.

Adding an engine is one file with a class that follows `engine.Engine`, and one line in `choice`.
"""

from effviz.explain.engines.choice import (
    ANY_SIZE,
    Choice,
    choose,
    choose_any_size,
    engine_name,
    held_bytes,
    is_ready,
)
from effviz.explain.engines.engine import Engine, EngineName

__all__ = [
    "ANY_SIZE",
    "Choice",
    "Engine",
    "EngineName",
    "choose",
    "choose_any_size",
    "engine_name",
    "held_bytes",
    "is_ready",
]
