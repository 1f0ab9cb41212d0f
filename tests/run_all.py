"""Run all tests in two pytest processes, one per core: page tests, and everything else.

Each output line names its half; the last lines say which half failed, and why. Interrupting the run ends both halves
cleanly: a first SIGINT or SIGTERM lets them close their servers and browsers, a second one kills them.
Arguments go to both halves, as in `python tests/run_all.py --durations=20`.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
PAGES = {TESTS / "ui", TESTS / "browser"}  # conftest.py marks the tests in these
OTHERS = {path for path in TESTS.iterdir() if path.is_dir() or path.match("test_*.py")} - PAGES


def without(paths: set[Path]) -> list[str]:
    """Return options that keep a half from collecting the other's files, whose imports take half a minute."""
    return [f"--ignore={path}" for path in sorted(paths)]


HALVES = {
    # Without coverage, which excludes pages and would double the time of these tests.
    "pages": ["-m", "page", *without(OTHERS)],
    "core": ["-m", "not page", *without(PAGES), "--cov", "--cov-report=", "--cov-fail-under=0"],
}
MOST_REASONS = 12  # per half, so that both fit on one screen
COUNTED = ("passed", "failed", "error", "skipped")


@dataclass
class Half:
    """One pytest process and its output."""

    name: str
    process: "subprocess.Popen[str]"
    lines: list[str] = field(default_factory=list)

    @classmethod
    def start(cls, name: str, coverage: Path, arguments: list[str]) -> "Half":
        command = [sys.executable, "-m", "pytest", *HALVES[name]]
        environment = {
            **os.environ,
            "COVERAGE_FILE": str(coverage / f".coverage.{name}"),
            "OMP_NUM_THREADS": "1",  # torch's threads would spin on the other half's core
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "160",  # pytest cuts the reasons of failures at the terminal's width
        }
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # only this process forwards signals, so each counts once
        )
        return cls(name, process)

    def follow(self) -> None:
        """Print the output until the process ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            print(f"{self.name:>7} | {line.rstrip()}", flush=True)
        self.process.wait()

    def counts(self) -> Counter[str]:
        """Return how many tests passed, failed and so on, from pytest's last line."""
        found = re.findall(r"(\d+) (passed|failed|error|skipped)", self.lines[-1] if self.lines else "")
        return Counter({word: int(number) for number, word in found})

    def verdict(self) -> list[str]:
        """Return how the half ended, with the first reasons for failed and retried tests."""
        last = self.lines[-1].strip("= ") if self.lines else "nothing was said"
        reasons = [f"    {line}" for line in self.lines if line.startswith(("FAILED ", "ERROR ", "RERUN "))]
        if len(reasons) > MOST_REASONS:
            reasons[MOST_REASONS:] = [f"    ... and {len(reasons) - MOST_REASONS} more"]
        return [f"{self.name}: exit code {self.process.returncode}, {last}", *reasons]


def run(arguments: list[str]) -> int:
    """Run both halves and report; return 0 if both passed and coverage is high enough."""
    with tempfile.TemporaryDirectory(prefix="effviz-coverage-") as folder:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # background processes and their children ignore it
        halves = [Half.start(name, Path(folder), arguments) for name in HALVES]
        _forward_signals(halves)
        threads = [threading.Thread(target=half.follow) for half in halves]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        covered = _report_coverage(Path(folder))
    total: Counter[str] = sum((half.counts() for half in halves), Counter())
    for half in halves:
        print("\n".join(half.verdict()))
    if covered:
        print("coverage: too low, or not measured; the table above says where")
    print(f"{total['passed']} passed, {total['failed'] + total['error']} failed, {total['skipped']} skipped")
    return 1 if covered or any(half.process.returncode for half in halves) else 0


def _forward_signals(halves: list[Half]) -> None:
    asked = False

    def forward(_number: int, _frame: object) -> None:
        nonlocal asked
        for half in halves:
            if half.process.poll() is None:
                os.killpg(half.process.pid, signal.SIGKILL) if asked else half.process.send_signal(signal.SIGINT)
        asked = True

    signal.signal(signal.SIGINT, forward)
    signal.signal(signal.SIGTERM, forward)


def _report_coverage(folder: Path) -> int:
    """Print the lines that neither half covers; return 0 if coverage is high enough."""
    coverage = [sys.executable, "-m", "coverage"]
    environment = {**os.environ, "COVERAGE_FILE": str(ROOT / ".coverage")}
    combined = subprocess.run([*coverage, "combine", "--quiet", str(folder)], cwd=ROOT, env=environment)
    return combined.returncode or subprocess.run([*coverage, "report"], cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
