"""Measuring latency in a real browser: the bar counts runs, and Stop ends the process."""

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
NAME = "scaled-d1.9-w1.9@511"  # slow enough to be stopped, and used by no other test
PATIENCE_S = 60


def processes() -> list[int]:
    """Return the processes that measure this network."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:  # the process has just ended
            continue
        if "latency" in words and NAME in words:
            found.append(int(file.parent.name))
    return found


def ended(process: int) -> bool:
    """Whether a process opened with `os.pidfd_open` has ended; waits until it has."""
    return bool(select.select([process], [], [], PATIENCE_S)[0])


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="processes are listed and waited for on Linux only")
def test_a_measurement_counts_its_runs_and_can_be_stopped(visit: Visit) -> None:
    page = visit("/paper?section=latency")
    networks = page.get_by_test_id("stMultiSelect").get_by_role("combobox")
    networks.press("Backspace")  # two networks are chosen initially
    networks.press("Backspace")
    networks.fill(NAME)
    networks.press("Enter")
    networks.press("Escape")  # while the list is open, nothing else is accessible
    idle(page)
    page.get_by_role("button", name=re.compile("Measure$")).click()
    expect(page.get_by_text(re.compile(rf"{re.escape(NAME)}: run \d+ of 20")).first).to_be_visible()
    (measuring,) = (os.pidfd_open(number) for number in processes())
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile("run .* of 20"))).to_have_count(0)
    idle(page)
    # The page reruns at once; the stopped run notices at its next update, and then kills the process.
    assert ended(measuring)
    os.close(measuring)
    assert processes() == []
    expect(page.get_by_test_id("stException")).to_have_count(0)
