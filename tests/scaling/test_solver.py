"""The budget solver matches networks of known cost and a search through every step around its answer."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from effviz.errors import SettingsError
from effviz.scaling import Budget, BudgetKind, Family, ScalingMethod, ScalingPath, ScalingRule, plan, solve_within
from effviz.scaling.solver import coefficient_range, limit_curves, solve

STEP = 0.0001
COST = {
    BudgetKind.MACS: lambda network: network.macs,
    BudgetKind.PARAMS: lambda network: network.params,
    BudgetKind.ACTIVATION_MEMORY: lambda network: network.peak_activation_bytes,
}
SOLVABLE = [
    (kind, method)
    for kind in BudgetKind
    for method in ScalingMethod
    if (kind, method)
    not in [(BudgetKind.PARAMS, ScalingMethod.RESOLUTION), (BudgetKind.ACTIVATION_MEMORY, ScalingMethod.DEPTH)]
]


@pytest.mark.parametrize(
    ("method", "multiplier", "params"),
    # facts/table7_scaled.csv, recomputed from the official code: d = 4, w = 2
    [(ScalingMethod.DEPTH, 4, 20_091_856), (ScalingMethod.WIDTH, 2, 18_122_720)],
)
def test_networks_of_table_7_are_found_by_their_params(method, multiplier, params):
    solution = solve(Budget(BudgetKind.PARAMS, params), method)
    assert solution.reached == solution.plan.params == params
    assert solution.miss == solution.miss_pct == 0
    assert solution.plan.layers == ScalingPath(method).network(multiplier).layers
    assert not solution.at_limit


def test_resolution_of_table_7_is_found_by_its_macs():
    solution = solve(Budget(BudgetKind.MACS, 1.5385e9), ScalingMethod.RESOLUTION)  # 1.538 B at r = 2
    assert solution.plan.resolution == 448
    assert solution.plan.depth == solution.plan.width == 1
    assert solution.miss == pytest.approx(1.5385e9 - solution.plan.macs)


def test_compound_of_one_is_found_by_its_macs():
    target = plan(1.2, 1.1, 258)  # 224 * 1.15 = 257.6
    solution = solve(Budget(BudgetKind.MACS, target.macs), ScalingMethod.COMPOUND)
    assert solution.plan.macs == target.macs
    assert 1 <= solution.coefficient < 1.05


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize(("kind", "method"), SOLVABLE)
def test_nothing_larger_fits(kind, method, family):
    amount = 1.7 * COST[kind](plan(1, 1, 224, family))
    solution = solve(Budget(kind, amount), method, family=family)
    assert solution.reached == COST[kind](solution.plan) <= amount
    assert solution.plan == ScalingPath(method, family=family).network(solution.coefficient)
    assert COST[kind](ScalingPath(method, family=family).network(solution.coefficient + STEP)) > amount
    low, high = solution.coefficient + STEP, coefficient_range(method)[1]
    for i in range(50):  # nor anything much larger
        assert COST[kind](ScalingPath(method, family=family).network(low + (min(high, 6) - low) * i / 50)) > amount


@settings(max_examples=30)
@given(amount=st.floats(2e7, 1.5e10), method=st.sampled_from(ScalingMethod))
def test_any_budget_is_used_and_never_exceeded(amount, method):
    smallest, largest = (ScalingPath(method).network(end).macs for end in ends(method))
    if amount < smallest:
        with pytest.raises(SettingsError, match="too small"):
            solve(Budget(BudgetKind.MACS, amount), method)
        return
    solution = solve(Budget(BudgetKind.MACS, amount), method)
    assert 0 <= solution.miss == amount - solution.plan.macs
    assert solution.miss_pct == pytest.approx(100 * (1 - solution.plan.macs / amount))
    assert solution.at_limit == (amount >= largest)


def ends(method):
    low, high = coefficient_range(method)
    return math.ceil(low / STEP) * STEP, math.floor(high / STEP) * STEP


@settings(max_examples=100)
@given(
    kind=st.sampled_from(BudgetKind),
    method=st.sampled_from(ScalingMethod),
    family=st.sampled_from(Family),
    coefficients=st.tuples(st.floats(0.2, 6), st.floats(0.2, 6)),
)
def test_cost_never_falls_when_the_coefficient_grows(kind, method, family, coefficients):
    smaller, larger = (ScalingPath(method, family=family).network(coefficient) for coefficient in sorted(coefficients))
    assert COST[kind](smaller) <= COST[kind](larger)


def test_negative_phi_fits_a_budget_below_b0():
    solution = solve(Budget(BudgetKind.MACS, 1e8), ScalingMethod.COMPOUND)
    assert solution.coefficient < -1
    assert solution.plan.resolution < 195


def test_own_rule_and_family():
    rule = ScalingRule(1.0, 1.0, 1.4)  # scales only the resolution
    compound = solve(Budget(BudgetKind.MACS, 2e9), ScalingMethod.COMPOUND, rule, Family.LITE)
    resolution = solve(Budget(BudgetKind.MACS, 2e9), ScalingMethod.RESOLUTION, family=Family.LITE)
    assert compound.plan.macs == resolution.plan.macs
    assert compound.plan.family is Family.LITE


def test_limits_stop_a_budget_that_is_too_large():
    solution = solve(Budget(BudgetKind.MACS, 1e15), ScalingMethod.RESOLUTION)
    assert solution.at_limit
    assert solution.plan.resolution == 2048
    assert solution.miss > 0


@pytest.mark.parametrize(
    ("rule", "dimension", "limit"),
    [
        (ScalingRule(4, 1, 1), "depth", 100),
        (ScalingRule(1, 4, 1), "width", 20),
        (ScalingRule(1, 1, 4), "resolution", 2048),
        (ScalingRule(), "resolution", 2048),
    ],
)
def test_phi_goes_as_far_as_the_first_limit(rule, dimension, limit):
    low, high = coefficient_range(ScalingMethod.COMPOUND, rule)
    end = rule.at(high)
    reached = end.resolution_px if dimension == "resolution" else getattr(end, dimension)
    assert reached == pytest.approx(limit)
    assert low < 0 < high <= 20


@pytest.mark.parametrize(
    ("kind", "method"),
    [(BudgetKind.PARAMS, ScalingMethod.RESOLUTION), (BudgetKind.ACTIVATION_MEMORY, ScalingMethod.DEPTH)],
)
def test_a_method_that_cannot_change_the_cost(kind, method):
    with pytest.raises(SettingsError, match=rf"Scaling by {method} does not change the .*\. Choose a budget"):
        solve(Budget(kind, 1e9), method)


@pytest.mark.parametrize("kind", BudgetKind)
def test_too_small_a_budget_names_the_smallest(kind):
    smallest = COST[kind](ScalingPath(ScalingMethod.WIDTH).network(0.1))
    with pytest.raises(
        SettingsError, match=rf"too small: scaling by width starts at {smallest:,} .*\. Raise the budget"
    ):
        solve(Budget(kind, smallest - 1), ScalingMethod.WIDTH)
    assert solve(Budget(kind, smallest), ScalingMethod.WIDTH).miss == 0


@pytest.mark.parametrize("amount", [0, -5, math.nan, math.inf])
def test_budgets_that_cannot_be_spent(amount):
    with pytest.raises(SettingsError, match=r"is not allowed\. Give a positive number"):
        Budget(BudgetKind.MACS, amount)


def test_a_small_network_of_few_classes_for_a_fixed_input():
    """A typical question: 128 px, about a million parameters, five classes."""
    solution = solve_within((Budget(BudgetKind.PARAMS, 1e6),), ScalingPath(resolution_px=128, classes=5))
    assert (solution.plan.resolution, solution.plan.classes) == (128, 5)
    larger = ScalingRule().at(solution.coefficient + STEP)
    assert solution.plan.params <= 1e6 < plan(larger.depth, larger.width, 128, classes=5).params
    assert solution.coefficient < 0


@pytest.mark.parametrize(
    ("macs", "params", "memory", "binds"),
    # B0 has 388 M MACs, 5.29 M parameters and 4.8 MB of activations: the limit equal to B0's value binds
    [
        (388e6, 1e9, 1e9, BudgetKind.MACS),
        (1e12, 5.3e6, 1e9, BudgetKind.PARAMS),
        (1e12, 1e9, 4.9e6, BudgetKind.ACTIVATION_MEMORY),
    ],
)
def test_of_several_limits_the_one_that_binds_is_named(macs, params, memory, binds):
    amounts = zip(BudgetKind, (macs, params, memory), strict=True)
    budgets = tuple(Budget(kind, amount) for kind, amount in amounts)
    solution = solve_within(budgets, ScalingPath())
    assert solution.budget.kind is binds
    assert [budget for budget, _ in solution.shares] == list(budgets)
    assert all(share <= 1 for _, share in solution.shares)
    for kind, share in zip(BudgetKind, (share for _, share in solution.shares), strict=True):
        assert share == COST[kind](solution.plan) / dict(zip(BudgetKind, (macs, params, memory), strict=True))[kind]
    alone = solve(Budget(binds, {b.kind: b.amount for b in budgets}[binds]), ScalingMethod.COMPOUND)
    assert solution.plan == alone.plan
    assert (
        COST[binds](ScalingPath(ScalingMethod.COMPOUND).network(solution.coefficient + STEP)) > solution.budget.amount
    )


def test_with_several_limits_one_may_be_out_of_the_methods_reach():
    memory = Budget(BudgetKind.ACTIVATION_MEMORY, 1e7)  # unaffected by depth
    deep = solve_within((memory, Budget(BudgetKind.MACS, 1e9)), ScalingPath(ScalingMethod.DEPTH))
    assert deep.budget.kind is BudgetKind.MACS
    with pytest.raises(SettingsError, match="too small"):
        solve_within((replace(memory, amount=1e6), deep.budget), ScalingPath(ScalingMethod.DEPTH))


def test_a_fixed_input_size_cannot_grow():
    with pytest.raises(SettingsError, match=r"fixed at 128 px.*Choose another method"):
        ScalingPath(ScalingMethod.RESOLUTION, resolution_px=128)


@pytest.mark.parametrize("method", ScalingMethod)
def test_curves_pass_100_percent_where_the_growth_stops(method):
    path = ScalingPath(method)
    solution = solve_within((Budget(BudgetKind.MACS, 1e9), Budget(BudgetKind.ACTIVATION_MEMORY, 1e9)), path)
    macs, memory = limit_curves(solution, path)
    assert solution.budget == macs.budget
    for coefficient, share in zip(macs.coefficients, macs.shares, strict=True):
        assert (share <= 1) == (coefficient < solution.coefficient + STEP)
    assert max(memory.shares) < 1
    assert list(macs.shares) == sorted(macs.shares)
