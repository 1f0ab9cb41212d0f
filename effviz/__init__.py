"""EffViz: see what EfficientNets look at, and how compound scaling changes it."""

__version__ = "0.1.0"
