import contextlib
import importlib
import pkgutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import effviz.ui
from effviz.errors import SettingsError
from effviz.settings import budget_bytes
from effviz.ui import cache
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.job_queue import WORK_SHARE
from effviz.ui.startup import UPLOADS_SHARE


def test_the_longest_unused_goes_first() -> None:
    kept: SizeBoundedCache[str] = SizeBoundedCache(10, len)
    made = []

    def make(text: str) -> str:
        made.append(text)
        return text

    for text in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb"):
        assert kept.get(text, lambda text=text: make(text)) == text
    assert made == ["aaaa", "bbbb", "cccc", "bbbb"]
    assert kept.size_bytes == 8


def test_a_value_too_large_is_used_and_not_kept() -> None:
    kept: SizeBoundedCache[str] = SizeBoundedCache(10, len)
    kept.get("small", lambda: "1234567890")
    assert kept.get("large", lambda: "12345678901") == "12345678901"
    assert kept.size_bytes == 10


def test_many_threads_make_a_value_once() -> None:
    kept: SizeBoundedCache[str] = SizeBoundedCache(100, len)
    together, second = threading.Barrier(8), threading.Barrier(2)
    made = []

    def make() -> str:
        made.append(1)
        with contextlib.suppress(threading.BrokenBarrierError):
            second.wait(timeout=1)  # gives another thread time to enter, if that is possible
        return "value"

    def ask(_: int) -> str:
        together.wait(timeout=60)
        return kept.get("key", make)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"value"}
    assert len(made) == 1


def test_two_keys_do_not_wait_for_each_other() -> None:
    kept: SizeBoundedCache[str] = SizeBoundedCache(100, len)
    inside, other = threading.Event(), threading.Event()

    def slow() -> str:
        inside.set()
        assert other.wait(timeout=60)
        return "slow"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(kept.get, "one", slow)
        assert inside.wait(timeout=60)
        assert kept.get("two", lambda: "quick") == "quick"
        other.set()
        assert first.result(timeout=60) == "slow"


def test_a_failure_is_raised_and_tried_again() -> None:
    kept: SizeBoundedCache[str] = SizeBoundedCache(100, len)

    def fail() -> str:
        raise SettingsError("no")

    with pytest.raises(SettingsError):
        kept.get("key", fail)
    assert kept.get("key", lambda: "now") == "now"


class CountingLock:
    """A lock that counts its holders and waiters."""

    def __init__(self) -> None:
        self._lock, self.asking = threading.Lock(), 0

    def __enter__(self) -> None:
        self.asking += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.asking -= 1
        self._lock.release()


def test_after_a_failure_those_who_wait_and_those_who_come_make_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: SizeBoundedCache[str] = SizeBoundedCache(100, len)
    monkeypatch.setattr(cache, "Lock", CountingLock)
    inside, fail, again, done = (threading.Event() for _ in range(4))
    made = []

    def break_off() -> str:
        inside.set()
        assert fail.wait(timeout=60)
        raise SettingsError("no")

    def make() -> str:
        made.append("slowly")
        again.set()
        assert done.wait(timeout=60)
        return "value"

    def asking() -> int:
        return kept._making["key"].asking

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(kept.get, "key", break_off)
        assert inside.wait(timeout=60)
        second = pool.submit(kept.get, "key", make)
        while asking() < 2:
            pass
        fail.set()
        assert again.wait(timeout=60)  # the first one has left, the second one is computing
        third = pool.submit(kept.get, "key", lambda: made.append("twice") or "other")
        while not third.done() and asking() < 2:
            pass
        done.set()
        assert isinstance(first.exception(timeout=60), SettingsError)
        del first  # with its traceback
        assert [second.result(timeout=60), third.result(timeout=60)] == ["value", "value"]
    assert made == ["slowly"]
    assert not kept._making


def test_the_budget_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EFFVIZ_MEMORY_MB", raising=False)
    assert budget_bytes(0.5) == 1024 * 1024 * 1024
    monkeypatch.setenv("EFFVIZ_MEMORY_MB", "100")
    assert budget_bytes(0.25) == 25 * 1024 * 1024


@pytest.mark.parametrize("text", ["lots", "-5", "63", "1.5", "9" * 5000, "\u0666\u0666\u0666"])
def test_a_budget_that_means_nothing_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFFVIZ_MEMORY_MB", text)
    with pytest.raises(SettingsError, match=r"EFFVIZ_MEMORY_MB is .* at least 64\. Correct it"):
        budget_bytes(1)


def test_shrinking_lets_the_longest_unused_go() -> None:
    kept: SizeBoundedCache[str] = SizeBoundedCache(10, len)
    for text in ("aaa", "bbb", "ccc"):
        kept.get(text, lambda text=text: text)
    kept.find("aaa")
    kept.shrink(6)
    assert ["aaa" in kept, "bbb" in kept, "ccc" in kept] == [True, False, True]
    kept.shrink(6)
    assert kept.size_bytes == 6


def test_values_that_grow_are_counted_again_and_keep_their_age() -> None:
    kept: SizeBoundedCache[list[int]] = SizeBoundedCache(10, len)
    for name in "abc":
        kept.get(name, lambda: [1, 2])
    grown = kept.find("a")  # b is now the least recently used
    assert grown is not None
    grown += [3, 4, 5]
    assert kept.size_bytes == 6
    kept.recount()
    assert kept.size_bytes == 9
    grown += [6, 7]
    kept.recount()
    assert ["a" in kept, "b" in kept, "c" in kept] == [True, False, True]


def test_it_can_be_asked_what_is_kept() -> None:
    kept: SizeBoundedCache[str] = SizeBoundedCache(4, len)
    assert "a" not in kept
    assert kept.find("a") is None
    kept.get("a", lambda: "1234")
    assert "a" in kept
    assert kept.find("a") == "1234"
    kept.get("b", lambda: "1234")
    assert "a" not in kept


def test_all_caches_of_the_app_and_all_work_together_fit_the_setting() -> None:
    """The sum includes every module-wide cache in `effviz.ui`."""
    found = {}
    for module in pkgutil.walk_packages(effviz.ui.__path__, "effviz.ui."):
        if ".pages." not in module.name:
            known = importlib.import_module(module.name)
            found |= {id(each): each for each in vars(known).values() if isinstance(each, SizeBoundedCache)}
    assert len(found) >= 11
    assert sum(each.most_bytes for each in found.values()) <= budget_bytes(1 - WORK_SHARE - UPLOADS_SHARE)
