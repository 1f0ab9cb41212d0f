"""One click breaks a copy of the network; everybody else's model stays what it is."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from effviz.evaluate.sanity import cascade
from effviz.explain.results import Method
from effviz.ui import cache
from effviz.zoo.catalogue import parse

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
TITLE = "Does a map depend on what the model learnt?"
STAGES = ["intact", "classifier", "head", *(f"stage {number}" for number in range(7, 0, -1)), "stem"]


def page(**address: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S)
    test.query_params.update({"models": "lite0@224", "photos": "dog", **address})
    return test.run()


def texts(test: AppTest) -> str:
    return "\n".join(str(part.value) for part in [*test.markdown, *test.caption, *test.warning, *test.error])


def reels(test: AppTest) -> list[dict[str, Any]]:
    return [
        json.loads(element.proto.json or element.proto.mixed.json)
        for element in test.get("bidi_component")
        if element.proto.component_name == "effviz_reel"
    ]


def broken(test: AppTest) -> dict[str, Any]:
    test.button(key="sanity").click().run()
    assert not test.exception
    (reel,) = reels(test)
    return reel


def maps(panel: dict[str, Any]) -> np.ndarray:
    packed = panel["maps"]
    halves = np.frombuffer(base64.b64decode(packed["data"]), "<f2").astype(float)
    return halves.reshape(-1, packed["rows"], packed["columns"]) * np.array(packed["factors"])[:, None, None]


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_nothing_is_broken_before_it_is_asked_for() -> None:
    test = page()
    assert TITLE in [header.value for header in test.header]
    assert reels(test) == []


def test_every_part_from_the_top_down_has_its_map_and_its_sentence() -> None:
    test = page()
    reel = broken(test)
    (panel,) = reel["panels"]
    assert len(reel["said"]) == len(panel["lines"][""]) == len(maps(panel)) == len(STAGES) == 11  # 1 + 2 + 7 + 1
    assert reel["said"][0] == "Nothing is broken: the trained network."
    assert reel["said"][10] == "All is random from the classifier down to this part: stem."
    assert panel["lines"][""][0] == "Rank correlation 1.00, SSIM 1.00"  # with itself
    chart = next(
        json.loads(each.proto.spec) for each in test.get("plotly_chart") if each.proto.id.endswith(reel["chart"])
    )
    assert chart["layout"]["xaxis"]["ticktext"] == STAGES
    photo = Image.open(io.BytesIO(base64.b64decode(panel["photo"].partition(",")[2])))
    assert abs(photo.width / photo.height - panel["place"]["size"][0] / panel["place"]["size"][1]) < 0.01
    assert "a class drawn at random" in texts(test)


def test_the_maps_are_those_of_the_cascade_and_the_shared_model_keeps_its_own() -> None:
    ref, photo = parse("lite0@224"), cache.sample("dog")
    model = cache.model(ref.label)
    weights = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    test = page()
    shown = maps(broken(test)["panels"][0])
    guess = cache.guesses(ref, photo)[0].index
    expected = [step.map.values for step in cascade(model, photo, guess, Method.CAM)]
    np.testing.assert_allclose(shown, np.stack(expected), rtol=2e-3, atol=2e-3 * np.abs(expected[0]).max())
    assert np.abs(shown[-1] - shown[0]).max() > 0.1 * np.abs(shown[0]).max()
    after = model.module.state_dict()
    assert all((after[name] == tensor).all() for name, tensor in weights.items())
    from effviz.explain.forward import forward
    from effviz.explain.maps import activation_map

    again = activation_map(forward(model, photo), guess, Method.CAM)  # a pass that no cache knows
    np.testing.assert_allclose(again.values, shown[0], rtol=2e-3, atol=2e-3 * np.abs(again.values).max())


def test_a_map_that_ignores_the_class_is_the_same_for_another() -> None:
    test = page(method="EigenCAM", models="lite0@64")
    broken(test)
    assert "map by EigenCAM has a rank correlation of 1.00" in texts(test)


def test_a_method_that_takes_minutes_says_so() -> None:
    test = page(method="Score-CAM", models="lite0@64")
    test.toggle(key="agreed scorecam").set_value(True).run()
    test.button(key="sanity").click().run()
    assert "Score-CAM runs the network hundreds of times" in texts(test)
    assert reels(test) == []


def test_it_is_asked_for_anew_when_another_map_is_chosen() -> None:
    test = page(models="lite0@64,lite1@64")
    assert broken(test)["panels"][0]["title"] == "lite0@64"
    choice = next(box for box in test.selectbox if box.label == "Map to check")
    choice.set_value(1).run()
    assert reels(test) == []
    assert broken(test)["panels"][0]["title"] == "lite1@64"


def test_an_untrained_network_is_loudly_labelled() -> None:
    test = page(models="scaled-d1-w0.5@64")
    broken(test)
    assert "Untrained: random weights" in texts(test)
