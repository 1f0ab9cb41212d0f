"""From a plan to maps: the networks that represent it, and the buttons that open Compare with them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from streamlit.testing.v1 import AppTest

from effviz.errors import SettingsError
from effviz.scaling import Family, ScalingMethod, plan
from effviz.ui.compare.model_picker import candidates, nearest_published
from effviz.zoo import hub
from effviz.zoo.model import ModelSpec

ROOT = Path(__file__).parents[2]


def have(names: Iterable[str], monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make the hub's weights of these models available, and no others."""
    weights = folder / "model.safetensors"
    save_file({"x": np.zeros(1, np.float32)}, weights)

    def cached(spec: ModelSpec) -> Path | None:
        return weights if spec.name in names else None

    monkeypatch.setattr(hub, "cached", cached)


@pytest.mark.parametrize(
    ("here", "nearest"),
    [
        ((), "lite2@260"),  # the largest of Lite0 to Lite2; Google's table lists 0.86 B MACs
        (("b0", "b3"), "b3@300"),  # 1.8 B and 0.39 B MACs: ratios of 1.8 and 2.6 to 0.99 B
        (("b0", "b2", "b3"), "b2@260"),  # 1.0 B
    ],
)
def test_the_nearest_published_network_is_one_whose_weights_are_here(
    here: tuple[str, ...], nearest: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    have(here, monkeypatch, tmp_path)
    found = nearest_published(plan(1.2, 1.1, 258, Family.EFFICIENTNET))
    assert found is not None
    assert found.label == nearest


@pytest.mark.parametrize(
    ("method", "network", "labels"),
    [
        (ScalingMethod.COMPOUND, (1.2, 1.1, 258), ["scaled-d1.2-w1.1@258", "lite2@260", "mini-compound@127"]),
        (ScalingMethod.COMPOUND, (1.0, 1.0, 224), ["scaled-d1-w1@224", "lite0@224", "mini-baseline@96"]),
        (ScalingMethod.DEPTH, (2.5, 1.0, 224), ["scaled-d2.5-w1@224", "lite2@260", "mini-depth@96"]),
        (ScalingMethod.RESOLUTION, (1.0, 1.0, 448), ["scaled-d1-w1@448", "lite2@260", "mini-resolution@192"]),
    ],
)
def test_three_networks_stand_for_a_plan(
    method: ScalingMethod,
    network: tuple[float, float, int],
    labels: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    have((), monkeypatch, tmp_path)
    found = candidates(plan(*network, Family.EFFICIENTNET), method)
    assert [ref.label for ref, _why in found] == labels
    assert [ref.spec.trained for ref, _why in found] == [False, True, True]
    assert "untrained" in found[0][1]


def test_a_network_that_is_too_large_says_so() -> None:
    with pytest.raises(SettingsError, match="at most 500 of each are allowed"):
        candidates(plan(20.0, 8.0, 1024, Family.EFFICIENTNET), ScalingMethod.COMPOUND)


def opened(monkeypatch: pytest.MonkeyPatch, **address: str) -> AppTest:
    """Return the Scale page; Compare has no photo, so that no map is computed."""
    monkeypatch.chdir(ROOT)
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    test.query_params.update({"photos": ",", "models": "lite0@64", **address})
    test.run()
    test.switch_page("effviz/ui/pages/scale.py").run()
    assert not test.exception
    return test


def test_the_network_of_phi_joins_the_comparison_and_compare_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    test = opened(monkeypatch, family="EfficientNet-Lite")
    test.button(key="compare-phi-0").click().run()
    assert not test.exception
    assert test.multiselect(key="picked").value == ["lite0@64", "scaled-lite-d1.2-w1.1@258"]
    assert [each.value for each in test.toast] == ["Added scaled-lite-d1.2-w1.1@258 to the comparison."]


def test_a_full_comparison_says_so_and_the_page_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    eight = ",".join(f"lite0@{px}" for px in range(64, 320, 32))
    test = opened(monkeypatch, models=eight)
    test.button(key="compare-budget-0").click().run()
    assert [each.value for each in test.toast] == ["A comparison can hold 8 models. Remove one first."]
    assert "How does one number scale a network?" in [title.value for title in test.title]
