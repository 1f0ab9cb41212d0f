"""What a visitor sees while maps are made: how far it is, how many others come first, and a way to stop."""

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

STOPPED: Final = "stopped"  # in the session: hashes of work that the visitor stopped, since its names may hold photos
PACE_S: Final = 0.1  # between two words of the bar, which go to the browser


@dataclass(slots=True)
class JobProgress:
    """A progress bar over some steps, which take turns with other visitors.

    Between two steps the turn is offered, not left: else somebody who has had much more would slip in each time.
    """

    steps: int
    name: str = ""  # of the place on the page, where it has several
    begun: int = 0
    part: float = 0.0  # of the step in hand
    text: str = ""
    bar: DeltaGenerator = field(init=False)
    _turns: ExitStack = field(default_factory=ExitStack)
    _again: Again | None = None  # of the turn that is held since an earlier step
    _before: int = sys.maxsize  # how many were last said to come first

    @contextmanager
    def shown(self, job: Hashable, may_stop: bool) -> Iterator[Self]:
        """Show the bar for the block; its button has to stand there before the work begins."""
        place = st.empty()
        with place.container(horizontal=True, vertical_alignment="center"):
            self.bar = st.progress(0.0, text=_("Getting ready"))
            if may_stop:
                # A click reruns the page, and Streamlit ends this run at the bar's next word. Not in a fragment,
                # where a click waits for the run in progress.
                st.button(
                    _("Stop"), icon=":material/stop:", key=f"stop {self.name}".strip(), on_click=_stop, args=(job,)
                )
        try:
            with self._turns:
                yield self
        except EffVizError:  # its sentence stands elsewhere; a stop is none, and clears the page itself
            place.empty()
            raise
        place.empty()

    def next(self, text: str) -> None:
        """Begin a step."""
        self.begun, self.part, self.text = self.begun + 1, 0.0, text
        self._say(text)

    @contextmanager
    def turn(self, effort: Effort = A_PASS, key: Hashable = None) -> Iterator[Progress]:
        """Hold a turn for the block; until then the bar says how many come first.

        The block reports how much of the step is done as often as it likes: others may go first then.
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
        """Whether others wait for a turn."""
        return QUEUE.waiting > 0

    def _take(self, effort: Effort, key: Hashable) -> Again:
        if self._again is None:
            self._again = self._turns.enter_context(QUEUE.turn(self._wait, effort, key, job_queue.who_asks()))
        else:
            self._again(effort, key)
        return self._again

    def _wait(self, before: int) -> None:
        """Say how many come first, until the first turn: the number never rises, though somebody new may go first.

        Afterwards others come in between two steps, and a number for that moment would only flicker.
        """
        if self._again is not None:
            self._say(_("{step} (others take turns with you)").format(step=self.text))
            return
        self._before = min(before, self._before)
        text = ngettext("{count} other is before you.", "{count} others are before you.", self._before)
        self._say(text.format(count=self._before) if self._before else _("You are next."))

    def _say(self, text: str) -> None:
        self.bar.progress((self.begun - 1 + self.part) / self.steps, text=text)


def stopped(job: Hashable) -> bool:
    """Whether the visitor stopped this work."""
    return hash(job) in st.session_state.get(STOPPED, ())


def resume(job: Hashable) -> None:
    """Note that the visitor wants this work again."""
    st.session_state.get(STOPPED, set()).discard(hash(job))


def ask(place: str, job: Hashable) -> None:
    """Note in the session at `place` that the visitor wants this work, though it may have been stopped."""
    st.session_state[place] = job
    resume(job)


def ask_again(sentence: str, button: str, job: Hashable) -> None:
    """Say why maps are missing, and offer to make them."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(sentence, icon=":material/pause_circle:")
        st.button(button, key="go_on", on_click=resume, args=(job,))


def _stop(job: Hashable) -> None:
    st.session_state.setdefault(STOPPED, set()).add(hash(job))
