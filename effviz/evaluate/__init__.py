"""Evaluation of activation maps over data sets: metrics, controls, statistics and runs."""
