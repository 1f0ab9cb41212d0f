"""One click breaks a copy of the network; other visitors' model is unchanged."""

import base64
import io
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from effviz.evaluate.map_similarity import cascade
from effviz.explain.data_types import Method
from effviz.ui import cache
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.compare import sanity_check
from effviz.ui.job_progress import STOPPED
from effviz.zoo.catalogue import parse_model

TITLE = "Does a map depend on what the model learnt?"
STAGES = ["intact", "classifier", "head", *(f"stage {number}" for number in range(7, 0, -1)), "stem"]

Compare = Callable[..., Any]  # opens the page: see conftest.py


def maps(panel: dict[str, Any]) -> np.ndarray:
    packed = panel["maps"]
    halves = np.frombuffer(base64.b64decode(packed["data"]), "<f2").astype(float)
    return halves.reshape(-1, packed["rows"], packed["columns"]) * np.array(packed["factors"])[:, None, None]


def test_every_part_from_the_top_down_has_its_map_and_its_sentence_and_not_before_it_is_asked_for(
    compare: Compare,
) -> None:
    page = compare(models="lite0@224")
    assert TITLE in [header.value for header in page.test.header]
    assert page.reels() == []
    reel = page.pressed("sanity")
    (panel,) = reel["panels"]
    assert len(reel["said"]) == len(panel["lines"][""]) == len(maps(panel)) == len(STAGES) == 11  # 1 + 2 + 7 + 1
    assert reel["said"][0] == "Nothing is broken: the trained network."
    assert reel["said"][10] == "Everything is random from the classifier down to this part: stem."
    assert panel["lines"][""][0] == "Rank correlation 1.00, SSIM 1.00"  # with itself
    chart = next(
        json.loads(each.proto.spec) for each in page.test.get("plotly_chart") if each.proto.id.endswith(reel["chart"])
    )
    assert chart["layout"]["xaxis"]["ticktext"] == STAGES
    photo = Image.open(io.BytesIO(base64.b64decode(panel["photo"].partition(",")[2])))
    assert abs(photo.width / photo.height - panel["place"]["size"][0] / panel["place"]["size"][1]) < 0.01
    assert "a class drawn at random" in page.texts()
    assert "0 is no similarity, and below 0 is the opposite order" in page.texts()


def test_the_maps_are_those_of_the_cascade_and_the_shared_model_keeps_its_own(compare: Compare) -> None:
    ref, photo = parse_model("lite0@96"), cache.sample("dog")
    model = cache.model(ref.label)
    weights = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    page = compare(models="lite0@96")
    shown = maps(page.pressed("sanity")["panels"][0])
    guess = cache.guesses(ref, photo)[0].index
    expected = [step.map.values for step in cascade(cache.forward(ref, photo), guess, Method.CAM)]
    np.testing.assert_allclose(shown, np.stack(expected), rtol=2e-3, atol=2e-3 * np.abs(expected[0]).max())
    assert np.abs(shown[-1] - shown[0]).max() > 0.1 * np.abs(shown[0]).max()
    after = model.module.state_dict()
    assert all((after[name] == tensor).all() for name, tensor in weights.items())
    from effviz.explain.activation_maps import activation_map
    from effviz.explain.forward_pass import forward

    again = activation_map(forward(model, photo), guess, Method.CAM)  # a pass that is in no cache
    np.testing.assert_allclose(again.values, shown[0], rtol=2e-3, atol=2e-3 * np.abs(again.values).max())


def test_a_map_that_ignores_the_class_is_the_same_for_another(compare: Compare) -> None:
    page = compare(method="EigenCAM", models="lite0@64")
    page.pressed("sanity")
    assert re.search(r"EigenCAM map for .+, a class drawn at random, has a rank correlation of 1\.00", page.texts())


def test_a_method_that_takes_minutes_says_so(compare: Compare) -> None:
    page = compare(method="Score-CAM", models="lite0@64")
    page.test.toggle(key="agreed scorecam").set_value(True).run()
    page.test.button(key="sanity").click().run()
    assert "Score-CAM runs the network hundreds of times" in page.texts()
    assert page.reels() == []


def test_it_is_asked_for_anew_when_another_map_is_chosen(compare: Compare) -> None:
    page = compare(models="lite0@64,lite1@64")
    assert page.pressed("sanity")["panels"][0]["title"] == "lite0@64"
    choice = next(box for box in page.test.selectbox if box.label == "Map to check")
    choice.select_index(1).run()
    assert page.reels() == []
    assert page.pressed("sanity")["panels"][0]["title"] == "lite1@64"


def test_what_was_stopped_waits_to_be_asked_for_again(compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    page = compare(models="lite0@64")
    page.pressed("sanity")
    page.test.session_state[STOPPED] = {hash(page.test.session_state[sanity_check.ASKED])}
    page.test.run()
    assert len(page.reels()) == 1  # Stop came too late
    monkeypatch.setattr(sanity_check, "_CHECKS", SizeBoundedCache(2**24, lambda check: 1))
    page.test.run()
    assert page.reels() == []
    page.pressed("sanity")


def test_an_untrained_network_is_loudly_labelled(compare: Compare) -> None:
    page = compare(models="scaled-d1-w0.5@64")
    page.pressed("sanity")
    assert "Untrained: the weights are random" in page.texts()
