"""The Compare page while other visitors are served, when too many wait, and after a stop."""

import threading
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from effviz.explain.cam_methods import Method
from effviz.explain.data_types import TargetLayer
from effviz.explain.targets import TOP1
from effviz.ui import cache, job_progress
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.compare import map_cells
from effviz.ui.compare.display_settings import ExplanationChoice
from effviz.ui.job_queue import Effort, JobQueue
from effviz.zoo.catalogue import model_card, parse_model

PATIENCE_S = 120


@pytest.fixture(autouse=True)
def no_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear the caches, because other tests computed maps of these photos."""
    monkeypatch.setattr(cache, "_MAPS", SizeBoundedCache(2**20, cache._MAPS._values.getsizeof))


class Bar:
    """A progress bar that records what it shows."""

    def __init__(self) -> None:
        self.shown: list[tuple[float, str]] = []
        self.waits = threading.Event()

    def progress(self, value: float, text: str) -> None:
        self.shown.append((value, text))
        if "ahead of you" in text:
            self.waits.set()


def script() -> None:
    """Compute the maps that the address requests, and record each outcome."""
    import streamlit as st

    from effviz.explain.cam_methods import Method
    from effviz.explain.data_types import TargetLayer
    from effviz.explain.targets import TOP1
    from effviz.ui import cache
    from effviz.ui.compare import map_cells
    from effviz.ui.compare.display_settings import ExplanationChoice
    from effviz.zoo.catalogue import model_card, parse_model

    entrants = [
        map_cells.Entrant(model_card(parse_model(label)), None, "", "")
        for label in st.query_params["models"].split(",")
    ]
    choice = ExplanationChoice(Method(st.query_params.get("method", "cam")), TargetLayer.LAST, TOP1)
    found = map_cells.compute_cells([cache.bundled(st.query_params["photos"])], entrants, choice)
    for entry in found:
        st.text(
            f"{entry.entrant.card.ref.label} {entry.sentence if isinstance(entry, map_cells.MapGap) else 'is there'}"
        )
    if map_cells.awaited(found):
        st.rerun()


def page(**address: str) -> AppTest:
    test = AppTest.from_function(script, default_timeout=PATIENCE_S)
    test.query_params.update(address)
    return test


def outcomes(test: AppTest) -> list[str]:
    return [text.value for text in test.text]


def task(label: str, sample: str, method: Method) -> map_cells._Task:
    entrant = map_cells.Entrant(model_card(parse_model(label)), None, "", "")
    return map_cells._Task(cache.bundled(sample), entrant, ExplanationChoice(method, TargetLayer.LAST, TOP1))


def key_of(label: str, sample: str, method: Method) -> tuple[str, ...]:
    return task(label, sample, method).key


def test_the_number_of_those_who_come_first_never_rises_and_is_not_said_between_two_steps() -> None:
    mine, bar = job_progress.JobProgress(steps=2), Bar()
    mine.bar = bar  # type: ignore[assignment]
    mine.text = "Owl"
    for before in (2, 3, 1, 0):  # a visitor who has used nothing yet goes first
        mine._wait(before)
    mine._again = lambda: None
    mine._wait(3)
    assert [text for _share, text in bar.shown] == [
        "2 others are ahead of you.",
        "2 others are ahead of you.",
        "1 other is ahead of you.",
        "You are next.",
        "Owl (others take turns with you)",
    ]


@pytest.mark.parametrize(("others", "words"), [(1, "1 other is ahead of you."), (2, "2 others are ahead of you.")])
def test_a_wait_says_how_many_come_first(monkeypatch: pytest.MonkeyPatch, others: int, words: str) -> None:
    queue, bar = JobQueue(others), Bar()
    monkeypatch.setattr(job_progress, "QUEUE", queue)
    release = threading.Event()

    def hold() -> None:
        with queue.turn(lambda _: None):
            release.wait(PATIENCE_S)

    def wait() -> None:
        mine = job_progress.JobProgress(steps=4)
        mine.bar = bar  # type: ignore[assignment]
        mine.next("first")
        mine.next("second")
        with mine.turn():
            pass

    threads = [threading.Thread(target=hold, daemon=True) for _ in range(others)]
    for thread in threads:
        thread.start()
    while queue.running < others:
        pass
    threads.append(threading.Thread(target=wait, daemon=True))
    threads[-1].start()
    assert bar.waits.wait(PATIENCE_S)
    release.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert bar.shown[:3] == [(0.0, "first"), (0.25, "second"), (0.25, words)]
    assert bar.shown[-1] == (0.25, "second")  # its turn: the bar shows progress again


def test_a_slow_step_moves_the_bar_between_batches_and_lets_others_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    queue, bar, served = JobQueue(1), Bar(), []
    monkeypatch.setattr(job_progress, "QUEUE", queue)
    monkeypatch.setattr(job_progress, "PACE_S", 0)
    mine = job_progress.JobProgress(steps=2)
    mine.bar = bar  # type: ignore[assignment]

    def quick() -> None:
        with queue.turn(lambda _: None):
            served.append("quick")

    other = threading.Thread(target=quick, daemon=True)
    mine.next("slow")
    with mine.turn(Effort(long=True)) as progress:
        other.start()
        while not queue.waiting:
            pass
        progress(0.5)
        served.append("slow")
    other.join(PATIENCE_S)
    assert served == ["quick", "slow"]
    assert (0.25, "slow") in bar.shown


def test_reports_come_a_tenth_of_a_second_apart_however_often_there_is_news(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, bar = [0.0], Bar()
    monkeypatch.setattr(job_progress, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    mine = job_progress.JobProgress(steps=1)
    mine.bar = bar  # type: ignore[assignment]
    mine.next("slow")
    with mine.turn(Effort(long=True)) as progress:
        for now in (0.03, 0.09, 0.11, 0.19, 0.2, 0.25, 5.0):
            clock[0] = now
            progress(now / 10)
    assert [share for share, _ in bar.shown[2:]] == pytest.approx([0.011, 0.025, 0.5])


def test_too_many_visitors_is_one_calm_sentence_and_a_way_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(job_progress, "QUEUE", JobQueue(1, most_waiting=0))
        test = page(models="lite0@64,lite0@96", photos="owl").run()
    assert not test.exception
    (info,) = test.info
    assert "Try again in a minute" in info.value
    assert outcomes(test) == ["lite0@64 Not computed yet.", "lite0@96 Not computed yet."]
    test.button(key="go_on").click().run()
    assert outcomes(test) == ["lite0@64 is there", "lite0@96 is there"]
    assert not test.info


def test_what_the_caches_have_needs_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    page(models="lite0@64", photos="crab").run()
    monkeypatch.setattr(job_progress, "QUEUE", JobQueue(1, most_waiting=0))
    test = page(models="lite0@64", photos="crab").run()
    assert outcomes(test) == ["lite0@64 is there"]
    assert not test.info


def test_what_a_cache_let_go_takes_a_turn_again_although_a_page_still_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    page(models="lite0@64", photos="crab", method="fem").run()
    shown = task("lite0@64", "crab", Method.FEM).find()
    assert shown is not None
    cache._MAPS._values.clear()
    with monkeypatch.context() as full:
        full.setattr(job_progress, "QUEUE", JobQueue(1, most_waiting=0))
        test = page(models="lite0@64", photos="crab", method="fem").run()
    assert outcomes(test) == ["lite0@64 Not computed yet."]
    test.button(key="go_on").click().run()
    assert outcomes(test) == ["lite0@64 is there"]
    assert (shown.map.values == task("lite0@64", "crab", Method.FEM).find().map.values).all()  # type: ignore[union-attr]


def test_looking_for_a_cell_loads_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MODELS", SizeBoundedCache(2**28, cache._MODELS._values.getsizeof))
    assert task("lite0@64", "crab", Method.CAM).find() is None
    assert cache._MODELS.size_bytes == 0


def test_after_a_stop_what_is_there_is_shown_and_the_rest_offered() -> None:
    page(models="lite0@64", photos="owl", method="fem").run()
    test = page(models="lite0@64,lite0@96", photos="owl", method="fem")
    what = (key_of("lite0@64", "owl", Method.FEM), key_of("lite0@96", "owl", Method.FEM))
    test.session_state[job_progress.STOPPED] = {hash(what), hash("other work")}
    test.run()
    assert not test.exception
    assert outcomes(test) == ["lite0@64 is there", "lite0@96 Not computed yet."]
    assert [info.value for info in test.info] == ["Stopped after 1 of 2 maps."]
    test.button(key="go_on").click().run()
    assert outcomes(test) == ["lite0@64 is there", "lite0@96 is there"]
    assert test.session_state[job_progress.STOPPED] == {hash("other work")}


def test_a_stop_holds_only_for_the_work_that_was_stopped() -> None:
    test = page(models="lite0@64", photos="bee")
    test.session_state[job_progress.STOPPED] = {hash((key_of("lite0@64", "bee", Method.FEM),))}
    assert outcomes(test.run()) == ["lite0@64 is there"]


def test_a_model_that_fails_leaves_its_sentence_and_the_others_work() -> None:
    test = page(models="b3@300,lite0@64", photos="crab").run()
    assert "effviz fetch b3" in outcomes(test)[0]
    assert outcomes(test)[1] == "lite0@64 is there"


def refused() -> None:
    """Work that ends before it starts."""
    import streamlit as st

    from effviz.errors import SettingsError
    from effviz.ui.guard import guard
    from effviz.ui.job_progress import JobProgress

    with guard(), JobProgress(1).shown("what", may_stop=True):
        raise SettingsError("Too many wait.")
    st.text("after")


def test_work_that_cannot_be_done_leaves_no_bar_and_no_button() -> None:
    test = AppTest.from_function(refused, default_timeout=PATIENCE_S).run()
    assert [warning.value for warning in test.warning] == ["Too many wait."]
    assert [text.value for text in test.text] == ["after"]
    assert not test.button
    assert not test.get("progress")
