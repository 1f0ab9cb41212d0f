"""Models without weights: a tile each and, if the server may fetch, a button."""

import threading
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from streamlit.testing.v1 import AppTest
from torchvision import models

from effviz.errors import WeightsError
from effviz.progress import NamedProgress
from effviz.ui.compare import model_picker
from effviz.zoo import download, hub, state_dicts
from effviz.zoo.catalogue import find_model
from effviz.zoo.model import ModelSpec

PATIENCE_S = 60


@pytest.fixture(autouse=True)
def fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> set[str]:
    """Return the names of hub models with local weights, initially none."""
    here: set[str] = set()
    weights = tmp_path / "model.safetensors"
    save_file({"x": np.zeros(1, np.float32)}, weights)

    def cached(spec: ModelSpec) -> Path | None:
        return weights if spec.name in here else None

    monkeypatch.setattr(hub, "cached", cached)
    monkeypatch.delenv("EFFVIZ_FETCH", raising=False)
    return here


def opened() -> AppTest:
    def script() -> None:
        from effviz.ui.compare import model_picker
        from effviz.ui.compare.map_cells import Entrant
        from effviz.zoo.catalogue import model_card, parse_model

        labels = ("lite0@224", "b3@300", "b3@320", "b1@240")
        model_picker.show_missing_weights([Entrant(model_card(parse_model(label)), None, "", "") for label in labels])

    test = AppTest.from_function(script, default_timeout=60).run()
    assert not test.exception
    return test


def words(test: AppTest) -> str:
    return "\n".join(str(each.value) for each in [*test.markdown, *test.caption, *test.info, *test.warning])


@pytest.mark.parametrize("number", range(8))
def test_the_size_of_a_file_is_known_before_it_is_here(number: int) -> None:
    published = getattr(models, f"EfficientNet_B{number}_Weights").IMAGENET1K_V1.meta["_file_size"]  # MiB, another file
    assert state_dicts.file_bytes(find_model(f"b{number}").plan) == pytest.approx(published * 2**20, rel=0.01)


def test_every_missing_file_is_one_tile_with_its_size_and_its_command() -> None:
    test = opened()
    assert [code.value for code in test.code] == ["effviz fetch b3", "effviz fetch b1"]
    assert "49 MB of weights" in words(test)  # 12.2 million parameters of 4 bytes, as torchvision counts them
    assert "run `effviz fetch b3 b1` once" in words(test)
    assert not test.button  # the server may not fetch


def test_nothing_is_said_when_all_are_here(fetched: set[str]) -> None:
    fetched.update(("b1", "b3"))
    test = opened()
    assert not test.code
    assert not test.info


def test_a_setting_that_means_nothing_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFFVIZ_FETCH", "perhaps")
    assert "EFFVIZ_FETCH is 'perhaps': it must be 1" in words(opened())


def bars(test: AppTest) -> list[tuple[int, str]]:
    return [(bar.proto.value, bar.proto.text) for bar in test.get("progress")]


@pytest.fixture
def may_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFFVIZ_FETCH", "1")
    monkeypatch.setattr(model_picker, "_downloads", {})


def finished(name: str) -> None:
    """Wait for the download, whatever its outcome."""
    model_picker._downloads[name].exception(PATIENCE_S)


@pytest.mark.usefixtures("may_fetch")
def test_a_button_fetches_with_a_bar_and_the_tile_goes(monkeypatch: pytest.MonkeyPatch, fetched: set[str]) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def fetch(names: list[str], report: NamedProgress) -> None:
        report(names[0], 12_000_000, 48_000_000)
        begun.set()
        assert may_end.wait(PATIENCE_S)
        fetched.update(names)

    monkeypatch.setattr(download, "fetch", fetch)
    test = opened()
    assert bars(test) == []
    test.button(key="fetch b3").click().run()
    assert begun.wait(PATIENCE_S)
    test.run()
    assert bars(test) == [(25, "12 of 48 MB")]
    assert [button.key for button in test.button] == ["fetch b1"]  # the same file is not fetched twice
    may_end.set()
    finished("b3")
    test.run()
    assert [code.value for code in test.code] == ["effviz fetch b1"]
    assert not test.exception


@pytest.mark.usefixtures("may_fetch")
def test_a_hub_that_cannot_be_reached_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(names: list[str], report: NamedProgress) -> None:
        raise WeightsError(f"The weights of {names[0]} could not be fetched.")

    monkeypatch.setattr(download, "fetch", fetch)
    test = opened()
    test.button(key="fetch b3").click().run()
    finished("b3")
    test.run()
    assert "The weights of b3 could not be fetched." in words(test)
    assert [button.key for button in test.button] == ["fetch b3", "fetch b1"]  # a retry is possible
