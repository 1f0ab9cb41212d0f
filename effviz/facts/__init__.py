"""Numbers that others published, as CSV with a source on every row."""

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
from effviz.facts.recipes import RECIPES, Recipe, recipe, recipe_of
from effviz.facts.tables import TABLES, load

__all__ = [
    "RECIPES",
    "TABLES",
    "TIMM_URL",
    "NetworkFamily",
    "PaperLatency",
    "PaperPoint",
    "PaperVersion",
    "Recipe",
    "TimmPoint",
    "family_points",
    "load",
    "paper_latencies",
    "paper_points",
    "paper_speedup",
    "paper_top1",
    "recipe",
    "recipe_of",
    "recipe_points",
    "timm_point",
    "timm_points",
]
