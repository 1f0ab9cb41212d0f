"""First times: fresh processes with an empty cache, beside `import torch, timm` and beside a plain script.

All of them take turns, so that a busy moment hits each of them; ratios are of medians.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from effviz.bench import browser, server
from effviz.bench.figures import Figure, Figures, Say
from effviz.errors import SettingsError
from effviz.explain import samples
from effviz.zoo.loading import load
from effviz.zoo.presets import PRESETS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROUNDS: Final = 3
REFS: Final = next(preset.refs for preset in PRESETS if preset.name == "scaling-axes")  # what Compare opens with
IMPORTS: Final = "import torch, timm"
ONE, FIVE, OF_PLAIN, FIRST_MAP, FIVE_MAPS = 0.3, 0.45, 0.25, 0.5, 0.8  # of IMPORTS, and of the plain script
SERVER_MIB: Final = 700


@dataclass(slots=True)
class _Times:
    """Seconds of every round."""

    imports: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    one: list[float] = field(default_factory=list)
    one_again: list[float] = field(default_factory=list)
    five: list[float] = field(default_factory=list)
    five_again: list[float] = field(default_factory=list)
    visits: "list[_Visit]" = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Visit:
    """The first visitor of a fresh server."""

    listens: float  # seconds from the command to a server that answers
    first: float  # from asking for the page to the first map
    five: float
    memory_mib: float | None
    torch: bool | None  # whether the server has loaded it


def bench(say: Say = lambda _: None, rounds: int = ROUNDS) -> Figures:
    """Measure the first maps of the command and of the app, and the command again with what the first run kept."""
    times, notes = _Times(), []
    with tempfile.TemporaryDirectory(prefix="effviz-bench-") as folder:
        models = _weights(Path(folder))
        for number in range(rounds):
            say(f"Round {number + 1} of {rounds}")
            _commands(times, Path(folder), models)
        try:
            with browser.chromium() as running:
                for number in range(rounds):
                    say(f"Visit {number + 1} of {rounds}")
                    times.visits.append(_visit(running, Path(folder)))
        except SettingsError as error:
            notes.append(str(error))
    return Figures((*_command_rows(times), *_page_rows(times)), tuple(notes))


def _weights(folder: Path) -> list[str]:
    """Write what a user of timm has, a state dict for each network, and return each model as `plain.py` wants it."""
    import torch

    written = []
    for ref in REFS:
        path = folder / f"{ref.spec.name}.pth"
        if not path.exists():
            torch.save(load(ref).module.state_dict(), path)
        written.append(f"{ref.spec.architecture.partition('.')[0]}:{path}:{ref.resolution_px}")
    return written


def _commands(times: _Times, folder: Path, models: Sequence[str]) -> None:
    photo = str(samples.samples()[0].path)
    times.imports.append(_seconds(["-c", IMPORTS]))
    times.plain.append(_seconds([str(Path(__file__).with_name("plain.py")), photo, str(folder), *models]))
    for refs, first, again in ((REFS[:1], times.one, times.one_again), (REFS, times.five, times.five_again)):
        labels = ",".join(ref.label for ref in refs)
        command = ["-m", "effviz", "cam", photo, "--models", labels, "--out", str(folder / "maps")]
        with tempfile.TemporaryDirectory(dir=folder) as cache:
            first.append(_seconds(command, cache))
            again.append(_seconds(command, cache))


def _seconds(arguments: Sequence[str], cache: str = "") -> float:
    """Run Python anew; `cache` is where EffViz keeps what it has made."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", **({"XDG_CACHE_HOME": cache} if cache else {})}
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SettingsError(
            f"What is measured failed ({(done.stderr.strip() or 'without a word').splitlines()[-1]}): each command has "
            "to work. Run it alone: python " + " ".join(arguments)
        )
    return time.perf_counter() - started


def _visit(running: "Browser", folder: Path) -> _Visit:
    page = browser.new_page(running)
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        started = time.perf_counter()
        with server.running(server.effviz_app, {"XDG_CACHE_HOME": cache}) as fresh:
            listens = time.perf_counter() - started
            first, five = browser.maps_drawn_s(page, fresh.address, (1, len(REFS)))
            browser.settled(page)
            return _Visit(listens, first, five, fresh.memory_mib, fresh.loaded("libtorch"))


def _command_rows(times: _Times) -> list[Figure]:
    imports, script = median(times.imports), median(times.plain)
    rows = [
        Figure(f'python -c "{IMPORTS}"', imports, "s"),
        Figure("Plain script with timm and pytorch-grad-cam, five models", script, "s"),
        Figure("effviz cam, one model, empty cache", median(times.one), "s"),
        Figure("effviz cam, one model, again", median(times.one_again), "s"),
        Figure("effviz cam, five models, empty cache", median(times.five), "s"),
        Figure("effviz cam, five models, again", median(times.five_again), "s"),
    ]
    ratios = [
        Figure.at_most("effviz cam, one model, of the imports", median(times.one) / imports, ONE, "times"),
        Figure.at_most("effviz cam, five models, of the imports", median(times.five) / imports, FIVE, "times"),
        Figure.at_most("effviz cam, five models, of the plain script", median(times.five) / script, OF_PLAIN, "times"),
    ]
    return rows + ratios


def _page_rows(times: _Times) -> list[Figure]:
    if not times.visits:
        return []
    imports = median(times.imports)

    def middle(of: Callable[[_Visit], float]) -> float:
        return median(map(of, times.visits))

    rows = [
        Figure("effviz app, from the command to a server that answers", middle(lambda of: of.listens), "s"),
        Figure("Page, from asking to the first map", middle(lambda of: of.first), "s"),
        Figure("Page, from asking to five maps", middle(lambda of: of.five), "s"),
        Figure("From the command to the first map", middle(lambda of: of.listens + of.first), "s"),
        Figure("From the command to five maps", middle(lambda of: of.listens + of.five), "s"),
        Figure.at_most("First map, of the imports", middle(lambda of: of.first) / imports, FIRST_MAP, "times"),
        Figure.at_most("Five maps, of the imports", middle(lambda of: of.five) / imports, FIVE_MAPS, "times"),
    ]
    memory = [of.memory_mib for of in times.visits if of.memory_mib is not None]
    if memory:
        rows.append(Figure.at_most("Server's memory after the first visit", median(memory), SERVER_MIB, "MiB"))
    if (torch := times.visits[-1].torch) is not None:
        rows.append(Figure.at_most("Torch loaded after the first visit", int(torch), 0, ""))
    return rows
