"""The networks along the phi slider, computed once: the browser only looks rows up and draws them."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from effviz.scaling import PUBLISHED, Family, Plan, ScalingRule, plan
from effviz.ui.state import PHI_LEAST, PHI_MOST, PHI_STEP

STAGES_DRAWN = 8  # the stem and the seven MBConv stages; the head is one layer, four times as wide as all others


class Network(NamedTuple):
    """What is shown of one network."""

    name: str
    depth: float
    width: float
    resolution: int  # px
    params: int
    macs: int
    map: int  # cells of the last map along one side
    blocks: tuple[int, ...]  # per drawn stage
    channels: tuple[int, ...]  # per drawn stage


@dataclass(frozen=True, slots=True)
class PhiTable:
    """A network for every step of phi, the baseline, and the published networks of the same family."""

    rule: ScalingRule
    family: Family
    baseline: Network
    rows: tuple[Network, ...]  # phi = PHI_LEAST + PHI_STEP * position
    published: tuple[Network, ...]
    nearest: tuple[int, ...]  # per row: the position in `published`

    def position(self, phi: float) -> int:
        """The row of a phi."""
        return round((phi - PHI_LEAST) / PHI_STEP)

    def nearest_name(self, phi: float) -> str:
        """The published network whose MACs are nearest."""
        return self.published[self.nearest[self.position(phi)]].name

    def payload(self) -> dict[str, object]:
        """The table as JSON for the browser."""
        return {
            "least": PHI_LEAST,
            "step": PHI_STEP,
            "baseline": self.baseline._asdict(),
            "rows": [row._asdict() for row in self.rows],
            "rule": [self.rule.constraint**phi for phi in steps()],
            "published": [network._asdict() for network in self.published],
            "nearest": self.nearest,
        }


def steps() -> tuple[float, ...]:
    """Every phi of the slider."""
    return tuple(round(PHI_LEAST + PHI_STEP * i, 2) for i in range(round((PHI_MOST - PHI_LEAST) / PHI_STEP) + 1))


def phi_table(rule: ScalingRule, family: Family) -> PhiTable:
    """Plan the network of every step of phi.

    Raises:
        SettingsError: The rule leads out of what can be planned somewhere along the slider.
    """
    rows = tuple(_at(rule, phi, family) for phi in steps())
    published = tuple(
        network(name.title(), plan(entry.depth, entry.width, entry.resolution, family))
        for name, entry in PUBLISHED.items()
        if entry.family is family
    )
    return PhiTable(rule, family, published[0], rows, published, tuple(_nearest(row, published) for row in rows))


def _at(rule: ScalingRule, phi: float, family: Family) -> Network:
    scaled = rule.at(phi)
    return network(f"phi {phi:g}", plan(scaled.depth, scaled.width, scaled.resolution_px, family))


def network(name: str, of: Plan) -> Network:
    """What is shown of a plan; the head is left out."""
    drawn = of.stages[:STAGES_DRAWN]
    blocks = tuple(stage.layers for stage in drawn)
    channels = tuple(stage.channels for stage in drawn)
    return Network(
        name, of.depth, of.width, of.resolution, of.params, of.macs, of.stages[-1].in_resolution, blocks, channels
    )


def _nearest(row: Network, published: tuple[Network, ...]) -> int:
    """Near means a small ratio of MACs: costs differ by factors, not by amounts."""
    return min(range(len(published)), key=lambda i: abs(math.log(row.macs / published[i].macs)))
