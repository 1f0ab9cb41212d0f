"""Latency as Table 4 of the paper has it: one picture at a time on one core; what was measured, and where it is kept.

The paper: batch size 1, one core of an Intel Xeon E5-2690, average over 20 runs (Table 4 and section 5.2). It says
nothing of runs before the timed ones, of weights or of the library; here an untimed run goes first, the weights are
random (no time depends on their values), and the library is torch. Measuring itself is `effviz.bench.single`.
"""

import json
import logging
import os
import platform
import re
import time
import uuid
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Final, Self

from effviz import store

logger = logging.getLogger(__name__)

RUNS: Final = 20  # Table 4
MOST_LOAD: Final = 0.5  # cores
MOST_KEPT: Final = 500  # networks on a machine; the oldest go first
SHIPPED: Final = Path(__file__).with_name("latencies.json")
CPU_TIMES = Path("/proc/stat")
CPU_INFO = Path("/proc/cpuinfo")  # of Linux; elsewhere Python's own word for the processor has to do


@dataclass(frozen=True, slots=True)
class Latency:
    """One network at one input size on one machine."""

    model: str  # "b1", "scaled-d1.4-w1.2", or timm's name
    resolution_px: int
    runs_ms: tuple[float, ...]  # in the order in which they ran
    params: int
    machine: str
    software: str  # "torch 2.14.0"
    threads: int
    measured_at: str  # UTC, "2026-11-24 13:55"
    load: float | None = None  # how many cores others kept busy meanwhile; None where nobody knows

    @property
    def label(self) -> str:
        """Unique on a machine: `b1@240`."""
        return f"{self.model}@{self.resolution_px}"

    @property
    def mean_ms(self) -> float:
        """What Table 4 prints: the average over the runs."""
        return mean(self.runs_ms)

    @property
    def spread_ms(self) -> float:
        """Standard deviation between runs; 0 when there was one."""
        return stdev(self.runs_ms) if len(self.runs_ms) > 1 else 0.0

    @property
    def disturbed(self) -> bool:
        """Whether others computed so much that the times are of little use to anybody else."""
        return self.load is not None and self.load > MOST_LOAD

    def times_as_fast_as(self, other: "Latency") -> float:
        """The ratio of means, as Table 4 states its speed-ups."""
        return other.mean_ms / self.mean_ms


@dataclass(frozen=True, slots=True)
class Busy:
    """How long cores have computed since the system started, of all processes and of this one."""

    wall_s: float
    all_s: float | None
    own_s: float

    @classmethod
    def now(cls) -> Self:
        """Read it; what all do is known on Linux."""
        return cls(time.perf_counter(), _all_s(), time.process_time())

    def others_since(self) -> float | None:
        """How many cores others kept busy since then, on average."""
        now = Busy.now()
        if self.all_s is None or now.all_s is None:
            return None
        others_s = (now.all_s - self.all_s) - (now.own_s - self.own_s)
        return round(max(0.0, others_s) / max(now.wall_s - self.wall_s, 0.01), 2)


def _all_s() -> float | None:
    try:
        user, nice, system = map(int, CPU_TIMES.read_text().split(maxsplit=4)[1:4])
    except (OSError, ValueError):
        return None
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


@cache
def machine() -> str:
    """The name of this machine's processor, and how many cores there are."""
    lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines() if CPU_INFO.exists() else []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    name = named or platform.processor() or platform.machine() or "unknown processor"
    return f"{name}, {os.cpu_count() or 1} cores"


def text(of: Latency) -> str:
    """A result as JSON."""
    return json.dumps(asdict(of), indent=1)


def parse(written: str) -> Latency:
    """A result from its JSON.

    Raises:
        ValueError: the text is something else.
    """
    try:
        row = json.loads(written)
        found = Latency(**(row | {"runs_ms": tuple(float(run) for run in row["runs_ms"])}))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a latency: {error}") from error
    if not all(isinstance(getattr(found, of.name), str) for of in fields(Latency) if of.type is str):
        raise ValueError("not a latency: a name is no text")
    if not (found.load is None or (isinstance(found.load, int | float) and found.load >= 0)):
        raise ValueError("not a latency: the load is no number")
    if not found.runs_ms or min(found.runs_ms) <= 0:
        raise ValueError("not a latency: no time, or one that is not positive")
    return found


def folder(of: str) -> Path:
    """Where the results of a machine are kept: one small file a network, in the cache folder."""
    return store.folder() / "latency" / re.sub(r"[^A-Za-z0-9]+", "-", of).strip("-")


def keep(of: Latency) -> None:
    """Keep a result, in place of an earlier one of the same network; a folder that cannot be written is no error.

    What was measured on a busy machine is not kept: others would take it for the machine's.
    """
    if of.disturbed:
        logger.info("The latency of %s is not kept: others kept %.1f cores busy.", of.label, of.load)
        return
    home = folder(of.machine)
    new = home / f".{uuid.uuid4().hex}.new"
    try:
        home.mkdir(parents=True, exist_ok=True)
        new.write_text(text(of) + "\n", encoding="utf-8")
        new.replace(home / f"{of.label}.json")  # whole or not at all; others may read at this moment
        _prune(home)
    except OSError as error:
        logger.warning("The latency of %s is not kept: %s", of.label, error)


def _prune(home: Path) -> None:
    found = sorted(home.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    for old in found[MOST_KEPT:]:
        old.unlink(missing_ok=True)


@cache
def shipped() -> tuple[Latency, ...]:
    """What was measured for EffViz itself, on the machine that each result names."""
    rows = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return tuple(parse(json.dumps(row)) for row in rows)


def kept(on: str) -> tuple[Latency, ...]:
    """The results of a machine, the fastest network first; damaged files count as none."""
    found = []
    for file in sorted(folder(on).glob("*.json")):
        try:
            found.append(parse(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            logger.warning("%s is left out: %s", file.name, error)
    return tuple(sorted((of for of in found if of.machine == on), key=lambda of: of.mean_ms))
