"""A run in a process of its own that stands still at a chosen place, to be killed there.

killed.py DATA RUN progress|disk COUNT
"""

import sys
from pathlib import Path

from effviz.evaluate import run, settings
from effviz.evaluate.datasets import open_dataset
from effviz.evaluate.settings import Settings

settings.MOST_PHOTOS_A_PART = 2
SETTINGS = Settings(("lite0@64", "lite0@96"))


class Stop:
    """Says that the place was reached, and waits for the end."""

    def __init__(self, count: int) -> None:
        self.left = count

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            print("here", flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    data, out, where, count = sys.argv[1:]
    stop = Stop(int(count))
    move = Path.replace
    if where == "disk":  # a file is written and not yet in its place
        Path.replace = lambda self, target: (stop(), move(self, target))[1]  # type: ignore[method-assign]
    watch = run.Watch((lambda _done, _total: stop()) if where == "progress" else run.Watch().progress)
    run.evaluate(open_dataset(Path(data)), SETTINGS, Path(out), watch)
