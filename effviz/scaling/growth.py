"""How MACs grow with phi, beside the 2^phi that the paper aims at and what the rule itself promises."""

from collections.abc import Sequence
from dataclasses import dataclass

from effviz.scaling.architecture import Family
from effviz.scaling.plans import plan
from effviz.scaling.published import PUBLISHED, ImpliedPhi, implied_phi
from effviz.scaling.rule import PAPER_RULE, ScalingRule


@dataclass(frozen=True, slots=True)
class GrowthStep:
    """One phi; MACs of the planned network (channels and blocks rounded) and of the two formulas."""

    phi: float
    macs: int
    doubling: float  # MACs of the baseline times 2^phi (Tan & Le 2019, section 3.3)
    promised: float  # MACs of the baseline times (alpha * beta^2 * gamma^2)^phi


@dataclass(frozen=True, slots=True)
class PublishedStep:
    """A published network: its MACs at its own size, and the phi that each of its dimensions implies."""

    name: str
    macs: int
    implied: ImpliedPhi


@dataclass(frozen=True, slots=True)
class Growth:
    """The planned networks along phi, and the published networks of the family."""

    rule: ScalingRule
    family: Family
    steps: tuple[GrowthStep, ...]
    published: tuple[PublishedStep, ...]


def growth(phis: Sequence[float], rule: ScalingRule = PAPER_RULE, family: Family = Family.EFFICIENTNET) -> Growth:
    """Plan the network of every phi.

    Raises:
        SettingsError: the rule leads out of what can be planned.
    """
    baseline = _macs(rule, 0.0, family)
    steps = tuple(
        GrowthStep(phi, _macs(rule, phi, family), baseline * 2.0**phi, baseline * rule.constraint**phi) for phi in phis
    )
    published = tuple(
        PublishedStep(name, plan(of.depth, of.width, of.resolution, of.family).macs, implied_phi(of, rule))
        for name, of in PUBLISHED.items()
        if of.family is family
    )
    return Growth(rule, family, steps, published)


def _macs(rule: ScalingRule, phi: float, family: Family) -> int:
    at = rule.at(phi)
    return plan(at.depth, at.width, at.resolution_px, family).macs
