"""Many visitors at once, each with a photo of its own: how long they wait, and whether each gets its own maps.

Every other one brings its photo as a file, the others take a bundled one.
A real server in a process of its own, real sessions over WebSocket, this machine only. What each visitor has to see is
computed here beforehand, one after the other.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from effviz.bench import server
from effviz.bench.figures import Figure, Figures, Say, percentile
from effviz.bench.shown import Maps, same, shown
from effviz.bench.visitors import visit
from effviz.explain import images, samples
from effviz.explain.forward import forward
from effviz.explain.maps import activation_map
from effviz.explain.methods import METHODS
from effviz.explain.results import Floats, Method
from effviz.zoo.catalogue import parse
from effviz.zoo.loading import load

ROUNDS = (Method.CAM, Method.LAYERCAM, Method.EIGENCAM)  # what each visitor looks at, one after the other
MOST_PEAK_MIB = 3072
QUICK_VISITS = 8

Wanted = dict[tuple[str, str, str], Floats]  # photo's sha256, model, method -> the map


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked of the server."""

    sessions: int = 20
    models: tuple[str, ...] = ("lite0@224", "lite1@224", "lite0@260", "lite2@260")
    rounds: tuple[Method, ...] = ROUNDS
    heavy_model: str = "lite2@260"  # for Score-CAM
    quick_model: str = "lite0@192"  # what the others ask for meanwhile; a size of its own, so that nothing is known


@dataclass(frozen=True, slots=True)
class Brought:
    """A visitor's photo."""

    photo: str  # the bundled one that it is
    data: bytes
    as_file: bool  # sent to the server


@dataclass(slots=True)
class Seen:
    """What all visitors got."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    maps: int = 0

    def compare(self, found: Maps, wanted: Mapping[str, Floats], sha256: str) -> None:
        """Count the maps of one answer, and those that are not what a visitor alone gets."""
        for label, values in wanted.items():
            self.maps += 1
            if not same(found.get((sha256, label)), values):
                self.wrong.append(f"Photo {sha256[:8]} by {label} did not get the map that a visitor alone gets.")


def bench(load_: Load = Load(), say: Say = lambda _: None) -> Figures:
    """Run the visitors, then a few quick ones alone and beside one who runs Score-CAM."""
    say("What each visitor has to see")
    wanted = expected(load_)
    with server.running() as running:
        say(f"{load_.sessions} visitors at once")
        seen = asyncio.run(everyone(running.port, load_, wanted))
        say("One visitor with Score-CAM")
        alone_s, beside_s = asyncio.run(_quick_and_heavy(running.port, load_))
        rows = [*_rows(load_, seen), *_quick_rows(alone_s, beside_s)]
        notes = [*seen.errors[:5], *seen.wrong[:5]]
        if (peak_mib := running.peak_mib) is None:
            notes.append("The server's memory is not known: it is read from /proc, on Linux.")
        else:
            rows.append(Figure.at_most("Peak memory of the server", peak_mib, MOST_PEAK_MIB, "MiB"))
    return Figures(tuple(rows), tuple(notes))


def _quick_rows(alone_s: list[float], beside_s: list[float]) -> list[Figure]:
    rows = [Figure("Page with one new quick map, median", 1000 * median(alone_s), "ms")]
    if beside_s:
        name = f"The same while another visitor runs Score-CAM, median of {len(beside_s)}"
        rows.append(Figure(name, 1000 * median(beside_s), "ms"))
    return rows


def _rows(load_: Load, seen: Seen) -> list[Figure]:
    times_ms = [1000 * seconds for seconds in seen.seconds]
    asked = load_.sessions * len(load_.rounds)
    return [
        Figure("Sessions at once", load_.sessions, ""),
        Figure("Maps checked", seen.maps, "", f"{asked * len(load_.models)}", seen.maps == asked * len(load_.models)),
        Figure.at_most("Wrong maps", len(seen.wrong), 0, ""),
        Figure.at_most("Errors", len(seen.errors), 0, ""),
        Figure("Response, median", percentile(times_ms, 50), "ms"),
        Figure("Response, 95th percentile", percentile(times_ms, 95), "ms"),
    ]


def expected(load_: Load) -> Wanted:
    """The maps of every photo that somebody will look at, computed one after the other."""
    wanted: Wanted = {}
    for label in load_.models:
        model = load(parse(label))
        for name in _photos(load_.sessions):
            sample = samples.find(name)
            passed = forward(model, images.read(sample.path.read_bytes(), sample.title))
            for method in load_.rounds:
                wanted[passed.photo.sha256, label, method] = activation_map(passed, method=method).values
    return wanted


def _photos(sessions: int) -> list[str]:
    """A photo for each session; they repeat when there are more sessions than photos."""
    names = [sample.name for sample in samples.samples()]
    return [names[number % len(names)] for number in range(sessions)]


async def everyone(port: int, load_: Load, wanted: Wanted) -> Seen:
    """Let every visitor look at its photo by each method, all at the same moments."""
    seen = Seen()
    together = asyncio.Barrier(load_.sessions)
    photos = enumerate(_photos(load_.sessions))
    brought = (Brought(photo, samples.find(photo).path.read_bytes(), number % 2 == 1) for number, photo in photos)
    await asyncio.gather(*(_one(port, load_, photo, together, (wanted, seen)) for photo in brought))
    return seen


async def _one(port: int, load_: Load, of: Brought, together: asyncio.Barrier, books: tuple[Wanted, Seen]) -> None:
    """Open a page, look at it by each method in turn, all visitors at the same moment."""
    wanted, seen = books
    photo, sha256 = of.photo, hashlib.sha256(of.data).hexdigest()
    async with visit(port, {"photos": "," if of.as_file else photo, "models": ",".join(load_.models)}) as visitor:
        if of.as_file:
            await visitor.upload((await visitor.ask()).widget("uploads"), f"{photo}.jpg", of.data)
        methods = ""
        for method in load_.rounds:
            if methods:
                visitor.select(methods, METHODS[method].title)
            await together.wait()
            answer = await visitor.ask()
            methods = answer.widget("method")
            seen.seconds.append(answer.seconds)
            seen.errors += [f"{photo}: {error}" for error in answer.errors]
            seen.compare(shown(answer), {label: wanted[sha256, label, method] for label in load_.models}, sha256)


async def _quick_and_heavy(port: int, load_: Load) -> tuple[list[float], list[float]]:
    """Seconds of a page with one new map, alone, and while somebody else's Score-CAM runs."""
    names = [sample.name for sample in samples.samples()]
    warm, alone, beside = names[0], names[1 : QUICK_VISITS + 1], names[QUICK_VISITS + 1 : 2 * QUICK_VISITS + 1]
    await _quick(port, load_, warm)
    alone_s = [await _quick(port, load_, name) for name in alone]
    async with visit(port, {"photos": warm, "models": load_.heavy_model, "method": "Score-CAM"}) as visitor:
        visitor.switch_on((await visitor.ask()).widget(f"agreed {Method.SCORECAM}"))
        heavy = asyncio.create_task(visitor.ask())
        await visitor.computing.wait()
        beside_s = []
        for name in beside:
            seconds = await _quick(port, load_, name)
            if heavy.done():
                break
            beside_s.append(seconds)
        heavy.cancel()
    return alone_s, beside_s


async def _quick(port: int, load_: Load, photo: str) -> float:
    async with visit(port, {"photos": photo, "models": load_.quick_model}) as visitor:
        return (await visitor.ask()).seconds
