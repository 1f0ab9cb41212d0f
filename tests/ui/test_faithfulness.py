"""Deletion and insertion on demand: all models of a photo at once, with all data for the playback."""

import base64
import contextlib
import io
import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from effviz.evaluate.faithfulness import deletion, insertion, make_playback
from effviz.evaluate.masking import MaskBaseline, Masking
from effviz.explain.activation_maps import activation_map
from effviz.ui import cache, job_progress
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.compare import faithfulness
from effviz.ui.compare.faithfulness import ASKED
from effviz.ui.compare.map_cells import Entrant, MapCell
from effviz.ui.components.reel import runs
from effviz.ui.job_progress import STOPPED
from effviz.ui.job_queue import JobQueue
from effviz.zoo.catalogue import model_card, parse_model

TWO = "lite0@64,lite1@64"
STEPS = 20
PATIENCE_S = 120

Compare = Callable[..., Any]  # opens the page: see conftest.py


def table(page: Any) -> Any:
    return next(each.value for each in page.test.dataframe if "Insertion" in each.value)


def unrolled(packed: dict[str, str]) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(packed["values"]), np.uint8)
    return np.repeat(values, np.frombuffer(base64.b64decode(packed["lengths"]), "<u4"))


def picture(address: str) -> np.ndarray:
    head, _, data = address.partition(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


def test_runs_by_hand() -> None:
    packed = runs(np.array([[1, 1, 1], [1, 2, 1]], np.uint8))
    assert base64.b64decode(str(packed["values"])) == bytes([1, 2, 1])
    assert np.frombuffer(base64.b64decode(str(packed["lengths"])), "<u4").tolist() == [4, 1, 1]


def test_all_models_of_the_photo_are_measured_as_the_run_would_and_not_before_it_is_asked_for(compare: Compare) -> None:
    page = compare(models=TWO)
    assert "Is the map faithful?" in [header.value for header in page.test.header]
    assert page.reels() == []
    reel = page.pressed("faithful")
    assert [panel["title"] for panel in reel["panels"]] == TWO.split(",")
    assert len(reel["said"]) == len(reel["places"]) == STEPS + 1
    assert (reel["said"][5], reel["places"][5]) == ("The strongest 25 % of the area, as ranked by the map.", 25)
    found, photo = table(page), cache.sample("dog")
    for row, label in enumerate(TWO.split(",")):
        forward = cache.forward(parse_model(label), photo)
        entry = activation_map(forward, int(forward.logits.argmax()))
        taken, brought = deletion(forward, entry, Masking()), insertion(forward, entry, Masking())
        assert found["Deletion"][row] == pytest.approx(taken.auc, abs=1e-4)
        assert found["Insertion"][row] == pytest.approx(brought.auc, abs=1e-4)
        lines = reel["panels"][row]["lines"]
        for name, curve in (("deletion", taken), ("insertion", brought)):
            assert lines[name] == [f"{entry.target_name} {chance:.0%}" for chance in curve.probabilities]
    assert len(found) == 2
    for _place, row in found.iterrows():
        among = [row["Deletion, Gaussian"], row["Insertion, Gaussian"]]
        assert all(0 <= area <= 1 for area in among)
        low, high = map(float, row["Deletion, random maps"].split(" to "))
        assert 0 <= low < high <= 1
    said = [str(each.value) for each in page.test.markdown if "controls in deletion" in str(each.value)]
    assert [line.split(",")[0] for line in said[0].splitlines()] == ["- lite0@64", "- lite1@64"]
    best = found["Deletion"][0] < low_of(found, 0)
    answer = re.search(r"\*\*(yes|no|cannot tell)\*\* \(beats (\d+) of 11", said[0].splitlines()[0])
    assert answer is not None
    assert best == (int(answer[2]) >= 10)
    assert (answer[1] == "yes") <= best
    assert "one photo cannot tell" in page.texts()


def low_of(found: Any, row: int) -> float:
    """Return the smallest deletion area of a random map."""
    return float(found["Deletion, random maps"][row].split(" to ")[0])


def test_the_browser_gets_what_the_model_saw(compare: Compare) -> None:
    panel = compare(models="lite0@64").pressed("faithful")["panels"][0]
    forward = cache.forward(parse_model("lite0@64"), cache.sample("dog"))
    expected = make_playback(forward, activation_map(forward, int(forward.logits.argmax())), Masking())
    assert panel["size"] == 64
    assert (unrolled(panel["order"]).reshape(64, 64) == expected.order).all()
    assert np.abs(picture(panel["photo"]) - forward.prepared.rgb).mean() < 6  # JPEG
    # ImageNet's mean pixel, or 0.5 if a recipe says so
    assert np.abs(picture(panel["rest"]) - 255 * np.array(forward.prepared.mean)).max() <= 2


def test_another_masking_is_asked_for_anew(compare: Compare) -> None:
    page = compare(models="lite0@64")
    found = [page.pressed("faithful")["panels"][0]]
    for baseline in (MaskBaseline.BLUR, MaskBaseline.BLACK):
        control = next(each for each in page.test.get("button_group") if each.key == "faithful_baseline")
        control.set_value(baseline.value).run()
        assert page.reels() == []
        found.append(page.pressed("faithful")["panels"][0])
    assert len({panel["rest"] for panel in found}) == 3
    assert all(panel["order"] == found[0]["order"] for panel in found)


def test_what_was_measured_is_kept(compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compare(models=TWO).pressed("faithful")

    def refuse(*_: object) -> None:
        raise AssertionError("computed twice")

    monkeypatch.setattr("effviz.evaluate.faithfulness.make_playback", refuse)
    assert compare(models=TWO).pressed("faithful") == first


def test_what_was_stopped_waits_to_be_asked_for_again(compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    page = compare(models="lite0@64")
    page.pressed("faithful")
    page.test.session_state[STOPPED] = {hash(page.test.session_state[ASKED])}
    page.test.run()
    assert len(page.reels()) == 1  # Stop came too late
    monkeypatch.setattr(faithfulness, "_PLAYBACKS", SizeBoundedCache(2**24, lambda made: made.nbytes))
    page.test.session_state[STOPPED] = {hash(page.test.session_state[ASKED])}
    page.test.run()
    assert page.reels() == []
    assert len(page.pressed("faithful")["panels"]) == 1
    page.test.run()
    assert len(page.reels()) == 1


def test_too_many_visitors_are_one_calm_sentence(compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    page = compare(models="lite0@96")
    monkeypatch.setattr(job_progress, "QUEUE", JobQueue(most_waiting=0))
    page.test.button(key="faithful").click().run()
    assert "requests are already waiting" in page.texts()
    assert page.reels() == []
    assert not page.test.exception


class Stopped(BaseException):
    """The exception that ends a visitor's script."""


class Bar:
    """A visitor's progress bar; after Stop, its next update about waiting raises."""

    def __init__(self, stop: bool) -> None:
        self.stop, self.waits = stop, threading.Event()

    def progress(self, _share: float, text: str) -> None:
        if "ahead of you" in text:
            self.waits.set()
            if self.stop:
                raise Stopped


def test_whoever_waits_for_the_same_numbers_as_another_one_can_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    queue, bars = JobQueue(1), (Bar(False), Bar(True))
    monkeypatch.setattr(job_progress, "QUEUE", queue)
    ref, photo = parse_model("lite0@64"), cache.bundled("owl")
    forward = cache.forward(ref, photo.open())
    entry = activation_map(forward, int(forward.logits.argmax()))
    cell = MapCell(photo, Entrant(model_card(ref), None, "", ""), entry, (), 0.0)
    request = faithfulness.FaithfulnessRequest((cell,), Masking())

    def visit(bar: Bar) -> None:
        mine = job_progress.JobProgress(1)
        mine.bar = bar  # type: ignore[assignment]
        with contextlib.suppress(Stopped):
            faithfulness._make(request, cell, mine)

    visitors = [threading.Thread(target=visit, args=(bar,), daemon=True) for bar in bars]
    with queue.turn(lambda _: None):
        for visitor, bar in zip(visitors, bars, strict=True):
            visitor.start()
            assert bar.waits.wait(PATIENCE_S)
        visitors[1].join(PATIENCE_S)
        assert not visitors[1].is_alive()
    visitors[0].join(PATIENCE_S)
    assert request.key_of(cell) in faithfulness._PLAYBACKS


def test_untrained_networks_are_left_out(compare: Compare) -> None:
    page = compare(models="scaled-d1-w0.5@64,lite0@64")
    assert "Untrained networks are left out" in page.texts()
    assert [panel["title"] for panel in page.pressed("faithful")["panels"]] == ["lite0@64"]


def test_with_nothing_but_untrained_networks_there_is_nothing_to_press(compare: Compare) -> None:
    page = compare(models="scaled-d1-w0.5@64")
    assert "Untrained networks are left out" in page.texts()
    assert not [button for button in page.test.button if button.key == "faithful"]
    assert not page.test.exception
