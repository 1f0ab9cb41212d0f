"""The page survives any browser message: it ignores values that our scripts never send."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
LOOK = {
    "scale": "own",
    "palette": "inferno",
    "opacity": 55,
    "threshold": 0,
    "contour": 0,
    "placement": "plain",
    "cells": True,
}
NO_VALUES = [
    None,
    [],
    {},
    [55],
    {"a": 1},
    math.nan,
    math.inf,
    -1,
    1e300,
    55.5,
    101,
    10**30,
    "",
    "x" * 100_000,
    "9" * 5000,  # Python refuses to parse integers with so many digits
    "55.5",
    "-1",
    "\u0663",
]
NO_LOOKS = [None, [], "own", 7, math.nan, True, [LOOK], {}, {"look": LOOK}, {"x" * 10_000: 1}]
QUESTION = {"photo": "0 abc dog", "model": "lite0@224", "index": 3, "row": 0, "column": 6}
NO_TEXTS = [None, 1, math.nan, True, ["dog"], {"dog": 1}, "x" * 100_000]
NO_NUMBERS = [None, "3", 1.0, math.nan, math.inf, True, -1, 10**9, 10**300, [3], {"3": 3}]


def take_looks(visits: list[list[object]]) -> None:
    """Show what remains of each visit, which starts with only cells."""
    import streamlit as st

    from effviz.ui.compare import display_settings

    for looks in visits:
        for setting in display_settings.SETTINGS:
            setting.put(setting.default)
        display_settings.CELLS.put(True)
        for each in looks:
            display_settings.keep_display(each)
        st.text(str({key: str(value) for key, value in display_settings.display_payload().items()}))


def ask_all(visits: list[list[object]]) -> None:
    import streamlit as st

    from effviz.ui.compare import cell_inspector

    for questions in visits:
        st.session_state.pop(cell_inspector.ASKED, None)
        for each in questions:
            cell_inspector.ask(each)
        st.text(str(st.session_state.get(cell_inspector.ASKED)))


def choose_all(choices: list[object]) -> None:
    import streamlit as st

    from effviz.ui.compare import photo_picker
    from effviz.ui.session import SAMPLES

    for each in choices:
        photo_picker.keep_samples(each)
    st.text(",".join(SAMPLES.get()))


def said(script: Any, *visits: list[Any]) -> list[str]:
    test = AppTest.from_function(script, default_timeout=PATIENCE_S, args=(list(visits),)).run()
    assert not test.exception
    return [str(text.value) for text in test.text]


def test_a_look_is_taken() -> None:
    (found,) = said(take_looks, [{**LOOK, "opacity": 80, "cells": False, "scale": "rank"}])
    assert "'opacity': '80'" in found
    assert "'cells': 'False'" in found
    assert "'scale': 'rank'" in found


def test_what_is_no_look_changes_nothing() -> None:
    first, empty, whole = said(take_looks, NO_LOOKS, [], [LOOK])
    assert first == empty == whole


def test_no_junk_in_a_look_is_kept() -> None:
    visits = [
        [
            *({**LOOK, key: value} for value in NO_VALUES),
            {name: value for name, value in LOOK.items() if name != key},
        ]
        for key in LOOK
    ]
    whole, *found = said(take_looks, [LOOK], *visits)
    assert dict(zip(LOOK, found, strict=True)) == dict.fromkeys(LOOK, whole)


def test_a_question_about_a_cell_is_kept() -> None:
    assert said(ask_all, [QUESTION]) == ["Question(photo='0 abc dog', model='lite0@224', index=3, row=0, column=6)"]


def test_a_question_with_junk_is_left_aside() -> None:
    visits = [
        [
            {name: value for name, value in QUESTION.items() if name != key},
            *({**QUESTION, key: value} for value in (NO_TEXTS if key in ("photo", "model") else NO_NUMBERS)),
        ]
        for key in QUESTION
    ]
    assert said(ask_all, *visits) == ["None"] * 5


def test_what_is_no_question_is_left_aside() -> None:
    assert said(ask_all, [*NO_LOOKS, "x" * 100_000, [QUESTION]]) == ["None"]


def test_samples_that_do_not_exist_cannot_be_chosen() -> None:
    assert said(choose_all, ["coffee", "coffee", "nessie", 3, None, {}, math.nan]) == ["coffee"]
    junk = [None, 7, "coffee", {"coffee": 1}, math.nan]
    assert said(choose_all, ["coffee"], *junk) == ["coffee"]


def test_a_question_about_a_cell_that_does_not_exist_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from effviz.ui.compare.cell_inspector import ASKED, Question

    monkeypatch.chdir(ROOT)
    test = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE_S)
    test.query_params["models"] = "lite0@224"
    test.run()
    photo = grid(test, "effviz_grid")["photos"][0]

    def answered(**changed: object) -> dict[str, Any] | None:
        test.session_state[ASKED] = Question(**{**QUESTION, "photo": photo["id"], **changed})
        test.run()
        assert not test.exception
        assert not test.error
        return grid(test, "effviz_grid_news")["answer"]

    assert answered(model="lite9@1") is None
    assert answered(photo="nothing") is None
    for outside in ({"index": 99_999}, {"row": 99_999}, {"column": 7}):
        answer = answered(**outside)
        assert answer is not None
        assert answer["energy"] is None
        assert "does not exist" in answer["sentence"]


def grid(test: AppTest, component: str) -> dict[str, Any]:
    (found,) = [each.proto for each in test.get("bidi_component") if each.proto.component_name == component]
    data: dict[str, Any] = json.loads(found.json)[0]
    return data
