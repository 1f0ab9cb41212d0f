"""The queue with real threads: every step waits for a state, none for a time."""

import os
import threading

import pytest

from effviz.ui import turns
from effviz.ui.turns import BusyError, Lane, Turns

PATIENCE_S = 30  # only a broken queue needs it


class Visitor:
    """A thread that asks for a turn, notes when it gets it, and keeps it until it is let go."""

    def __init__(self, queue: Turns, name: str, served: list[str], lane: Lane = Lane.QUICK, key: str | None = None):
        self.name, self.served = name, served
        self.told: list[int] = []
        self.waits, self.done = threading.Event(), threading.Event()
        self.batch, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.error: BaseException | None = None
        self.stop: BaseException | None = None
        self.batches = 1
        self.thread = threading.Thread(target=self._visit, args=(queue, lane, key), daemon=True)

    def _visit(self, queue: Turns, lane: Lane, key: str | None) -> None:
        try:
            with queue.turn(lane, self._tell, key) as pass_on:
                for number in range(self.batches):
                    if number:
                        pass_on()
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
    queue, served = Turns(1), []
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
    queue, served = Turns(2), []
    running = [Visitor(queue, name, served).begins() for name in ("a", "b")]
    third = Visitor(queue, "c", served).queues()
    assert (queue.running, queue.waiting, third.told[0]) == (2, 1, 2)
    running[1].ends()
    third.next_batch()
    assert queue.running == 2
    running[0].ends()
    third.ends()


def test_a_position_goes_down_as_others_leave() -> None:
    queue, served = Turns(1), []
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
    queue, served = Turns(1), []
    slow = Visitor(queue, "slow", served, Lane.SLOW)
    slow.batches = 3
    slow.begins()
    quick = Visitor(queue, "quick", served).queues()
    slow.lets_go()  # the end of its first batch
    quick.next_batch()
    assert served == ["slow", "quick"]
    quick.ends()
    slow.next_batch()
    slow.lets_go()
    slow.next_batch()  # nobody else: it goes on at once
    slow.ends()
    assert served == ["slow", "quick", "slow", "slow"]


def test_slow_ones_that_nobody_passes_end_in_the_order_of_coming() -> None:
    queue, served = Turns(1), []
    first = Visitor(queue, "first", served, Lane.SLOW)
    first.batches = 2
    first.begins()
    second = Visitor(queue, "second", served, Lane.SLOW).queues()
    first.lets_go()
    first.next_batch()
    first.ends()
    second.next_batch()
    second.ends()
    assert served == ["first", "first", "second"]


def test_a_slow_one_is_not_starved_by_quick_ones() -> None:
    queue, served = Turns(1), []
    holder = Visitor(queue, "holder", served).begins()
    slow = Visitor(queue, "slow", served, Lane.SLOW).queues()
    quick = [Visitor(queue, f"quick {number}", served).queues() for number in range(turns.PATIENCE + 1)]
    holder.ends()
    for each in [*quick[:-1], slow, quick[-1]]:
        each.next_batch()
        each.ends()
    assert served.index("slow") == 1 + turns.PATIENCE


def test_the_same_slow_work_is_never_begun_twice() -> None:
    queue, served = Turns(2), []
    first = Visitor(queue, "first", served, Lane.SLOW, "map").begins()
    twin = Visitor(queue, "twin", served, Lane.SLOW, "map").queues()
    other = Visitor(queue, "other", served, Lane.SLOW, "another map").begins()
    assert served == ["first", "other"]
    first.ends()
    twin.next_batch()
    other.ends()
    twin.ends()


def test_somebody_stopped_while_waiting_leaves_the_queue() -> None:
    class Stopped(BaseException):
        """As Streamlit's: no Exception."""

    queue, served = Turns(1), []
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
    """So a script whose page was closed hears of it."""
    monkeypatch.setattr(turns, "HEARTBEAT_S", 0.001)
    queue, served = Turns(1), []
    first = Visitor(queue, "first", served).begins()
    second = Visitor(queue, "second", served).queues()
    second.stop = KeyboardInterrupt()
    assert second.done.wait(PATIENCE_S)
    assert queue.waiting == 0
    first.ends()


def test_an_error_during_a_turn_frees_it() -> None:
    queue = Turns(1)
    with pytest.raises(ZeroDivisionError), queue.turn(Lane.QUICK, lambda _: None):
        _ = 1 / 0
    assert (queue.waiting, queue.running) == (0, 0)


def test_somebody_stopped_between_batches_leaves() -> None:
    queue, served = Turns(1), []
    slow = Visitor(queue, "slow", served, Lane.SLOW, "map")
    slow.batches = 2
    slow.begins()
    quick = Visitor(queue, "quick", served).queues()
    slow.stop = KeyboardInterrupt()
    slow.lets_go()
    assert slow.done.wait(PATIENCE_S)
    quick.next_batch()
    quick.ends()
    again = Visitor(queue, "again", served, Lane.SLOW, "map").begins()  # the key is free
    again.ends()
    assert (queue.waiting, queue.running) == (0, 0)


def test_one_too_many_gets_a_sentence_at_once() -> None:
    queue, served = Turns(1, most_waiting=2), []
    first = Visitor(queue, "first", served).begins()
    others = [Visitor(queue, name, served).queues() for name in ("second", "third")]
    with (
        pytest.raises(BusyError, match=r"^2 requests wait .*: 2 may wait at once\. Try again in a minute\.$"),
        queue.turn(Lane.QUICK, lambda _: None),
    ):
        pytest.fail("It was let in.")
    first.ends()
    for each in others:
        each.next_batch()
        each.ends()


def test_going_on_between_batches_is_never_refused() -> None:
    queue, served = Turns(1, most_waiting=1), []
    slow = Visitor(queue, "slow", served, Lane.SLOW)
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
    assert turns.capacity() == at_once


def test_twenty_visitors_at_once_all_finish_and_none_overlaps() -> None:
    queue, inside, most = Turns(2), [], []
    start = threading.Barrier(20)

    def visit(lane: Lane) -> None:
        start.wait(PATIENCE_S)
        with queue.turn(lane, lambda _: None) as pass_on:
            for _ in range(5):
                inside.append(1)
                most.append(len(inside))
                inside.pop()
                if lane is Lane.SLOW:
                    pass_on()

    threads = [threading.Thread(target=visit, args=(Lane(number % 2),), daemon=True) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert max(most) <= 2
    assert (queue.waiting, queue.running) == (0, 0)
