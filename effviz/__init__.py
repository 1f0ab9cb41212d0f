"""EffViz: see what EfficientNets look at, and how compound scaling changes it.

`__all__` is the public interface, for notebooks and scripts; docs/api.md describes it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from effviz.api import compare, models, plan, solve

__version__ = "0.1.0"
__all__ = ["compare", "models", "plan", "solve"]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, because the libraries take a second to load."""
    if name in __all__:
        return getattr(import_module("effviz.api"), name)
    raise AttributeError(f"module 'effviz' has no attribute {name!r}")
