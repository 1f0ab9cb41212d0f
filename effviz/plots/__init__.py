"""Typed results to Plotly figures; no number is made here. Each figure's function has the name of its module."""

from effviz.plots.style import LOOKS, Look, config
from effviz.zoo.presets import Role

__all__ = ["LOOKS", "Look", "Role", "config"]
