"""The processes that decode visitors' photos, within the memory that work in flight may have."""

from typing import Final

from effviz.explain import decoding
from effviz.ui import turns
from effviz.ui.memory import budget_bytes

SHARE: Final = 0.25  # of the memory, for all of them together
MOST_BYTES: Final = 2**29  # for one photo: 50 megapixels in most formats, 25 with transparency


def memory_bytes() -> int:
    """Return how much one photo may take while it is decoded."""
    return min(MOST_BYTES, budget_bytes(SHARE))


def start() -> None:
    """Start them, where they do not run yet; they load what they need while nobody waits."""
    most = min(turns.capacity(), budget_bytes(SHARE) // memory_bytes())
    decoding.configure(most, decoding.Limits(memory_bytes=memory_bytes())).start()
