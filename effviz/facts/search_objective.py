"""The objective of the search that found B0, ACC(m) * [FLOPS(m) / T]^w, applied to networks with known accuracy.

Tan & Le 2019, section 4, after MnasNet (Tan et al. 2019, arXiv 1807.11626, "Problem Formulation"). MnasNet uses latency
instead of FLOPS, and w is alpha up to the target and beta above it; with -0.07 for both, twice the latency is worth a
relative gain of 5 % in accuracy. The search used accuracies after short training runs, which were never published; the
ranking in this module uses final ImageNet accuracies instead.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from effviz.errors import SettingsError
from effviz.facts.paper_tables import PaperVersion, paper_points
from effviz.facts.timm_results import NetworkFamily, TimmPoint, timm_points
from effviz.i18n import _, lazy_gettext
from effviz.scaling import published_plan

TARGET_MACS = 400e6  # T and w of the paper
EXPONENT = -0.07
BASELINE = "EfficientNet-B0"  # what the search found
MNASNET_URL = "https://arxiv.org/abs/1807.11626"


@dataclass(frozen=True, slots=True)
class Objective:
    """Trade-off between accuracy and MACs; raises SettingsError unless T is positive and w between -1 and 0."""

    target_macs: float = TARGET_MACS  # T
    exponent: float = EXPONENT  # w: negative, so that MACs cost
    above_only: bool = False  # MnasNet's alpha is 0: below T, fewer MACs gain nothing

    def __post_init__(self) -> None:
        if not 0 < self.target_macs < math.inf:
            text = _("A target of {macs:g} MACs is not allowed. Give a positive number, such as 4e8.")
            raise SettingsError(text.format(macs=self.target_macs))
        if not -1 <= self.exponent <= 0:
            text = _(
                "The exponent w = {exponent:g} is out of range. Choose a value from -1 to 0, because MACs are a cost; "
                "the paper uses -0.07."
            )
            raise SettingsError(text.format(exponent=self.exponent))

    def weight(self, macs: float) -> float:
        """Return the factor on accuracy at these MACs; 1 at the target."""
        if self.above_only and macs <= self.target_macs:
            return 1.0
        return float((macs / self.target_macs) ** self.exponent)

    def reward_pct(self, top1_pct: float, macs: float) -> float:
        """Return the accuracy in percent that a network of exactly T MACs would need for the same reward."""
        return top1_pct * self.weight(macs)

    @property
    def doubling(self) -> float:
        """Factor by which accuracy must grow to make a doubling of the MACs worthwhile."""
        return float(2.0**-self.exponent)


class Listing(StrEnum):
    """Where a network is listed; the paper's numbers and our recomputed ones are two listings of one network."""

    PAPER = "paper"  # Table 2, MACs as printed
    RECOMPUTED = "recomputed"  # Table 2's EfficientNets, MACs by effviz.scaling
    PAPER_OTHERS = "paper-others"  # Table 2's other networks
    TIMM = "timm"


class Counted(StrEnum):
    """Who counted the MACs."""

    PRINTED = "printed"  # as FLOPs
    EFFVIZ = "effviz"  # convolutions and linear layers
    TIMM = "timm"  # with batch norm


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network with a known accuracy and known MACs."""

    name: str  # "EfficientNet-B0", "tf_efficientnet_b0.aa_in1k@224"
    listing: Listing
    top1_pct: float
    macs: float
    counted: Counted
    source: str  # marked for translation
    family: NetworkFamily | None = None  # of timm's networks
    extra_data: bool = False  # trained on more pictures than ImageNet-1k; the paper's are not


class Ranked(NamedTuple):
    """A candidate with its place; places start at 1, and equal rewards share a place."""

    place: int
    candidate: Candidate
    reward_pct: float


@cache
def candidates(version: PaperVersion = PaperVersion.V5) -> tuple[Candidate, ...]:
    """Return every network of Table 2 and of timm's results with known MACs; the paper prints none for GPipe."""
    printed, recomputed = [], []
    for point in paper_points(version):
        name, top1, source = point.model, point.top1_pct, point.source
        if point.macs_billions is not None:
            listing = Listing.PAPER if point.is_efficientnet else Listing.PAPER_OTHERS
            printed.append(Candidate(name, listing, top1, point.macs_billions * 1e9, Counted.PRINTED, source))
        if point.is_efficientnet:
            counted = lazy_gettext(
                "MACs counted by EffViz (official code's rounding); accuracy: {source}", source=source
            )
            macs = float(published_plan(point.name).macs)
            recomputed.append(Candidate(name, Listing.RECOMPUTED, top1, macs, Counted.EFFVIZ, counted))
    return (*printed, *recomputed, *map(_timm, timm_points()))


def _timm(point: TimmPoint) -> Candidate:
    ours = point.macs_billions
    return Candidate(
        name=f"{point.architecture}@{point.resolution_px}",
        listing=Listing.TIMM,
        family=point.family,
        top1_pct=point.top1_pct,
        macs=1e9 * (point.macs_billions_with_bn if ours is None else ours),
        counted=Counted.TIMM if ours is None else Counted.EFFVIZ,
        extra_data=point.extra_data,
        source=point.source,
    )


def ranking(objective: Objective, among: Iterable[Candidate]) -> tuple[Ranked, ...]:
    """Rank the candidates, the highest reward first."""
    rewards = [(objective.reward_pct(point.top1_pct, point.macs), point) for point in among]
    rewards.sort(key=lambda pair: (-pair[0], pair[1].name))
    values = [reward for reward, _point in rewards]
    return tuple(Ranked(1 + values.index(reward), point, reward) for reward, point in rewards)


def iso_reward(
    objective: Objective, reward_pct: float, least_macs: float, most_macs: float, steps: int = 40
) -> tuple[tuple[float, float], ...]:
    """Return a line of equal reward: pairs of MACs and the top-1 in percent that earns it, from few MACs to many."""
    ratio = most_macs / least_macs
    places = {least_macs * ratio ** (step / steps) for step in range(steps + 1)}
    if least_macs < objective.target_macs < most_macs:
        places.add(objective.target_macs)  # the line bends there if only MACs above the target count
    return tuple((macs, reward_pct / objective.weight(macs)) for macs in sorted(places))
