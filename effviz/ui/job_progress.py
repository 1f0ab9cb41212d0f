"""The progress bar of long work, with the position in the queue and a Stop button."""

import sys
import time
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final, Self

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from effviz.errors import EffVizError
from effviz.i18n import _, ngettext
from effviz.progress import Progress
from effviz.ui import job_queue
from effviz.ui.job_queue import A_PASS, QUEUE, Again, Effort

STOPPED: Final = "stopped"  # in the session: hashes of stopped jobs, because the keys themselves may hold photos
PACE_S: Final = 0.1  # minimum time between updates of the bar, which are sent to the browser


@dataclass(slots=True)
class JobProgress:
    """A progress bar over several steps, which take turns with other visitors.

    Between steps the turn is offered, not released; otherwise visitors who have used more would get in each time.
    """

    steps: int
    name: str = ""  # of the position, if a page has several
    begun: int = 0
    part: float = 0.0  # of the current step, from 0 to 1
    text: str = ""
    bar: DeltaGenerator = field(init=False)
    _turns: ExitStack = field(default_factory=ExitStack)
    _again: Again | None = None  # for the turn held since an earlier step
    _before: int = sys.maxsize  # the number ahead that was last shown

    @contextmanager
    def shown(self, job: Hashable, may_stop: bool) -> Iterator[Self]:
        """Show the bar for the block; the button has to be there before the work begins."""
        place = st.empty()
        with place.container(horizontal=True, vertical_alignment="center"):
            self.bar = st.progress(0.0, text=_("Getting ready"))
            if may_stop:
                # A click reruns the page, and Streamlit ends this run at the next update of the bar. In a fragment,
                # the click would wait for the current run.
                st.button(
                    _("Stop"), icon=":material/stop:", key=f"stop {self.name}".strip(), on_click=_stop, args=(job,)
                )
        try:
            with self._turns:
                yield self
        except EffVizError:  # shown elsewhere; Stop is no EffVizError and clears the page itself
            place.empty()
            raise
        place.empty()

    def next(self, text: str) -> None:
        """Begin a step."""
        self.begun, self.part, self.text = self.begun + 1, 0.0, text
        self._say(text)

    @contextmanager
    def turn(self, effort: Effort = A_PASS, key: Hashable = None) -> Iterator[Progress]:
        """Hold a turn for the block; while waiting, the bar shows how many are ahead.

        The block may report the share of the step that is done at any time; each report offers the turn to others.
        """
        again, told_at = self._take(effort, key), time.monotonic()

        def progress(part: float) -> None:
            nonlocal told_at
            self.part = part
            if time.monotonic() - told_at >= PACE_S:
                self._say(self.text)
                told_at = time.monotonic()
            again()

        self._say(self.text)
        yield progress

    def wanted(self) -> bool:
        """Return whether others are waiting for a turn."""
        return QUEUE.waiting > 0

    def _take(self, effort: Effort, key: Hashable) -> Again:
        if self._again is None:
            self._again = self._turns.enter_context(QUEUE.turn(self._wait, effort, key, job_queue.who_asks()))
        else:
            self._again(effort, key)
        return self._again

    def _wait(self, before: int) -> None:
        """Show how many are ahead, until the first turn; the number never rises, although newcomers may go first.

        After that, others run between two steps, and a number would only flicker.
        """
        if self._again is not None:
            self._say(_("{step} (others take turns with you)").format(step=self.text))
            return
        self._before = min(before, self._before)
        text = ngettext("{count} other is ahead of you.", "{count} others are ahead of you.", self._before)
        self._say(text.format(count=self._before) if self._before else _("You are next."))

    def _say(self, text: str) -> None:
        self.bar.progress((self.begun - 1 + self.part) / self.steps, text=text)


def stopped(job: Hashable) -> bool:
    """Return whether the visitor stopped this job."""
    return hash(job) in st.session_state.get(STOPPED, ())


def resume(job: Hashable) -> None:
    """Note that the visitor wants this job again."""
    st.session_state.get(STOPPED, set()).discard(hash(job))


def ask(place: str, job: Hashable) -> None:
    """Note in the session, under `place`, that the visitor wants this job, even if it was stopped before."""
    st.session_state[place] = job
    resume(job)


def ask_again(sentence: str, button: str, job: Hashable) -> None:
    """Show why maps are missing, with a button to compute them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(sentence, icon=":material/pause_circle:")
        st.button(button, key="go_on", on_click=resume, args=(job,))


def _stop(job: Hashable) -> None:
    st.session_state.setdefault(STOPPED, set()).add(hash(job))
