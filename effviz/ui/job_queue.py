"""A fair queue for computing: all visitors share one process, and whoever has used the least of it comes next.

Every turn has an estimated cost and a limit. The cost of each turn is charged to the visitor's account, and the visitor
who has spent the least gets the next turn: start-time fair queueing (Goyal, Vin and Cheng 1996,
https://doi.org/10.1145/248156.248171). A newcomer starts level with the visitor who was served last. A visitor is an
address and a session: shares are equal among addresses, and then among the sessions of an address, so that many open
pages get no more than one.

Longer work is split into batches, and offers its turn to others between them. With one turn at a time, a newcomer
therefore waits for the current turn (at most `limit`), and after that for no longer than it has computed itself,
whatever one other visitor does.

The memory that work needs is reserved with its first turn and released at its end; work that does not fit now waits.

The queue is independent of Streamlit: while waiting, it calls a function repeatedly with the position, and an exception
from that function (as raised in a stopped script) removes the visitor from the queue.
"""

import ipaddress
import itertools
import math
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from effviz import cpu, settings
from effviz.errors import EffVizError
from effviz.explain import decoding
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import STRIDES, Method, TargetLayer
from effviz.i18n import _
from effviz.scaling import PUBLISHED, plan
from effviz.zoo.model import ModelRef

# Shares of the memory that EFFVIZ_MEMORY_MB allows.

WORK_SHARE: Final = 0.4  # for running work and its processes; the rest is shared among the caches
LONG_SHARE: Final = 0.7  # of WORK_SHARE, for work of many turns, so that quick work always finds some memory

# Identifying visitors by address and session, and whether the server is public.

DEFAULT_LIMIT: Final = 16.0  # passes of B4 at 380 px: about two seconds on two cores
LOCAL_ADDRESSES: Final = ("localhost", "127.0.0.1", "::1")


def who_asks() -> tuple[Hashable, Hashable]:
    """Return the visitor of this script: the address (None on this machine) and the session, which is one open page.

    Behind a proxy on this machine, the address is the one that the proxy reports; see docs/deploy.md.
    """
    ctx = get_script_run_ctx()
    return (_network(st.context.ip_address), ctx.session_id) if ctx else (None, None)


def _network(address: str | None) -> str | None:
    """Return the address; for IPv6, the /64 network that belongs to one customer."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return address
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))


def is_public() -> bool:
    """Return whether the server is public: EFFVIZ_PUBLIC, or whether it listens beyond this machine if that is unset.

    Raises:
        SettingsError: The setting is neither 0 nor 1.
    """
    value = settings.PUBLIC.value()
    return st.get_option("server.address") not in LOCAL_ADDRESSES if value is None else value


def turn_limit() -> float:
    """Return the maximum cost of one turn, in passes of B4 at 380 px; infinite by default on a private server.

    Raises:
        SettingsError: The setting is not a positive number.
    """
    value = settings.TURN_LIMIT.value()
    if value is None:
        return DEFAULT_LIMIT if is_public() else math.inf
    return value


MOST_WAITING: Final = 64
MOST_EACH: Final = 4  # of one session, waiting or running
MOST_ACCOUNTS: Final = 4096  # above this, accounts of absent visitors are dropped
HEARTBEAT_S: Final = 0.2  # interval of position reports while nothing moves, so that a click is noticed
Tell = Callable[[int], None]  # takes the number of others ahead
Again = Callable[..., None]  # `JobQueue.again` of one turn
Visitor = tuple[Hashable, Hashable]  # address and session
NOBODY: Final[Visitor] = (None, None)  # the server itself
_Account = tuple[Hashable, ...]


class BusyError(EffVizError):
    """Too many visitors are waiting already."""


class TooLargeError(EffVizError):
    """A turn would delay others for too long, or needs more memory than is allowed."""


@dataclass(frozen=True, slots=True)
class Effort:
    """The estimated cost of a turn."""

    cost: float = 1.0  # in passes of B4 at 380 px: about a tenth of a second on two cores
    nbytes: int = 0  # of memory, reserved from the first turn until the work is done
    long: bool = False  # work of many turns; all long work together leaves some memory for quick work

    def __add__(self, other: "Effort") -> "Effort":
        """Return the effort of both, one after the other in the same turn."""
        return Effort(self.cost + other.cost, max(self.nbytes, other.nbytes), self.long or other.long)


A_PASS: Final = Effort()


@dataclass(slots=True, eq=False)
class _Ticket:
    """One piece of work, waiting or running."""

    visitor: Visitor
    effort: Effort
    key: Hashable  # identifies the result; None: nobody else can be waiting for it
    number: int = 0  # in order of arrival
    begun: bool = False  # this work has had a turn, so it holds its memory and its key
    served: bool = False  # this or earlier work has had a turn, so it can no longer be refused
    refused: bool = False


def capacity() -> int:
    """Return the number of simultaneous turns: one for every two cores.

    Each forward pass already uses all cores. With few cores, simultaneous passes only share them and hold more memory,
    so the second in line gains nothing. With many cores, one pass leaves some idle, and simultaneous passes use them.
    """
    return max(1, cpu.available_cores() // 2)


class JobQueue:
    """A queue that any thread can join."""

    def __init__(
        self,
        at_once: int | None = None,
        most_waiting: int = MOST_WAITING,
        limit: Callable[[], float] = lambda: math.inf,
        most_bytes: int | None = None,
    ) -> None:
        self._at_once = at_once or capacity()
        self._most_waiting = most_waiting
        self._limit = limit  # on a turn's cost
        self._most_bytes = settings.budget_bytes(WORK_SHARE) if most_bytes is None else most_bytes
        self._changed = threading.Condition()
        self._waiting: list[_Ticket] = []
        self._running: list[_Ticket] = []
        self._numbers = itertools.count()
        self._spent: dict[_Account, float] = {}
        self._now: dict[_Account, float] = {}  # the level of the last one served, overall and per address

    @property
    def waiting(self) -> int:
        """The number of waiting tickets."""
        with self._changed:
            return len(self._waiting)

    @property
    def running(self) -> int:
        """The number of running tickets."""
        with self._changed:
            return len(self._running)

    @contextmanager
    def turn(
        self, tell: Tell, effort: Effort = A_PASS, key: Hashable = None, visitor: Visitor = NOBODY
    ) -> Iterator[Again]:
        """Wait for a turn and hold it for the block; a long block calls the yielded function between batches.

        Two blocks with the same key never overlap, not even between batches: the second finds the result of the first
        in a cache. Otherwise it would wait for the cache while holding the turn that the first one needs.

        Raises:
            BusyError: Too many are waiting already; try again later.
            TooLargeError: The turn would take too long or too much memory; choose something smaller.
        """
        self._join(ticket := _Ticket(visitor, effort, key))
        try:
            self._wait(ticket, tell)
            yield partial(self.again, ticket, tell)  # unknown to the queue: an abandoned block leaves it
        finally:
            self._leave(ticket)

    def again(self, ticket: _Ticket, tell: Tell, effort: Effort | None = None, key: Hashable = None) -> None:
        """Offer the turn to those who have spent less, then take it again, for the same work or for new work.

        Raises:
            TooLargeError: As in `turn`, for new work.
        """
        if effort:
            self._check(effort)
        with self._changed:
            self._running.remove(ticket)
            if effort:
                ticket.effort, ticket.key, ticket.begun = effort, key, False
            self._line_up(ticket)
        self._wait(ticket, tell)

    def _check(self, effort: Effort) -> None:
        if effort.cost > (limit := self._limit()):
            text = _(
                "This would keep other visitors waiting too long: it costs {cost:.0f} times as much as a pass of B4 at "
                "380 px, and this server allows {limit:g}. Choose a smaller network, a smaller input or another "
                "method, or run it with `effviz` in a shell."
            )
            raise TooLargeError(text.format(cost=effort.cost, limit=limit))
        if effort.nbytes > (most := self._most(long=effort.long)):
            text = _(
                "This needs about {need:.0f} MiB of memory: this server allows {most:.0f} MiB (EFFVIZ_MEMORY_MB). "
                "Choose a smaller network, a smaller input or another method."
            )
            raise TooLargeError(text.format(need=effort.nbytes / 2**20, most=most / 2**20))

    def _join(self, ticket: _Ticket) -> None:
        self._check(ticket.effort)
        with self._changed:
            self._let_in(ticket.visitor)
            self._line_up(ticket)

    def _line_up(self, ticket: _Ticket) -> None:
        ticket.number = next(self._numbers)
        self._waiting.append(ticket)
        self._admit()

    def _let_in(self, visitor: Visitor) -> None:
        """Make room; if the queue is full, refuse the last ticket of the address that has the most."""
        if visitor != NOBODY and sum(ticket.visitor == visitor for ticket in self._all()) >= MOST_EACH:
            text = _("{count} requests from this page are in progress: {most} are allowed. Wait for one of them.")
            raise BusyError(text.format(count=MOST_EACH, most=MOST_EACH))
        new = [ticket for ticket in self._waiting if not ticket.served]
        if len(new) < self._most_waiting:
            return
        crowd = Counter(ticket.visitor[0] for ticket in new)
        last = [ticket for ticket in new if crowd[ticket.visitor[0]] > crowd[visitor[0]] + 1]
        if not last:
            raise self._busy()
        away = max(last, key=lambda ticket: (crowd[ticket.visitor[0]], ticket.number))
        away.refused = True
        self._waiting.remove(away)

    def _busy(self) -> BusyError:
        text = _("{count} requests are already waiting: this server allows {most}. Try again in a minute.")
        return BusyError(text.format(count=len(self._waiting), most=self._most_waiting))

    def _wait(self, ticket: _Ticket, tell: Tell) -> None:
        while True:
            with self._changed:
                if ticket in self._running:
                    return
                if ticket.refused:
                    raise self._busy()
                before = self._before(ticket)
            tell(before)  # outside the lock, because it may be slow or raise
            with self._changed:
                self._changed.wait_for(lambda: self._moved(ticket, before), HEARTBEAT_S)  # noqa: B023 - used at once

    def _moved(self, ticket: _Ticket, before: int) -> bool:
        return ticket in self._running or ticket.refused or self._before(ticket) != before

    def _before(self, ticket: _Ticket) -> int:
        mine = self._order(ticket)
        return len(self._running) + sum(self._order(other) < mine for other in self._waiting)

    def _leave(self, ticket: _Ticket) -> None:
        with self._changed:
            for queue in (self._waiting, self._running):
                if ticket in queue:
                    queue.remove(ticket)
            self._admit()

    def _admit(self) -> None:
        """Give out free turns; the caller holds the lock."""
        while len(self._running) < self._at_once and (
            ready := [ticket for ticket in self._waiting if self._may(ticket)]
        ):
            ticket = min(ready, key=self._order)
            self._charge(ticket)
            ticket.served = ticket.begun = True
            self._waiting.remove(ticket)
            self._running.append(ticket)
        self._changed.notify_all()

    def _may(self, ticket: _Ticket) -> bool:
        if ticket.begun:
            return True
        if ticket.key is not None and any(other.begun and other.key == ticket.key for other in self._all()):
            return False
        long = ticket.effort.long
        room = min(self._most_bytes - self._held(), self._most(long=long) - self._held(long=long))
        return ticket.effort.nbytes <= room

    def _most(self, *, long: bool) -> int:
        return int(self._most_bytes * (LONG_SHARE if long else 1))

    def _held(self, *, long: bool = False) -> int:
        """Return the reserved memory of all work, or only of long work."""
        return sum(ticket.effort.nbytes for ticket in self._all() if ticket.begun and (ticket.effort.long or not long))

    def _all(self) -> list[_Ticket]:
        return [*self._running, *self._waiting]

    def _order(self, ticket: _Ticket) -> tuple[float, ...]:
        return *(self._stands(account) for account in _accounts(ticket.visitor)), ticket.number

    def _stands(self, account: _Account) -> float:
        """Return what an account has spent; being absent for a while earns no credit."""
        return max(self._spent.get(account, 0.0), self._now.get(account[:-1], 0.0))

    def _charge(self, ticket: _Ticket) -> None:
        for account in _accounts(ticket.visitor):
            stands = self._stands(account)
            self._now[account[:-1]] = stands
            self._spent[account] = stands + ticket.effort.cost
        if len(self._spent) > MOST_ACCOUNTS:
            self._forget()

    def _forget(self) -> None:
        present = {account for ticket in self._all() for account in _accounts(ticket.visitor)}
        self._spent = {account: self._stands(account) for account in self._spent if account in present}
        self._now = {account: now for account, now in self._now.items() if not account or account in present}


def _accounts(visitor: Visitor) -> tuple[_Account, _Account]:
    """Return the accounts of the address and of the session."""
    return visitor[:1], visitor


QUEUE: Final = JobQueue(limit=turn_limit)  # of this server

# Estimates of the cost of work: time in passes of B4 at 380 px, and memory.
#
# Time was measured for each kind of work as processor time on one core (a gradient in torch takes about twelve times as
# long as a pass in OpenVINO), and scales with the multiply-adds of a pass; memory scales with the plan's activations.
# The processes that decode visitors' photos get a share of all memory.

DECODER_SHARE: Final = 0.25  # for all of them together
MOST_DECODER_BYTES: Final = 2**29  # for one photo: 50 megapixels in most formats, 25 with transparency


def decoder_memory_bytes() -> int:
    """Return the memory limit for decoding one photo."""
    return min(MOST_DECODER_BYTES, settings.budget_bytes(DECODER_SHARE))


def bound_decoders() -> decoding.DecoderPool:
    """Limit the number of decoders and the memory of each; they start with a photo, or early while nobody waits."""
    most = min(capacity(), settings.budget_bytes(DECODER_SHARE) // decoder_memory_bytes())
    return decoding.configure(most, decoding.DecodeLimits(memory_bytes=decoder_memory_bytes()))


ONE_PASS_MACS: Final = plan(PUBLISHED["b4"].depth, PUBLISHED["b4"].width, PUBLISHED["b4"].resolution).macs
LOAD: Final = 0.5  # reading, checking and compiling a network: Lite0 takes 1.5 to 2.4 in all, B4 6 to 7
LOAD_A_PARAMETER: Final = 3.5e-7
TORCH: Final = 4.0  # times a pass in OpenVINO: 2.2 to 3.2 of one core's time, and its threads use all cores

# A gradient in torch takes 4 to 7 passes of one core's time, with every layer (FullGrad) 10 to 15. Counted as 7, a
# newcomer beside the pages of `effviz bench load --hostile` waited 5.3 to 5.6 s, and counted as 12 4.4 to 5.0 s.
GRADIENT: Final = 12.0
SECOND_GRADIENT: Final = 40.0  # ShapleyCAM's gradient of a gradient: 24 to 43 up to stride 8, 12 to 21 at 16
KERNEL_A_PAIR: Final = 3e-7  # KPCA-CAM's comparison of two cells
MOST_CELLS: Final = 4096  # the maximum that KPCA-CAM compares
FLOAT_BYTES: Final = 4
COPIES: Final = 3  # of simultaneously live activations: in the engine, in its results and in the maps
KEPT: Final = 3  # of all activations, for a gradient: before and after batch norm, and after the activation function
REQUESTS: Final = 4  # simultaneous passes while many are requested


def photo_effort() -> Effort:
    """Return the effort of decoding a visitor's photo, which offers its turn ten times a second."""
    return Effort(1.0, decoder_memory_bytes(), long=True)


def pass_effort(ref: ModelRef, *, loaded: bool = True) -> Effort:
    """Return the effort of a forward pass with a map from its features, and of loading the network if needed."""
    load = 0.0 if loaded else LOAD + LOAD_A_PARAMETER * ref.cost.params
    weights = 0 if loaded else 2 * FLOAT_BYTES * ref.cost.params
    return Effort(_passes(ref) + load, _live_bytes(ref) + weights)


def map_effort(ref: ModelRef, method: Method, layer: TargetLayer) -> Effort:
    """Return the effort of one turn of computing a map of a loaded network."""
    if CAM_METHODS[method].closed_form and layer is TargetLayer.LAST:
        return pass_effort(ref)
    if CAM_METHODS[method].slow:
        return many_passes_effort(ref)
    match method:
        case Method.KPCACAM:
            compared = min(int((ref.resolution_px // STRIDES.get(layer, 32)) ** 2), MOST_CELLS)
            return Effort(_passes(ref) + KERNEL_A_PAIR * compared**2, _live_bytes(ref) + 2**28)
        case Method.EIGENCAM | Method.FEM | Method.RANDOMCAM:
            return pass_effort(ref)
        case Method.SHAPLEYCAM if layer is not TargetLayer.STRIDE_32:  # after it, little is left to differentiate
            return gradient_effort(ref, SECOND_GRADIENT)
        case _:
            return gradient_effort(ref)


def gradient_effort(ref: ModelRef, passes: float = GRADIENT) -> Effort:
    """Return the effort of one forward and backward pass in torch."""
    return Effort(passes * _passes(ref), KEPT * FLOAT_BYTES * ref.cost.activations)


def many_passes_effort(ref: ModelRef) -> Effort:
    """Return the effort of many forward passes, which offer their turn after each pass."""
    return Effort(_passes(ref), REQUESTS * _live_bytes(ref), long=True)


def quick_run_effort(refs: Sequence[ModelRef]) -> Effort:
    """Return the effort of loading networks and measuring maps, which offer their turn after every pass or two."""
    load = LOAD + max(LOAD_A_PARAMETER * ref.cost.params for ref in refs)
    return Effort(load, sum(many_passes_effort(ref).nbytes for ref in refs), long=True)


def randomization_effort(ref: ModelRef) -> Effort:
    """Return the effort of work on a copy of the network in torch, which offers its turn after each map."""
    return Effort(TORCH * _passes(ref), FLOAT_BYTES * (ref.cost.activations + 2 * ref.cost.params), long=True)


def _passes(ref: ModelRef) -> float:
    return ref.macs / ONE_PASS_MACS


def _live_bytes(ref: ModelRef) -> int:
    return COPIES * FLOAT_BYTES * ref.cost.live
