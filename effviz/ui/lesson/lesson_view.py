"""The lesson on the screen and on paper: its steps, the summary, navigation and handouts."""

import re
from collections.abc import MutableMapping
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from effviz.i18n import _, lazy_gettext
from effviz.ui import outputs
from effviz.ui.components.keys import keys
from effviz.ui.job_queue import LOCAL_ADDRESSES
from effviz.ui.lesson.figures import PRESET, Guess
from effviz.ui.lesson.questions import STEPS, Pairing, Step
from effviz.ui.paper.exhibit import EXISTING, PRESENT_CSS, SECTION
from effviz.ui.session import LESSON, LESSON_STEPS, MODELS, PRESENT, Setting

GUESSES: Final = "lesson guesses"  # in the session only: step -> guess
SHOWN: Final = "lesson shown"  # in the session: steps whose answers are shown
PAGES: Final = "effviz/ui/pages"
PAGE_TITLES: Final = {
    "scale": lazy_gettext("Scale"),
    "compare": lazy_gettext("Compare"),
    "tradeoff": lazy_gettext("Trade-off"),
}
BACK, NEXT, LEAVE, ANSWER = "lesson-back", "lesson-next", "lesson-leave", "lesson-answer"


def guesses() -> MutableMapping[str, Guess]:
    """Return the guesses of this visitor, by step."""
    kept: dict[str, Guess] = st.session_state.setdefault(GUESSES, {})
    return kept


def show_step(number: int) -> None:
    """Draw one step."""
    step = STEPS[number - 1]
    with st.container(gap=None):
        st.caption(_("Lesson, step {number} of {last}").format(number=number, last=LESSON_STEPS))
        st.title(_(step.title))
    pairs = isinstance(step.asked[0], Pairing)  # pictures need more room than a chart
    left, right = st.columns([3, 8] if pairs else [4, 7], gap="large")
    shown = step.name in _shown()
    with left:
        st.markdown(whole(f"{_(step.question)} {_(step.hint)}"))
        guess = guesses()[step.name] if shown else _ask(step)
        if shown:
            _answers(step, guess)
    with right:
        step.show(guess, shown)
    if shown:
        with right if pairs else left:  # wherever there is room
            _finding(step)


def _ask(step: Step) -> Guess:
    before = guesses().get(step.name, {})
    with st.container(horizontal=isinstance(step.asked[0], Pairing)):
        guess = {question.key: question.ask(before.get(question.key)) for question in step.asked}
    incomplete = "" in guess.values() and not PRESENT.get()
    click = partial(_keep, step, guess)
    st.button(_("Show the answer"), key=ANSWER, type="primary", disabled=incomplete, on_click=click)
    if incomplete:  # not a tooltip, because touch screens cannot hover
        st.caption(_("First assign a network to every map."))
    return guess


def _keep(step: Step, guess: Guess) -> None:
    guesses()[step.name] = guess
    _shown().add(step.name)


def _shown() -> set[str]:
    kept: set[str] = st.session_state.setdefault(SHOWN, set())
    return kept


def _answers(step: Step, guess: Guess) -> None:
    row = _("{what}: **{answer}**; your guess: {guess}")
    rows = []
    for question in step.asked:
        answer, guessed = question.words(question.answer()), question.words(guess.get(question.key, ""))
        rows.append("- " + row.format(what=_(question.label), answer=answer, guess=guessed))
    st.markdown("\n".join(rows))


def whole(text: str) -> str:
    """Return a text with non-breaking spaces in its formulas, such as "d · w² · r²" and "d = 8"."""
    return re.sub(" ([·=]) ", rf"{outputs.NO_BREAK}\1{outputs.NO_BREAK}", text)


def _finding(step: Step) -> None:
    """Show the finding, what to try next and where; "Lesson" in the navigation leads back to this step."""
    st.success(whole(step.finding()))
    st.markdown(_("**Try this:** {task}").format(task=_(step.try_this)))
    with st.container(horizontal=True):
        section = _(EXISTING[step.section].label)  # the section with the complete figure
        if st.button(_("Paper: {section}").format(section=section), icon=":material/menu_book:"):
            SECTION.put(step.section)
            st.switch_page(f"{PAGES}/paper.py")
        if step.page and st.button(_(PAGE_TITLES[step.page]), icon=":material/arrow_outward:"):
            if step.page == "compare":  # open it with the networks of this step
                MODELS.put(tuple(ref.label for ref in PRESET.refs))
            st.switch_page(f"{PAGES}/{step.page}.py")
        st.button(_("Guess again"), on_click=_shown().discard, args=(step.name,), type="tertiary")


def show_summary() -> None:
    """Show every guess beside its answer."""
    st.title(_("Your guesses and the answers"))
    rows = [_row(number, step, guesses().get(step.name, {})) for number, step in enumerate(STEPS, 1)]
    st.table(pd.DataFrame([row for group in rows for row in group]), hide_index=True)
    st.caption(_("Your guesses last for this visit and are not stored. Step 7 counts the maps that you matched."))
    st.button(_("Forget my guesses"), key="lesson-forget", icon=":material/restart_alt:", on_click=_forget)


def _row(number: int, step: Step, guess: Guess) -> list[dict[str, str]]:
    title = f"{number} · {_(step.title)}"
    if isinstance(step.asked[0], Pairing):
        count = sum(guess.get(question.key) == question.answer() for question in step.asked)
        score = _("{count} of {all} right").format(count=count, all=len(step.asked))
        pairs = ", ".join(f"{question.key} {question.words(question.answer())}" for question in step.asked)
        return [_cells(title, _("Which map is whose?"), score if guess else "", pairs)]
    guessed = {question.key: question.words(guess[question.key]) for question in step.asked if question.key in guess}
    return [
        _cells(title, _(question.label), guessed.get(question.key, ""), question.words(question.answer()))
        for question in step.asked
    ]


def _cells(step: str, question: str, guess: str, answer: str) -> dict[str, str]:
    shown = answer if guess else outputs.MISSING  # the answer stays hidden until there is a guess
    return {_("Step"): step, _("Question"): question, _("Your guess"): guess or _("no guess"), _("Answer"): shown}


def _forget() -> None:
    st.session_state.pop(GUESSES, None)
    st.session_state.pop(SHOWN, None)
    LESSON.put(1)


def show_way(number: int) -> None:
    """Show the buttons below a step, and bind keys to them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, key, icon, to in (
            (_("Back"), BACK, ":material/arrow_back:", number - 1),
            (_("Next"), NEXT, ":material/arrow_forward:", number + 1),
        ):
            exists = 1 <= to <= LESSON_STEPS + 1
            st.button(label, key=key, icon=icon, disabled=not exists, on_click=LESSON.put, args=(to,))
        st.space("stretch")
        if PRESENT.get():
            st.button(_("Leave"), key=LEAVE, type="tertiary", on_click=PRESENT.put, args=(False,))
        else:
            label, help = _("Present"), _("Fill the screen with one step, for an audience. F: full screen. Esc: leave.")
            st.button(label, key="lesson-present", icon=":material/present_to_all:", help=help, on_click=_present)
            st.button(_("Handout"), icon=":material/print:", on_click=HANDOUT.put, args=(QUESTIONS,))
    keys({"ArrowLeft": BACK, "ArrowRight": NEXT, "Escape": LEAVE}, PRESENT.get(), top_of=f"step {number}")


def _present() -> None:
    """Start presenting with all answers hidden, even those that the teacher has already seen."""
    st.session_state.pop(SHOWN, None)
    PRESENT.put(True)


def show_for_a_room() -> None:
    """Hide everything but the step while presenting."""
    if PRESENT.get():
        st.html(PRESENT_CSS)


# The handout: the questions with room to write, or with the answers.

QUESTIONS, ANSWERS = "questions", "answers"
LINES = 2  # blank lines to write on after each question


# The handout that the address asks for; "" for none or an unknown one.
HANDOUT = Setting("handout", "", lambda text: text if text in (QUESTIONS, ANSWERS) else "", str)


def show_handout() -> None:
    """Show the handout that was chosen."""
    st.html(Path(__file__).with_name("handout.css"))
    answers = HANDOUT.get() == ANSWERS
    with st.container(key="handout"):
        _controls(answers)
        st.title(_("Compound scaling: answers") if answers else _("Compound scaling: questions"))
        text = _(
            "Eight questions on *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks* (Tan and "
            "Le, 2019). Guess first; the figures and the answers are in EffViz: {link}."
        )
        app_url = (st.context.url or "").rstrip("/").removesuffix("/lesson")  # with or without the page's name
        local = urlsplit(app_url).hostname in (None, *LOCAL_ADDRESSES)  # a local address is useless to anybody else
        st.markdown(text.format(link=_("the Lesson page") if local else f"<{app_url}/lesson>"))
        for number, step in enumerate(STEPS, 1):
            with st.container(key=f"handout-step-{number}"):
                _step(step, number, answers)
    keys({}, prints="handout-print")


def _controls(answers: bool) -> None:
    other, label = (QUESTIONS, _("Without answers")) if answers else (ANSWERS, _("With answers"))
    with st.container(horizontal=True, key="handout-controls"):
        st.button(_("Back to the lesson"), icon=":material/arrow_back:", on_click=HANDOUT.put, args=("",))
        st.button(label, key="handout-other", on_click=HANDOUT.put, args=(other,))
        st.button(_("Print"), key="handout-print", icon=":material/print:", type="primary")


def _step(step: Step, number: int, answers: bool) -> None:
    st.subheader(f"{number}. {_(step.title)}")
    st.markdown(whole(_(step.question)))
    for question in step.asked:
        answer = f"**{question.words(question.answer())}**" if answers else "………………"
        st.markdown(_("- {what}: {answer}").format(what=_(question.label), answer=answer))
    if answers:
        st.markdown(whole(step.finding()))
    else:
        st.html('<div class="answer-line"></div>' * LINES)
