"""Which language a visitor reads: the one that the address asks for (`?lang=de`), else the browser's."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from effviz import words
from effviz.errors import SettingsError
from effviz.ui.guard import guard
from effviz.ui.state import Setting


def parse(text: str) -> str:
    """`"de"` as a language that has a catalogue.

    Raises:
        SettingsError: There is no such catalogue.
    """
    known = (words.SOURCE, *words.languages())
    if text not in known:
        raise SettingsError(
            words._("The link asks for the language {text!r}: EffViz speaks {known}. Write one of them.").format(
                text=text[:20], known=", ".join(known)
            )
        )
    return text


LANGUAGE = Setting("lang", "", parse, str)


def adopt() -> None:
    """Take over what the address asks for; called once at the top of the app."""
    with guard():
        LANGUAGE.adopt()


def visitors() -> str:
    """The language of the visitor whose page runs in this thread; English outside of pages."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return words.SOURCE
    return words.nearest(LANGUAGE.get(), st.context.locale or "")


words.ask(visitors)
