"""Rounding of scaled channels and repeats, exactly as the official code does it.

Source: tensorflow/tpu `models/official/efficientnet/efficientnet_model.py`, `round_filters` and `round_repeats`.
"""

import math

CHANNEL_DIVISOR = 8


def round_filters(channels: int, width: float) -> int:
    """Scale channels and round them to a multiple of 8, never losing more than 10 %."""
    scaled = channels * width
    rounded = max(CHANNEL_DIVISOR, int(scaled + CHANNEL_DIVISOR / 2) // CHANNEL_DIVISOR * CHANNEL_DIVISOR)
    return rounded + CHANNEL_DIVISOR if rounded < 0.9 * scaled else rounded


def round_repeats(repeats: int, depth: float) -> int:
    """Scale a stage's number of blocks and round it up."""
    return math.ceil(depth * repeats)
