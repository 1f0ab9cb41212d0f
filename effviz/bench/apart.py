"""Measures a latency in a process of its own, so that this one keeps its threads; the work can be stopped by killing.

The process is the command `effviz bench latency`. Before each run it says on stderr which one it is, `3/20`, and waits
for a line on stdin: between two runs others may have the processor. A run may take a minute, so the process is also
stopped (SIGSTOP) in the middle of one while others want the processor; it notices, and repeats the run. It is killed
when it has computed for too long or holds too much memory.
"""

import itertools
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from effviz.bench import latency
from effviz.bench.latency import RUNS, Latency
from effviz.errors import EffVizError, SettingsError
from effviz.words import _

BEAT_S: Final = 0.1
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}(@\d{1,5})?")
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
_STEP: Final = re.compile(r"(\d+)/(\d+)")

Step = Callable[[int, int], None]  # hears before each run which one it is, of how many; may take its time
Beat = Callable[[], None]  # called again and again meanwhile; may take its time; what it raises ends the measurement


@dataclass(frozen=True, slots=True)
class Terms:
    """What the process may take."""

    most_beats: int = 3000  # of computing, about five minutes
    most_bytes: int = 2**34
    wanted: Callable[[], bool] = lambda: False  # whether others want the processor: it stops meanwhile


ALONE: Final = Terms()


def command(name: str, runs: int) -> list[str]:
    """What is started."""
    return [sys.executable, "-m", "effviz", "bench", "latency", "--json", "--in-turns", "--runs", str(runs), "--", name]


def measure(name: str, step: Step, beat: Beat, runs: int = RUNS, terms: Terms = ALONE) -> Latency:
    """Measure one network; the process never outlives this call.

    Raises:
        SettingsError: the text can be no network's name, or the command says what is wrong with it.
        EffVizError: the process ended without a result, or took more than its terms allow.
    """
    name = name.strip().lower()
    if not NAME.fullmatch(name):
        raise SettingsError(
            _(
                "{name!r} is no name of a network: letters, digits, dots, dashes and an input size such as @240 are "
                "allowed. Write b1, lite0@260 or a name that timm lists."
            ).format(name=name[:60])
        )
    beats = itertools.count()
    with _started(command(name, runs)) as process:
        said = _follow(process, step, lambda: _watch(process, beat, terms, next(beats)))
        result = process.stdout.read() if process.stdout else ""
        code = process.wait()
    if code:
        raise _error(name, code, said)
    return latency.parse(json.dumps(json.loads(result)[0]))


@contextmanager
def _started(words: list[str]) -> "Iterator[subprocess.Popen[str]]":
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=os.environ | ONE_THREAD) as made:
        try:
            yield made
        finally:
            made.kill()  # nothing happens when it is over


def _follow(process: "subprocess.Popen[str]", step: Step, beat: Beat) -> str:
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
            _let_go(process.stdin)
        else:
            last = line.strip() or last
    listener.join()
    return last


def _watch(process: "subprocess.Popen[str]", beat: Beat, terms: Terms, beats: int) -> None:
    if beats > terms.most_beats:
        raise EffVizError(
            _(
                "The measurement was ended after {seconds:.0f} s: more is not allowed on this server. Choose a smaller "
                "network or input size."
            ).format(seconds=terms.most_beats * BEAT_S)
        )
    if (held := _held_bytes(process.pid)) > terms.most_bytes:
        raise EffVizError(
            _(
                "The measurement was ended at {held:.0f} MiB of memory: {most:.0f} are allowed on this server "
                "(EFFVIZ_MEMORY_MB). Choose a smaller network or input size."
            ).format(held=held / 2**20, most=terms.most_bytes / 2**20)
        )
    if terms.wanted():
        process.send_signal(signal.SIGSTOP)
        beat()
        process.send_signal(signal.SIGCONT)
    else:
        beat()


def _held_bytes(pid: int) -> int:
    """Memory of a process's own, without the files that it shares; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"RssAnon:\s*(\d+) kB", status)
    return 1024 * int(found[1]) if found else 0


def _listen(stream: IO[str], lines: "queue.Queue[str]") -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def _next(lines: "queue.Queue[str]", beat: Beat) -> str:
    while True:
        beat()
        try:
            return lines.get(timeout=BEAT_S)
        except queue.Empty:
            continue


def _let_go(stdin: IO[str]) -> None:
    try:
        stdin.write("\n")
        stdin.flush()
    except BrokenPipeError:
        pass  # it has just ended; its exit status tells why


def _error(name: str, code: int, said: str) -> EffVizError:
    if said.startswith("effviz: "):
        return SettingsError(said.removeprefix("effviz: "))
    return EffVizError(
        _(
            "Measuring {name} ended without a result (exit status {code}): there may be too little memory for it. "
            "Choose a smaller network, or try again."
        ).format(name=name, code=code)
    )
