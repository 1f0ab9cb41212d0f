"""Deletion and insertion on demand: all models of a photo at once, and everything to play it with."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from effviz.evaluate.faithfulness import deletion, insertion
from effviz.evaluate.masking import Baseline, Masking
from effviz.evaluate.playback import playback
from effviz.explain.maps import activation_map
from effviz.ui import cache
from effviz.ui.components.reel import runs
from effviz.zoo.catalogue import parse

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
TWO = "lite0@64,lite1@64"
STEPS = 20


def page(**address: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S)
    test.query_params.update({"models": TWO, "photos": "dog", **address})
    return test.run()


def texts(test: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*test.markdown, *test.caption, *test.info, *test.warning])


def reels(test: AppTest) -> list[dict[str, Any]]:
    return [
        json.loads(element.proto.json or element.proto.mixed.json)
        for element in test.get("bidi_component")
        if element.proto.component_name == "effviz_reel"
    ]


def measured(test: AppTest) -> dict[str, Any]:
    test.button(key="faithful").click().run()
    assert not test.exception
    (reel,) = reels(test)
    return reel


def table(test: AppTest) -> Any:
    return next(each.value for each in test.dataframe if "Insertion" in each.value)


def unrolled(packed: dict[str, str]) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(packed["values"]), np.uint8)
    return np.repeat(values, np.frombuffer(base64.b64decode(packed["lengths"]), "<u4"))


def picture(address: str) -> np.ndarray:
    head, _, data = address.partition(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_runs_by_hand() -> None:
    packed = runs(np.array([[1, 1, 1], [1, 2, 1]], np.uint8))
    assert base64.b64decode(str(packed["values"])) == bytes([1, 2, 1])
    assert np.frombuffer(base64.b64decode(str(packed["lengths"])), "<u4").tolist() == [4, 1, 1]


def test_nothing_is_measured_before_it_is_asked_for() -> None:
    test = page()
    assert "Is the map faithful?" in [header.value for header in test.header]
    assert reels(test) == []


def test_all_models_of_the_photo_are_measured_as_the_run_would() -> None:
    test = page()
    reel = measured(test)
    assert [panel["title"] for panel in reel["panels"]] == TWO.split(",")
    assert len(reel["said"]) == len(reel["places"]) == STEPS + 1
    assert (reel["said"][5], reel["places"][5]) == ("The strongest 25 % of the area, as the map has it.", 25)
    found, photo = table(test), cache.sample("dog")
    for row, label in enumerate(TWO.split(",")):
        forward = cache.forward(parse(label), photo)
        entry = activation_map(forward, int(forward.logits.argmax()))
        taken, brought = deletion(forward, entry, Masking()), insertion(forward, entry, Masking())
        assert found["Deletion"][row] == pytest.approx(taken.auc, abs=1e-4)
        assert found["Insertion"][row] == pytest.approx(brought.auc, abs=1e-4)
        lines = reel["panels"][row]["lines"]
        for name, curve in (("deletion", taken), ("insertion", brought)):
            assert lines[name] == [f"{entry.target_name} {chance:.0%}" for chance in curve.probabilities]


def test_the_browser_gets_what_the_model_saw() -> None:
    panel = measured(page(models="lite0@64"))["panels"][0]
    forward = cache.forward(parse("lite0@64"), cache.sample("dog"))
    expected = playback(forward, activation_map(forward, int(forward.logits.argmax())), Masking())
    assert panel["size"] == 64
    assert (unrolled(panel["order"]).reshape(64, 64) == expected.order).all()
    assert np.abs(picture(panel["photo"]) - forward.prepared.rgb).mean() < 6  # JPEG
    # the mean pixel of ImageNet, or 0.5 where a recipe says so
    assert np.abs(picture(panel["rest"]) - 255 * np.array(forward.prepared.mean)).max() <= 2


@pytest.mark.parametrize("baseline", [Baseline.BLUR, Baseline.BLACK])
def test_another_masking_is_asked_for_anew(baseline: Baseline) -> None:
    test = page(models="lite0@64")
    mean = measured(test)
    control = next(each for each in test.get("button_group") if each.key == "faithful_baseline")
    control.set_value(baseline.value).run()
    assert reels(test) == []
    other = measured(test)
    assert other["panels"][0]["rest"] != mean["panels"][0]["rest"]
    assert other["panels"][0]["order"] == mean["panels"][0]["order"]


def test_what_was_measured_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    first = measured(page())

    def refuse(*_: object) -> None:
        raise AssertionError("computed twice")

    monkeypatch.setattr("effviz.evaluate.playback.playback", refuse)
    again = page()
    assert measured(again) == first


def test_untrained_networks_are_left_out() -> None:
    test = page(models="scaled-d1-w0.5@64,lite0@64")
    assert "Untrained networks are left out" in texts(test)
    assert [panel["title"] for panel in measured(test)["panels"]] == ["lite0@64"]


def test_with_nothing_but_untrained_networks_there_is_nothing_to_press() -> None:
    test = page(models="scaled-d1-w0.5@64")
    assert "Untrained networks are left out" in texts(test)
    assert not [button for button in test.button if button.key == "faithful"]
    assert not test.exception
