"""Session keys, settings that are shared by pages and kept in the address, and the visitor's language.

A `Setting` belongs to no single widget: it keeps its value when the visitor changes the page, and is part of the
address (`?phi=1.5`), so a link restores it. A page calls `adopt` for its settings once at the top, `get()` to read,
and `put()` after a change.

The value of a single widget on one page does not need a `Setting`: give the widget its key below and
`bind="query-params"`. That writes labels into the address, so for options with translated labels use `choose_one` and
similar functions in `effviz.ui.inputs`, which write values.
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
    parse: Callable[[str], T]  # raises SettingsError if the text is invalid
    text: Callable[[T], str]
    first: Callable[[], T] | None = None  # see `start`; written to the address, so a link means the same anywhere

    def get(self) -> T:
        """Return the current value, or the default."""
        value: T = st.session_state.get(self.key, self.default)
        return value

    def start(self) -> T:
        """Return the initial value for an address without the setting."""
        return self.default if self.first is None else self.first()

    def put(self, value: T) -> None:
        """Store `value` and write it to the address (the default is left out to keep links short)."""
        st.session_state[self.key] = value
        if self.text(value) == self.text(self.default):
            st.query_params.pop(self.key, None)
        elif st.query_params.get(self.key) != self.text(value):
            st.query_params[self.key] = self.text(value)

    def adopt(self) -> None:
        """Read the value from the address once per session, and update the address.

        Once only, because a rerun during a rewrite of the address would restore the old value.

        Raises:
            SettingsError: The value in the address is invalid; the current value is kept.
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
    """Read settings from the address; show an error for each invalid one."""
    for setting in settings:
        with guard():
            setting.adopt()


def parse_phi(text: str) -> float:
    """Parse `"1.5"` as a position of the phi slider; raise a SettingsError if the slider cannot show it."""
    try:
        phi = float(text)
    except ValueError:
        phi = math.nan
    if not PHI_LEAST <= phi <= PHI_MOST:  # also true for nan
        sentence = _(
            "The link asks for phi = {text!r}, but phi must be a number from {least:g} to {most:g}. Move the "
            "slider to choose one."
        )
        raise SettingsError(sentence.format(text=text[:20], least=PHI_LEAST, most=PHI_MOST))
    return round(round((phi - PHI_LEAST) / PHI_STEP) * PHI_STEP + PHI_LEAST, 2)


def parse_labels(text: str) -> tuple[str, ...]:
    """Parse `"lite0@224,lite2@260"` as labels; the catalogue checks whether the models exist."""
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
    """Parse `"dog,owl"` as names of bundled photos; raise a SettingsError for an unknown name."""
    chosen = parse_labels(text)
    samples = [sample.name for sample in sample_photos.samples()]
    unknown = [name for name in chosen if name not in samples]
    if unknown:
        sentence = _(
            "The link asks for the sample photo {unknown!r}, which is not among the {count} that come with EffViz. "
            "Choose a photo from the strip."
        )
        raise SettingsError(sentence.format(unknown=unknown[0][:40], count=len(samples)))
    return chosen


SAMPLES: Setting[tuple[str, ...]] = Setting("photos", (sample_photos.samples()[0].name,), parse_samples, ",".join)

# The visitor's step in the lesson, and whether it is being presented.

LESSON_STEPS = 8  # followed by the summary


def parse_step(text: str) -> int:
    """Parse `"3"` as a step of the lesson; raise a SettingsError if there is no such step."""
    if text not in map(str, range(1, LESSON_STEPS + 2)):
        sentence = _(
            "The link asks for step {text!r} of the lesson, which has steps 1 to {last}; {summary} is the summary. "
            "Begin with step 1."
        )
        raise SettingsError(sentence.format(text=text[:20], last=LESSON_STEPS, summary=LESSON_STEPS + 1))
    return int(text)


LESSON = Setting("lesson", 1, parse_step, str)
# Any value other than "true" or "1" counts as off, so that no link fails.
PRESENT = Setting("present", False, lambda text: text.lower() in ("true", "1"), lambda on: str(on).lower())

# A single figure (`?embed=figure3`), for embedding in another page or for presenting.

EMBED = "embed"  # Streamlit leaves this name out of its query parameters


def asked_figure() -> str:
    """Return the figure that the address asks for; "" for none."""
    context = get_script_run_ctx(suppress_warning=True)
    asked = parse_qs(context.query_string if context else "").get(EMBED, [""])[0]
    return "" if asked in ("true", "false") else asked  # these belong to Streamlit


# The visitor's language: the one in the address (`?lang=de`), else the browser's.


def parse_language(text: str) -> str:
    """Parse `"zh-TW"` as the nearest language with a catalogue; raise a SettingsError if there is none."""
    if (language := i18n.find_language(text)) is not None:
        return language
    names = map(i18n.language_name, (i18n.SOURCE_LANGUAGE, *i18n.available_languages()))
    sentence = _(
        "The link asks for the language {text!r}, but EffViz is not translated into it. Choose one at the top "
        "of the page: {names}."
    )
    raise SettingsError(sentence.format(text=text[:20], names=", ".join(names)))


LANGUAGE = Setting("lang", "", parse_language, i18n.language_tag)


def adopt_language() -> None:
    """Read the language from the address; called once at the top of the app."""
    adopt(LANGUAGE)
    i18n.thread_language.set(visitor_language())  # a callback in this run may have changed it


def visitor_language() -> str:
    """Return the language of the visitor whose page runs in this thread; English outside of pages."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return i18n.SOURCE_LANGUAGE
    return i18n.best_language(LANGUAGE.get(), st.context.locale or "")


def reads_a_relative() -> bool:
    """Return whether the visitor sees a relative of the browser's language: `zh-TW` for `zh-CN`."""
    asked, served = (st.context.locale or "").lower(), i18n.language_tag(i18n.current_language()).lower()
    language = asked.partition("-")[0]
    return not LANGUAGE.get() and served.startswith(f"{language}-") and served != asked


i18n.set_language_source(visitor_language)
