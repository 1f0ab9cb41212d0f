"""The paper's scaling experiments: the curves of Figures 3, 4 and 8, and Tables 3 and 7, with our own counts.

The values were read from the figures' drawing commands. The drawings of Figures 3 and 4 are the same in v2, v3 and v5
of the paper, the curves of Figure 8 in the ICML version and v5.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from effviz.facts.paper_tables import PaperVersion
from effviz.facts.tables import Row, printed_number, record, rows
from effviz.scaling import PUBLISHED, Plan, ScalingMethod, plan, published_plan
from effviz.scaling.architecture import BASE_RESOLUTION_PX
from effviz.scaling.feasible_region import Costs, ResourceLimits, memory_bytes

STATED_LEAD = 2.5  # points of top-1 that section 6 states for compound scaling, "by up to 2.5%"
COMPOUND = tuple(f"b{i}" for i in range(5))  # dots of Fig. 8's compound curve: v1's accuracies, B0's 0.2 points lower


@dataclass(frozen=True, slots=True)
class CurveDot:
    """One network of a curve."""

    method: str  # "width", "depth", "resolution", "compound"
    label: str  # "w = 1.4", "B3"
    coefficient: float  # of the dimension that grows; nan for the compound curve
    macs_billions: float  # drawn in the figure, which calls them FLOPs
    top1_pct: float  # drawn in the figure
    network: Plan  # with the official code's rounding; its MACs are the recomputed ones
    source: str

    @property
    def macs_billions_computed(self) -> float:
        """What the network costs by `effviz.scaling`."""
        return self.network.macs / 1e9


@dataclass(frozen=True, slots=True)
class WidthDot:
    """One dot of Fig. 4, in which widths are not labelled."""

    depth: float  # of the line's baseline
    resolution: float
    index: int  # from 1, along the line
    macs_billions: float  # drawn
    top1_pct: float  # drawn
    width: float | None  # known only if Fig. 3 has the same dot
    macs_billions_computed: float | None  # None if the width is not known
    source: str


Dot = TypeVar("Dot", CurveDot, WidthDot)
_LETTERS = {"width": "w", "depth": "d", "resolution": "r"}


def scaled_network(depth: float = 1.0, width: float = 1.0, resolution: float = 1.0) -> Plan:
    """Return B0 scaled by three factors; the input size is 224 times `resolution`, rounded to whole pixels.

    The paper does not say how it rounds the input size, so this rounding is ours.
    """
    return plan(depth, width, round(BASE_RESOLUTION_PX * resolution))


@cache
def single_dimension() -> tuple[CurveDot, ...]:
    """Return the dots of Fig. 3, B0 scaled in one dimension, in the figure's order."""
    dots = []
    for row in rows("fig3_single_dimension"):
        method, coefficient = row["dimension"], row["coefficient"]
        label = f"{_LETTERS[method]} = {coefficient:g}"
        dots.append(_curve_dot(row, method, label, coefficient, scaled_network(**{method: coefficient})))
    return tuple(dots)


def _curve_dot(row: Row, method: str, label: str, coefficient: float, network: Plan) -> CurveDot:
    macs_billions, top1_pct = float(row["flops_billions"]), float(row["imagenet_top1_pct"])
    return CurveDot(method, label, coefficient, macs_billions, top1_pct, network, row["source"])


@cache
def width_by_baseline() -> tuple[WidthDot, ...]:
    """Return the dots of Fig. 4, width scaled from four baselines."""
    dots = []
    for row in rows("fig4_width_by_baseline"):
        baseline = {"depth": row["baseline_d"], "resolution": row["baseline_r"]}
        drawn = {"macs_billions": row["flops_billions"], "top1_pct": row["imagenet_top1_pct"]}
        width = printed_number(row["width_coefficient_if_same_point_as_fig3"])
        macs = None if width is None else scaled_network(width=width, **baseline).macs / 1e9
        known = {"width": width, "macs_billions_computed": macs}
        dots.append(record(WidthDot, row, index=row["dot_index"], **baseline, **drawn, **known))
    return tuple(dots)


@cache
def drawn_twice() -> tuple[tuple[CurveDot, WidthDot], ...]:
    """Return the networks that Figs. 3 and 4 both show, with different accuracies.

    At the start of a line in Fig. 4, only depth or only resolution is scaled, as on a curve of Fig. 3.
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
    """Return how far each compound dot of Fig. 8, except B0, is above the other curves at its FLOPs, in top-1 points.

    Curves are interpolated linearly, as drawn; past its end, a curve keeps its last accuracy, which costs fewer FLOPs.
    """
    dots = scaling_methods()
    curves = [[dot for dot in dots if dot.method == method] for method in _LETTERS]
    compound = [dot for dot in dots if dot.method == "compound"][1:]
    return tuple(
        (dot, dot.top1_pct - max(accuracy_at(curve, dot.macs_billions) for curve in curves)) for dot in compound
    )


def accuracy_at(curve: Sequence[Dot], macs_billions: float) -> float:
    """Return a curve's accuracy at some FLOPs, interpolated linearly; past its end, its last accuracy."""
    for before, after in itertools.pairwise(curve):
        if macs_billions < after.macs_billions:
            part = (macs_billions - before.macs_billions) / (after.macs_billions - before.macs_billions)
            return before.top1_pct + part * (after.top1_pct - before.top1_pct)
    return curve[-1].top1_pct


@cache
def scaling_methods() -> tuple[CurveDot, ...]:
    """Return the dots of Fig. 8, four scaling methods: the networks are those labelled in Fig. 3, and B0 to B4."""
    dots = []
    table = rows("fig8_scaling_methods")
    for method in dict.fromkeys(row["method"] for row in table):
        alone = [dot for dot in single_dimension() if dot.method == method]
        named = [(dot.label, dot.coefficient, dot.network) for dot in alone]
        named = named or [(name.upper(), math.nan, published_plan(name)) for name in COMPOUND]
        drawn = [row for row in table if row["method"] == method]
        dots += [_curve_dot(row, method, *network) for row, network in zip(drawn, named, strict=False)]
    return tuple(dots)


def gain_per_doubling(before: CurveDot, after: CurveDot) -> float:
    """Return the gain in top-1, in points, per doubling of the drawn FLOPs between two dots of one curve."""
    return (after.top1_pct - before.top1_pct) / math.log2(after.macs_billions / before.macs_billions)


# The dots of Figure 8 that fit within limits of memory and MACs.


def best_within_budget(limits: ResourceLimits, method: ScalingMethod) -> CurveDot:
    """Return the most accurate dot of a method's curve whose network, as counted by EffViz, is within both limits.

    B0, where every curve starts, is within all valid limits.
    """
    dots = [dot for dot in scaling_methods() if dot.method == method.value]
    fitting = [dot for dot in dots if limits.allow(Costs(dot.network.macs, memory_bytes(dot.network)))]
    return max(fitting, key=lambda dot: dot.top1_pct)


# Tables 3 and 7: one network scaled in each dimension alone, and in all at once.


@dataclass(frozen=True, slots=True)
class ScaledNetwork:
    """A row of Table 3, which is the same in every version of the paper."""

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
    """A row of Table 7, with the network that the official code builds from its coefficients."""

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
    """Return Table 3, MobileNets and ResNet-50, in its order."""
    table = rows("table3_scaling")
    baselines = {row["model"]: float(row["flops_billions"]) for row in table if row["scaling"] == "baseline"}
    networks = []
    for row in table:
        depth, width, resolution = row["depth_d"], row["width_w"], row["resolution_r"]
        formula = printed_number(baselines[row["model"]] * depth * width**2 * resolution**2)
        factors = {"depth": depth, "width": width, "resolution": resolution}
        printed = {name: printed_number(factor) for name, factor in factors.items()}
        macs = {"macs_billions": row["flops_billions"], "macs_billions_formula": formula}
        networks.append(record(ScaledNetwork, row, method=row["scaling"], **printed, **macs))
    return tuple(networks)


@cache
def scaled_b0(version: PaperVersion = PaperVersion.V5) -> tuple[ScaledB0, ...]:
    """Return Table 7 in its order; versions differ only in the baseline's accuracy."""
    column = "top1_pct_v1v2" if version is PaperVersion.V1 else "top1_pct"
    networks = []
    for row in rows("table7_scaled"):
        depth, width, resolution = float(row["depth_d"]), float(row["width_w"]), float(row["resolution_r"])
        if row["scaling"] == "compound":  # its d, w and accuracy (of v1) are B3's
            network = plan(depth, width, PUBLISHED["b3"].resolution)
        else:
            network = scaled_network(depth, width, resolution)
        factors = {"depth": depth, "width": width, "resolution": resolution}
        drawn = {"macs_billions": row["flops_billions"], "top1_pct": row[column], "label": row["label_in_paper"]}
        networks.append(record(ScaledB0, row, method=row["scaling"], network=network, **factors, **drawn))
    return tuple(networks)
