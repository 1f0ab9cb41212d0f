"""Many visitors at once, a hostile one, or a long session: whether all get their own maps, and how long they wait.

Every benchmark uses a real server in a separate process and real sessions over WebSocket, on this machine only.
"""

import asyncio
import hashlib
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from effviz.bench import app_sessions
from effviz.bench.app_sessions import ShownMaps, visit, visit_once
from effviz.bench.app_timing import GROWTH_MIB
from effviz.bench.benchmark import Figure, Measured, Say
from effviz.evaluate.single_core_latency import process_mib
from effviz.explain import images, sample_photos
from effviz.explain.activation_maps import activation_map
from effviz.explain.cam_methods import CAM_METHODS
from effviz.explain.data_types import Floats, Method
from effviz.explain.forward_pass import forward
from effviz.progress import no_progress
from effviz.zoo.catalogue import parse_model
from effviz.zoo.loading import load

MOST_PEAK_MIB = 3072
QUICK_VISITS = 8
HEAVY_MODEL = "lite2@260"  # for Score-CAM
QUICK_MODEL = "lite0@192"  # what the others request meanwhile; at another size, so that nothing is cached
PHOTOS = [sample.name for sample in sample_photos.samples()]
ExpectedMaps = dict[tuple[str, str, str], Floats]  # photo's sha256, model, method -> the map


@dataclass(frozen=True, slots=True)
class Load:
    """The load on the server."""

    sessions: int = 20
    models: tuple[str, ...] = ("lite0@224", "lite1@224", "lite0@260", "lite2@260")
    rounds: tuple[Method, ...] = (Method.CAM, Method.LAYERCAM, Method.EIGENCAM)  # that each visitor views in turn


@dataclass(slots=True)
class LoadOutcome:
    """The results of all visitors."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    maps: int = 0

    def compare(self, shown: ShownMaps, expected: Mapping[str, Floats], sha256: str) -> None:
        """Count the maps of one answer, and record those that differ from what a single visitor gets."""
        for label, values in expected.items():
            self.maps += 1
            if not app_sessions.is_same_map(shown.get((sha256, label)), values):
                self.wrong.append(f"The map of photo {sha256[:8]} by {label} differs from what a single visitor gets.")


def bench_load(load_: Load = Load(), say: Say = no_progress) -> Measured:
    """Run the visitors, then time a few quick ones alone and while another visitor runs Score-CAM."""
    say("The expected maps")
    expected = expected_maps(load_)
    with app_sessions.start_server() as running:
        say(f"{load_.sessions} visitors at once")
        outcome = asyncio.run(visit_all(running.port, load_, expected))
        say("One visitor with Score-CAM")
        alone_s, beside_s = asyncio.run(_quick_and_heavy(running.port))
        peak_mib = running.peak_mib
    yield from _load_rows(load_, outcome)
    yield Figure("Page with one new quick map, median", 1000 * median(alone_s), "ms")
    if beside_s:
        name = f"The same while another visitor runs Score-CAM, median of {len(beside_s)}"
        yield Figure(name, 1000 * median(beside_s), "ms")
    if peak_mib is None:
        yield app_sessions.MEMORY_UNKNOWN
    else:
        yield Figure.at_most("Peak memory of the server", peak_mib, MOST_PEAK_MIB, "MiB")


def _load_rows(load_: Load, outcome: LoadOutcome) -> Measured:
    maps = load_.sessions * len(load_.rounds) * len(load_.models)
    yield Figure("Sessions at once", load_.sessions, "")
    yield Figure("Maps checked", outcome.maps, "", f"{maps}", outcome.maps == maps)
    yield Figure.at_most("Wrong maps", len(outcome.wrong), 0, "")
    yield Figure.at_most("Errors", len(outcome.errors), 0, "")
    for name, percent in (("median", 50), ("95th percentile", 95)):
        seconds = float(np.percentile(outcome.seconds, percent, method="inverted_cdf"))
        yield Figure(f"Response, {name}", 1000 * seconds, "ms")
    yield from (*outcome.errors[:5], *outcome.wrong[:5])


def expected_maps(load_: Load) -> ExpectedMaps:
    """Compute the maps of every photo that a visitor will view, one after the other."""
    expected: ExpectedMaps = {}
    for label in load_.models:
        model = load(parse_model(label))
        for name in PHOTOS[: load_.sessions]:
            sample = sample_photos.find(name)
            passed = forward(model, images.read(sample.path.read_bytes(), sample.title))
            for method in load_.rounds:
                expected[passed.photo.sha256, label, method] = activation_map(passed, method=method).values
    return expected


async def visit_all(port: int, load_: Load, expected: ExpectedMaps) -> LoadOutcome:
    """Have every visitor view its photo with each method, all at the same moments."""
    books, together = (expected, LoadOutcome()), asyncio.Barrier(load_.sessions)
    await asyncio.gather(*(_visit_page(port, load_, number, together, books) for number in range(load_.sessions)))
    return books[1]


async def _visit_page(
    port: int, load_: Load, number: int, together: asyncio.Barrier, books: tuple[ExpectedMaps, LoadOutcome]
) -> None:
    """Open a page, every other one with an uploaded file, and view its photo with each method in turn."""
    (expected, outcome), photo, as_file = books, PHOTOS[number % len(PHOTOS)], number % 2 == 1
    data = sample_photos.find(photo).path.read_bytes()
    sha256, methods = hashlib.sha256(data).hexdigest(), ""
    async with visit(port, {"photos": "," if as_file else photo, "models": ",".join(load_.models)}) as visitor:
        if as_file:
            await visitor.upload((await visitor.ask()).widget("uploads"), f"{photo}.jpg", data)
        for method in load_.rounds:
            if methods:
                visitor.set_widget(methods, string_value=CAM_METHODS[method].title)
            await together.wait()
            answer = await visitor.ask()
            methods = answer.widget("method-choice")
            outcome.seconds.append(answer.seconds)
            outcome.errors += [f"{photo}: {error}" for error in answer.errors]
            wanted = {label: expected[sha256, label, method] for label in load_.models}
            outcome.compare(app_sessions.read_shown_maps(answer), wanted, sha256)


async def _quick_and_heavy(port: int) -> tuple[list[float], list[float]]:
    """Return the seconds of a page with one new map, alone and while another visitor's Score-CAM runs."""
    warm, alone, beside = PHOTOS[0], PHOTOS[1 : QUICK_VISITS + 1], PHOTOS[QUICK_VISITS + 1 : 2 * QUICK_VISITS + 1]
    await _quick_s(port, warm)
    alone_s = [await _quick_s(port, name) for name in alone]
    async with visit(port, {"photos": warm, "models": HEAVY_MODEL, "method": "Score-CAM"}) as visitor:
        visitor.set_widget((await visitor.ask()).widget(f"agreed {Method.SCORECAM}"), bool_value=True)
        heavy = asyncio.create_task(visitor.ask())
        await visitor.computing.wait()
        beside_s = []
        for name in beside:
            seconds = await _quick_s(port, name)
            if heavy.done():
                break
            beside_s.append(seconds)
        heavy.cancel()
    return alone_s, beside_s


async def _quick_s(port: int, photo: str) -> float:
    return (await visit_once(port, {"photos": photo, "models": QUICK_MODEL})).seconds


# One visitor does the worst that the pages allow, on many pages at once; others request one quick map each.
# The server is configured as for the internet (EFFVIZ_PUBLIC=1). The hostile pages share one address and the newcomers
# have others, as a proxy on this machine would report them.

HOSTILE = "198.51.100.1"
HOSTILE_PAGES, NEWCOMERS = 24, 8
PAUSE_S = 0.1  # between two checks of the server's health and memory
WAIT_S, MOST_TIMES, STALL_MS = 5.0, 3.0, 1000.0

# What each page requests repeatedly, each time for another photo: the most expensive networks that are allowed, slow
# methods, methods with gradients, many networks to load, a network beyond the limit, a measurement.
B4, L2 = "scaled-d1.8-w1.4@380", "scaled-d5.3-w4.3@800"
MANY_MODELS = ",".join(f"scaled-d1-w0.{number}@224" for number in range(2, 10))

QUERIES = (
    ("", {"models": B4, "method": "fullgrad"}),
    ("", {"models": B4, "method": "scorecam"}),
    ("", {"models": "lite2@260", "method": "scorecam"}),
    ("", {"models": B4, "method": "gradcam", "layer": "4"}),
    ("", {"models": MANY_MODELS}),
    ("", {"models": L2}),
    ("paper", {"section": "latency"}),
    ("", {"models": f"lite0@224,lite1@224,lite2@224,{B4}"}),
)
PRESSES = {"agreed scorecam": "bool_value", "measure-latency": "trigger_value"}  # what a page's work may wait for


@dataclass(slots=True)
class ServerHealth:
    """Observations of the server meanwhile."""

    stalls_ms: list[float] = field(default_factory=list)
    held_mib: list[float] = field(default_factory=list)
    children: int = 0


def bench_hostile(say: Say = no_progress) -> Measured:
    """Time newcomers alone, and then alongside the hostile pages."""
    with app_sessions.start_server(environment={"EFFVIZ_PUBLIC": "1"}) as running:
        yield from _attack_rows(*asyncio.run(_both(running, say)))


def _attack_rows(alone_s: list[float], beside_s: list[float], health: ServerHealth) -> Iterator[Figure]:
    most_ms = 1000 * max(MOST_TIMES * median(alone_s), WAIT_S)
    yield Figure("Hostile pages of one visitor", HOSTILE_PAGES, "")
    yield Figure("A newcomer's page with one new quick map, alone, median", 1000 * median(alone_s), "ms")
    yield Figure("The same beside the hostile pages, median", 1000 * median(beside_s), "ms")
    yield Figure.at_most("The longest", 1000 * max(beside_s), round(most_ms), "ms")
    yield Figure.at_most("Longest wait for the health check", max(health.stalls_ms), STALL_MS, "ms")
    if health.held_mib:
        yield Figure("Memory of server and children after its start", health.held_mib[0], "MiB")
        yield Figure("Peak memory of server and children", max(health.held_mib), "MiB")
        yield Figure("Children at once, most", health.children, "")


async def _both(running: app_sessions.AppServer, say: Say) -> tuple[list[float], list[float], ServerHealth]:
    numbers, health, begun = count(), ServerHealth(), [asyncio.Event() for _ in range(HOSTILE_PAGES)]
    say("Newcomers alone")
    await _newcomer_s(running.port, next(numbers))
    alone_s = [await _newcomer_s(running.port, next(numbers)) for _ in range(NEWCOMERS)]
    say(f"{HOSTILE_PAGES} hostile pages")
    pages = [_hostile(running.port, number, event) for number, event in enumerate(begun)]
    tasks = [asyncio.create_task(coroutine) for coroutine in (_watch(running, health), *pages)]
    try:
        await asyncio.gather(*(event.wait() for event in begun))  # each page has sent one request
        beside_s = [await _newcomer_s(running.port, next(numbers)) for _ in range(NEWCOMERS)]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return alone_s, beside_s, health


async def _newcomer_s(port: int, number: int) -> float:
    """Return the seconds of a page with one new map, for a visitor who was never here before."""
    turn, photo = divmod(number, len(PHOTOS))
    query = {"photos": PHOTOS[photo], "models": f"lite0@{192 + 32 * turn}"}  # so that no map is cached
    return (await visit_once(port, query, address=f"203.0.113.{number % 250 + 1}")).seconds


async def _hostile(port: int, number: int, begun: asyncio.Event) -> None:
    """Request one page after another, and use the widgets that its work waits for."""
    for turn in count(number):
        page, query = QUERIES[turn % len(QUERIES)]
        photo = PHOTOS[(7 * turn + number) % len(PHOTOS)]
        with suppress(OSError, TimeoutError):
            async with visit(port, {"photos": photo, **query}, page, HOSTILE) as visitor:
                asking = asyncio.create_task(visitor.ask())
                await asyncio.sleep(0)
                begun.set()
                answer = await asking
                for key, kind in PRESSES.items():
                    with suppress(KeyError):
                        visitor.set_widget(answer.widget(key), **{kind: True})
                        await visitor.ask()


async def _watch(running: app_sessions.AppServer, health: ServerHealth) -> None:
    while True:
        asked = time.perf_counter()
        await asyncio.to_thread(lambda: urllib.request.urlopen(f"{running.address}/_stcore/health", timeout=60).close())
        health.stalls_ms.append(1000 * (time.perf_counter() - asked))
        tree = await asyncio.to_thread(_tree, running.pid)
        health.children = max(health.children, len(tree) - 1)
        # Pss divides shared memory among the processes that share it.
        if held := [mib for pid in tree if (mib := process_mib(pid, "Pss", "smaps_rollup")) is not None]:
            health.held_mib.append(sum(held))
        await asyncio.sleep(PAUSE_S)


def _tree(pid: int) -> list[int]:
    """Return the IDs of a process and of all that it started."""
    pids = [pid]
    for process_id in pids:
        for task in Path(f"/proc/{process_id}/task").glob("*/children"):
            with suppress(OSError):
                pids += map(int, task.read_text().split())
    return pids


# Varied visitors come and go for a while: the server's memory must not grow with them.
# They come one after the other, each in a new session: comparisons of other photos and methods, the other pages, an
# uploaded photo, a model that fails.

WARM_VISITORS: Final = 30  # visits that fill the caches

VISIT_KINDS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("", {"models": "lite0@224,lite1@224"}),
    ("scale", {"phi": "1.5"}),
    ("", {"models": "lite0@224", "method": "layercam"}),
    ("tradeoff", {}),
    ("", {"models": "lite2@260", "method": "eigencam"}),
    ("paper", {"section": "table1"}),
    ("", {"models": "b7@600"}),  # whose weights are missing
    ("evaluate", {}),
)


def bench_session(minutes: float, say: Say = no_progress) -> Measured:
    """Have visitors come for some minutes, after a first group that fills the caches."""
    with app_sessions.start_server() as running:
        say("The first visitors")
        asyncio.run(make_visits(running.port, 0, WARM_VISITORS))
        start, number, ends = running.memory_mib, WARM_VISITORS, time.monotonic() + 60 * minutes
        while time.monotonic() < ends:
            say(f"{number} visitors")
            asyncio.run(make_visits(running.port, number, len(VISIT_KINDS)))
            number += len(VISIT_KINDS)
        end, peak = running.memory_mib, running.peak_mib
    if start is None or end is None or peak is None:
        yield app_sessions.MEMORY_UNKNOWN
        return
    yield Figure(f"Server's memory after {WARM_VISITORS} visitors", start, "MiB")
    yield Figure(f"Server's memory after {number} visitors in {minutes:g} minutes", end, "MiB")
    yield Figure.at_most("Growth", end - start, round(GROWTH_MIB, 1), "MiB")
    yield Figure("The most that it held", peak, "MiB")


async def make_visits(port: int, first: int, how_many: int) -> None:
    """Make this many visits, numbered from `first`: each number is a different visit.

    Raises:
        AssertionError: a page failed.
    """
    for number in range(first, first + how_many):
        page, query = VISIT_KINDS[number % len(VISIT_KINDS)]
        photo = PHOTOS[number % len(PHOTOS)]
        photos = {} if page else {"photos": photo}
        async with visit(port, {**query, **photos}, page) as visitor:
            answer = await visitor.ask()
            assert not answer.errors, answer.errors
            if not page and number % 3 == 0:  # upload a file as well
                data = sample_photos.find(photo).path.read_bytes()
                await visitor.upload(answer.widget("uploads"), f"own {number}.jpg", data + bytes(number % 100))
                assert not (await visitor.ask()).errors
