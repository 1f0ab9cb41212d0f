"""Typed results to Plotly figures; no number is made here."""
