"""How sure a measured accuracy is."""

import math
from typing import Final

_Z: Final = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


def interval_pct(correct: int, pictures: int) -> tuple[float, float]:
    """Where the share of right guesses lies with 95 % confidence, in percent (Wilson 1927)."""
    share, z2 = correct / pictures, _Z**2
    middle = (share + z2 / (2 * pictures)) / (1 + z2 / pictures)
    spread = _Z * math.sqrt(share * (1 - share) / pictures + z2 / (4 * pictures**2)) / (1 + z2 / pictures)
    return 100 * (middle - spread), 100 * (middle + spread)
