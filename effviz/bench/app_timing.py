"""The app as a visitor experiences it: how long pages take, when they are painted, and the server's memory.

Every server is a fresh process on this machine. A page's script time runs from the request over the WebSocket to the
message that the script has ended: a browser waits that long before its own work.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from itertools import cycle, islice
from operator import add
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

from effviz.bench import app_sessions
from effviz.bench.app_sessions import MEMORY_UNKNOWN, Answer, visit, visit_once
from effviz.bench.benchmark import Figure, Measured, Say
from effviz.errors import SettingsError
from effviz.explain import sample_photos
from effviz.progress import Heartbeat, no_progress
from effviz.zoo import imagenet_classes
from effviz.zoo.loading import load
from effviz.zoo.presets import PRESETS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Playwright

# What only a real browser can tell: when something is painted, and how many frames per second it draws.
# Playwright drives Chromium; both are for development only, so they are looked up when they are needed.

# Playwright's own list, which a second one would replace, and two pop-ups of an address bar that nobody sees.
_WITHOUT = (
    *("AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync"),
    *("DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay"),
    *("MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "PreconnectToSearch"),
    *("ThirdPartyStoragePartitioning", "WebUIOmniboxAimPopup", "WebUIOmniboxPopup"),
)
FLAGS = [
    f"--disable-features={','.join(_WITHOUT)}",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

PATIENCE_MS = 120_000
DRAG_S = 3
SAME_MS = 5000  # a class that changes no pixel in this time is already shown


def _javascript(name: str) -> str:
    return Path(__file__).with_name("browser").joinpath(f"{name}.js").read_text("utf-8")


@contextmanager
def start_chromium() -> "Iterator[Browser]":
    """Run Chromium during the block.

    Raises:
        SettingsError: Playwright or Chromium is not installed.
    """
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if find_spec("playwright") is None or executable is None:
        raise SettingsError(
            "The browser was not measured, because that needs Playwright and Chromium. "
            "Run pip install -r requirements-dev.txt, and install your distribution's package chromium."
        )
    with _playwright() as playwright, playwright.chromium.launch(executable_path=executable, args=FLAGS) as browser:
        yield browser


@contextmanager
def _playwright() -> "Iterator[Playwright]":
    """Start Playwright's driver in a separate session: Ctrl+C reaches only this process, which then closes it."""
    from playwright.sync_api import sync_playwright

    start = asyncio.create_subprocess_exec
    asyncio.create_subprocess_exec = partial(start, start_new_session=True)
    try:
        playwright = sync_playwright().start()
    finally:
        asyncio.create_subprocess_exec = start
    try:
        yield playwright
    finally:
        playwright.stop()


def new_page(browser: "Browser") -> "Page":
    """Open a page in a new browser context, with nothing stored from before."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def first_paint_ms(page: "Page", address: str, at_paint: Heartbeat = no_progress) -> float:
    """Open the app in a new window and return the time until its title is painted; `at_paint` is called then.

    The clock starts when the browser begins to request the address.
    """
    times: list[float] = []

    def painted(now: float) -> None:
        if not times:
            at_paint()
        times.append(now)

    page.expose_function("effvizPainted", painted)
    page.add_init_script(_javascript("painted"))
    page.goto(address, wait_until="commit")
    page.get_by_role("heading", level=1).wait_for()
    wait_for_script(page)
    return times[0]


def maps_drawn_s(page: "Page", address: str, counts: Sequence[int]) -> list[float]:
    """Open Compare in a new window and return the time until each of these counts of maps was drawn."""
    page.add_init_script(_javascript("drawn_maps"))
    page.goto(address, wait_until="commit")
    page.wait_for_function(f"window.effvizMaps.length >= {max(counts)}")
    times: list[float] = page.evaluate("window.effvizMaps")
    return [times[count - 1] / 1000 for count in counts]


def wait_for_script(page: "Page") -> None:
    """Wait until the page's script has run."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')


def class_to_pixels_ms(page: "Page", button: "Locator") -> float | None:
    """Point at a class and return the time until the image changed; None if it already showed that class."""
    page.mouse.move(0, 0)
    button.scroll_into_view_if_needed()
    button.evaluate(_javascript("watch_class"), SAME_MS)
    button.hover()
    changed_ms: float | None = page.evaluate("window.effvizChanged")
    return changed_ms


def frames_per_second(slider: "Locator") -> float:
    """Drag the phi slider back and forth and return how many frames per second drew another phi."""
    slider.scroll_into_view_if_needed()
    return float(slider.evaluate(_javascript("drag"), 1000 * DRAG_S))


def pictures_per_second(page: "Page", stage: "Locator", zooming: bool = False) -> float:
    """Drag a map back and forth, zooming it meanwhile if `zooming`, and return how often per second it was redrawn."""
    stage.scroll_into_view_if_needed()
    stage.hover()
    page.mouse.down()
    rate = float(stage.evaluate(_javascript("hand"), [zooming, 1000 * DRAG_S]))
    page.mouse.up()
    return rate


REPEATS = 9
HANDS = 3  # drags per measurement; the median is shown
COMPARISONS = 200
FOUR_MODELS = {"models": "lite0@224,lite1@224,lite0@260,lite2@260"}
FIVE_MODELS = {"models": "lite0@224,lite1@224,lite2@224,lite0@260,lite2@260"}
FIRST_PAINT_MS, COMPARE_MS, FRAMES, PICTURES, GROWTH_MIB = 2500, 150, 50, 60, 50 * 1e6 / app_sessions.MIB


def bench_app(say: Say = no_progress, comparisons: int = COMPARISONS) -> Measured:
    """Measure pages and memory, and what a browser shows if there is one."""
    say("A browser")
    try:
        with start_chromium() as running:
            yield from _browser_rows(running)
    except SettingsError as error:
        yield str(error)
    say("Each page's script")
    first = asyncio.run(_script_runs(""))
    yield from _script_rows("", first)
    for page in first[0].pages[1:]:
        yield from _script_rows(page, asyncio.run(_script_runs(page)))
    say(f"{comparisons} comparisons")
    yield from _memory_rows(comparisons)


async def _script_runs(page: str) -> list[Answer]:
    """Run a page in a fresh server, then rerun it several times without changes."""
    with app_sessions.start_server() as fresh:
        async with visit(fresh.port, FOUR_MODELS if not page else {}, page) as visitor:
            return [await visitor.ask() for _ in range(REPEATS + 1)]


def _script_rows(page: str, answers: Sequence[Answer]) -> list[Figure]:
    first, *later = (1000 * answer.seconds for answer in answers)
    title = page or "compare, four models"
    again = f"Script of {title}, repeated"
    repeated = Figure(again, median(later), "ms") if page else Figure.at_most(again, median(later), COMPARE_MS, "ms")
    return [Figure(f"Script of {title}, first in a fresh server", first, "ms"), repeated]


def _memory_rows(comparisons: int) -> Measured:
    with app_sessions.start_server() as fresh:
        start = fresh.memory_mib
        asyncio.run(visit_once(fresh.port, FIVE_MODELS))
        five = fresh.memory_mib
        asyncio.run(_many(fresh.port, comparisons))
        after = fresh.memory_mib
    if start is None or five is None or after is None:
        yield MEMORY_UNKNOWN
        return
    yield Figure("Server's memory after start", start, "MiB")
    yield Figure("Server's memory after five models", five, "MiB")
    yield Figure(f"Server's memory after {comparisons} comparisons more", after, "MiB")
    yield Figure.at_most(f"Growth over {comparisons} comparisons", after - five, round(GROWTH_MIB, 1), "MiB")


async def _many(port: int, comparisons: int) -> None:
    """Visit the page with different photos and classes, each in a new session, as visitors come and go."""
    photos = cycle(sample.name for sample in sample_photos.samples())
    for name, photo in zip(islice(imagenet_classes.names(), comparisons), photos, strict=False):
        await visit_once(port, {**FOUR_MODELS, "class": name, "photos": photo})


def _browser_rows(running: "Browser") -> Iterator[Figure]:
    with app_sessions.start_server() as fresh:
        loaded: list[bool | None] = []
        cold = first_paint_ms(new_page(running), fresh.address, lambda: loaded.append(fresh.loaded("libtorch")))
        yield Figure.at_most("First paint, fresh server and browser", cold, FIRST_PAINT_MS, "ms")
        warm = first_paint_ms(new_page(running), fresh.address)
        yield Figure("First paint, server in use, fresh browser", warm, "ms")
        if loaded[0] is not None:
            yield Figure.at_most("Torch loaded when the first paint came", int(loaded[0]), 0, "")
        yield from _interaction(running, fresh)


def _interaction(running: "Browser", used: app_sessions.AppServer) -> Iterator[Figure]:
    page = new_page(running)
    page.goto(used.address)
    wait_for_script(page)
    buttons = page.locator(".effviz-grid .classes button")
    buttons.first.wait_for()
    tried = [class_to_pixels_ms(page, buttons.nth(place)) for place in range(1, buttons.count())]
    changes = [ms for ms in tried if ms is not None]
    yield Figure(f"From pointing at a class to changed pixels, median of {len(changes)}", median(changes), "ms")
    yield from _hands(page)
    dragged = median(_dragged(new_page(running), used) for _ in range(HANDS))
    yield Figure.at_least("Pictures of the network while phi is dragged", dragged, FRAMES, "frames/s")


def _dragged(page: "Page", used: app_sessions.AppServer) -> float:
    page.goto(f"{used.address}/scale")
    wait_for_script(page)
    rate = frames_per_second(page.get_by_role("slider").first)
    page.context.close()
    return rate


def _hands(page: "Page") -> Iterator[Figure]:
    """Measure how often maps are redrawn while they are dragged, in the open comparison: five maps of one photo."""
    first = page.locator("figure.tile .stage").first
    first.press("+")
    moved = median(pictures_per_second(page, first, zooming=True) for _ in range(HANDS))
    yield Figure.at_least("Pictures of five maps while they are zoomed and moved", round(moved), PICTURES, "frames/s")
    page.get_by_role("button", name="Reset zoom").click()
    page.get_by_label("Swipe").check()
    swiped = median(pictures_per_second(page, page.locator(".swipe .stage")) for _ in range(HANDS))
    yield Figure.at_least("Pictures of two maps while they are swiped", round(swiped), PICTURES, "frames/s")


# First runs: fresh processes with an empty cache, against `import torch, timm` and against a plain script.
# All of them take turns, so that a busy moment affects them all; ratios are of medians.

COLD_REFS: Final = next(preset.refs for preset in PRESETS if preset.name == "scaling-axes")  # what Compare opens with
IMPORTS: Final = "import torch, timm"

# Targets, as shares of the time of IMPORTS and of the plain script.
ONE_OF_IMPORTS, FIVE_OF_IMPORTS, OF_PLAIN, FIRST_MAP, FIVE_MAPS = (0.3, 0.45, 0.25, 0.5, 0.8)

SERVER_MIB: Final = 700


class _Visit(NamedTuple):
    """The first visitor of a fresh server."""

    listens: float  # seconds from the command to a server that answers
    first: float  # from requesting the page to the first map
    five: float
    memory_mib: float | None
    torch: bool | None  # whether the server has loaded it


def bench_cold(say: Say = no_progress, rounds: int = 3) -> Measured:
    """Measure the first maps of the command and of the app, and the command again with the cache of its first run."""
    commands, visits = [], []
    with tempfile.TemporaryDirectory(prefix="effviz-bench-") as folder:
        models = _weights(Path(folder))
        for number in range(rounds):
            say(f"Round {number + 1} of {rounds}")
            commands.append(_commands(Path(folder), models))
        yield from _command_rows(commands)
        try:
            with start_chromium() as running:
                for number in range(rounds):
                    say(f"Visit {number + 1} of {rounds}")
                    visits.append(_visit(running, Path(folder)))
        except SettingsError as error:
            yield str(error)
    if visits:
        yield from _page_rows(median(seconds[0] for seconds in commands), visits)


def _weights(folder: Path) -> list[str]:
    """Write each network's state dict, as a user of timm has it, and return the models as `plain.py` expects them."""
    import torch

    written = []
    for ref in COLD_REFS:
        path = folder / f"{ref.spec.name}.pth"
        if not path.exists():
            torch.save(load(ref).module.state_dict(), path)
        written.append(f"{ref.spec.architecture.partition('.')[0]}:{path}:{ref.resolution_px}")
    return written


def _commands(folder: Path, models: Sequence[str]) -> tuple[float, ...]:
    """Return the seconds of imports, plain script, and `effviz cam`, twice with one model and twice with five."""
    photo = str(sample_photos.samples()[0].path)
    plain = [str(Path(__file__).with_name("plain.py")), photo, str(folder), *models]
    seconds = [_run_python_s(["-c", IMPORTS]), _run_python_s(plain)]
    for refs in (COLD_REFS[:1], COLD_REFS):
        labels = ",".join(ref.label for ref in refs)
        command = ["-m", "effviz", "cam", photo, "--models", labels, "--out", str(folder / "maps")]
        with tempfile.TemporaryDirectory(dir=folder) as cache:
            seconds += [_run_python_s(command, cache), _run_python_s(command, cache)]
    return tuple(seconds)


def _run_python_s(arguments: Sequence[str], cache: str = "") -> float:
    """Run Python in a new process and return its seconds; `cache` is the folder for EffViz's cache."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", **({"XDG_CACHE_HOME": cache} if cache else {})}
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SettingsError(
            f"A measured command failed ({(done.stderr.strip() or 'no output').splitlines()[-1]}): each must succeed. "
            "Run it alone: python " + " ".join(arguments)
        )
    return time.perf_counter() - started


def _visit(running: "Browser", folder: Path) -> _Visit:
    page = new_page(running)
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        started = time.perf_counter()
        with app_sessions.start_server(app_sessions.effviz_app, {"XDG_CACHE_HOME": cache}) as fresh:
            listens = time.perf_counter() - started
            # A map below the window is drawn only when it scrolls into view.
            page.set_viewport_size({"width": 1280, "height": 1600})
            first, five = maps_drawn_s(page, fresh.address, (1, len(COLD_REFS)))
            wait_for_script(page)
            return _Visit(listens, first, five, fresh.memory_mib, fresh.loaded("libtorch"))


def _command_rows(rounds: Sequence[tuple[float, ...]]) -> Iterator[Figure]:
    imports, script, one, one_again, five, five_again = (median(seconds) for seconds in zip(*rounds, strict=True))
    yield Figure(f'python -c "{IMPORTS}"', imports, "s")
    yield Figure("Plain script with timm and pytorch-grad-cam, five models", script, "s")
    yield Figure("effviz cam, one model, empty cache", one, "s")
    yield Figure("effviz cam, one model, again", one_again, "s")
    yield Figure("effviz cam, five models, empty cache", five, "s")
    yield Figure("effviz cam, five models, again", five_again, "s")
    yield Figure.at_most("effviz cam, one model, of the imports", one / imports, ONE_OF_IMPORTS, "times")
    yield Figure.at_most("effviz cam, five models, of the imports", five / imports, FIVE_OF_IMPORTS, "times")
    yield Figure.at_most("effviz cam, five models, of the plain script", five / script, OF_PLAIN, "times")


def _page_rows(imports: float, visits: Sequence[_Visit]) -> Iterator[Figure]:
    listens, first, five, *_ = zip(*visits, strict=True)
    yield Figure("effviz app, from the command to a server that answers", median(listens), "s")
    yield Figure("Page, from asking to the first map", median(first), "s")
    yield Figure("Page, from asking to five maps", median(five), "s")
    yield Figure("From the command to the first map", median(map(add, listens, first)), "s")
    yield Figure("From the command to five maps", median(map(add, listens, five)), "s")
    yield Figure.at_most("First map, of the imports", median(first) / imports, FIRST_MAP, "times")
    yield Figure.at_most("Five maps, of the imports", median(five) / imports, FIVE_MAPS, "times")
    if memory := [visit.memory_mib for visit in visits if visit.memory_mib is not None]:
        yield Figure.at_most("Server's memory after the first visit", median(memory), SERVER_MIB, "MiB")
    if (torch := visits[-1].torch) is not None:
        yield Figure.at_most("Torch loaded after the first visit", int(torch), 0, "")
