"""Numbers that others published, as CSV with a source on every row."""

from effviz.facts.baseline import PaperStage, paper_stages
from effviz.facts.curves import (
    CurveDot,
    WidthDot,
    gain_per_doubling,
    scaling_methods,
    single_dimension,
    width_by_baseline,
)
from effviz.facts.latency import PaperLatency, paper_latencies, paper_speedup
from effviz.facts.measured import (
    TIMM_URL,
    NetworkFamily,
    TimmPoint,
    family_points,
    recipe_points,
    timm_point,
    timm_points,
)
from effviz.facts.paper import PaperPoint, PaperVersion, paper_points, paper_top1
from effviz.facts.ratios import PaperRatios, Ratio, paper_ratios
from effviz.facts.recipes import RECIPES, Recipe, recipe, recipe_of
from effviz.facts.scaled import ScaledB0, ScaledNetwork, other_networks, scaled_b0
from effviz.facts.tables import TABLES, load, rows
from effviz.facts.training import TrainingFact, training_fact, training_facts
from effviz.facts.transfer import (
    HeldOut,
    Rival,
    TransferDot,
    TransferResult,
    geometric_mean,
    held_out,
    transfer_dots,
    transfer_results,
)

__all__ = [
    "RECIPES",
    "TABLES",
    "TIMM_URL",
    "CurveDot",
    "HeldOut",
    "NetworkFamily",
    "PaperLatency",
    "PaperPoint",
    "PaperRatios",
    "PaperStage",
    "PaperVersion",
    "Ratio",
    "Recipe",
    "Rival",
    "ScaledB0",
    "ScaledNetwork",
    "TimmPoint",
    "TrainingFact",
    "TransferDot",
    "TransferResult",
    "WidthDot",
    "family_points",
    "gain_per_doubling",
    "geometric_mean",
    "held_out",
    "load",
    "other_networks",
    "paper_latencies",
    "paper_points",
    "paper_ratios",
    "paper_speedup",
    "paper_stages",
    "paper_top1",
    "recipe",
    "recipe_of",
    "recipe_points",
    "rows",
    "scaled_b0",
    "scaling_methods",
    "single_dimension",
    "timm_point",
    "timm_points",
    "training_fact",
    "training_facts",
    "transfer_dots",
    "transfer_results",
    "width_by_baseline",
]
