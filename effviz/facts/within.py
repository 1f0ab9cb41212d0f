"""What the paper measured within limits of memory and MACs: the dots of Figure 8 that fit."""

from effviz.facts.curves import CurveDot, scaling_methods
from effviz.scaling import ScalingMethod
from effviz.scaling.feasible import Costs, Limits, memory_bytes


def best_within(limits: Limits, method: ScalingMethod) -> CurveDot:
    """The most accurate dot of a method's curve whose network, as EffViz counts it, keeps both limits.

    B0, where every curve starts, keeps all limits that there can be.
    """
    dots = [dot for dot in scaling_methods() if dot.method == method.value]
    fitting = [dot for dot in dots if limits.allow(Costs(dot.network.macs, memory_bytes(dot.network)))]
    return max(fitting, key=lambda dot: dot.top1_pct)
