"""The queue with real threads: every step waits for a state, never for a time."""

import contextlib
import math
import os
import threading
from random import Random

import pytest
import streamlit as st

from effviz import settings
from effviz.errors import SettingsError
from effviz.explain.data_types import Method, TargetLayer
from effviz.ui import job_queue
from effviz.ui.job_queue import DEFAULT_LIMIT, BusyError, Effort, JobQueue, TooLargeError
from effviz.zoo.catalogue import parse_model

PATIENCE_S = 30  # reached only if the queue is broken
LONG = Effort(long=True)


class Visitor:
    """A thread that requests a turn, records when it gets it, and holds it until released."""

    def __init__(
        self,
        queue: JobQueue,
        name: str,
        served: list[str],
        effort: Effort = job_queue.A_PASS,
        key: str | None = None,
        address: str = "",
    ):
        self.name, self.served = name, served
        self.told: list[int] = []
        self.waits, self.done = threading.Event(), threading.Event()
        self.batch, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.error: BaseException | None = None
        self.stop: BaseException | None = None
        self.batches = 1
        self.thread = threading.Thread(
            target=self._visit, args=(queue, effort, key, (address or name, name)), daemon=True
        )

    def _visit(self, queue: JobQueue, effort: Effort, key: str | None, who: job_queue.Visitor) -> None:
        try:
            with queue.turn(self._tell, effort, key, who) as again:
                for number in range(self.batches):
                    if number:
                        again()
                    self.served.append(self.name)
                    self.batch.release()
                    assert self.go.acquire(timeout=PATIENCE_S)
        except BaseException as error:  # noqa: BLE001 - the test reads it
            self.error = error
        self.done.set()

    def _tell(self, before: int) -> None:
        self.told.append(before)
        self.waits.set()
        if self.stop:
            raise self.stop

    def begins(self) -> "Visitor":
        self.thread.start()
        assert self.batch.acquire(timeout=PATIENCE_S)
        return self

    def queues(self) -> "Visitor":
        self.thread.start()
        assert self.waits.wait(PATIENCE_S)
        return self

    def next_batch(self) -> None:
        assert self.batch.acquire(timeout=PATIENCE_S)

    def lets_go(self) -> None:
        self.go.release()

    def ends(self) -> None:
        self.lets_go()
        assert self.done.wait(PATIENCE_S)
        assert self.error is None


def test_first_come_first_served() -> None:
    queue, served = JobQueue(1), []
    first = Visitor(queue, "first", served).begins()
    others = [Visitor(queue, name, served).queues() for name in ("second", "third", "fourth")]
    assert [each.told[0] for each in others] == [1, 2, 3]
    first.ends()
    for each in others:
        each.next_batch()
        each.ends()
    assert served == ["first", "second", "third", "fourth"]
    assert (queue.waiting, queue.running) == (0, 0)


def test_no_more_than_the_capacity_at_once_and_no_less() -> None:
    queue, served = JobQueue(2), []
    running = [Visitor(queue, name, served).begins() for name in ("a", "b")]
    third = Visitor(queue, "c", served).queues()
    assert (queue.running, queue.waiting, third.told[0]) == (2, 1, 2)
    running[1].ends()
    third.next_batch()
    assert queue.running == 2
    running[0].ends()
    third.ends()


def test_a_position_goes_down_as_others_leave() -> None:
    queue, served = JobQueue(1), []
    first = Visitor(queue, "first", served).begins()
    second = Visitor(queue, "second", served).queues()
    third = Visitor(queue, "third", served).queues()
    third.waits.clear()
    first.ends()
    second.next_batch()
    while third.told[-1] != 1:
        assert third.waits.wait(PATIENCE_S)
        third.waits.clear()
    second.ends()
    third.next_batch()
    third.ends()
    assert third.told == sorted(third.told, reverse=True)


def test_a_quick_request_waits_for_one_batch_of_a_slow_one() -> None:
    queue, served = JobQueue(1), []
    slow = Visitor(queue, "slow", served, LONG)
    slow.batches = 3
    slow.begins()
    quick = Visitor(queue, "quick", served).queues()
    slow.lets_go()  # the end of its first batch
    quick.next_batch()
    assert served == ["slow", "quick"]
    quick.ends()
    slow.next_batch()
    slow.lets_go()
    slow.next_batch()  # nobody else waits, so it continues at once
    slow.ends()
    assert served == ["slow", "quick", "slow", "slow"]


def test_the_same_slow_work_is_never_begun_twice() -> None:
    queue, served = JobQueue(2), []
    first = Visitor(queue, "first", served, LONG, "map").begins()
    twin = Visitor(queue, "twin", served, LONG, "map").queues()
    other = Visitor(queue, "other", served, LONG, "another map").begins()
    assert served == ["first", "other"]
    first.ends()
    twin.next_batch()
    other.ends()
    twin.ends()


def test_somebody_stopped_while_waiting_leaves_the_queue() -> None:
    class Stopped(BaseException):
        """Like Streamlit's, not an `Exception`."""

    queue, served = JobQueue(1), []
    first = Visitor(queue, "first", served).begins()
    second = Visitor(queue, "second", served)
    second.stop = Stopped()
    second.queues()
    assert second.done.wait(PATIENCE_S)
    assert isinstance(second.error, Stopped)
    assert queue.waiting == 0
    first.ends()
    assert served == ["first"]


def test_a_waiter_is_asked_again_although_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """This is how a script learns that its page was closed."""
    monkeypatch.setattr(job_queue, "HEARTBEAT_S", 0.001)
    queue, served = JobQueue(1), []
    first = Visitor(queue, "first", served).begins()
    second = Visitor(queue, "second", served).queues()
    second.stop = KeyboardInterrupt()
    assert second.done.wait(PATIENCE_S)
    assert queue.waiting == 0
    first.ends()


def test_an_error_during_a_turn_frees_it() -> None:
    queue = JobQueue(1)
    with pytest.raises(ZeroDivisionError), queue.turn(lambda _: None):
        _ = 1 / 0
    assert (queue.waiting, queue.running) == (0, 0)


def test_somebody_stopped_between_batches_leaves() -> None:
    queue, served = JobQueue(1), []
    slow = Visitor(queue, "slow", served, LONG, "map")
    slow.batches = 2
    slow.begins()
    quick = Visitor(queue, "quick", served).queues()
    slow.stop = KeyboardInterrupt()
    slow.lets_go()
    assert slow.done.wait(PATIENCE_S)
    quick.next_batch()
    quick.ends()
    again = Visitor(queue, "again", served, LONG, "map").begins()  # the key is free
    again.ends()
    assert (queue.waiting, queue.running) == (0, 0)


def test_one_too_many_gets_a_sentence_at_once() -> None:
    queue, served = JobQueue(1, most_waiting=2), []
    first = Visitor(queue, "first", served).begins()
    others = [Visitor(queue, name, served).queues() for name in ("second", "third")]
    with (
        pytest.raises(
            BusyError, match=r"^2 requests are already waiting: this server allows 2\. Try again in a minute\.$"
        ),
        queue.turn(lambda _: None),
    ):
        pytest.fail("It was let in.")
    first.ends()
    for each in others:
        each.next_batch()
        each.ends()


def test_going_on_between_batches_is_never_refused() -> None:
    queue, served = JobQueue(1, most_waiting=1), []
    slow = Visitor(queue, "slow", served, LONG)
    slow.batches = 2
    slow.begins()
    quick = Visitor(queue, "quick", served).queues()
    slow.lets_go()
    quick.next_batch()
    quick.ends()
    slow.next_batch()
    slow.ends()


@pytest.mark.parametrize(("cores", "at_once"), [(1, 1), (2, 1), (3, 1), (4, 2), (16, 8)])
def test_one_turn_for_every_two_cores(monkeypatch: pytest.MonkeyPatch, cores: int, at_once: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert job_queue.capacity() == at_once


def test_twenty_visitors_at_once_all_finish_and_none_overlaps() -> None:
    queue, inside, most = JobQueue(2), [], []
    start = threading.Barrier(20)

    def visit(number: int) -> None:
        start.wait(PATIENCE_S)
        with queue.turn(lambda _: None, visitor=(number % 3, number)) as again:
            for _ in range(5):
                inside.append(1)
                most.append(len(inside))
                inside.pop()
                if number % 2:
                    again()

    threads = [threading.Thread(target=visit, args=(number,), daemon=True) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert max(most) <= 2
    assert (queue.waiting, queue.running) == (0, 0)


def test_many_pages_of_one_address_have_the_share_of_one() -> None:
    queue, served = JobQueue(1), []
    holder = Visitor(queue, "holder", served).begins()
    many = [Visitor(queue, f"page {number}", served, address="many").queues() for number in range(3)]
    one = Visitor(queue, "one", served).queues()
    holder.ends()
    first, *others = many
    for each in (first, one, *others):
        each.next_batch()
        each.ends()
    assert served == ["holder", "page 0", "one", "page 1", "page 2"]


def test_among_the_pages_of_an_address_turns_go_round() -> None:
    queue, served = JobQueue(1), []
    holder = Visitor(queue, "holder", served).begins()
    first, second = (Visitor(queue, name, served, LONG, address="one") for name in ("first", "second"))
    first.batches = 3
    first.queues()
    second.queues()
    holder.ends()
    for each in (first, second, first, first):
        each.next_batch()
        each.lets_go()
    assert served == ["holder", "first", "second", "first", "first"]


def test_a_dear_turn_is_paid_with_as_much_waiting() -> None:
    """The account decides, not the number of turns: ten turns of 1 come before the second turn of 10."""
    queue, served = JobQueue(1), []
    dear = Visitor(queue, "dear", served, Effort(10.0, long=True))
    cheap = Visitor(queue, "cheap", served, Effort(1.0, long=True))
    dear.batches, cheap.batches = 2, 12
    dear.begins()
    cheap.queues()
    dear.lets_go()
    for _ in range(10):
        cheap.next_batch()
        cheap.lets_go()
    dear.next_batch()  # both have spent the same; whoever came back first is first
    assert served == ["dear", *["cheap"] * 10, "dear"]
    dear.ends()
    for _ in range(2):
        cheap.next_batch()
        cheap.lets_go()


def test_leaving_and_coming_back_saves_nobody_from_its_debts() -> None:
    queue, served = JobQueue(1), []
    Visitor(queue, "again", served, Effort(10.0)).begins().ends()
    holder = Visitor(queue, "holder", served).begins()
    again, new = Visitor(queue, "again", served).queues(), Visitor(queue, "new", served).queues()
    holder.ends()
    for each in (new, again):
        each.next_batch()
        each.ends()


def test_a_turn_beyond_the_limit_gets_a_sentence_and_costs_nobody_anything() -> None:
    queue = JobQueue(1, limit=lambda: 16)
    with (
        pytest.raises(TooLargeError, match=r"17 times as much as a pass of B4 at 380 px, and this server allows 16\."),
        queue.turn(lambda _: None, Effort(17)),
    ):
        pytest.fail("It was let in.")
    with queue.turn(lambda _: None, Effort(16)) as again, pytest.raises(TooLargeError):
        again(Effort(17), None)
    assert (queue.waiting, queue.running) == (0, 0)


def test_memory_that_does_not_fit_now_waits_and_what_never_fits_is_refused() -> None:
    queue, served = JobQueue(2, most_bytes=100), []
    first = Visitor(queue, "first", served, Effort(nbytes=60)).begins()
    second = Visitor(queue, "second", served, Effort(nbytes=60)).queues()
    small = Visitor(queue, "small", served, Effort(nbytes=40)).begins()
    assert queue._held() == 100
    first.ends()
    second.next_batch()
    small.ends()
    second.ends()
    assert queue._held() == 0
    for effort in (Effort(nbytes=101), Effort(nbytes=71, long=True)):
        with pytest.raises(TooLargeError, match="MiB of memory"), queue.turn(lambda _: None, effort):
            pytest.fail("It was let in.")


def test_long_work_keeps_its_memory_between_turns_and_leaves_some_for_a_quick_one() -> None:
    queue, served = JobQueue(1, most_bytes=100), []
    long = [Visitor(queue, name, served, Effort(nbytes=40, long=True)) for name in ("a", "b")]
    long[0].batches = 2
    long[0].begins()
    long[1].queues()
    quick = Visitor(queue, "quick", served, Effort(nbytes=60)).queues()
    long[0].lets_go()
    quick.next_batch()  # 40 and 60 fit; 40 and 40 would exceed the limit of long work
    assert served == ["a", "quick"]
    quick.ends()
    for each in long:
        each.next_batch()
        each.ends()
    assert served == ["a", "quick", "a", "b"]


def test_the_key_of_work_between_two_batches_is_taken() -> None:
    """Its twin would wait for the cache's lock, whose holder would wait for the turn."""
    queue, served = JobQueue(1), []
    first = Visitor(queue, "first", served, LONG, "map")
    first.batches = 2
    first.begins()
    twin = Visitor(queue, "twin", served, LONG, "map").queues()
    first.lets_go()
    first.next_batch()
    first.ends()
    twin.next_batch()
    twin.ends()
    assert served == ["first", "first", "twin"]


def test_nobody_slips_in_between_two_works_of_one_who_has_spent_less() -> None:
    queue, served = JobQueue(1), []
    Visitor(queue, "rich", served, Effort(10.0)).begins().ends()
    with queue.turn(lambda _: None, visitor=("new", "new")) as again:
        rich = Visitor(queue, "rich", served).queues()
        again(job_queue.A_PASS, "another work")
        served.append("new")
    rich.next_batch()
    rich.ends()
    assert served == ["rich", "new", "rich"]


def test_a_full_queue_turns_away_the_address_that_fills_it() -> None:
    queue, served = JobQueue(1, most_waiting=3), []
    holder = Visitor(queue, "holder", served).begins()
    many = [Visitor(queue, f"page {number}", served, address="many").queues() for number in range(3)]
    new = Visitor(queue, "new", served).queues()
    assert many[2].done.wait(PATIENCE_S)
    assert isinstance(many[2].error, BusyError)
    with pytest.raises(BusyError), queue.turn(lambda _: None, visitor=("many", "page 3")):
        pytest.fail("It was let in.")
    holder.ends()
    for each in (many[0], new, many[1]):
        each.next_batch()
        each.ends()


def test_one_page_may_not_ask_for_everything_at_once() -> None:
    queue, served = JobQueue(1), []
    first = Visitor(queue, "page", served).begins()
    others = [Visitor(queue, "page", served).queues() for _ in range(job_queue.MOST_EACH - 1)]
    with pytest.raises(BusyError, match="4 are allowed"), queue.turn(lambda _: None, visitor=("page", "page")):
        pytest.fail("It was let in.")
    for each in (first, *others):
        each.lets_go()
        assert each.done.wait(PATIENCE_S)


def test_accounts_are_forgotten_but_not_those_of_who_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_queue, "MOST_ACCOUNTS", 50)
    queue = JobQueue(1)
    for number in range(200):
        with queue.turn(lambda _: None, visitor=(number, number)):
            pass
    assert len(queue._spent) <= 50


class Counted(JobQueue):
    """A queue that records who arrives and who is served, in order."""

    def __init__(self, limit: float) -> None:
        super().__init__(1, limit=lambda: limit)
        self.events: list[tuple[job_queue.Visitor, float]] = []

    def _join(self, place: job_queue._Ticket) -> None:
        with self._changed:
            self.events.append((place.visitor, 0.0))
            super()._join(place)

    def _charge(self, place: job_queue._Ticket) -> None:
        self.events.append((place.visitor, place.effort.cost))
        super()._charge(place)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_one_visitor_does_another_one_s_maps_wait_for_one_longest_turn_and_as_much_as_they_had(
    seed: int,
) -> None:
    """Check the bound in docs/deploy.md by counting the work served after the newcomer's arrival.

    By the accounts, the running turn and every turn in between start no later than the newcomer's last turn, so all but
    the last of them cost no more than the newcomer's turns before it.
    """
    limit, random = 16.0, Random(seed)
    queue, stop = Counted(limit), threading.Event()

    def hostile(page: int) -> None:
        """Pages that request the most expensive turns, many small ones, and long work, and return at once."""
        while not stop.is_set():
            cost = random.choice((0.01, 1.0, limit))
            with contextlib.suppress(BusyError), queue.turn(lambda _: None, Effort(cost), None, ("one", page)) as again:
                for _ in range(page % 4):
                    again()
                    if page % 3:
                        again(Effort(limit, long=True), random.random())

    pages = [threading.Thread(target=hostile, args=(page,), daemon=True) for page in range(40)]
    for page in pages:
        page.start()
    own = [random.choice((0.1, 1.0, 5.0, limit)) for _ in range(random.choice((1, 5, 20)))]
    with queue._changed:
        queue._changed.wait_for(lambda: len(queue.events) >= 500)
    with queue.turn(lambda _: None, Effort(own[0]), None, ("other", "new")) as again:
        for cost in own[1:]:
            again(Effort(cost), None)
        with queue._changed:
            seen = list(queue.events)
    stop.set()
    for page in pages:
        page.join(PATIENCE_S)
        assert not page.is_alive()
    comes = seen.index((("other", "new"), 0.0))
    running = next(cost for who, cost in reversed(seen[:comes]) if cost)
    served = [cost for (address, _), cost in seen[comes:] if address == "one"]
    assert running + sum(served) <= sum(own[:-1]) + limit + 1e-9  # sums of floats
    assert sum(cost for (address, _), cost in seen[comes:] if address == "other") == pytest.approx(sum(own))


# Identifying visitors, and whether the server is public.


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (None, None),
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),  # the same customer
        ("no address", "no address"),
    ],
)
def test_an_address_of_version_6_is_its_customer_s_network(address: str | None, network: str | None) -> None:
    assert job_queue._network(address) == network


@pytest.mark.parametrize(
    ("said", "address", "public", "limit"),
    [
        ("", "localhost", False, math.inf),
        ("", "127.0.0.1", False, math.inf),
        ("", "0.0.0.0", True, 16),
        ("", None, True, 16),  # Streamlit then listens on all interfaces
        ("1", "localhost", True, 16),  # behind a proxy
        ("0", "0.0.0.0", False, math.inf),
    ],
)
def test_public_is_what_listens_beyond_this_machine_unless_said(
    monkeypatch: pytest.MonkeyPatch, said: str, address: str | None, public: bool, limit: float
) -> None:
    monkeypatch.setenv(settings.PUBLIC.name, said)
    monkeypatch.setattr(st, "get_option", lambda _: address)
    assert job_queue.is_public() is public
    assert job_queue.turn_limit() == limit
    monkeypatch.setenv(settings.TURN_LIMIT.name, "2.5")
    assert job_queue.turn_limit() == 2.5


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "much"])
def test_a_limit_that_is_none_is_one_sentence(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(settings.TURN_LIMIT.name, text)
    with pytest.raises(SettingsError, match=r"EFFVIZ_TURN_LIMIT is .*: it must be a number above 0\. Correct it"):
        job_queue.turn_limit()


def test_public_is_0_or_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.PUBLIC.name, "yes")
    with pytest.raises(
        SettingsError, match=r"EFFVIZ_PUBLIC is 'yes': it must be 1 \(strangers may use this server\) or 0"
    ):
        job_queue.is_public()


# Estimates of the cost of work, by hand from the paper's MACs.

B4, L2 = parse_model("b4@380"), parse_model("scaled-d5.3-w4.3@800")


def test_the_unit_is_a_pass_of_b4_and_others_follow_their_macs() -> None:
    assert job_queue.pass_effort(B4).cost == 1
    assert job_queue.pass_effort(parse_model("b0@224")).cost == pytest.approx(0.39 / 4.2, rel=0.1)  # Table 2
    assert job_queue.pass_effort(parse_model("b7@600")).cost == pytest.approx(37 / 4.2, rel=0.1)


def test_a_network_that_is_not_there_costs_its_loading_and_its_weights() -> None:
    known, new = job_queue.pass_effort(B4), job_queue.pass_effort(B4, loaded=False)
    assert new.cost == pytest.approx(known.cost + job_queue.LOAD + 19.3e6 * job_queue.LOAD_A_PARAMETER, rel=0.01)
    assert new.nbytes - known.nbytes == pytest.approx(2 * 4 * 19.3e6, rel=0.01)


@pytest.mark.parametrize(
    ("method", "layer", "cost", "long"),
    [
        (Method.CAM, TargetLayer.LAST, 1, False),
        (Method.ABLATIONCAM, TargetLayer.LAST, 1, False),  # closed form at this layer
        (Method.ABLATIONCAM, TargetLayer.STRIDE_16, 1, True),
        (Method.SCORECAM, TargetLayer.LAST, 1, True),
        (Method.GRADCAM, TargetLayer.STRIDE_4, job_queue.GRADIENT, False),
        (Method.FULLGRAD, TargetLayer.LAST, job_queue.GRADIENT, False),
        (Method.SHAPLEYCAM, TargetLayer.STRIDE_4, job_queue.SECOND_GRADIENT, False),
        (Method.SHAPLEYCAM, TargetLayer.STRIDE_32, job_queue.GRADIENT, False),
        (Method.EIGENCAM, TargetLayer.STRIDE_4, 1, False),
        (Method.KPCACAM, TargetLayer.LAST, 1 + 11**4 * job_queue.KERNEL_A_PAIR, False),  # 11 x 11 cells
        (Method.KPCACAM, TargetLayer.STRIDE_2, 1 + 4096**2 * job_queue.KERNEL_A_PAIR, False),  # no more are compared
    ],
)
def test_a_method_costs_its_passes(method: Method, layer: TargetLayer, cost: float, long: bool) -> None:
    found = job_queue.map_effort(B4, method, layer)
    assert (found.cost, found.long) == (cost, long)


def test_strangers_may_ask_b4_for_all_but_second_gradients_and_nothing_of_the_largest_network() -> None:
    asked = [(method, layer) for method in Method for layer in TargetLayer]
    dear = {each for each in asked if job_queue.map_effort(B4, *each).cost > DEFAULT_LIMIT}
    early = TargetLayer.STRIDE_2, TargetLayer.STRIDE_4, TargetLayer.STRIDE_8, TargetLayer.STRIDE_16
    assert dear == {(Method.SHAPLEYCAM, layer) for layer in early}
    assert job_queue.pass_effort(B4, loaded=False).cost <= DEFAULT_LIMIT
    assert job_queue.pass_effort(L2).cost > DEFAULT_LIMIT
