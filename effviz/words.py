"""Every text that visitors read goes through `_`: a second language is a catalogue in `locales/`, no page changes.

`_` looks a literal sentence up when it is shown, so values go in afterwards: `_("{count} photos").format(count=3)`.
Text that is made when a module loads is marked with `later` and looked up where it is shown: `_(TITLES[kind])`.
"""

import gettext
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LOCALES = Path(__file__).with_name("locales")  # LANGUAGE/LC_MESSAGES/effviz.mo, as gettext lays them out

language: ContextVar[str] = ContextVar("language", default="en")  # of the visitor whose page runs in this thread


def _(text: str) -> str:
    """Return a text in the visitor's language, or as it is where the catalogue has none."""
    return _catalogue(language.get()).gettext(text)


def later(text: str) -> str:
    """Mark a text for the catalogue without looking it up yet."""
    return text


@cache
def _catalogue(of: str) -> gettext.NullTranslations:
    return gettext.translation("effviz", LOCALES, [of], fallback=True)
