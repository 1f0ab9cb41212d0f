"""Typed results to Plotly figures; no number is made here. Each figure's function has the name of its module."""

from effviz.plots.style import LOOKS, SeriesStyle, config
from effviz.zoo.presets import ScalingAxis

__all__ = ["LOOKS", "ScalingAxis", "SeriesStyle", "config"]
