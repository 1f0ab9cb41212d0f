"""Both limits at once, compared with plan() around every answer and with counts by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from effviz.errors import SettingsError
from effviz.scaling import Budget, BudgetKind, ScalingMethod, ScalingPath, plan
from effviz.scaling.feasible_region import DEPTHS, BindingLimit, ResourceLimits, costs, edge, memory_bytes, pick, region
from effviz.scaling.solver import solve

STEP = 0.0001
BOTH = ResourceLimits(2.0e9, 80e6)  # each limit stops two ways
PLENTY = 1e13


def spent(depth, width, px):
    network = plan(depth, width, px)
    return network.macs, 4 * network.params + network.peak_activation_bytes


def fits(limits, depth, width, px):
    macs, memory = spent(depth, width, px)
    return macs <= limits.macs and memory <= limits.memory_bytes


def test_memory_of_b0_by_hand():
    # torchvision's parameter count; the peak is the first stride of stage 3: 96 channels, 112 cells in and 56 out.
    assert memory_bytes(plan(1, 1, 224)) == 4 * (5_288_548 + 96 * 112**2 + 96 * 56**2)


@settings(max_examples=60, deadline=None)
@given(depth=st.floats(1, 7), width=st.floats(1, 3), px=st.integers(224, 700))
def test_costs_are_the_plans(depth, width, px):
    assert costs(depth, width, px) == spent(depth, width, px)


def test_depths_are_where_a_block_is_added():
    assert DEPTHS[:7] == (1.0, 1.25, 1.3333, 1.5, 1.6666, 1.75, 2.0)  # k/4, k/3, k/2, k/1, cut after four decimals
    assert DEPTHS[-1] == 100
    for depth in DEPTHS[:20]:
        assert plan(depth, 1, 224).macs < plan(depth + STEP, 1, 224).macs
        assert plan(depth, 1, 224).macs == plan(depth - STEP / 2, 1, 224).macs


@pytest.mark.parametrize("method", ScalingMethod)
def test_a_pick_fits_and_the_next_step_does_not(method):
    found = pick(BOTH, method)
    network, larger = found.plan, ScalingPath(method).network(found.coefficient + STEP)
    assert fits(BOTH, network.depth, network.width, network.resolution)
    assert network == ScalingPath(method).network(found.coefficient)
    over = {BindingLimit.MACS: larger.macs > BOTH.macs, BindingLimit.MEMORY: memory_bytes(larger) > BOTH.memory_bytes}
    assert over[found.stopped_by]


def test_who_stops_whom():
    # By hand: resolution adds no weights, depth and width nearly quadruple B0's 21 MB before the MACs are spent.
    stops = {method: pick(BOTH, method).stopped_by for method in ScalingMethod}
    assert stops == {
        ScalingMethod.DEPTH: BindingLimit.MEMORY,
        ScalingMethod.WIDTH: BindingLimit.MEMORY,
        ScalingMethod.RESOLUTION: BindingLimit.MACS,
        ScalingMethod.COMPOUND: BindingLimit.MACS,
    }


@pytest.mark.parametrize("method", ScalingMethod)
def test_with_plenty_of_memory_it_is_the_solvers_answer(method):
    found, solved = pick(ResourceLimits(3e9, PLENTY), method), solve(Budget(BudgetKind.MACS, 3e9), method)
    assert (found.coefficient, found.plan, found.stopped_by) == (solved.coefficient, solved.plan, BindingLimit.MACS)


@pytest.mark.parametrize(
    ("method", "size"),
    [
        (ScalingMethod.DEPTH, (2, 1, 224)),
        (ScalingMethod.WIDTH, (1, 2, 224)),
        (ScalingMethod.RESOLUTION, (1, 1, 448)),
        (ScalingMethod.COMPOUND, (1.2, 1.1, 258)),
    ],
)
def test_with_plenty_of_macs_a_known_network_is_found_by_its_memory(method, size):
    found = pick(ResourceLimits(PLENTY, spent(*size)[1]), method)
    assert found.plan.layers == plan(*size).layers
    assert found.stopped_by is BindingLimit.MEMORY


def test_what_stops_when_neither_limit_does():
    found = pick(ResourceLimits(PLENTY, PLENTY), ScalingMethod.RESOLUTION)
    assert (found.plan.resolution, found.stopped_by) == (2048, None)


@pytest.mark.parametrize("limits", [(385_814_751, 1e9), (1e9, 27_175_311), (-1, 1e9), (float("nan"), 1e9)])
def test_limits_below_b0_are_refused(limits):
    with pytest.raises(
        SettingsError, match=r"No network fits .* baseline needs 385\.8 million MACs and 27\.2 MB.* Raise"
    ):
        ResourceLimits(*limits)


def test_limits_that_are_b0s_own_leave_b0():
    least = ResourceLimits(385_814_752, 27_175_312)
    assert all(pick(least, method).plan.layers == plan(1, 1, 224).layers for method in ScalingMethod)
    assert {(of.depth, of.resolution_px) for row in region(least) for of in row} == {(1.0, 224)}


@pytest.mark.parametrize("limits", [BOTH, ResourceLimits(1e9, 200e6), ResourceLimits(8e9, 50e6)])
def test_the_roof_is_the_deepest_that_fits(limits):
    for row in region(limits):
        for of in row[::3]:
            assert fits(limits, of.depth, of.width, of.resolution_px)
            above = spent(of.depth + STEP, of.width, of.resolution_px)
            if of.stopped_by is BindingLimit.MACS:
                assert above[0] > limits.macs
            else:
                assert above[1] > limits.memory_bytes


def test_the_roof_reaches_from_b0s_size_to_each_single_pick():
    mesh = region(BOTH)
    corner = mesh[0][0]
    assert (corner.width, corner.resolution_px) == (1.0, 224)
    assert corner.depth == pick(BOTH, ScalingMethod.DEPTH).coefficient
    assert mesh[0][-1].resolution_px == pick(BOTH, ScalingMethod.RESOLUTION).plan.resolution
    assert mesh[-1][0].width == pick(BOTH, ScalingMethod.WIDTH).coefficient
    # There the next block breaks both limits; the limit that is nearly used up counts, as for the picks.
    assert (mesh[-1][0].stopped_by, mesh[0][-1].stopped_by) == (BindingLimit.MEMORY, BindingLimit.MACS)
    assert all(not fits(BOTH, 1, row[-1].width, row[-1].resolution_px + 1) for row in mesh)


@pytest.mark.parametrize("depth", [1.0, 1.5, 3.0])
def test_each_line_of_a_cut_is_the_finest_input(depth):
    for of in edge(BOTH, depth)[::5]:
        for position, (px, limit) in enumerate(((of.macs_px, BOTH.macs), (of.memory_px, BOTH.memory_bytes))):
            if px is None:
                assert spent(depth, of.width, 224)[position] > limit
            else:
                assert spent(depth, of.width, px)[position] <= limit < spent(depth, of.width, px + 1)[position]
        assert of.px == (None if None in of else min(of.macs_px, of.memory_px))


def test_a_deep_cut_has_no_room_for_wide_networks():
    assert edge(BOTH, 3.0)[0].px is not None
    assert edge(BOTH, 3.0)[-1].px is None
