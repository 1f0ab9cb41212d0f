"""The models and comparisons on offer, and the messages about those without local weights."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from streamlit.testing.v1 import AppTest

from effviz.zoo import hub
from effviz.zoo.model import ModelSpec

ROOT = Path(__file__).parents[2]
HUB = "timm/tf_efficientnet_b3.aa_in1k"
ABSENT = " (weights missing)"


@pytest.fixture(autouse=True)
def only_b3_was_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    weights = tmp_path / "model.safetensors"
    save_file({"x": np.zeros(1, np.float32)}, weights)  # a whole file: a damaged one counts as absent

    def cached(spec: ModelSpec) -> Path | None:
        return weights if hub.repository(spec) == HUB else None

    monkeypatch.setattr(hub, "cached", cached)


def opened(**address: str) -> AppTest:
    def script() -> None:
        from effviz.ui.compare import model_picker
        from effviz.ui.session import MODELS

        MODELS.adopt()
        model_picker.choose_models(model_picker.existing_models())

    test = AppTest.from_function(script)
    test.query_params.update(address)
    test.run()
    assert not test.exception
    return test


def test_models_without_weights_say_so_and_stand_last() -> None:
    options = opened(models="b7@320,lite0@224").multiselect(key="picked").options
    marked = [option.endswith(ABSENT) for option in options]
    assert marked == sorted(marked)
    here = [option for option in options if not option.endswith(ABSENT)]
    assert here[:5] == ["lite0@224", "lite1@240", "lite2@260", "b3@300", "mini-baseline@96"]
    assert {"b7@320" + ABSENT, "b7@600" + ABSENT, "lite3@300" + ABSENT} <= set(options)


def test_a_comparison_that_lacks_weights_says_so() -> None:
    options = opened().selectbox(key="preset").options
    lacking = {option.removesuffix(" (some weights missing)") for option in options if "some weights missing" in option}
    assert lacking == {"B0 to B7", "B0's scaling axes", "Families"}
    assert options[0] == "Scaling axes"


def test_a_model_without_weights_can_still_be_chosen() -> None:
    test = opened(models="lite0@224")
    test.multiselect(key="picked").set_value(["lite0@224", "b0@224"]).run()
    assert not test.exception
    assert test.multiselect(key="picked").value == ["lite0@224", "b0@224"]
    assert test.selectbox(key="preset").set_value("b0-to-b7").run().multiselect(key="picked").value[0] == "b0@224"
