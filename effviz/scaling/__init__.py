"""The arithmetic of compound scaling, on the standard library alone; this module exports its most used names."""

from effviz.scaling.architecture import Family
from effviz.scaling.plans import Operator, Padding, Plan, plan
from effviz.scaling.published import PUBLISHED, published_plan
from effviz.scaling.rule import PAPER_RULE, ScalingRule
from effviz.scaling.solver import Budget, BudgetKind, ScalingMethod, ScalingPath, Solution, solve_within

__all__ = [
    "PAPER_RULE",
    "PUBLISHED",
    "Budget",
    "BudgetKind",
    "Family",
    "Operator",
    "Padding",
    "Plan",
    "ScalingMethod",
    "ScalingPath",
    "ScalingRule",
    "Solution",
    "plan",
    "published_plan",
    "solve_within",
]
