"""Every text that visitors read goes through `_`: a second language is a catalogue in `locales/`, no page changes.

`_` looks a literal sentence up when it is shown, so values go in afterwards: `_("{count} px").format(count=3)`.
`many` does the same for what is counted, since languages differ in how many plural forms they have.
Text that is made when a module loads, or kept in a cache that visitors share, is marked with `later` and looked up
where it is shown: `_(TITLES[kind])`. `docs/translating.md` says how a language is added.
"""

import gettext
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final

LOCALES = Path(__file__).with_name("locales")  # LANGUAGE/LC_MESSAGES/effviz.mo, as gettext lays them out
SOURCE: Final = "en"  # what the code is written in

# Of the visitor whose page runs in this thread; None: not known yet, `ask` says who knows.
language: ContextVar[str | None] = ContextVar("language", default=None)
_teller: Callable[[], str] = lambda: SOURCE  # noqa: E731 - replaced as a whole


def _(text: str) -> str:
    """Return a text in the visitor's language, or as it is where the catalogue has none."""
    if not text:  # gettext keeps the catalogue's own header under the empty text
        return ""
    if isinstance(text, _Marked):
        return _spoken().gettext(text.sentence).format(**text.values)
    return _spoken().gettext(text)


def many(one: str, several: str, count: int) -> str:
    """Return the form of a text that goes with a count: `many("{count} seed", "{count} seeds", n).format(count=n)`."""
    return _spoken().ngettext(one, several, count)


def later(text: str, **values: object) -> str:
    """Mark a text for the catalogue without looking it up yet; with values it reads as if they had been put in."""
    return _Marked(text, values) if values else text


def parts(text: str) -> tuple[str, dict[str, object]]:
    """Return a marked text's sentence and values: what `later` made of them, for another process to make it again."""
    return (text.sentence, text.values) if isinstance(text, _Marked) else (text, {})


def joined(sentence: str, values: dict[str, object]) -> str:
    """Return the marked text that `parts` took apart, in this process or another one."""
    return _Marked(sentence, values) if values else sentence


def spoken() -> str:
    """Return the visitor's language."""
    _spoken()
    return language.get() or SOURCE


def ask(teller: Callable[[], str]) -> None:
    """Let a function tell the language of every thread in which none is set; it is called once a thread.

    Streamlit runs callbacks before the page and in a thread of their own: there nobody could have set it.
    """
    global _teller
    _teller = teller


def nearest(*asked: str) -> str:
    """Return the first language asked for that is known, `de` for `de-AT` too; the source language if none is."""
    known = {code.lower(): code for code in (SOURCE, *languages())}
    for tag in asked:
        name = tag.lower().replace("-", "_")
        for code in (name, name.partition("_")[0]):
            if code in known:
                return known[code]
    return SOURCE


def languages() -> tuple[str, ...]:
    """Return the languages that have a catalogue."""
    return tuple(sorted(_found()))


def _found() -> Iterator[str]:
    return (file.parents[1].name for file in LOCALES.glob("*/LC_MESSAGES/effviz.mo"))


def _spoken() -> gettext.NullTranslations:
    code = language.get()
    if code is None:
        code = _teller()
        language.set(code)
    return _catalogue(code)


@cache
def _catalogue(of: str) -> gettext.NullTranslations:
    return gettext.translation("effviz", LOCALES, [of], fallback=True)


class _Marked(str):
    """A sentence of the source language with its values in it, which remembers both for `_`."""

    __slots__ = ("sentence", "values")
    sentence: str
    values: dict[str, object]

    def __new__(cls, sentence: str, values: dict[str, object]) -> "_Marked":
        marked = super().__new__(cls, sentence.format(**values))
        marked.sentence, marked.values = sentence, values
        return marked

    def __reduce__(self) -> tuple[type["_Marked"], tuple[str, dict[str, object]]]:
        """Copies and pickles remember both, too."""
        return _Marked, (self.sentence, self.values)
