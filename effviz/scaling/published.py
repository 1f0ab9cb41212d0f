"""The published networks, with their coefficients as given in the official code, never computed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from effviz.i18n import lazy_gettext
from effviz.scaling.architecture import BASE_RESOLUTION_PX, Family
from effviz.scaling.plans import Plan, plan
from effviz.scaling.rule import PAPER_RULE, ScalingRule

_TPU = "tensorflow/tpu@7dc921f8 models/official/efficientnet/"
_BUILDER, _LITE_BUILDER = _TPU + "efficientnet_builder.py", _TPU + "lite/efficientnet_lite_builder.py"

WHY_PUBLISHED_DIFFERS = lazy_gettext(
    "B1 to B7 do not follow exactly from phi, and the paper never lists a phi for them. The depth, width and "
    "resolution of B7 imply phi = 6.2, 7.3 and 7.0. We found no explanation from the authors. The Keras guide calls "
    "the coefficients hand-picked: sizes divisible by 8 or 16 waste less padding, channels come in multiples of 8, and "
    "memory limits the resolution. Rounding adds further steps: repeats are rounded up, so B1 with depth 1.1 has 23 "
    "blocks instead of 16 and costs 1.78 times as much as B0, although d*w^2*r^2 is only 1.26."
)


@dataclass(frozen=True, slots=True)
class Published:
    """One published network."""

    name: str
    depth: float
    width: float
    resolution: int  # px, of the input
    dropout: float
    family: Family
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class ImpliedPhi:
    """The phi that each dimension of a network implies; None where the rule does not scale that dimension."""

    depth: float | None
    width: float | None
    resolution: float | None


_LITE3_NOTE = lazy_gettext(
    "The official builder says 280 px, but the README's accuracy is only reached at 300 px (timm)."
)
_LITE4_NOTE = lazy_gettext(
    "The official builder says 300 px, but the README's accuracy is only reached at 380 px (timm)."
)

# name, depth, width, resolution in px, dropout
_EFFICIENTNET = (
    ("b0", 1.0, 1.0, 224, 0.2),
    ("b1", 1.1, 1.0, 240, 0.2),
    ("b2", 1.2, 1.1, 260, 0.3),
    ("b3", 1.4, 1.2, 300, 0.3),
    ("b4", 1.8, 1.4, 380, 0.4),
    ("b5", 2.2, 1.6, 456, 0.4),
    ("b6", 2.6, 1.8, 528, 0.5),
    ("b7", 3.1, 2.0, 600, 0.5),
    ("b8", 3.6, 2.2, 672, 0.5),
    ("l2", 5.3, 4.3, 800, 0.5),
)
_LITE = (
    ("lite0", 1.0, 1.0, 224, 0.2),
    ("lite1", 1.1, 1.0, 240, 0.2),
    ("lite2", 1.2, 1.1, 260, 0.3),
    ("lite3", 1.4, 1.2, 280, 0.3, _LITE3_NOTE),
    ("lite4", 1.8, 1.4, 300, 0.3, _LITE4_NOTE),
)


PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {row[0]: Published(*row, Family.EFFICIENTNET, _BUILDER) for row in _EFFICIENTNET}
    | {row[0]: Published(*row[:5], Family.LITE, _LITE_BUILDER, *row[5:]) for row in _LITE}
)


def implied_phi(network: Published, rule: ScalingRule = PAPER_RULE) -> ImpliedPhi:
    """Return the phi that each published dimension implies: the logarithm of its multiplier to the rule's base."""
    return ImpliedPhi(
        depth=_logarithm(network.depth, rule.alpha),
        width=_logarithm(network.width, rule.beta),
        resolution=_logarithm(network.resolution / BASE_RESOLUTION_PX, rule.gamma),
    )


def _logarithm(multiplier: float, base: float) -> float | None:
    return math.log(multiplier) / math.log(base) if base > 1 else None


def published_plan(name: str, resolution_px: int | None = None, classes: int = 1000) -> Plan:
    """Return the plan of a published network such as `"b3"`, at its own input size unless one is given."""
    row = PUBLISHED[name]
    return plan(row.depth, row.width, resolution_px or row.resolution, row.family, classes)


# How MACs grow with phi, compared with the paper's target 2^phi and with the rule's own formula.


@dataclass(frozen=True, slots=True)
class GrowthStep:
    """MACs at one phi: of the planned network (channels and blocks rounded) and by the two formulas."""

    phi: float
    macs: int
    doubling: float  # MACs of the baseline times 2^phi (Tan & Le 2019, section 3.3)
    promised: float  # MACs of the baseline times (alpha * beta^2 * gamma^2)^phi


@dataclass(frozen=True, slots=True)
class PublishedStep:
    """A published network: its MACs at its own input size, and the phi that each dimension implies."""

    name: str
    macs: int
    implied: ImpliedPhi


@dataclass(frozen=True, slots=True)
class Growth:
    """The planned networks along phi, and the published networks of their family."""

    rule: ScalingRule
    steps: tuple[GrowthStep, ...]
    published: tuple[PublishedStep, ...]


def growth(phis: Sequence[float], rule: ScalingRule = PAPER_RULE, family: Family = Family.EFFICIENTNET) -> Growth:
    """Plan the network of every phi; raises SettingsError where the rule exceeds the allowed ranges."""
    networks = (plan(at.depth, at.width, at.resolution_px, family) for at in map(rule.at, (0.0, *phis)))
    baseline, *macs = (network.macs for network in networks)
    steps = tuple(
        GrowthStep(phi, amount, baseline * 2.0**phi, baseline * rule.constraint**phi)
        for phi, amount in zip(phis, macs, strict=True)
    )
    rows = {name: row for name, row in PUBLISHED.items() if row.family is family}
    published = tuple(
        PublishedStep(name, published_plan(name).macs, implied_phi(row, rule)) for name, row in rows.items()
    )
    return Growth(rule, steps, published)
