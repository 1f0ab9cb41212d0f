"""One visitor does the worst that the pages allow, on many pages at once; others come for one quick map each.

A real server as the internet would have it (EFFVIZ_PUBLIC=1), real sessions over WebSocket, this machine only. The
hostile pages have one address and the newcomers others, as a proxy on this machine would tell.
"""

import asyncio
import re
import time
import urllib.request
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from statistics import median

from effviz.bench import server
from effviz.bench.figures import Figure, Figures, Say
from effviz.bench.visitors import Visitor, visit
from effviz.explain import samples

HOSTILE = "198.51.100.1"
PAUSE_S = 0.1  # between two looks at the server's health and memory
WAIT_S, MOST_TIMES, STALL_MS = 5.0, 3.0, 1000.0
# What each page asks for, again and again, for another photo each time: the dearest networks that are allowed, long
# methods, methods with gradients, many networks to load, a network beyond the limit, a measurement.
B4, L2 = "scaled-d1.8-w1.4@380", "scaled-d5.3-w4.3@800"
MANY = ",".join(f"scaled-d1-w0.{number}@224" for number in range(2, 10))
QUERIES = (
    ("", {"models": B4, "method": "fullgrad"}),
    ("", {"models": B4, "method": "scorecam"}),
    ("", {"models": "lite2@260", "method": "scorecam"}),
    ("", {"models": B4, "method": "gradcam", "layer": "4"}),
    ("", {"models": MANY}),
    ("", {"models": L2}),
    ("paper", {"section": "latency"}),
    ("", {"models": f"lite0@224,lite1@224,lite2@224,{B4}"}),
)


@dataclass(frozen=True, slots=True)
class Attack:
    """How much of it."""

    pages: int = 24
    newcomers: int = 8
    model: str = "lite0@192"


@dataclass(slots=True)
class Watched:
    """What was seen of the server meanwhile."""

    stalls_ms: list[float] = field(default_factory=list)
    held_mib: list[float] = field(default_factory=list)
    children: int = 0


def bench(attack: Attack = Attack(), say: Say = lambda _: None) -> Figures:
    """Time newcomers alone, and then beside the hostile pages."""
    with server.running(environment={"EFFVIZ_PUBLIC": "1"}) as running:
        alone_s, beside_s, seen = asyncio.run(_both(running, attack, say))
    return Figures(tuple(_rows(attack, alone_s, beside_s, seen)), ())


def _rows(attack: Attack, alone_s: list[float], beside_s: list[float], seen: Watched) -> Iterable[Figure]:
    most_ms = 1000 * max(MOST_TIMES * median(alone_s), WAIT_S)
    yield Figure("Hostile pages of one visitor", attack.pages, "")
    yield Figure("A newcomer's page with one new quick map, alone, median", 1000 * median(alone_s), "ms")
    yield Figure("The same beside the hostile pages, median", 1000 * median(beside_s), "ms")
    yield Figure.at_most("The longest", 1000 * max(beside_s), round(most_ms), "ms")
    yield Figure.at_most("Longest wait for the health check", max(seen.stalls_ms), STALL_MS, "ms")
    if seen.held_mib:
        yield Figure("Memory of server and children after its start", seen.held_mib[0], "MiB")
        yield Figure("Peak memory of server and children", max(seen.held_mib), "MiB")
        yield Figure("Children at once, most", seen.children, "")


async def _both(running: server.Server, attack: Attack, say: Say) -> tuple[list[float], list[float], Watched]:
    names = [sample.name for sample in samples.samples()]
    own = (visits for visits in enumerate(cycle(names)))
    say("Newcomers alone")
    await _newcomer(running.port, attack, *next(own))
    alone_s = [await _newcomer(running.port, attack, *next(own)) for _ in range(attack.newcomers)]
    say(f"{attack.pages} hostile pages")
    async with _watching(running) as seen, _attacked(running.port, attack):
        beside_s = [await _newcomer(running.port, attack, *next(own)) for _ in range(attack.newcomers)]
    return alone_s, beside_s, seen


async def _newcomer(port: int, attack: Attack, number: int, photo: str) -> float:
    """Seconds of a page with one new map, by somebody who was never here."""
    size = 192 + 32 * (number // len(samples.samples()))  # so that no map is known
    query = {"photos": photo, "models": f"{attack.model.partition('@')[0]}@{size}"}
    async with visit(port, query, address=f"203.0.113.{number % 250 + 1}") as visitor:
        return (await visitor.ask()).seconds


@asynccontextmanager
async def _attacked(port: int, attack: Attack) -> AsyncIterator[None]:
    """Keep the hostile pages going for the block; each has asked once before it begins."""
    begun = [asyncio.Event() for _ in range(attack.pages)]
    pages = [asyncio.create_task(_hostile(port, number, begun[number])) for number in range(attack.pages)]
    try:
        await asyncio.gather(*(each.wait() for each in begun))
        yield
    finally:
        for page in pages:
            page.cancel()
        await asyncio.gather(*pages, return_exceptions=True)


async def _hostile(port: int, number: int, begun: asyncio.Event) -> None:
    names = [sample.name for sample in samples.samples()]
    for turn in count(number):
        page, query = QUERIES[turn % len(QUERIES)]
        photo = names[(7 * turn + number) % len(names)]
        with suppress(OSError, TimeoutError):
            async with visit(port, {"photos": photo, **query}, page, HOSTILE) as visitor:
                await _worst(visitor, begun)


async def _worst(visitor: Visitor, begun: asyncio.Event) -> None:
    """Ask for the page, and then press what its work waits for."""
    asking = asyncio.create_task(visitor.ask())
    await asyncio.sleep(0)
    begun.set()
    answer = await asking
    with suppress(KeyError):
        visitor.switch_on(answer.widget("agreed scorecam"))
        await visitor.ask()
    with suppress(KeyError):
        visitor.press(answer.widget("measure-latency"))
        await visitor.ask()


@asynccontextmanager
async def _watching(running: server.Server) -> AsyncIterator[Watched]:
    seen = Watched()
    watching = asyncio.create_task(_watch(running, seen))
    try:
        yield seen
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _watch(running: server.Server, seen: Watched) -> None:
    while True:
        asked = time.perf_counter()
        await asyncio.to_thread(_health, running.address)
        seen.stalls_ms.append(1000 * (time.perf_counter() - asked))
        tree = await asyncio.to_thread(_tree, running.pid)
        seen.children = max(seen.children, len(tree) - 1)
        if held := [mib for pid in tree if (mib := _held_mib(pid)) is not None]:
            seen.held_mib.append(sum(held))
        await asyncio.sleep(PAUSE_S)


def _health(address: str) -> None:
    urllib.request.urlopen(f"{address}/_stcore/health", timeout=60).close()


def _tree(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            with suppress(OSError):
                found += map(int, task.read_text().split())
    return found


def _held_mib(pid: int) -> float | None:
    """What a process holds, its share of what several hold; None where nobody knows."""
    try:
        known = re.search(r"^Pss:\s*(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(known[1]) / 1024 if known else None
