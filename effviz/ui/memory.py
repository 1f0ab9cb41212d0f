"""Results that all visitors share, bounded in bytes: the ones not asked for longest go first.

Streamlit's caches count entries, and entries differ a thousandfold: a photo of 50 megapixels beside a thumbnail.
Nothing here knows Streamlit.
"""

import ctypes
import sys
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Final, Generic, TypeVar
from weakref import WeakValueDictionary

from cachetools import LRUCache

from effviz import settings

V = TypeVar("V")
WORK_SHARE: Final = 0.4  # for work in flight and its processes; the rest is for caches, a share each
UPLOADS_SHARE: Final = 0.1  # for the files that visitors bring, as they are
LONG_SHARE: Final = 0.7  # of that for work that takes many turns: a quick one always finds some


def budget_bytes(share: float) -> int:
    """Return a share of what the setting EFFVIZ_MEMORY_MB allows, in bytes.

    Raises:
        SettingsError: The setting is not a number of megabytes that EffViz can work with.
    """
    return int(share * settings.MEMORY_MB.value() * 2**20)


def give_back() -> None:
    """Return freed memory to the system: glibc keeps it otherwise, a piece in the heap of every thread that ran."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


class SizeBoundedCache(Generic[V]):
    """Values by key. Each is made once, however many threads ask for it at the same time."""

    def __init__(self, most_bytes: int, size: Callable[[V], int]) -> None:
        self.most_bytes = most_bytes
        self._values: LRUCache[Hashable, V] = LRUCache(most_bytes, size)
        self._lookup = Lock()  # held for microseconds
        self._making: WeakValueDictionary[Hashable, Lock] = WeakValueDictionary()  # as long as somebody asks

    @property
    def size_bytes(self) -> int:
        """What is kept now."""
        with self._lookup:
            return int(self._values.currsize)

    def __contains__(self, key: Hashable) -> bool:
        """Whether a value is kept now."""
        with self._lookup:
            return key in self._values

    def find(self, key: Hashable) -> V | None:
        """Return what is kept, or None."""
        with self._lookup:
            return self._values.get(key)

    def shrink(self, most_bytes: int) -> None:
        """Let the longest unused go, until no more than this is kept."""
        with self._lookup:
            while self._values.currsize > most_bytes:
                self._values.popitem()

    def remove(self, unwanted: Callable[[Hashable], bool]) -> None:
        """Let all values go whose key is unwanted."""
        with self._lookup:
            for key in [key for key in self._values if unwanted(key)]:
                del self._values[key]

    def recount(self) -> None:
        """Ask again how large everything is, where values grow; the longest unused go if that is too much."""
        with self._lookup:
            aged = [self._values.popitem() for _ in range(len(self._values))]
            for key, value in aged:
                self._put(key, value)

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """Return what is kept, or make it; what `make` raises is raised, and nothing is kept.

        Others who ask for the key wait meanwhile, and nothing ends their wait: whoever waits for a turn to make
        something takes the turn first.
        """
        with self._lookup:
            if key in self._values:
                return self._values[key]
            alone = self._making.setdefault(key, Lock())  # the same one for all who ask before the last has left
        with alone:
            with self._lookup:
                if key in self._values:  # another thread made it meanwhile
                    return self._values[key]
            value = make()
            with self._lookup:
                self._put(key, value)
            return value

    def _put(self, key: Hashable, value: V) -> None:
        if self._values.getsizeof(value) <= self._values.maxsize:  # a larger one is used, but not kept
            self._values[key] = value
