"""Every key of the session, the settings that travel between pages and in the address, and the visitor's language.

A `Setting` belongs to no single widget: it keeps its value when the visitor changes the page, and stands in the
address (`?phi=1.5`) so that a link brings it back. A page calls `adopt` for its settings once at its top,
`get()` to read, and `put()` after a change.

Values of one widget on one page need none of this: give the widget its key below and `bind="query-params"`. That writes
what the visitor reads into the address: where options have translated names, use `choose_one` and its like in
`effviz.ui.inputs`, which write values.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from effviz import i18n
from effviz.errors import SettingsError
from effviz.explain import sample_photos
from effviz.i18n import _
from effviz.ui.guard import guard
from effviz.zoo.presets import first_comparison

T = TypeVar("T")
MOST_MODELS = 8  # in one comparison
PHI_LEAST, PHI_MOST, PHI_STEP = -2.0, 8.0, 0.05

# Keys of single widgets; each is also the name in the address.
ALPHA, BETA, GAMMA = "alpha", "beta", "gamma"
FAMILY = "family"
BUDGET_KIND, BUDGET_AMOUNT, BUDGET_METHOD = "budget", "amount", "method"


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A value shared by pages, kept in the session and in the address."""

    key: str  # in the session and in the address
    default: T
    parse: Callable[[str], T]  # raises SettingsError when the text means nothing
    text: Callable[[T], str]
    first: Callable[[], T] | None = None  # see `start`; the address then says it, so a link means the same anywhere

    def get(self) -> T:
        """The current value, or the default."""
        value: T = st.session_state.get(self.key, self.default)
        return value

    def start(self) -> T:
        """What a visitor begins with whose address says nothing."""
        return self.default if self.first is None else self.first()

    def put(self, value: T) -> None:
        """Keep `value` and write it into the address (the default is left out, to keep links short)."""
        st.session_state[self.key] = value
        if self.text(value) == self.text(self.default):
            st.query_params.pop(self.key, None)
        elif st.query_params.get(self.key) != self.text(value):
            st.query_params[self.key] = self.text(value)

    def adopt(self) -> None:
        """Take the value from the address the first time in a session, and bring the address up to date.

        Once only: a rerun asked for while the address was still being rewritten would bring back the old value.

        Raises:
            SettingsError: The address asks for something that does not exist; the value in force is kept.
        """
        text = st.query_params.get(self.key)
        first = not st.session_state.setdefault(f"{self.key} adopted", False)
        st.session_state[f"{self.key} adopted"] = True
        unsaid = first and text is None and self.key not in st.session_state
        try:
            value = self.parse(text) if first and text is not None else self.start() if unsaid else self.get()
        except SettingsError:
            self.put(self.get())
            raise
        self.put(value)


def adopt(*settings: Setting[Any]) -> None:
    """Take settings from the address; one that it cannot have leaves its sentence on the page."""
    for setting in settings:
        with guard():
            setting.adopt()


def parse_phi(text: str) -> float:
    """`"1.5"` as a position of the phi slider; a SettingsError where it is not a number that the slider can show."""
    try:
        phi = float(text)
    except ValueError:
        phi = math.nan
    if not PHI_LEAST <= phi <= PHI_MOST:  # also when phi is nan
        sentence = _(
            "The link asks for phi = {text!r}: phi is a number from {least:g} to {most:g}. "
            "Move the slider to choose one."
        )
        raise SettingsError(sentence.format(text=text[:20], least=PHI_LEAST, most=PHI_MOST))
    return round(round((phi - PHI_LEAST) / PHI_STEP) * PHI_STEP + PHI_LEAST, 2)


def parse_labels(text: str) -> tuple[str, ...]:
    """`"lite0@224,lite2@260"` as labels; whether such models exist is the catalogue's to say."""
    return tuple(label.strip() for label in text.split(",") if label.strip())


PHI = Setting("phi", 1.0, parse_phi, lambda phi: f"{phi:g}")

MODELS: Setting[tuple[str, ...]] = Setting(
    "models",
    ("lite0@224", "lite1@224", "lite2@224", "lite0@260", "lite2@260"),
    parse_labels,
    ",".join,
    lambda: tuple(ref.label for ref in first_comparison().refs),
)


def parse_samples(text: str) -> tuple[str, ...]:
    """`"dog,owl"` as names of bundled photos; a SettingsError where there is no such photo."""
    chosen = parse_labels(text)
    samples = [sample.name for sample in sample_photos.samples()]
    unknown = [name for name in chosen if name not in samples]
    if unknown:
        sentence = _(
            "The link asks for the sample photo {unknown!r}: it is not among the {count} that come with "
            "EffViz. Choose from the strip."
        )
        raise SettingsError(sentence.format(unknown=unknown[0][:40], count=len(samples)))
    return chosen


SAMPLES: Setting[tuple[str, ...]] = Setting("photos", (sample_photos.samples()[0].name,), parse_samples, ",".join)

# Where in the lesson a visitor is, and whether the page is shown to a room.

LESSON_STEPS = 8  # the summary comes after them


def parse_step(text: str) -> int:
    """`"3"` as a step of the lesson; a SettingsError where there is no such step."""
    if text not in map(str, range(1, LESSON_STEPS + 2)):
        sentence = _(
            "The link asks for step {text!r} of the lesson: there are steps 1 to {last}, and {summary} is the "
            "summary. Begin with step 1."
        )
        raise SettingsError(sentence.format(text=text[:20], last=LESSON_STEPS, summary=LESSON_STEPS + 1))
    return int(text)


LESSON = Setting("lesson", 1, parse_step, str)
# What is not a switch that is on counts as off, so that no link fails for it.
PRESENT = Setting("present", False, lambda text: text.lower() in ("true", "1"), lambda on: str(on).lower())

# One figure alone (`?embed=figure3`), for a frame in another page or for a room.

EMBED = "embed"  # Streamlit keeps this name from its query parameters


def asked_figure() -> str:
    """Which figure the address asks for; "" for none."""
    context = get_script_run_ctx(suppress_warning=True)
    asked = parse_qs(context.query_string if context else "").get(EMBED, [""])[0]
    return "" if asked in ("true", "false") else asked  # Streamlit's own


# Which language a visitor reads: the one that the address asks for (`?lang=de`), else the browser's.


def parse_language(text: str) -> str:
    """`"zh-TW"` as a language that has a catalogue, or the nearest to it; a SettingsError where there is none."""
    if (language := i18n.find_language(text)) is not None:
        return language
    names = map(i18n.language_name, (i18n.SOURCE_LANGUAGE, *i18n.available_languages()))
    sentence = _(
        "The link asks for the language {text!r}: EffViz is not translated into it. Choose one at the top of the "
        "page: {names}."
    )
    raise SettingsError(sentence.format(text=text[:20], names=", ".join(names)))


LANGUAGE = Setting("lang", "", parse_language, i18n.language_tag)


def adopt_language() -> None:
    """Take over what the address asks for; called once at the top of the app."""
    adopt(LANGUAGE)
    i18n.thread_language.set(visitor_language())  # a callback of this run may have changed it


def visitor_language() -> str:
    """The language of the visitor whose page runs in this thread; English outside of pages."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return i18n.SOURCE_LANGUAGE
    return i18n.best_language(LANGUAGE.get(), st.context.locale or "")


def reads_a_relative() -> bool:
    """Whether the visitor reads a relative of the language that the browser asks for: `zh-TW` for `zh-CN`."""
    asked, served = (st.context.locale or "").lower(), i18n.language_tag(i18n.current_language()).lower()
    language = asked.partition("-")[0]
    return not LANGUAGE.get() and served.startswith(f"{language}-") and served != asked


i18n.set_language_source(visitor_language)
