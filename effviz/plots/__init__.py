"""Typed results to Plotly figures; no number is made here. Each figure's function has the name of its module."""
