"""Benchmarks of EffViz: against other libraries in the same run, and of the app as visitors experience it."""
