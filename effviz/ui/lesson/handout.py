"""The lesson on paper: the questions with room for answers, or with the answers."""

from pathlib import Path

import streamlit as st

from effviz.i18n import _
from effviz.ui.components.keys import keys
from effviz.ui.lesson.questions import STEPS, Step
from effviz.ui.session import Setting

QUESTIONS, ANSWERS = "questions", "answers"
LINES = 2  # to write on, below what is filled in


def parse(text: str) -> str:
    """Which handout an address asks for; "" where it asks for none that there is."""
    return text if text in (QUESTIONS, ANSWERS) else ""


HANDOUT = Setting("handout", "", parse, str)


def show() -> None:
    """Draw the handout that was chosen."""
    st.html(Path(__file__).with_name("handout.css"))
    answers = HANDOUT.get() == ANSWERS
    with st.container(key="handout"):
        with st.container(horizontal=True, key="handout-controls"):
            _controls(answers)
        st.title(_("Compound scaling: answers") if answers else _("Compound scaling: questions"))
        st.markdown(
            _(
                "Eight questions on *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks* (Tan "
                "and Le, 2019). Guess first; the figures and the answers are at {link}."
            ).format(link=address())
        )
        for number, step in enumerate(STEPS, 1):
            with st.container(key=f"handout-step-{number}"):
                _step(step, number, answers)
    keys({}, prints="handout-print")


def _controls(answers: bool) -> None:
    other, label = (QUESTIONS, _("Without answers")) if answers else (ANSWERS, _("With answers"))
    st.button(_("Back to the lesson"), icon=":material/arrow_back:", on_click=HANDOUT.put, args=("",))
    st.button(label, key="handout-other", on_click=HANDOUT.put, args=(other,))
    st.button(_("Print"), key="handout-print", icon=":material/print:", type="primary")


def address() -> str:
    """Where the lesson is: Streamlit tells the app's address with its page, or without."""
    return f"{(st.context.url or '').rstrip('/').removesuffix('/lesson')}/lesson"


def _step(step: Step, number: int, answers: bool) -> None:
    st.subheader(f"{number}. {_(step.title)}")
    st.markdown(step.put_question())
    right = step.answers()
    for each in step.asked:
        said = f"**{each.words(right[each.key])}**" if answers else "………………"
        st.markdown(f"- {_(each.label)}: {said}")
    if answers:
        st.markdown(step.finding())
    else:
        st.html('<div class="answer-line"></div>' * LINES)
