"""Plotly figures from typed results; this package computes no numbers."""
