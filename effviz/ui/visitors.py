"""Who asks: an address and a session; and whether strangers may ask at all."""

import ipaddress
import math
import os
from collections.abc import Hashable
from typing import Final

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from effviz.errors import SettingsError
from effviz.words import _

PUBLIC: Final = "EFFVIZ_PUBLIC"
LIMIT: Final = "EFFVIZ_TURN_LIMIT"
DEFAULT_LIMIT: Final = 16.0  # passes of B4 at 380 px: about two seconds on two cores
LOCAL: Final = ("localhost", "127.0.0.1", "::1")


def here() -> tuple[Hashable, Hashable]:
    """Return whose script this is: the visitor's address (None on this machine), and the session, an open page.

    Behind a proxy on this machine the address is what the proxy says; see docs/deploy.md.
    """
    ctx = get_script_run_ctx()
    return (_network(st.context.ip_address), ctx.session_id) if ctx else (None, None)


def _network(address: str | None) -> str | None:
    """The address; of version 6, the network of 64 bits that one customer has."""
    try:
        known = ipaddress.ip_address(address or "")
    except ValueError:
        return address
    return str(known) if known.version == 4 else str(ipaddress.ip_network((known, 64), strict=False))


def public() -> bool:
    """Whether strangers may come: unless EFFVIZ_PUBLIC says it, when the server listens on more than this machine.

    Raises:
        SettingsError: the setting is neither 0 nor 1.
    """
    said = os.environ.get(PUBLIC, "").strip()
    if said not in ("", "0", "1"):
        raise SettingsError(
            _("{setting} is {text!r}: it must be 1 (strangers may come) or 0. Correct it, or leave it out.").format(
                setting=PUBLIC, text=said
            )
        )
    return said == "1" if said else st.get_option("server.address") not in LOCAL


def turn_limit() -> float:
    """Return what one turn may cost at most, in passes of B4 at 380 px; one's own server has no limit.

    Raises:
        SettingsError: the setting is not a positive number.
    """
    said = os.environ.get(LIMIT, "").strip()
    if not said:
        return DEFAULT_LIMIT if public() else math.inf
    try:
        limit = float(said)
    except ValueError:
        limit = math.nan
    if not 0 < limit < math.inf:
        raise SettingsError(
            _("{setting} is {text!r}: it must be a number above 0. Correct it, or leave it out.").format(
                setting=LIMIT, text=said
            )
        )
    return limit
