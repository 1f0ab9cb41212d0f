"""What the first visitor will probably want is loaded as soon as the server listens, until a visitor comes.

One thread, one thing after the other. From the moment that a page is open nothing more is begun: visitors load what
they want themselves, and what is just being loaded for nobody takes a fraction of a second.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from streamlit.runtime import Runtime, RuntimeState

from effviz.errors import EffVizError

PAUSE_S: Final = 0.05  # between two looks whether the server listens

_log = logging.getLogger(__name__)


def start() -> threading.Thread:
    """Wait for this process's server in a thread of its own, then load."""
    thread = threading.Thread(target=_when_it_listens, name="ahead", daemon=True)
    thread.start()
    return thread


def load(is_wanted: Callable[[], bool]) -> None:
    """Load one thing after the other, as long as that is wanted."""
    for step in _steps():
        if not is_wanted():
            return
        try:
            step()
        except EffVizError as error:  # it will be said to whoever asks for it
            _log.info("Not loaded ahead: %s", error)


def _when_it_listens() -> None:
    never = threading.Event()
    while not Runtime.exists() or Runtime.instance().state is RuntimeState.INITIAL:
        never.wait(PAUSE_S)
    server = Runtime.instance()
    load(lambda: server.state is RuntimeState.NO_SESSIONS_CONNECTED)


def _steps() -> Iterator[Callable[[], object]]:
    """The modules of the first page, then the models that it opens with."""
    from effviz.ui import compare

    for found in iter_modules(compare.__path__, f"{compare.__name__}."):
        yield lambda name=found.name: import_module(name)  # type: ignore[misc]
    from effviz.ui import cache
    from effviz.ui.state import MODELS

    for label in MODELS.default:
        yield lambda label=label: cache.model(label)  # type: ignore[misc]
