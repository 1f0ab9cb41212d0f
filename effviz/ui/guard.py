"""Error handling of the pages: visitors see one message, never a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from effviz.errors import EffVizError
from effviz.i18n import _, lazy_gettext
from effviz.ui.job_queue import is_public

logger = logging.getLogger(__name__)

UNEXPECTED = lazy_gettext(
    "An unexpected error occurred, so this part of the page is missing. The details are in the server's "
    "log; reload the page to try again."
)


@contextmanager
def guard() -> Iterator[None]:
    """Show an `EffVizError` as one message; the rest of the block is skipped, but the page continues."""
    try:
        yield
    except EffVizError as error:
        st.warning(str(error), icon=":material/info:")


@contextmanager
def last_guard() -> Iterator[None]:
    """Guard the whole page: log an unexpected exception with its traceback, and show one sentence.

    Streamlit's own exceptions for reruns and stops derive from `BaseException` and pass through.
    """
    try:
        with guard():
            yield
    except Exception as error:
        # On a public server, log the type and place without the message, which may contain a visitor's file name.
        nameless = RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
        logger.exception("A page failed", exc_info=nameless if is_public() else error)
        st.error(_(UNEXPECTED), icon=":material/error:")
