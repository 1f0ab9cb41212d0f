"""Who a visitor is, and whether strangers may come."""

import math

import pytest
import streamlit as st

from effviz import settings
from effviz.errors import SettingsError
from effviz.ui import job_queue


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (None, None),
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),  # the same customer
        ("no address", "no address"),
    ],
)
def test_an_address_of_version_6_is_its_customer_s_network(address: str | None, network: str | None) -> None:
    assert job_queue._network(address) == network


@pytest.mark.parametrize(
    ("said", "address", "public", "limit"),
    [
        ("", "localhost", False, math.inf),
        ("", "127.0.0.1", False, math.inf),
        ("", "0.0.0.0", True, 16),
        ("", None, True, 16),  # Streamlit then listens on all
        ("1", "localhost", True, 16),  # behind a proxy
        ("0", "0.0.0.0", False, math.inf),
    ],
)
def test_public_is_what_listens_beyond_this_machine_unless_said(
    monkeypatch: pytest.MonkeyPatch, said: str, address: str | None, public: bool, limit: float
) -> None:
    monkeypatch.setenv(settings.PUBLIC.name, said)
    monkeypatch.setattr(st, "get_option", lambda _: address)
    assert job_queue.is_public() is public
    assert job_queue.turn_limit() == limit
    monkeypatch.setenv(settings.TURN_LIMIT.name, "2.5")
    assert job_queue.turn_limit() == 2.5


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "much"])
def test_a_limit_that_is_none_is_one_sentence(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(settings.TURN_LIMIT.name, text)
    with pytest.raises(SettingsError, match=r"EFFVIZ_TURN_LIMIT is .*: it must be a number above 0\. Correct it"):
        job_queue.turn_limit()


def test_public_is_0_or_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.PUBLIC.name, "yes")
    with pytest.raises(SettingsError, match=r"EFFVIZ_PUBLIC is 'yes': it must be 1 \(strangers may come\) or 0"):
        job_queue.is_public()
