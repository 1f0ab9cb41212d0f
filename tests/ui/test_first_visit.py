"""A first visit is never empty: each map appears as soon as its model is ready."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from effviz.errors import WeightsError
from effviz.ui import cache
from effviz.ui.cache import SizeBoundedCache
from effviz.ui.compare import map_cells

PATIENCE_S = 120
MODELS = ("lite0@64", "lite0@96", "mini-baseline@64")


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr(map_cells, "SHOW_AFTER_S", 0)
    monkeypatch.setattr(cache, "_MODELS", SizeBoundedCache(2**28, cache._MODELS._values.getsizeof))


def script() -> None:
    """Run Compare, record what each run shows, and rerun for pending maps, as the page does."""
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
    found = map_cells.compute_cells([cache.bundled("owl")], entrants, choice)
    st.session_state.setdefault("runs", []).append([getattr(entry, "sentence", "map") for entry in found])
    if map_cells.awaited(found):
        st.rerun()


def runs(**address: str) -> list[list[str]]:
    """Return what each run of the page showed, cell by cell."""
    test = AppTest.from_function(script, default_timeout=PATIENCE_S)
    test.query_params.update(address)
    assert not test.run().exception
    shown: list[list[str]] = test.session_state["runs"]
    assert map_cells.FILLING not in test.session_state
    return shown


def test_each_map_is_shown_before_the_next_model_is_loaded() -> None:
    later = "On its way."
    assert runs(models=",".join(MODELS)) == [["map", later, later], ["map", "map", later], ["map", "map", "map"]]


def test_the_first_map_does_not_wait_and_those_that_follow_soon_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_cells, "SHOW_AFTER_S", 3600)
    later = "On its way."
    assert runs(models=",".join(MODELS)) == [["map", later, later], ["map", "map", "map"]]


def test_a_loaded_model_s_map_does_not_wait_for_a_model_that_must_be_loaded() -> None:
    cache.model("lite0@80")  # no other test has maps of these
    assert runs(models=f"lite0@80,{MODELS[2]}") == [["map", "On its way."], ["map", "map"]]


def test_maps_of_loaded_models_come_together() -> None:
    for label in MODELS:
        cache.model(label)
    assert runs(models=",".join(MODELS)) == [["map", "map", "map"]]


def test_a_slow_method_shows_each_map() -> None:
    for label in MODELS:
        cache.model(label)
    assert [row.count("map") for row in runs(models=",".join(MODELS), method="fem")] == [1, 2, 3]


def test_a_model_that_fails_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried, forward = [], cache.forward

    def fail(ref, of):  # type: ignore[no-untyped-def]
        tried.append(ref.label)
        if ref.label == MODELS[0]:
            raise WeightsError("No weights.")
        return forward(ref, of)

    monkeypatch.setattr(cache, "forward", fail)
    assert runs(models=",".join(MODELS))[-1] == ["No weights.", "map", "map"]
    assert tried.count(MODELS[0]) == 1


def test_too_little_memory_for_all_models_shows_the_maps_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MODELS", SizeBoundedCache(1, lambda _model: 1))  # one at a time
    assert runs(models=",".join(MODELS))[-1] == ["map", "map", "map"]
