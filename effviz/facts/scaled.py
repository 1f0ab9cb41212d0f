"""Tables 3 and 7 of the paper: one network grown in each dimension alone, and in all at once."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from effviz.facts.curves import scaled_network
from effviz.facts.paper import PaperVersion
from effviz.facts.tables import rows
from effviz.scaling import PUBLISHED, Plan, plan


@dataclass(frozen=True, slots=True)
class ScaledNetwork:
    """A row of Table 3, the same in every version of the paper."""

    model: str  # "MobileNetV1", "MobileNetV2", "ResNet-50"
    method: str  # "baseline", "depth", "width", "resolution", "compound"
    depth: float | None  # None: the paper prints no coefficients for this row
    width: float | None
    resolution: float | None
    macs_billions: float  # printed as FLOPs
    macs_billions_formula: float | None  # the baseline's printed FLOPs times d * w^2 * r^2 (section 3.3)
    top1_pct: float
    source: str


@dataclass(frozen=True, slots=True)
class ScaledB0:
    """A row of Table 7, beside the network that the official code builds from its coefficients."""

    method: str
    label: str  # as printed, "Scale model by depth"
    depth: float
    width: float
    resolution: float  # as printed; for the compound row the network is B3, whose input is 300 px
    macs_billions: float  # printed as FLOPs
    top1_pct: float  # printed in the version asked for
    network: Plan
    note: str
    source: str

    @property
    def macs_billions_computed(self) -> float:
        """What the network costs by `effviz.scaling`."""
        return self.network.macs / 1e9


@cache
def other_networks() -> tuple[ScaledNetwork, ...]:
    """Table 3: MobileNets and ResNet-50, in its order."""
    table = rows("table3_scaling")
    baselines = {row["model"]: float(row["flops_billions"]) for row in table if row["scaling"] == "baseline"}
    return tuple(_other(row, baselines[row["model"]]) for row in table)


def _other(row: dict[Any, Any], baseline: float) -> ScaledNetwork:
    depth, width, resolution = (float(row[column]) for column in ("depth_d", "width_w", "resolution_r"))
    printed = not math.isnan(depth)
    return ScaledNetwork(
        model=row["model"],
        method=row["scaling"],
        depth=depth if printed else None,
        width=width if printed else None,
        resolution=resolution if printed else None,
        macs_billions=float(row["flops_billions"]),
        macs_billions_formula=baseline * depth * width**2 * resolution**2 if printed else None,
        top1_pct=float(row["top1_pct"]),
        source=row["source"],
    )


@cache
def scaled_b0(version: PaperVersion = PaperVersion.V5) -> tuple[ScaledB0, ...]:
    """Table 7, in its order; versions differ in the baseline's accuracy alone."""
    column = "top1_pct_v1v2" if version is PaperVersion.V1 else "top1_pct"
    return tuple(
        ScaledB0(
            method=row["scaling"],
            label=row["label_in_paper"],
            depth=float(row["depth_d"]),
            width=float(row["width_w"]),
            resolution=float(row["resolution_r"]),
            macs_billions=float(row["flops_billions"]),
            top1_pct=float(row[column]),
            network=_network(row),
            note=row["note"],
            source=row["source"],
        )
        for row in rows("table7_scaled")
    )


def _network(row: dict[Any, Any]) -> Plan:
    depth, width = float(row["depth_d"]), float(row["width_w"])
    if row["scaling"] == "compound":  # its d, w and accuracy (of v1) are B3's
        return plan(depth, width, PUBLISHED["b3"].resolution)
    return scaled_network(depth, width, float(row["resolution_r"]))
