"""The compound scaling rule: one number phi sets depth, width and resolution, rounded as in the official code."""

import math
from dataclasses import dataclass

from effviz.scaling import architecture
from effviz.scaling.architecture import BASE_RESOLUTION_PX


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Multipliers of B0's depth, width and resolution."""

    depth: float
    width: float
    resolution: float

    @property
    def resolution_px(self) -> int:
        """The input size that the resolution multiplier gives."""
        return round(BASE_RESOLUTION_PX * self.resolution)


@dataclass(frozen=True, slots=True)
class ScalingRule:
    """Depth alpha^phi, width beta^phi, resolution gamma^phi (Tan & Le 2019, Eq. 3).

    The defaults are the paper's, found by a grid search at phi = 1 (section 4, step 1).

    Raises:
        SettingsError: alpha, beta or gamma is below 1 (Eq. 3 forbids it) or above 4.
    """

    alpha: float = 1.2
    beta: float = 1.1
    gamma: float = 1.15

    def __post_init__(self) -> None:
        for base in (self.alpha, self.beta, self.gamma):
            architecture.BASE.check(base)

    @property
    def constraint(self) -> float:
        """Factor of MACs per unit of phi, alpha * beta^2 * gamma^2; the paper asks for about 2 and has 1.920."""
        return self.alpha * self.beta**2 * self.gamma**2

    @property
    def constraint_miss_pct(self) -> float:
        """Deviation of the constraint from the paper's 2, in percent of 2; the paper's own values give -4.0."""
        return 100 * (self.constraint / 2 - 1)

    def at(self, phi: float) -> Coefficients:
        """Return B0's multipliers at phi, which may be fractional, or negative for networks smaller than B0.

        Raises:
            SettingsError: phi is outside -20 to 20.
        """
        architecture.PHI.check(phi)
        return Coefficients(self.alpha**phi, self.beta**phi, self.gamma**phi)


PAPER_RULE = ScalingRule()

# Rounding of channels and repeats, exactly as the official code does it.
# Source: tensorflow/tpu `models/official/efficientnet/efficientnet_model.py`, `round_filters` and `round_repeats`.

CHANNEL_DIVISOR = 8


def round_filters(channels: int, width: float) -> int:
    """Scale channels and round them to a multiple of 8, reducing them by at most 10 %."""
    scaled = channels * width
    rounded = max(CHANNEL_DIVISOR, int(scaled + CHANNEL_DIVISOR / 2) // CHANNEL_DIVISOR * CHANNEL_DIVISOR)
    return rounded + CHANNEL_DIVISOR if rounded < 0.9 * scaled else rounded


def round_repeats(repeats: int, depth: float) -> int:
    """Scale the number of blocks of a stage, rounding up."""
    return math.ceil(depth * repeats)
