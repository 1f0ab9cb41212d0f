"""The ratios that Table 2 prints, beside what its own numbers give."""

import math
from dataclasses import dataclass
from functools import cache

from effviz.facts.tables import rows


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times more a network costs than the EfficientNet of its group."""

    printed: float | None  # None: Table 2 prints none (FLOPs of GPipe)
    computed: float | None  # the printed numbers divided
    least: float | None  # what rounding of the printed numbers allows
    most: float | None

    @property
    def possible(self) -> bool:
        """Whether some numbers that round to the printed ones give a ratio that rounds to the printed one."""
        if self.printed is None or self.least is None or self.most is None:
            return True
        half = _half_unit(self.printed)
        return self.least <= self.printed + half and self.printed - half <= self.most


@dataclass(frozen=True, slots=True)
class PaperRatios:
    """Both ratios of a row of Table 2."""

    model: str
    efficientnet: str  # of the same group
    params: Ratio
    macs: Ratio


@cache
def paper_ratios() -> tuple[PaperRatios, ...]:
    """Every row of Table 2 in its order; an EfficientNet's ratio to itself is 1."""
    table = rows("table2_imagenet")
    ours = {row["group"]: row for row in table if row["is_efficientnet"]}
    return tuple(
        PaperRatios(
            model=row["model"],
            efficientnet=(own := ours[row["group"]])["model"],
            params=_ratio(row["params_millions"], own["params_millions"], row["params_ratio_to_efficientnet"]),
            macs=_ratio(row["flops_billions"], own["flops_billions"], row["flops_ratio_to_efficientnet"]),
        )
        for row in table
    )


def _ratio(theirs: float, own: float, printed: float) -> Ratio:
    if math.isnan(theirs):
        return Ratio(None, None, None, None)
    least = (theirs - _half_unit(theirs)) / (own + _half_unit(own))
    most = (theirs + _half_unit(theirs)) / (own - _half_unit(own))
    return Ratio(float(printed), theirs / own, least, most)


def _half_unit(printed: float) -> float:
    """Half of the last printed digit: Table 2 prints two digits, and whole numbers from 100 on."""
    return 0.5 * 10.0 ** min(math.floor(math.log10(printed)) - 1, 0)
