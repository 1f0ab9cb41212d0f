"""Where EffViz keeps what it can make again."""

import os
import tempfile
from pathlib import Path


def folder() -> Path:
    """Return the cache folder of EffViz, by the XDG rules; it may not exist yet."""
    named = Path(os.environ.get("XDG_CACHE_HOME") or "")
    if named.is_absolute():  # by those rules another path does not count
        return named / "effviz"
    try:
        return Path.home() / ".cache" / "effviz"
    except RuntimeError:  # users without a home share the temporary folder
        return Path(tempfile.gettempdir()) / "effviz"
