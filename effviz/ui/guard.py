"""What a visitor sees when something goes wrong: one calm message, never a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from effviz.errors import EffVizError
from effviz.i18n import _, lazy_gettext
from effviz.ui.job_queue import is_public

logger = logging.getLogger(__name__)

UNEXPECTED = lazy_gettext(
    "Something went wrong that EffViz did not foresee, so this part of the page is missing. "
    "The details are in the server's log; reload the page to try again."
)


@contextmanager
def guard() -> Iterator[None]:
    """Show an `EffVizError` of the block as one message; it costs the rest of the block, not the rest of the page."""
    try:
        yield
    except EffVizError as error:
        st.warning(str(error), icon=":material/info:")


@contextmanager
def last_guard() -> Iterator[None]:
    """The outermost guard: a mistake of ours is logged with its traceback and shown as one sentence.

    Streamlit steers reruns and stops with `BaseException`s, which pass through.
    """
    try:
        with guard():
            yield
    except Exception as error:
        # The same place and kind without its words, which may hold the name of a visitor's file.
        nameless = RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
        logger.exception("A page failed", exc_info=nameless if is_public() else error)
        st.error(_(UNEXPECTED), icon=":material/error:")
