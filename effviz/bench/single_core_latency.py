"""Latency as Table 4 of the paper has it: one picture at a time on one core; what was measured, and where it is kept.

The paper: batch size 1, one core of an Intel Xeon E5-2690, average over 20 runs (Table 4 and section 5.2). It says
nothing of runs before the timed ones, of weights or of the library; here an untimed run goes first, the weights are
random (no time depends on their values), and the library is torch. Measuring itself is `effviz.bench.network_timing`.
"""

import itertools
import json
import logging
import math
import os
import platform
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import IO, Annotated, Any, Final

from effviz import file_io, schema
from effviz.bench.benchmark import process_mib
from effviz.errors import EffVizError, SettingsError
from effviz.i18n import _
from effviz.progress import CountProgress, Heartbeat
from effviz.schema import Count, Range

logger = logging.getLogger(__name__)
DEFAULT_RUNS: Final = 20  # Table 4
MAX_LOAD: Final = 0.5  # cores
MAX_STORED: Final = 500  # networks on a machine; the oldest go first
MAX_RESULT_BYTES: Final = 2**16  # of a result that is kept
SHIPPED_FILE: Final = Path(__file__).with_name("latencies.json")
CPU_TIMES = Path("/proc/stat")
CPU_INFO = Path("/proc/cpuinfo")  # of Linux; elsewhere Python's own word for the processor has to do


@dataclass(frozen=True, slots=True)
class Latency:
    """One network at one input size on one machine."""

    model: str  # "b1", "scaled-d1.4-w1.2", or timm's name
    resolution_px: Count
    runs_ms: Annotated[tuple[float, ...], Range(1e-9, 1e9)]  # in the order in which they ran
    params: Count
    machine: str
    software: str  # "torch 2.14.0"
    threads: Count
    measured_at: str  # UTC, "2026-11-24 13:55"
    load: Annotated[float, Range(0, 1e6)] | None = (
        None  # how many cores others kept busy meanwhile; None where nobody knows
    )

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
        return self.load is not None and self.load > MAX_LOAD

    def times_as_fast_as(self, other: "Latency") -> float:
        """The ratio of means, as Table 4 states its speed-ups."""
        return other.mean_ms / self.mean_ms


def cpu_seconds() -> tuple[float, float]:
    """The time, and how long cores have computed for others since the system started: nan but on Linux."""
    try:
        user, nice, system = map(int, CPU_TIMES.read_text().split(maxsplit=4)[1:4])
        all_s = (user + nice + system) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        all_s = math.nan
    return time.perf_counter(), all_s - time.process_time()


def cores_of_others(since: tuple[float, float]) -> float | None:
    """How many cores others kept busy since then, on average; None where nobody knows."""
    wall_s, others_s = (now - then for now, then in zip(cpu_seconds(), since, strict=True))
    return None if math.isnan(others_s) else round(max(0.0, others_s) / max(wall_s, 0.01), 2)


@cache
def machine() -> str:
    """The name of this machine's processor, and how many cores there are."""
    lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines() if CPU_INFO.exists() else []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    name = named or platform.processor() or platform.machine() or "unknown processor"
    return f"{name}, {os.cpu_count() or 1} cores"


def parse_latency(row: Any) -> Latency:
    """A result from what JSON says of it.

    Raises:
        ValueError: it is something else.
    """
    try:
        latency = schema.parse(Latency, row, "the latency")
    except SettingsError as error:
        raise ValueError(f"not a latency: {error}") from error
    if not latency.runs_ms:
        raise ValueError("not a latency: there is no run")
    return latency


def results_folder(machine: str) -> Path:
    """Where the results of a machine are kept: one small file a network, in the cache folder."""
    return file_io.cache_folder() / "latency" / re.sub(r"[^A-Za-z0-9]+", "-", machine).strip("-")


def store_latency(latency: Latency) -> None:
    """Keep a result, in place of an earlier one of the same network; a folder that cannot be written is no error.

    What was measured on a busy machine is not kept: others would take it for the machine's.
    """
    if latency.disturbed:
        logger.info("The latency of %s is not kept: others kept %.1f cores busy.", latency.label, latency.load)
        return
    home = results_folder(latency.machine)
    try:
        file_io.write_sealed(home / f"{latency.label}.json", asdict(latency))
        for old in sorted(home.glob("*.json"), key=lambda file: file.stat().st_mtime)[:-MAX_STORED]:
            old.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("The latency of %s is not kept: %s", latency.label, error)


@cache
def shipped() -> tuple[Latency, ...]:
    """What was measured for EffViz itself, on the machine that each result names."""
    return tuple(map(parse_latency, json.loads(SHIPPED_FILE.read_text(encoding="utf-8"))))


def stored_latencies(on: str) -> tuple[Latency, ...]:
    """The results of a machine, the fastest network first; damaged files count as none."""
    latencies = []
    for file in sorted(results_folder(on).glob("*.json")):
        try:
            latencies.append(parse_latency(file_io.read_sealed(file, MAX_RESULT_BYTES)))
        except (OSError, ValueError) as error:
            logger.warning("%s is left out: %s", file.name, error)
    return tuple(sorted((row for row in latencies if row.machine == on), key=lambda row: row.mean_ms))


# The child process runs `effviz bench latency`, so that this one keeps its threads. Before each run it says on stderr
# which one it is, `3/20`, and waits for a line on stdin: between two runs others may have the processor. A run may take
# a minute, so the child is also stopped (SIGSTOP) in the middle of one; it notices, and repeats the run. It is killed
# when it has computed for too long or holds too much memory.

POLL_S: Final = 0.1
NETWORK_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}(@\d{1,5})?")
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
_STEP: Final = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What the process may take."""

    most_beats: int = 3000  # of computing, about five minutes
    most_bytes: int = 2**34
    wanted: Callable[[], bool] = lambda: False  # whether others want the processor: it stops meanwhile


def child_command(name: str, runs: int) -> list[str]:
    """What is started."""
    return [sys.executable, "-m", "effviz", "bench", "latency", "--json", "--in-turns", "--runs", str(runs), "--", name]


def measure_in_child(
    name: str, step: CountProgress, beat: Heartbeat, runs: int = DEFAULT_RUNS, terms: ChildLimits = ChildLimits()
) -> Latency:
    """Measure one network; the process never outlives this call.

    Raises:
        SettingsError: the text can be no network's name, or the command says what is wrong with it.
        EffVizError: the process ended without a result, or took more than its terms allow.
    """
    name = name.strip().lower()
    if not NETWORK_NAME.fullmatch(name):
        text = _(
            "{name!r} is no name of a network: letters, digits, dots, dashes and an input size such as @240 are "
            "allowed. Write b1, lite0@260 or a name that timm lists."
        )
        raise SettingsError(text.format(name=name[:60]))
    beats = itertools.count()
    with _started(child_command(name, runs)) as process:
        message = _follow(process, step, lambda: _watch(process, beat, terms, next(beats)))
        result = process.stdout.read() if process.stdout else ""
        code = process.wait()
    if code:
        raise _error(name, code, message)
    return parse_latency(json.loads(result)[0])


@contextmanager
def _started(words: list[str]) -> "Iterator[subprocess.Popen[str]]":
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=os.environ | ONE_THREAD) as child:
        try:
            yield child
        finally:
            child.kill()  # nothing happens when it is over


def _follow(process: "subprocess.Popen[str]", step: CountProgress, beat: Heartbeat) -> str:
    """Let the process run on until it closes stderr, and return its last words there."""
    lines: queue.Queue[str] = queue.Queue()
    assert process.stderr is not None
    assert process.stdin is not None
    listener = threading.Thread(target=_listen, args=(process.stderr, lines), daemon=True)
    listener.start()
    last = ""
    while line := _next(lines, beat):
        if at := _STEP.fullmatch(line.strip()):
            step(int(at[1]), int(at[2]))
            with suppress(BrokenPipeError):  # it has just ended; its exit status tells why
                process.stdin.write("\n")
                process.stdin.flush()
        else:
            last = line.strip() or last
    listener.join()
    return last


def _watch(process: "subprocess.Popen[str]", beat: Heartbeat, terms: ChildLimits, beats: int) -> None:
    if beats > terms.most_beats:
        text = _(
            "The measurement was ended after {seconds:.0f} s: more is not allowed on this server. Choose a smaller "
            "network or input size."
        )
        raise EffVizError(text.format(seconds=terms.most_beats * POLL_S))
    held_mib, most_mib = process_mib(process.pid, "RssAnon") or 0, terms.most_bytes / 2**20  # without shared files
    if held_mib > most_mib:
        text = _(
            "The measurement was ended at {held:.0f} MiB of memory: {most:.0f} are allowed on this server "
            "(EFFVIZ_MEMORY_MB). Choose a smaller network or input size."
        )
        raise EffVizError(text.format(held=held_mib, most=most_mib))
    if terms.wanted():
        process.send_signal(signal.SIGSTOP)
        beat()
        process.send_signal(signal.SIGCONT)
    else:
        beat()


def _listen(stream: IO[str], lines: "queue.Queue[str]") -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def _next(lines: "queue.Queue[str]", beat: Heartbeat) -> str:
    while True:
        beat()
        try:
            return lines.get(timeout=POLL_S)
        except queue.Empty:
            continue


def _error(name: str, code: int, message: str) -> EffVizError:
    if message.startswith("effviz: "):
        return SettingsError(message.removeprefix("effviz: "))
    text = _(
        "Measuring {name} ended without a result (exit status {code}): there may be too little memory for it. "
        "Choose a smaller network, or try again."
    )
    return EffVizError(text.format(name=name, code=code))
