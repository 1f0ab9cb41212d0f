"""The live input size: the network is ready before the slider is dragged."""

from types import SimpleNamespace
from typing import Any

import pytest

from effviz.explain.data_types import Floats, Method
from effviz.explain.engines.openvino_engine import OpenVinoEngine
from effviz.ui import cache
from effviz.ui.compare import resolution_axis
from effviz.ui.job_queue import JobQueue
from effviz.zoo import catalogue


def test_a_network_runs_once_at_every_size_before_the_hand_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[int, ...]] = []
    run = OpenVinoEngine.run

    def noted(engine: OpenVinoEngine, pixels: Floats) -> tuple[Floats, Floats]:
        ran.append(pixels.shape)
        return run(engine, pixels)

    monkeypatch.setattr(OpenVinoEngine, "run", noted)
    spec = catalogue.parse_model("lite0@224").spec
    for _time in range(2):
        resolution_axis.warm_up(spec)
    assert ran == [(1, 3, px, px) for px in (96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448)]
    assert cache.is_warm(catalogue.parse_model("lite0@448"))


def test_sizes_whose_pass_takes_long_are_left_to_the_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    monkeypatch.setattr(cache, "warm_up", lambda refs: asked.append([ref.resolution_px for ref in refs]))
    # The paper's 4.2 B MACs of B4 at 380 px are 1.9 B at 256 px and 2.4 B at 288 px.
    resolution_axis.warm_up(catalogue.parse_model("b4@380").spec)
    assert asked == [[96, 128, 160, 192, 224, 256]]


@pytest.mark.parametrize("asked", [None, 320, "320", [], [320.5, "x", None, [96]], {"320": 1}])
def test_a_browser_that_asks_for_no_size_gets_the_one_nearest_to_the_training_s(asked: object) -> None:
    assert resolution_axis.sizes_to_answer(asked, 260) == [256]


def test_sizes_are_answered_in_the_order_in_which_they_are_asked_for() -> None:
    assert resolution_axis.sizes_to_answer([320, 288, 352, 7, True, 96], 224) == [320, 288, 352, 96]


@pytest.mark.parametrize(("waiting", "answered"), [(0, [320, 288, 352]), (1, [320])])
def test_sizes_around_come_along_until_they_take_long_or_somebody_waits(
    monkeypatch: pytest.MonkeyPatch, waiting: int, answered: list[int]
) -> None:
    clock = (number * resolution_axis.AROUND_MS / 2500 for number in range(9))  # seconds: each pass takes 0.4 of it
    monkeypatch.setattr(resolution_axis, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    monkeypatch.setattr(JobQueue, "waiting", waiting)
    monkeypatch.setattr(cache, "is_loaded", lambda _ref, any_size: any_size)
    monkeypatch.setattr(cache, "forward", lambda ref, _photo, any_size: any_size and ref.resolution_px)
    monkeypatch.setattr(resolution_axis, "answer_data", lambda px, _target, _method: {"px": px})
    ref = catalogue.parse_model("lite0@224")
    cell: Any = SimpleNamespace(ref=ref, photo=None, map=SimpleNamespace(target_index=7))
    found = resolution_axis.answers_at(cell, [320, 288, 352, 256, 384], Method.CAM)
    assert [answer["px"] for answer in found] == answered
