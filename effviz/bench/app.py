"""The app as a visitor meets it: how long pages take, when something is on the screen, and what the server holds.

Every server is a fresh process on this machine. A page's script time is from asking over the WebSocket to the message
that its script has ended, so it is what a browser waits for before its own work.
"""

import asyncio
from collections.abc import Sequence
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

from effviz.bench import browser, server
from effviz.bench.figures import Figure, Figures, Say
from effviz.bench.visitors import Answer, visit
from effviz.errors import SettingsError
from effviz.explain import samples
from effviz.zoo import classes

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

REPEATS = 9
COMPARISONS = 200
FOUR = {"models": "lite0@224,lite1@224,lite0@260,lite2@260"}
FIVE = {"models": "lite0@224,lite1@224,lite2@224,lite0@260,lite2@260"}
FIRST_PAINT_MS, COMPARE_MS, FRAMES, PICTURES, GROWTH_MIB = 2500, 150, 50, 60, 50 * 1e6 / server.MIB


def bench(say: Say = lambda _: None, comparisons: int = COMPARISONS) -> Figures:
    """Measure pages, memory, and, where there is a browser, what it shows."""
    rows, notes = [], []
    try:
        say("A browser")
        with browser.chromium() as running:
            rows += _shown(running)
    except SettingsError as error:
        notes.append(str(error))
    say("Each page's script")
    rows += _scripts()
    say(f"{comparisons} comparisons")
    rows += _memory(comparisons, notes)
    return Figures(tuple(rows), tuple(notes))


def _scripts() -> list[Figure]:
    first = _script("")
    rows = _script_rows("", first)
    for page in first[0].pages[1:]:
        rows += _script_rows(page, _script(page))
    return rows


def _script(page: str) -> list[Answer]:
    """Run a page in a fresh server, then again and again with nothing changed."""
    with server.running() as fresh:
        return asyncio.run(_again(fresh.port, page))


async def _again(port: int, page: str) -> list[Answer]:
    async with visit(port, FOUR if not page else {}, page) as visitor:
        return [await visitor.ask() for _ in range(REPEATS + 1)]


def _script_rows(page: str, answers: Sequence[Answer]) -> list[Figure]:
    first, *more = (1000 * answer.seconds for answer in answers)
    title = page or "compare, four models"
    again = f"Script of {title}, repeated"
    repeated = Figure(again, median(more), "ms") if page else Figure.at_most(again, median(more), COMPARE_MS, "ms")
    return [Figure(f"Script of {title}, first in a fresh server", first, "ms"), repeated]


def _memory(comparisons: int, notes: list[str]) -> list[Figure]:
    with server.running() as fresh:
        start = fresh.memory_mib
        asyncio.run(_compare(fresh.port, FIVE))
        five = fresh.memory_mib
        asyncio.run(_many(fresh.port, comparisons))
        after = fresh.memory_mib
    if start is None or five is None or after is None:
        notes.append("The server's memory is not known: it is read from /proc, on Linux.")
        return []
    return [
        Figure("Server's memory after start", start, "MiB"),
        Figure("Server's memory after five models", five, "MiB"),
        Figure(f"Server's memory after {comparisons} comparisons more", after, "MiB"),
        Figure.at_most(f"Growth over {comparisons} comparisons", after - five, round(GROWTH_MIB, 1), "MiB"),
    ]


async def _compare(port: int, query: dict[str, str]) -> Answer:
    async with visit(port, query) as visitor:
        return await visitor.ask()


async def _many(port: int, comparisons: int) -> None:
    """Different photos and classes, each in a page of its own, as visitors come and go."""
    photos = [sample.name for sample in samples.samples()]
    for number, name in enumerate(islice(classes.names(), comparisons)):
        target = {"target": "class", "class": name, "photos": photos[number % len(photos)]}
        await _compare(port, {**FOUR, **target})


def _shown(running: "Browser") -> list[Figure]:
    with server.running() as fresh:
        loaded: list[bool | None] = []
        page = browser.new_page(running)
        cold = browser.first_paint_ms(page, fresh.address, lambda: loaded.append(fresh.loaded("libtorch")))
        warm = browser.first_paint_ms(browser.new_page(running), fresh.address)
        rows = [
            Figure.at_most("First paint, fresh server and browser", cold, FIRST_PAINT_MS, "ms"),
            Figure("First paint, server in use, fresh browser", warm, "ms"),
        ]
        if loaded[0] is not None:
            rows.append(Figure.at_most("Torch loaded when the first paint came", int(loaded[0]), 0, ""))
        return rows + _interaction(running, fresh)


def _interaction(running: "Browser", used: server.Server) -> list[Figure]:
    page = browser.new_page(running)
    page.goto(used.address)
    browser.settled(page)
    buttons = page.locator(".effviz-grid .classes button")
    buttons.first.wait_for()
    tried = [browser.class_to_pixels_ms(page, buttons.nth(place)) for place in range(1, buttons.count())]
    changes = [ms for ms in tried if ms is not None]
    rows = [Figure(f"From pointing at a class to changed pixels, median of {len(changes)}", median(changes), "ms")]
    rows += _hands(page)
    page.goto(f"{used.address}/scale")
    browser.settled(page)
    dragged = browser.frames_per_second(page.get_by_role("slider").first)
    return [*rows, Figure.at_least("Pictures of the network while phi is dragged", dragged, FRAMES, "frames/s")]


def _hands(page: "Page") -> list[Figure]:
    """How often the maps are drawn while a hand moves them, in the comparison that is open: five of one photo."""
    first = page.locator("figure.tile .stage").first
    first.press("+")
    moved = browser.pictures_per_second(page, first, zooming=True)
    page.get_by_role("button", name="Whole photo").click()
    page.get_by_label("Swipe").check()
    swiped = browser.pictures_per_second(page, page.locator(".swipe .stage"))
    return [
        Figure.at_least("Pictures of five maps while they are zoomed and moved", round(moved), PICTURES, "frames/s"),
        Figure.at_least("Pictures of two maps while they are swiped", round(swiped), PICTURES, "frames/s"),
    ]
