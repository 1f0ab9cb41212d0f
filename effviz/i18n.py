"""Translation: every text that visitors read goes through `_`, so a new language is a new catalogue in `locales/`.

`_` translates a literal sentence when it is shown; values are inserted afterwards: `_("{count} px").format(count=3)`.
`ngettext` does the same for counts, because languages have different numbers of plural forms.
Text that is created when a module loads, or kept in a cache that visitors share, is marked with `lazy_gettext` and
translated where it is shown: `_(TITLES[kind])`. `docs/translating.md` explains how to add a language.

Language codes are gettext's folder names (`zh_TW`); browsers and addresses write `zh-TW`.
"""

import gettext
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Final

LOCALES = Path(__file__).with_name("locales")  # LANGUAGE/LC_MESSAGES/effviz.mo, as gettext lays them out
SOURCE_LANGUAGE: Final = "en"  # the language of the texts in the code

# The language of the visitor whose page runs in this thread; None until `_language_source` is asked for it.
thread_language: ContextVar[str | None] = ContextVar("language", default=None)
_language_source: Callable[[], str] = lambda: SOURCE_LANGUAGE  # noqa: E731 - replaced as a whole


def _(text: str) -> str:
    """Return a text in the visitor's language, or unchanged if the catalogue lacks it."""
    if not text:  # gettext stores the catalogue's header under the empty string
        return ""
    if isinstance(text, _LazyMessage):
        return _translations().gettext(text.sentence).format(**text.values)
    return _translations().gettext(text)


def ngettext(one: str, several: str, count: int) -> str:
    """Return the form of a text for a count: `ngettext("{count} seed", "{count} seeds", n).format(count=n)`."""
    return _translations().ngettext(one, several, count)


def lazy_gettext(text: str, **values: object) -> str:
    """Mark a text for translation without translating it yet; `values` fill its placeholders."""
    return _LazyMessage(text, values) if values else text


def split_message(text: str) -> tuple[str, dict[str, object]]:
    """Return a marked text's sentence and values, for `join_message` in another process."""
    return (text.sentence, text.values) if isinstance(text, _LazyMessage) else (text, {})


def join_message(sentence: str, values: dict[str, object]) -> str:
    """Return the marked text that `split_message` split, in this process or another one."""
    return _LazyMessage(sentence, values) if values else sentence


def typeset(number: str) -> str:
    """Return a number with a minus sign instead of a hyphen, as it is printed in every language."""
    return number.replace("-", "\N{MINUS SIGN}")


def current_language() -> str:
    """Return the visitor's language."""
    _translations()
    return thread_language.get() or SOURCE_LANGUAGE


def set_language_source(teller: Callable[[], str]) -> None:
    """Set the function that returns the language of a thread that has none; it is called once per thread.

    Streamlit runs callbacks before the page and in a separate thread, where the language is not set yet.
    """
    global _language_source
    _language_source = teller


def best_language(*asked: str) -> str:
    """Return the first requested language that exists, or its nearest relative; else the source language."""
    return next(filter(None, map(find_language, asked)), SOURCE_LANGUAGE)


def find_language(tag: str) -> str | None:
    """Return the language code for a browser's tag: `de` for `de-AT`, and `zh_TW` for `zh-HK` if no other is nearer."""
    codes = {code.lower(): code for code in (SOURCE_LANGUAGE, *available_languages())}
    name = tag.lower().replace("-", "_")
    language = name.partition("_")[0]
    related = [code for code in codes if code.partition("_")[0] == language]
    return next((codes[code] for code in (name, language, *related) if code in codes), None)


def language_name(code: str) -> str:
    """Return a language's own name, which is its catalogue's translation of the word English; else its tag."""
    name = _catalogue(code).gettext("English")
    return name if name != "English" or code == SOURCE_LANGUAGE else language_tag(code)


def language_tag(code: str) -> str:
    """Return a language code as browsers and addresses write it: `zh-TW`."""
    return code.replace("_", "-")


def available_languages() -> tuple[str, ...]:
    """Return the languages that have a catalogue."""
    return tuple(sorted(file.parents[1].name for file in LOCALES.glob("*/LC_MESSAGES/effviz.mo")))


def _translations() -> gettext.NullTranslations:
    code = thread_language.get()
    if code is None:
        code = _language_source()
        thread_language.set(code)
    return _catalogue(code)


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("effviz", LOCALES, [language], fallback=True)


class _LazyMessage(str):
    """A sentence of the source language with its values filled in; it keeps both for `_`."""

    __slots__ = ("sentence", "values")
    sentence: str
    values: dict[str, object]

    def __new__(cls, sentence: str, values: dict[str, object]) -> "_LazyMessage":
        marked = super().__new__(cls, sentence.format(**values))
        marked.sentence, marked.values = sentence, values
        return marked

    def __reduce__(self) -> tuple[type["_LazyMessage"], tuple[str, dict[str, object]]]:
        """Keep both in copies and pickles."""
        return _LazyMessage, (self.sentence, self.values)
