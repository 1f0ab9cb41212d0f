"""Turns at computing: all visitors share one process, and everyone is served, first come first served.

Two lanes. A quick turn is one forward pass with a closed-form map, milliseconds once the model is loaded. A slow turn
runs the network hundreds of times and offers its turn to others after every batch, so a quick request never waits for
more than one batch of them. So that quick ones cannot starve the slow ones either, a batch is due after
`PATIENCE` quick turns in a row.

Nothing here knows Streamlit: a wait tells its position to a function, again and again, and whatever that function
raises (a stopped script does) takes the visitor out of the queue.
"""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from effviz import cores
from effviz.errors import EffVizError
from effviz.words import _

MOST_WAITING: Final = 64
PATIENCE: Final = 8  # quick turns that may pass a waiting slow one
HEARTBEAT_S: Final = 0.2  # a wait tells its position this often even if nothing moved: that notices a click

Tell = Callable[[int], None]  # how many others come first
PassOn = Callable[[], None]  # offers the turn to others between two batches


class BusyError(EffVizError):
    """More visitors wait than are let in."""


class Lane(IntEnum):
    """How much a turn holds others up."""

    QUICK = 0
    SLOW = 1  # computed in batches


@dataclass(slots=True, eq=False)
class _Place:
    """Somebody in the queue, or at work."""

    lane: Lane
    key: Hashable  # what is computed; None: nothing that others could be waiting for
    number: int  # in the order of coming


def capacity() -> int:
    """How many turns run at once: one for every two cores.

    Each forward pass already works on all cores, so with few of them more at once only share them and hold more
    memory, and the second in line gains nothing. With many cores one pass leaves some idle, and more at once fill them.
    """
    return max(1, cores.available() // 2)


class Turns:
    """A queue that any thread may join."""

    def __init__(self, at_once: int | None = None, most_waiting: int = MOST_WAITING) -> None:
        self._at_once = at_once or capacity()
        self._most_waiting = most_waiting
        self._changed = threading.Condition()
        self._waiting: list[_Place] = []  # in the order of coming
        self._running: list[_Place] = []
        self._came = 0
        self._passed = 0  # quick turns in a row that passed a waiting slow one

    @property
    def waiting(self) -> int:
        """How many wait now."""
        with self._changed:
            return len(self._waiting)

    @property
    def running(self) -> int:
        """How many compute now."""
        with self._changed:
            return len(self._running)

    @contextmanager
    def turn(self, lane: Lane, tell: Tell, key: Hashable = None) -> Iterator[PassOn]:
        """Wait for a turn and hold it for the block; a slow block calls what it gets between two batches.

        Two slow blocks with the same key never overlap, not even between batches: the second one finds what the first
        one left in a cache, and would otherwise wait for the cache while it holds the turn that the first one needs.

        Raises:
            BusyError: Too many wait already; try again later.
        """
        place = self._join(lane, key)
        try:
            self._wait(place, tell)
            yield lambda: self._pass_on(place, tell)
        finally:
            self._leave(place)

    def _join(self, lane: Lane, key: Hashable) -> _Place:
        with self._changed:
            if len(self._waiting) >= self._most_waiting:
                raise BusyError(
                    _(
                        "{count} requests wait for this server already: {most} may wait at once. Try again in a minute."
                    ).format(count=len(self._waiting), most=self._most_waiting)
                )
            self._came += 1
            place = _Place(lane, key, self._came)
            self._waiting.append(place)
            self._admit()
            return place

    def _wait(self, place: _Place, tell: Tell) -> None:
        while True:
            with self._changed:
                if place in self._running:
                    return
                before = self._before(place)
            tell(before)  # outside the lock: it may take its time, or raise
            with self._changed:
                self._changed.wait_for(lambda: self._moved(place, before), HEARTBEAT_S)  # noqa: B023 - used at once

    def _moved(self, place: _Place, before: int) -> bool:
        return place in self._running or self._before(place) != before

    def _before(self, place: _Place) -> int:
        ahead = [each for each in self._waiting if (each.lane, each.number) < (place.lane, place.number)]
        return len(self._running) + len(ahead)

    def _pass_on(self, place: _Place, tell: Tell) -> None:
        """Go back to the own place in the lane; nobody waiting who is quicker: the turn comes back at once."""
        with self._changed:
            self._running.remove(place)
            self._waiting.append(place)
            self._waiting.sort(key=lambda each: each.number)
            self._admit()
        self._wait(place, tell)

    def _leave(self, place: _Place) -> None:
        with self._changed:
            for those in (self._waiting, self._running):
                if place in those:
                    those.remove(place)
            self._admit()

    def _admit(self) -> None:
        """Fill the free turns; the caller holds the lock."""
        while len(self._running) < self._at_once and (place := self._next()):
            self._waiting.remove(place)
            self._running.append(place)
        self._changed.notify_all()

    def _next(self) -> _Place | None:
        quick = next((each for each in self._waiting if each.lane is Lane.QUICK), None)
        slow = next((each for each in self._waiting if each.lane is Lane.SLOW and not self._taken(each)), None)
        if slow and (quick is None or self._passed >= PATIENCE):
            self._passed = 0
            return slow
        self._passed += slow is not None
        return quick

    def _taken(self, place: _Place) -> bool:
        """Whether another one is at the same work; between batches that one still comes first in the lane."""
        return place.key is not None and any(each.key == place.key for each in self._running)


TURNS: Final = Turns()  # of this server
