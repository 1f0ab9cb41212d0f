"""Which dots of Figure 8 keep both limits, by the networks' known sizes."""

import pytest

from effviz.facts.scaling_experiments import best_within_budget
from effviz.scaling import ScalingMethod
from effviz.scaling.feasible_region import ResourceLimits

PLENTY = 1e12


@pytest.mark.parametrize(
    ("macs", "label", "top1"),
    # Recomputed from the official code (shared facts): B1 .687, B2 .994, B3 1.827, B4 4.394 billion; top-1 of Figure 8.
    [(0.9e9, "B1", 78.8), (0.993e9, "B1", 78.8), (0.994e9, "B2", 79.8), (1.828e9, "B3", 81.1), (PLENTY, "B4", 82.6)],
)
def test_compound_by_macs(macs, label, top1):
    dot = best_within_budget(ResourceLimits(macs, PLENTY), ScalingMethod.COMPOUND)
    assert (dot.label, dot.top1_pct) == (label, top1)


def test_compound_by_memory():
    # Weights alone, by torchvision's counts: B1 31.2 MB, B2 36.4 MB. With activations B2 is over 40.
    assert best_within_budget(ResourceLimits(PLENTY, 40e6), ScalingMethod.COMPOUND).label == "B1"


def test_of_two_equally_good_dots_the_first_is_taken():
    # Figure 3's depth curve ends with 80.00 twice, at d = 6 and d = 8.
    assert best_within_budget(ResourceLimits(PLENTY, PLENTY), ScalingMethod.DEPTH).label == "d = 6"


@pytest.mark.parametrize("method", ScalingMethod)
def test_b0_is_always_left(method):
    assert best_within_budget(ResourceLimits(0.386e9, PLENTY), method).top1_pct == 76.1
