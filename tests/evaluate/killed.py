"""A run in a process of its own that stands still after one part and after two, until it is told to go on, or killed.

killed.py DATA RUN
"""

import sys
from pathlib import Path

from effviz.evaluate import run, settings
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.settings import Settings

settings.MOST_PHOTOS_A_PART = 2
SETTINGS = Settings(("lite0@64", "lite0@96"))


def stand_still(done: int, _total: int) -> None:
    """Say that a part was written, and wait for a line."""
    if done:
        print("here", flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    data, out = sys.argv[1:]
    run.evaluate(open_dataset(Path(data)), SETTINGS, Path(out), run.Watch(stand_still))
