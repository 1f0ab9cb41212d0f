"""Latency as in Table 4 of the paper, one image at a time on one core: measured results and where they are stored.

The paper: batch size 1, one core of an Intel Xeon E5-2690, average over 20 runs (Table 4 and section 5.2). It does not
mention warm-up runs, weights or the library. EffViz uses one warm-up run, random weights (no time depends on their
values), and torch. `effviz.bench.network_timing` does the measuring.
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
from effviz.errors import EffVizError, SettingsError
from effviz.i18n import _
from effviz.progress import CountProgress, Heartbeat
from effviz.schema import Count, Range

logger = logging.getLogger(__name__)
DEFAULT_RUNS: Final = 20  # Table 4
MAX_LOAD: Final = 0.5  # cores
MAX_STORED: Final = 500  # networks per machine; the oldest are deleted first
MAX_RESULT_BYTES: Final = 2**16  # of a stored result
SHIPPED_FILE: Final = Path(__file__).with_name("latencies.json")
CPU_TIMES = Path("/proc/stat")
CPU_INFO = Path("/proc/cpuinfo")  # of Linux; other systems get Python's name for the processor


@dataclass(frozen=True, slots=True)
class Latency:
    """The latency of one network at one input size on one machine."""

    model: str  # "b1", "scaled-d1.4-w1.2", or timm's name
    resolution_px: Count
    runs_ms: Annotated[tuple[float, ...], Range(1e-9, 1e9)]  # in the order in which they ran
    params: Count
    machine: str
    software: str  # "torch 2.14.0"
    threads: Count
    measured_at: str  # UTC, "2026-11-24 13:55"
    load: Annotated[float, Range(0, 1e6)] | None = (
        None  # how many cores other processes kept busy meanwhile; None if unknown
    )

    @property
    def label(self) -> str:
        """The name with its input size, unique on a machine: `b1@240`."""
        return f"{self.model}@{self.resolution_px}"

    @property
    def mean_ms(self) -> float:
        """The average over the runs, as in Table 4."""
        return mean(self.runs_ms)

    @property
    def spread_ms(self) -> float:
        """The standard deviation between runs; 0 if there was only one."""
        return stdev(self.runs_ms) if len(self.runs_ms) > 1 else 0.0

    @property
    def disturbed(self) -> bool:
        """Whether other processes were so busy that the times are of little use to others."""
        return self.load is not None and self.load > MAX_LOAD

    def times_as_fast_as(self, other: "Latency") -> float:
        """Return the ratio of means, as Table 4 states its speed-ups."""
        return other.mean_ms / self.mean_ms


def process_mib(pid: int, field: str, file: str = "status") -> float | None:
    """Return a size that Linux reports for a process in `/proc`; None if the system does not say."""
    try:
        size = re.search(rf"^{field}:\s*(\d+) kB", Path(f"/proc/{pid}/{file}").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(size[1]) / 1024 if size else None


def cpu_seconds() -> tuple[float, float]:
    """Return the time, and the CPU time of other processes since the system started, which is NaN except on Linux."""
    try:
        user, nice, system = map(int, CPU_TIMES.read_text().split(maxsplit=4)[1:4])
        all_s = (user + nice + system) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        all_s = math.nan
    return time.perf_counter(), all_s - time.process_time()


def cores_of_others(since: tuple[float, float]) -> float | None:
    """Return how many cores other processes kept busy since then, on average; None if unknown."""
    wall_s, others_s = (now - then for now, then in zip(cpu_seconds(), since, strict=True))
    return None if math.isnan(others_s) else round(max(0.0, others_s) / max(wall_s, 0.01), 2)


@cache
def machine() -> str:
    """Return the name of this machine's processor and its number of cores."""
    lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines() if CPU_INFO.exists() else []
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    name = named or platform.processor() or platform.machine() or "unknown processor"
    return f"{name}, {os.cpu_count() or 1} cores"


def parse_latency(row: Any) -> Latency:
    """Parse a result from JSON.

    Raises:
        ValueError: it is not a latency.
    """
    try:
        latency = schema.parse(Latency, row, "the latency")
    except SettingsError as error:
        raise ValueError(f"not a latency: {error}") from error
    if not latency.runs_ms:
        raise ValueError("not a latency: there is no run")
    return latency


def results_folder(machine: str) -> Path:
    """Return the folder of a machine's results: one small file per network, in the cache folder."""
    return file_io.cache_folder() / "latency" / re.sub(r"[^A-Za-z0-9]+", "-", machine).strip("-")


def store_latency(latency: Latency) -> None:
    """Store a result in place of an earlier one of the same network; a folder that is not writable is no error.

    A result from a busy machine is not stored, because others would take it for the machine's latency.
    """
    if latency.disturbed:
        logger.info("The latency of %s is not stored: others kept %.1f cores busy.", latency.label, latency.load)
        return
    home = results_folder(latency.machine)
    try:
        file_io.write_sealed(home / f"{latency.label}.json", asdict(latency))
        for old in sorted(home.glob("*.json"), key=lambda file: file.stat().st_mtime)[:-MAX_STORED]:
            old.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("The latency of %s is not stored: %s", latency.label, error)


@cache
def shipped() -> tuple[Latency, ...]:
    """Return the results that ship with EffViz, each measured on the machine that it names."""
    return tuple(map(parse_latency, json.loads(SHIPPED_FILE.read_text(encoding="utf-8"))))


def stored_latencies(on: str) -> tuple[Latency, ...]:
    """Return the stored results of a machine, fastest network first; damaged files are skipped."""
    latencies = []
    for file in sorted(results_folder(on).glob("*.json")):
        try:
            latencies.append(parse_latency(file_io.read_sealed(file, MAX_RESULT_BYTES)))
        except (OSError, ValueError) as error:
            logger.warning("%s is left out: %s", file.name, error)
    return tuple(sorted((row for row in latencies if row.machine == on), key=lambda row: row.mean_ms))


# A child process runs `effviz bench latency`, so that this one keeps its number of threads. Before each run the child
# writes the run's number to stderr, `3/20`, and waits for a line on stdin, so that other work can use the processor. A
# run may take a minute, so the child is also stopped (SIGSTOP) in the middle of one; it notices and repeats the run. It
# is killed when it has computed for too long or uses too much memory.

POLL_S: Final = 0.1
NETWORK_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}(@\d{1,5})?")
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
_STEP: Final = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """The limits of the child process."""

    most_beats: int = 3000  # of computing, about five minutes
    most_bytes: int = 2**34
    wanted: Callable[[], bool] = lambda: False  # whether others want the processor: the child is stopped meanwhile


def child_command(name: str, runs: int) -> list[str]:
    """Return the command line of the child process."""
    return [sys.executable, "-m", "effviz", "bench", "latency", "--json", "--in-turns", "--runs", str(runs), "--", name]


def measure_in_child(
    name: str, step: CountProgress, beat: Heartbeat, runs: int = DEFAULT_RUNS, terms: ChildLimits = ChildLimits()
) -> Latency:
    """Measure one network in a child process, which never outlives this call.

    Raises:
        SettingsError: the text cannot be a network's name, or the command reports what is wrong with it.
        EffVizError: the process ended without a result, or exceeded its limits.
    """
    name = name.strip().lower()
    if not NETWORK_NAME.fullmatch(name):
        text = _(
            "{name!r} is not a valid network name: it may contain letters, digits, dots, dashes and an input size "
            "such as @240. Write b1, lite0@260 or a name that timm lists."
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
            child.kill()  # has no effect if it has ended


def _follow(process: "subprocess.Popen[str]", step: CountProgress, beat: Heartbeat) -> str:
    """Let the process run until it closes stderr, and return the last line that it wrote there."""
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
            "The measurement was stopped after {seconds:.0f} s, the limit on this server. Choose a smaller network "
            "or input size."
        )
        raise EffVizError(text.format(seconds=terms.most_beats * POLL_S))
    held_mib, most_mib = process_mib(process.pid, "RssAnon") or 0, terms.most_bytes / 2**20  # without shared files
    if held_mib > most_mib:
        text = _(
            "The measurement was stopped at {held:.0f} MiB of memory: this server allows {most:.0f} MiB "
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
        "The measurement of {name} ended without a result (exit status {code}). There may not be enough "
        "memory. Choose a smaller network, or try again."
    )
    return EffVizError(text.format(name=name, code=code))
