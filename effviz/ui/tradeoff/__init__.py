"""Sections of the Trade-off page."""
