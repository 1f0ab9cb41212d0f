"""The lesson without a browser: guess before reveal, nothing in the address, and a summary at the end."""

import json
import math
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from effviz.ui.lesson.questions import STEPS
from effviz.ui.paper.exhibit import EXISTING
from effviz.ui.session import LESSON_STEPS

ROOT = Path(__file__).parents[2]
# Numbers in each step's finding, from the paper or by hand; see tests/facts/test_lesson_answers.py.
FOUND = (
    "d · w² · r²",
    "d = 8 reaches 80 %, no more than d = 6, for 33 % more MACs. Width ends at 80.3 % and resolution at 79.68 %",
    "1.4 points at 16 billion MACs",
    "φ = 1.06, not 1: 1.2 · 1.1² · 1.15² is **1.92, not 2**",
    "3.8 points: twice the MACs must bring 1.050 times the accuracy",
    "98 times: **search where training is cheap",
    "9 × 9 cells instead of 7 × 7",
    "**8.4 times the parameters and 18 times the MACs**, at about the same accuracy. The paper reports "
    "gains of up to 2.5 points over scaling one dimension; Figure 8 shows 2.6 at B4.",
)


def open_lesson(**address: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.switch_page("effviz/ui/pages/lesson.py")
    at.query_params.update(address)
    return at.run()


def spaced(text: str) -> str:
    """Non-breaking spaces keep formulas on one line."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def check(at: AppTest, title: str) -> None:
    assert [each.value for each in at.title] == [title]
    assert not at.exception
    assert not at.error
    assert not at.warning


def test_all_steps_are_guessed_before_they_are_answered() -> None:
    at = open_lesson()
    for number, (step, found) in enumerate(zip(STEPS, FOUND, strict=True), 1):
        check(at, step.title)
        assert at.query_params.get("lesson", "1") == str(number)
        assert not at.success
        assert not [text for text in at.markdown if found in spaced(text.value)]
        if step.name == "maps":
            for box in at.selectbox:
                box.set_value("width")
            at.run()
        at.button(key="lesson-answer").click().run()
        check(at, step.title)
        assert found in spaced(at.success[0].value)
        assert len(at.get("download_button")) == (step.name not in ("growth", "maps"))  # drawings have their own menu
        at.button(key="lesson-next").click().run()
    check(at, "Your guesses and the answers")
    table = at.table[0].value
    assert list(table["Answer"])[:2] == ["2.03 times", "3.76 times"]
    assert "1 of 5 right" in list(table["Your guess"])
    assert "no guess" not in list(table["Your guess"])
    assert "A Width, B Compound, C Baseline, D Depth, E Resolution" in list(table["Answer"])
    assert set(at.query_params) == {"lesson"}  # guesses are only in the session


def test_a_task_leads_to_its_page() -> None:
    at = open_lesson(lesson="4")
    at.button(key="lesson-answer").click().run()
    next(button for button in at.button if button.label == "Scale").click().run()
    check(at, "How does one number scale a network?")
    at.switch_page("effviz/ui/pages/lesson.py").run()
    check(at, "One number: φ")


def test_the_answer_for_phi_is_marked_where_the_rule_doubles_the_macs_of_b0() -> None:
    at = open_lesson(lesson="4")
    at.button(key="lesson-answer").click().run()
    *_others, mark = json.loads(at.get("plotly_chart")[0].proto.spec)["data"]
    assert mark["name"] == "twice B0's MACs by the rule: φ = 1.06"
    assert mark["x"] == [pytest.approx(math.log(2) / math.log(1.2 * 1.1**2 * 1.15**2))]
    assert mark["y"] == [pytest.approx(2 * 0.39, rel=0.02)]  # billion MACs; the paper's Table 2 rounds B0's to 0.39


def test_what_is_missing_before_an_answer_is_said_below_its_button() -> None:
    at = open_lesson(lesson="7")
    (button,) = (one for one in at.button if one.label == "Show the answer")
    assert button.disabled
    assert "First assign a network to every map." in [caption.value for caption in at.caption]


def test_a_guess_stays_until_it_is_changed() -> None:
    at = open_lesson(lesson="2")
    at.slider[0].set_value(81.5).run()
    at.button(key="lesson-answer").click().run()
    assert "your guess: 81.5 %" in "".join(text.value for text in at.markdown)
    at.button(key="lesson-next").click().run()
    at.button(key="lesson-back").click().run()
    assert at.success
    next(button for button in at.button if button.label == "Guess again").click().run()
    assert not at.success
    assert at.slider[0].value == 81.5


def test_the_room_sees_no_answer_before_it_is_asked_for() -> None:
    at = open_lesson(lesson="4")
    at.button(key="lesson-answer").click().run()
    assert at.success
    at.button(key="lesson-present").click().run()
    assert not at.success
    assert at.query_params["present"] == "true"
    at.button(key="lesson-answer").click().run()
    assert at.success
    assert not at.get("download_button")
    at.button(key="lesson-leave").click().run()
    assert "present" not in at.query_params


def test_the_summary_tells_no_answer_before_its_guess() -> None:
    table = open_lesson(lesson="9").table[0].value
    assert set(table["Your guess"]) == {"no guess"}
    assert set(table["Answer"]) == {"—"}


@pytest.mark.parametrize("asked", ["0", "10", "x"])
def test_a_step_that_is_not_there_costs_one_sentence(asked: str) -> None:
    at = open_lesson(lesson=asked)
    assert f"The link asks for step {asked!r} of the lesson" in at.warning[0].value
    assert [each.value for each in at.title] == [STEPS[0].title]


def test_the_handout_has_all_questions_and_the_answers_only_when_asked() -> None:
    at = open_lesson(handout="questions")
    check(at, "Compound scaling: questions")
    assert [each.value for each in at.subheader] == [f"{number}. {step.title}" for number, step in enumerate(STEPS, 1)]
    shown = spaced("\n".join(text.value for text in at.markdown))
    assert not [found for found in FOUND[1:] if found in shown]
    assert "the figures and the answers are in EffViz: the Lesson page." in shown
    at.button(key="handout-other").click().run()
    check(at, "Compound scaling: answers")
    shown = spaced("\n".join(text.value for text in at.markdown))
    assert [found for found in FOUND if found not in shown] == []


def test_lesson_and_paper_link_each_other() -> None:
    assert len(STEPS) == LESSON_STEPS
    for number, step in enumerate(STEPS, 1):
        assert EXISTING[step.section].step in (number, 6)  # the section on two steps also belongs to step 4
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.switch_page("effviz/ui/pages/paper.py")
    at.query_params["section"] = "figure4"
    at.run()
    at.button(key="section-lesson").click().run()
    check(at, STEPS[2].title)


def test_wrong_maps_are_linked_from_compare_and_stand_beside_the_right_ones() -> None:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.switch_page("effviz/ui/pages/wrong_maps.py")
    at.run()
    check(at, "Why does my Grad-CAM look wrong?")
    assert len(at.header) == len(at.code) == 10
    at.switch_page("effviz/ui/pages/compare.py")
    at.query_params["models"] = "lite0@224"
    assert "wrong_maps" in {link.proto.page for link in at.run().get("page_link")}
