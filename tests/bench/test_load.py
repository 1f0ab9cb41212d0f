"""The load benchmark: its arithmetic, its process statistics, and visitors that come and go."""

import asyncio
import base64
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.proto.Element_pb2 import Element

from effviz import settings
from effviz.bench import app_sessions, load
from effviz.bench.app_sessions import Answer, AppServer
from effviz.bench.benchmark import Figure
from effviz.bench.load import MOST_PEAK_MIB, Load, LoadOutcome, ServerHealth, expected_maps, visit_all
from effviz.errors import SettingsError
from effviz.evaluate.single_core_latency import process_mib
from effviz.explain.data_types import Method

MOST_GROWTH_MIB = 40  # over 16 visits after the first eight; keeping a photo or a model for each would need far more


def test_a_newcomer_may_wait_three_times_its_own_work_or_five_seconds() -> None:
    seen = ServerHealth([10, 900, 30], [300, 500, 400], 2)

    def longest(alone_s: float, beside_s: float) -> bool | None:
        rows = load._attack_rows([alone_s] * 3, [0.1, beside_s], seen)
        return next(row.met for row in rows if row.name == "The longest")

    assert [longest(1, 5), longest(1, 5.1), longest(2, 6), longest(2, 6.1)] == [True, False, True, False]
    rows = {row.name: row for row in load._attack_rows([1], [1], seen)}
    assert rows["Longest wait for the health check"].met
    assert rows["Peak memory of server and children"].ours == 500


def test_a_process_s_children_count() -> None:
    command = [sys.executable, "-c", "print('here', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline()  # before that, it may use less than a MiB
        assert child.pid in load._tree(os.getpid())
        assert (process_mib(child.pid, "Pss", "smaps_rollup") or 0) > 1
        child.kill()
    assert child.pid not in load._tree(os.getpid())
    assert process_mib(child.pid, "Pss", "smaps_rollup") is None


@pytest.fixture(scope="module")
def running() -> Iterator[AppServer]:
    """Start one app server for all visitors in these tests."""
    with app_sessions.start_server() as server:
        yield server


def test_visitors_that_come_and_go_leave_no_memory_behind(running: AppServer) -> None:
    asyncio.run(load.make_visits(running.port, 0, 8))
    before = running.memory_mib
    asyncio.run(load.make_visits(running.port, 8, 16))
    after = running.memory_mib
    assert before is not None
    assert after is not None
    assert after - before <= MOST_GROWTH_MIB


# Several real sessions at once, and the arithmetic that evaluates them.

RAMP = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_targets_by_hand() -> None:
    assert Figure.at_most("memory", 50, 50, "MB").met
    assert not Figure.at_most("memory", 51, 50, "MB").met
    assert Figure.at_least("frames", 50, 50, "frames/s").met
    assert not Figure.at_least("frames", 49, 50, "frames/s").met
    assert Figure.at_least("frames", 49, 50, "frames/s").target == "at least 50 frames/s"


def test_percentiles_are_the_nearest_rank() -> None:
    rows = {row.name: row.ours for row in load._load_rows(Load(), LoadOutcome([*range(20, 0, -1)]))}
    assert (rows["Response, median"], rows["Response, 95th percentile"]) == (10_000, 19_000)


def answer(*cells: dict[str, object]) -> Answer:
    """Return a page with a grid of one photo."""
    element = Element()
    element.bidi_component.component_name = app_sessions.GRID_COMPONENT
    element.bidi_component.json = json.dumps([{"photos": [{"id": "0 5ea owl.jpg", "cells": cells}]}])
    return Answer(0.1, (Element(), element))


def cell(label: str, *maps: np.ndarray, first: int = 0) -> dict[str, object]:
    """Pack a map like the page: divided by the largest value, as half floats."""
    factors = [float(np.abs(values).max()) for values in maps]
    halves = np.stack([values / factor for values, factor in zip(maps, factors, strict=True)]).astype("<f2")
    packed = {"data": base64.b64encode(halves.tobytes()).decode(), "factors": factors, "rows": 2, "columns": 3}
    return {"label": label, "maps": packed, "classes": [4, 7][: len(maps)], "first": first}


def test_the_explained_map_is_read_out_of_those_of_all_classes() -> None:
    found = app_sessions.read_shown_maps(
        answer(cell("lite0@64", RAMP, 40 - RAMP, first=7), {"label": "b3@300", "maps": None})
    )
    assert list(found) == [("5ea", "lite0@64")]
    assert app_sessions.is_same_map(found["5ea", "lite0@64"], 40 - RAMP)
    assert not app_sessions.is_same_map(found["5ea", "lite0@64"], RAMP)


def test_maps_are_the_same_up_to_a_half_float() -> None:
    assert app_sessions.is_same_map(RAMP * np.float32(1.0009), RAMP)
    assert not app_sessions.is_same_map(RAMP * np.float32(1.01), RAMP)
    assert not app_sessions.is_same_map(RAMP.T, RAMP)
    assert not app_sessions.is_same_map(None, RAMP)


def test_two_visitors_with_each_other_s_maps_are_two_wrong_maps() -> None:
    own, other = RAMP, RAMP[::-1].copy()
    seen = LoadOutcome()
    seen.compare({("a", "lite0@64"): other}, {"lite0@64": own}, "a")
    seen.compare({("b", "lite0@64"): own}, {"lite0@64": other}, "b")
    seen.compare({("a", "lite0@64"): own}, {"lite0@64": own}, "a")
    assert (seen.maps, len(seen.wrong)) == (3, 2)


def test_red_sentences_and_tracebacks_are_errors() -> None:
    red, blue, traceback = Element(), Element(), Element()
    red.alert.format, red.alert.body = red.alert.ERROR, "Something went wrong"
    blue.alert.format, blue.alert.body = blue.alert.INFO, "Choose a photo"
    traceback.exception.message = "ZeroDivisionError"
    assert Answer(0.1, (red, blue, traceback)).errors == ("ZeroDivisionError", "Something went wrong")


def test_a_script_that_is_not_there_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "APP_SCRIPT", tmp_path / "app.py")
    with pytest.raises(SettingsError, match=r"app\.py is missing"), app_sessions.start_server():
        pytest.fail("It ran.")


def test_a_server_that_dies_is_said_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    dying = [sys.executable, "-c", "raise SystemExit('no such port')"]
    with pytest.raises(SettingsError, match="no such port"), app_sessions.start_server(lambda _port: dying):
        pytest.fail("It ran.")


WAITING = """
import signal, sys
from effviz.bench import app_sessions
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
ready = sys.argv[1]
serve = f"open({ready!r}, 'w').close(); import time; time.sleep(600)"
app_sessions._wait = lambda *_: open(ready).read()
with app_sessions.start_server(lambda _port: [sys.executable, "-c", serve]) as running:
    print(running.pid, flush=True)
    input()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with the one that started it")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
def test_a_server_ends_with_who_started_it_and_leaves_nothing(tmp_path: Path, end: signal.Signals) -> None:
    ready, folder = tmp_path / "ready", tmp_path / "temporary"
    os.mkfifo(ready)  # both ends open it once the server runs
    folder.mkdir()
    words, pipe = [sys.executable, "-c", WAITING, str(ready)], subprocess.PIPE
    environment = os.environ | {"TMPDIR": str(folder)}
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, env=environment) as starter:
        assert starter.stdout
        server_ends = os.pidfd_open(int(starter.stdout.readline()))
        starter.send_signal(end)
        assert starter.wait() != 0
    assert select.select([server_ends], [], [], 60)[0]
    os.close(server_ends)
    assert list(folder.iterdir()) == []


def test_visitors_at_once_each_get_their_own_maps(running: AppServer) -> None:
    load = Load(6, ("lite0@64", "lite0@96"), (Method.CAM, Method.EIGENCAM))
    wanted = expected_maps(load)
    seen = asyncio.run(visit_all(running.port, load, wanted))
    peak_mib = running.peak_mib
    assert seen.errors == []
    assert seen.wrong == []
    assert seen.maps == 6 * 2 * 2
    assert len(seen.seconds) == 6 * 2
    assert peak_mib is None or peak_mib < MOST_PEAK_MIB


def test_an_unknown_widget_is_a_mistake_of_the_benchmark() -> None:
    with pytest.raises(KeyError, match="no such key"):
        answer().widget("no such key")
