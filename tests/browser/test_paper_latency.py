"""Measuring a latency in a real browser: the bar counts runs, and Stop ends the process."""

import os
import re
import select
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import idle

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
NAME = "scaled-d1.9-w1.9@511"  # slow enough to be stopped, and nobody else's
PATIENCE_S = 60


def processes() -> list[int]:
    """Who measures just this network."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # it has just ended
            continue
        if "latency" in words and NAME in words:
            found.append(int(file.parent.name))
    return found


def ended(process: int) -> bool:
    """Whether a process that `os.pidfd_open` opened has ended, waited for as long as this needs."""
    return bool(select.select([process], [], [], PATIENCE_S)[0])


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are listed and waited for on Linux only")
def test_a_measurement_counts_its_runs_and_can_be_stopped(visit: Visit) -> None:
    page = visit("/paper?section=latency")
    networks = page.get_by_test_id("stMultiSelect").get_by_role("combobox")
    networks.press("Backspace")  # two networks are chosen at first
    networks.press("Backspace")
    networks.fill(NAME)
    networks.press("Enter")
    networks.press("Escape")  # while the list is open, nothing else can be reached
    idle(page)
    page.get_by_role("button", name=re.compile("Measure$")).click()
    expect(page.get_by_text(re.compile(rf"{re.escape(NAME)}: run \d+ of 20")).first).to_be_visible()
    (measuring,) = (os.pidfd_open(number) for number in processes())
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile("run .* of 20"))).to_have_count(0)
    idle(page)
    # The page runs anew at once; the run that was stopped hears of it at its next beat, and then kills the process.
    assert ended(measuring)
    os.close(measuring)
    assert processes() == []
    expect(page.get_by_test_id("stException")).to_have_count(0)
