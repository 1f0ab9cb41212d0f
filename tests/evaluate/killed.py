"""Run an evaluation that pauses after the first and the second part, until it is told to continue or killed.

killed.py DATA RUN
"""

import sys
from pathlib import Path

from effviz.evaluate import run_settings, runner
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.run_settings import RunSettings

run_settings.MAX_PHOTOS_PER_CHUNK = 2
SETTINGS = RunSettings(("lite0@64", "lite0@96"))


def stand_still(done: int, _total: int) -> None:
    """Report that a part was written, and wait for a line of input."""
    if done:
        print("here", flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    data, out = sys.argv[1:]
    runner.evaluate(open_dataset(Path(data)), SETTINGS, Path(out), stand_still)
