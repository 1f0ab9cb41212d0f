"""The arithmetic of compound scaling; needs the standard library alone."""

from effviz.scaling.architecture import Family
from effviz.scaling.plans import Layer, Operator, Padding, Plan, ReceptiveField, StagePlan, plan
from effviz.scaling.published import (
    PUBLISHED,
    WHY_PUBLISHED_DIFFERS,
    ImpliedPhi,
    Published,
    implied_phi,
    published_plan,
)
from effviz.scaling.rule import PAPER_RULE, Coefficients, ScalingRule, round_filters, round_repeats
from effviz.scaling.solver import (
    Budget,
    BudgetKind,
    ScalingMethod,
    ScalingPath,
    Solution,
    coefficient_range,
    solve,
    solve_within,
)

__all__ = [
    "PAPER_RULE",
    "PUBLISHED",
    "WHY_PUBLISHED_DIFFERS",
    "Budget",
    "BudgetKind",
    "Coefficients",
    "Family",
    "ImpliedPhi",
    "Layer",
    "Operator",
    "Padding",
    "Plan",
    "Published",
    "ReceptiveField",
    "ScalingMethod",
    "ScalingPath",
    "ScalingRule",
    "Solution",
    "StagePlan",
    "coefficient_range",
    "implied_phi",
    "plan",
    "published_plan",
    "round_filters",
    "round_repeats",
    "solve",
    "solve_within",
]
