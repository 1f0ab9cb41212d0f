"""Measure a few photos on this server: how long it will take, then the work itself, with a way to stop."""

from typing import Final

import streamlit as st

from effviz.ui import costs
from effviz.ui.compare.work import Work, resume, stopped
from effviz.ui.evaluate import asking, measuring
from effviz.ui.evaluate.asking import Asked, Picture
from effviz.ui.evaluate.choose import HERE, NEXT
from effviz.ui.evaluate.measured import VISIT, Beat, Measured
from effviz.ui.evaluate.measuring import Timed
from effviz.ui.outputs import duration, plain
from effviz.words import _

START: Final = "start"  # the button
TIMED: Final = "evaluate-timed"  # in the session: the last estimate
LONGEST_S: Final = 600.0


def show() -> None:
    """Show the choices, the estimate and the button that starts."""
    asked = asking.ask()
    if asked is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        wanted = st.button(_("Estimate the time"), icon=":material/timer:", key="estimate")
        place = st.empty()
    timed: Timed | None = st.session_state.get(TIMED)
    if timed is not None and timed.asked != asked:
        timed = None
    # What is started without an estimate gets one first: only then the button knows whether it may be pressed.
    if wanted or (timed is None and st.session_state.get(START)):
        timed = st.session_state[TIMED] = _time(asked)
    if timed:
        st.markdown(_estimate(timed))
    else:
        st.caption(_("One photo is measured first, to tell how long all of them will take."))
    short = timed is None or timed.total_s <= LONGEST_S
    if place.button(_("Start"), icon=":material/play_arrow:", type="primary", key=START, disabled=not short) and short:
        st.session_state[HERE] = _measure(asked)
        st.session_state[NEXT] = VISIT
        st.rerun()
    if stopped(("evaluate", asked)):
        st.caption(_("Stopped: nothing of it is kept."))


def _time(asked: Asked) -> Timed:
    with Work(1, "estimate").shown(("estimate", asked), may_stop=True) as work:
        work.next(_("{photo}: timed with every model").format(photo=_named(asked.pictures[0])))
        with work.turn(costs.measuring(asked.settings.refs)) as progress:
            return measuring.time(asked, measuring.ready(asked, progress), progress)


def _measure(asked: Asked) -> Measured:
    resume(("evaluate", asked))
    work = Work(1 + len(asked.pictures))
    names = {picture.name: _named(picture) for picture in asked.pictures}

    def begin(photo: str) -> Beat:
        work.next(_("{photo}: measured with every model").format(photo=names[photo]))
        return progress

    with work.shown(("evaluate", asked), may_stop=True):
        work.next(_("Models are loaded"))
        with work.turn(costs.measuring(asked.settings.refs)) as progress:
            return measuring.measure(asked, measuring.ready(asked, progress), begin)


def _named(picture: Picture) -> str:
    return picture.title or plain(picture.name)


def _estimate(timed: Timed) -> str:
    models = [
        _("{seconds:.1f} s with {model}").format(seconds=seconds, model=plain(model))
        for model, seconds in zip(timed.asked.models, timed.seconds, strict=True)
    ]
    text = _(
        "**About {total}** for {count} photos: one took {models}, timed just now on this server. Other visitors make "
        "it longer."
    ).format(total=duration(timed.total_s), count=len(timed.asked.pictures), models=", ".join(models))
    if timed.total_s > LONGEST_S:
        limit = _("At most {most} are allowed here: take fewer photos, models or measures, or run `effviz evaluate`.")
        return f"{text} {limit.format(most=duration(LONGEST_S))}"
    return text
