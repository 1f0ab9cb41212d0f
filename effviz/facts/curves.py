"""The curves of Figures 3, 4 and 8, read from the figures' drawing commands, each dot beside our own count.

Figures 3 and 4 are the same drawing in v2, v3 and v5 of the paper, the curves of Figure 8 in the ICML copy and v5.
"""

import itertools
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from effviz.facts.tables import rows
from effviz.scaling import PUBLISHED, Plan, plan
from effviz.scaling.blocks import BASE_RESOLUTION_PX

COMPOUND = tuple(f"b{i}" for i in range(5))  # dots of Fig. 8's compound curve: accuracies of v1, B0's 0.2 points lower


@dataclass(frozen=True, slots=True)
class CurveDot:
    """One network of a curve."""

    method: str  # "width", "depth", "resolution", "compound"
    label: str  # "w = 1.4", "B3"
    coefficient: float  # of the dimension that grows; nan for the compound curve
    macs_billions: float  # drawn in the figure, which calls them FLOPs
    top1_pct: float  # drawn in the figure
    network: Plan  # by the official code's rounding; its MACs are the recomputed ones
    source: str

    @property
    def macs_billions_computed(self) -> float:
        """What the network costs by `effviz.scaling`."""
        return self.network.macs / 1e9


@dataclass(frozen=True, slots=True)
class WidthDot:
    """One dot of Fig. 4, which does not label its widths."""

    depth: float  # of the line's baseline
    resolution: float
    index: int  # from 1, along the line
    macs_billions: float  # drawn
    top1_pct: float  # drawn
    width: float | None  # known only where the dot is also one of Fig. 3
    macs_billions_computed: float | None  # None where the width is not known
    source: str


_LETTERS = {"width": "w", "depth": "d", "resolution": "r"}


def scaled_network(depth: float = 1.0, width: float = 1.0, resolution: float = 1.0) -> Plan:
    """B0 scaled by three factors; the input is the whole number of pixels nearest to 224 times `resolution`.

    The paper does not say how it rounds the input, so that rounding is ours.
    """
    return plan(depth, width, round(BASE_RESOLUTION_PX * resolution))


def _alone(method: str, coefficient: float) -> Plan:
    return scaled_network(**{method: coefficient})


@cache
def single_dimension() -> tuple[CurveDot, ...]:
    """Fig. 3: B0 grown by one dimension alone, in the figure's order."""
    return tuple(
        CurveDot(
            method=row["dimension"],
            label=f"{_LETTERS[row['dimension']]} = {row['coefficient']:g}",
            coefficient=float(row["coefficient"]),
            macs_billions=float(row["flops_billions"]),
            top1_pct=float(row["imagenet_top1_pct"]),
            network=_alone(row["dimension"], float(row["coefficient"])),
            source=row["source"],
        )
        for row in rows("fig3_single_dimension")
    )


@cache
def width_by_baseline() -> tuple[WidthDot, ...]:
    """Fig. 4: growing width from four baselines."""
    return tuple(_width_dot(row) for row in rows("fig4_width_by_baseline"))


def _width_dot(row: dict[Any, Any]) -> WidthDot:
    depth, resolution = float(row["baseline_d"]), float(row["baseline_r"])
    width = float(row["width_coefficient_if_same_point_as_fig3"])
    known = not math.isnan(width)
    return WidthDot(
        depth=depth,
        resolution=resolution,
        index=int(row["dot_index"]),
        macs_billions=float(row["flops_billions"]),
        top1_pct=float(row["imagenet_top1_pct"]),
        width=width if known else None,
        macs_billions_computed=scaled_network(depth, width, resolution).macs / 1e9 if known else None,
        source=row["source"],
    )


@cache
def drawn_twice() -> tuple[tuple[CurveDot, WidthDot], ...]:
    """Return the networks that Fig. 3 and Fig. 4 both draw, and with different accuracies.

    Where a line of Fig. 4 starts, only depth or only resolution has grown, as on a curve of Fig. 3.
    """
    starts = {(dot.depth, dot.resolution): dot for dot in width_by_baseline() if dot.index == 1}
    alone = {
        (dot.coefficient if dot.method == "depth" else 1.0, dot.coefficient if dot.method == "resolution" else 1.0): dot
        for dot in single_dimension()
        if dot.method != "width"
    }
    both = [(alone[key], start) for key, start in starts.items() if key in alone]
    return tuple((dot, start) for dot, start in both if dot.top1_pct != start.top1_pct)


@cache
def compound_leads() -> tuple[tuple[CurveDot, float], ...]:
    """Return how far each compound dot of Fig. 8 lies above the others at its FLOPs, points of top-1; not B0's.

    Along a curve's straight lines as they are drawn; one that has ended keeps its last accuracy, which cost less.
    """
    dots = scaling_methods()
    curves = [[dot for dot in dots if dot.method == method] for method in _LETTERS]
    compound = [dot for dot in dots if dot.method == "compound"][1:]
    return tuple((dot, dot.top1_pct - max(_reached(curve, dot.macs_billions) for curve in curves)) for dot in compound)


def _reached(curve: list[CurveDot], macs_billions: float) -> float:
    for before, after in itertools.pairwise(curve):
        if macs_billions < after.macs_billions:
            part = (macs_billions - before.macs_billions) / (after.macs_billions - before.macs_billions)
            return before.top1_pct + part * (after.top1_pct - before.top1_pct)
    return curve[-1].top1_pct


@cache
def scaling_methods() -> tuple[CurveDot, ...]:
    """Fig. 8: the four ways of scaling; its dots are those of Fig. 3, which labels them, and B0 to B4."""
    dots = []
    table = rows("fig8_scaling_methods")
    for method in dict.fromkeys(row["method"] for row in table):
        alone = [dot for dot in single_dimension() if dot.method == method]
        named = [(dot.label, dot.coefficient, dot.network) for dot in alone] or [_compound(name) for name in COMPOUND]
        drawn = [row for row in table if row["method"] == method]
        for row, (label, coefficient, network) in zip(drawn, named, strict=False):
            dots.append(
                CurveDot(
                    method=method,
                    label=label,
                    coefficient=coefficient,
                    macs_billions=float(row["flops_billions"]),
                    top1_pct=float(row["imagenet_top1_pct"]),
                    network=network,
                    source=row["source"],
                )
            )
    return tuple(dots)


def _compound(name: str) -> tuple[str, float, Plan]:
    published = PUBLISHED[name]
    return name.upper(), math.nan, plan(published.depth, published.width, published.resolution)


def gain_per_doubling(before: CurveDot, after: CurveDot) -> float:
    """Points of top-1 that a doubling of the drawn FLOPs brought between two dots of one curve."""
    return (after.top1_pct - before.top1_pct) / math.log2(after.macs_billions / before.macs_billions)
