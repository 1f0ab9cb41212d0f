"""Where EffViz keeps what it can make again."""

import os
from pathlib import Path


def folder() -> Path:
    """Return the cache folder of EffViz, by the XDG rules; it may not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "effviz"
